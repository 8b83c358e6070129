//! What was judged lately.
//!
//! Views of subjects see a few features by their codes, and most subjects are alike: what one was judged goes for all
//! with the same codes, and the forest, whose hundreds of trees cost more than everything else at a tick's end, is seldom
//! asked.

use crate::{
    features::View,
    model::{Judgement, ViewModel, Workspace},
};

/// Judgements that are kept of each view: a newer one takes the place of an older one with the same low bits.
const KEPT: usize = 2048;
/// Codes that there are not.
const NOTHING: u64 = u64::MAX;

/// See the module.
pub(super) struct Recent {
    views: Vec<Vec<(u64, Judgement)>>,
    workspace: Workspace,
}

impl Default for Recent {
    fn default() -> Self {
        let nothing = (NOTHING, Judgement { score: 0.0, probability: 1.0 });
        Self { views: vec![vec![nothing; KEPT]; View::ALL.len()], workspace: Workspace::default() }
    }
}

impl Recent {
    /// The judgement of a vector by the model in force.
    pub(super) fn judge(&mut self, view: View, model: &ViewModel, vector: &[f32]) -> Judgement {
        let Some(codes) = model.packed_codes(vector) else { return model.judge(vector, &mut self.workspace) };
        // The multiplier of Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        let place = (codes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % KEPT;
        let (known, judgement) = &mut self.views[view as usize][place];
        if *known != codes {
            (*known, *judgement) = (codes, model.judge(vector, &mut self.workspace));
        }
        *judgement
    }

    /// Forgets everything: another model is in force.
    pub(super) fn forget(&mut self) {
        self.views.iter_mut().flatten().for_each(|(known, _)| *known = NOTHING);
    }
}
