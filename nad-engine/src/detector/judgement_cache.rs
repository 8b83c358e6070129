//! A cache of judgements.
//!
//! Views of subjects see a few features by their codes, and most subjects are alike: what one was judged goes for all
//! with the same codes, and the forest, whose hundreds of trees cost more than everything else at a tick's end, is seldom
//! asked.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{
    features::View,
    model::{Judgement, Model, Scorer, ViewModel},
};

/// Judgements that are kept of each view: a newer one takes the place of an older one with the same low bits.
const KEPT: usize = 2048;
/// Codes that there are not.
const NOTHING: u64 = u64::MAX;

/// See the module.
#[derive(Default)]
pub(super) struct JudgementCache {
    views: [CachedView; View::ALL.len()],
    /// Compiles the forests of all views of subjects, so that the first tick's end does not.
    compiling: Compiling,
}

/// A thread that compiles forests, as long as nobody took what it makes. It ends before this is dropped.
#[derive(Default)]
struct Compiling(Option<JoinHandle<Vec<(View, Scorer)>>>);

impl Compiling {
    /// Waits for what it makes; nothing where that was taken before.
    fn take(&mut self) -> Option<Vec<(View, Scorer)>> {
        self.0.take()?.join().ok()
    }
}

impl Drop for Compiling {
    fn drop(&mut self) {
        let _ = self.take();
    }
}

/// What was judged of one view.
struct CachedView {
    judged: Vec<(u64, Judgement)>,
    /// Made when it is first asked for, unless it is there by then.
    scorer: Option<Scorer>,
}

impl Default for CachedView {
    fn default() -> Self {
        let nothing = (NOTHING, Judgement { score: 0.0, probability: 1.0 });
        Self { judged: vec![nothing; KEPT], scorer: None }
    }
}

impl JudgementCache {
    /// Nothing is judged yet by a model that is in force from now on.
    pub(super) fn begin(model: &Arc<Model>) -> Self {
        let model = Arc::clone(model);
        let of_subjects = View::ALL.into_iter().filter(|view| *view != View::Packet);
        let compile = move || of_subjects.map(|view| (view, model.view(view).scorer())).collect();
        // Where there is no thread, each is compiled when it is first asked.
        let compiling = thread::Builder::new().name("nad-compile".into()).spawn(compile).ok();
        Self { compiling: Compiling(compiling), ..Self::default() }
    }

    /// The judgement of a vector by the model in force.
    pub(super) fn judge(&mut self, view: View, model: &ViewModel, vector: &[f32]) -> Judgement {
        if let Some(scorers) = self.compiling.take() {
            scorers.into_iter().for_each(|(view, scorer)| self.views[view as usize].scorer = Some(scorer));
        }
        let CachedView { judged, scorer } = &mut self.views[view as usize];
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
}
