//! What the detector lets others know of itself.

use super::{Detector, State};
use crate::condition::{Judging, Stage};

impl Detector {
    /// Notes what it does in the tally's [`Condition`](crate::condition::Condition), and that it does something.
    pub(super) fn publish(&self) {
        let (model, policy) = match &self.state {
            State::Detecting(model, policy) => (Some(model), Some(policy)),
            _ => (None, None),
        };
        self.tally.condition.set_judging(Judging {
            stage: match &self.state {
                State::Learning(_) => Stage::Learning,
                State::Training(_) => Stage::Training,
                State::Detecting(..) => Stage::Detecting,
                State::Failed => Stage::Failed,
            },
            open_incidents: self.tracker.open_count() as u64,
            threshold_probability: policy.map_or(0.0, |policy| policy.probability()),
            model_ns: model.map_or(0, |model| model.window().last_ns),
        });
        self.tally.condition.detector.beat();
    }
}
