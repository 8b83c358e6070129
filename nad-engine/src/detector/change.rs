//! Changing settings while it goes on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Detector, Findings, State};
use crate::{incident::allow::AllowRules, policy::AlertBudget};

/// Settings that can change without losing what is known.
#[derive(Debug, Clone)]
pub struct Change {
    /// How many false alerts a person accepts.
    pub budget: AlertBudget,
    /// Silence after which an incident is closed.
    pub silence: Duration,
    /// What is not reported.
    pub rules: AllowRules,
    /// The share of the baseline above the threshold of packets, where it changes.
    pub contamination: Option<f64>,
}

/// A change on its way to the detector's thread; a later one takes the place of one that was not taken yet.
#[derive(Debug, Clone, Default)]
pub struct PendingChange(Arc<Mutex<Option<Change>>>);

impl PendingChange {
    /// Puts a change there.
    pub fn put(&self, change: Change) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A contamination that was not taken yet counts on.
        let contamination =
            change.contamination.or(pending.as_ref().and_then(|earlier| earlier.contamination));
        *pending = Some(Change { contamination, ..change });
    }

    /// Takes it out.
    pub fn take(&self) -> Option<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Detector {
    /// Puts other settings in force, between batches. Incidents that other rules allow are closed at once; a model that
    /// is being trained gets the contamination once it is there.
    pub fn change(&mut self, change: Change, findings: &mut Findings) {
        let Change { budget, silence, rules, contamination } = change;
        let now_ns = self.moment(self.timeline.now_ns()).unix_ns;
        let reported = findings.incidents.len();
        self.tracker.set_silence(silence.as_nanos() as u64);
        self.tracker.set_rules(rules.clone(), now_ns, &mut findings.incidents);
        self.complete(&mut findings.incidents[reported..]);
        (self.options.budget, self.options.silence, self.options.rules) = (budget, silence, rules);
        self.contamination = contamination.or(self.contamination);
        if let State::Detecting(model, policy) = &mut self.state {
            policy.set_budget(budget);
            if let Some(contamination) = contamination {
                Arc::make_mut(model).set_contamination(contamination);
                let model = Arc::clone(model);
                self.set_model(&model);
            }
        }
    }
}
