//! What the detector lets others know of itself.

use super::{Detector, State};
use std::time::Duration;

use crate::{
    condition::{Judging, Stage},
    ledger::Basis,
};

impl Detector {
    /// Notes what it does in the tally's [`Condition`](crate::condition::Condition), and that it does something.
    pub(super) fn publish(&self) {
        let (model, policy) = match &self.state {
            State::Detecting(model, policy) => (Some(model), Some(policy)),
            _ => (None, None),
        };
        let stage = match &self.state {
            State::Learning(_) => Stage::Learning,
            State::Training(_) => Stage::Training,
            State::Detecting(..) => Stage::Detecting,
            State::Failed => Stage::Failed,
        };
        self.tally.set_basis(Basis {
            stage,
            learnt: self.learning().unwrap_or_default(),
            baseline: model.map_or(Duration::ZERO, |model| model.window().length()),
            judges_hosts: model.is_some_and(|model| model.judges_subjects()),
            has_times: self.has_times(),
        });
        self.tally.condition.set_judging(Judging {
            stage,
            open_incidents: self.tracker.open_count() as u64,
            threshold_probability: policy.map_or(0.0, |policy| policy.probability()),
            model_ns: model.map_or(0, |model| model.window().last_ns),
        });
        self.tally.condition.detector.beat();
    }
}
