//! What was judged lately.
//!
//! Views of subjects see a few features by their codes, and most subjects are alike: what one was judged goes for all
//! with the same codes, and the forest, whose hundreds of trees cost more than everything else at a tick's end, is seldom
//! asked.

use crate::{
    features::View,
    model::{Judgement, Scorer, ViewModel},
};

/// Judgements that are kept of each view: a newer one takes the place of an older one with the same low bits.
const KEPT: usize = 2048;
/// Codes that there are not.
const NOTHING: u64 = u64::MAX;

/// See the module.
pub(super) struct Recent {
    views: Vec<RecentView>,
}

/// What was judged of one view.
struct RecentView {
    judged: Vec<(u64, Judgement)>,
    /// Made when it is first asked for.
    scorer: Option<Scorer>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { views: View::ALL.iter().map(|_| RecentView::new()).collect() }
    }
}

impl Recent {
    /// The judgement of a vector by the model in force.
    pub(super) fn judge(&mut self, view: View, model: &ViewModel, vector: &[f32]) -> Judgement {
        let RecentView { judged, scorer } = &mut self.views[view as usize];
        let mut judge = || model.judge(vector, scorer.get_or_insert_with(|| model.scorer()));
        let Some(codes) = model.packed_codes(vector) else { return judge() };
        // The multiplier of Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        let place = (codes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % KEPT;
        let (known, judgement) = &mut judged[place];
        if *known != codes {
            (*known, *judgement) = (codes, judge());
        }
        *judgement
    }

    /// Forgets everything: another model is in force.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl RecentView {
    fn new() -> Self {
        let nothing = (NOTHING, Judgement { score: 0.0, probability: 1.0 });
        Self { judged: vec![nothing; KEPT], scorer: None }
    }
}
