//! What is told of an incident: its name, and why it is one.

use super::{Explain, Tracker, Vote};
use crate::{
    context::hash::HashKey,
    incident::{ViewEvidence, reason::reason},
};

impl Tracker {
    /// The same, whose incidents get names that come from this key.
    #[must_use]
    pub fn with_hash_key(self, hash_key: HashKey) -> Self {
        Self { hash_key, ..self }
    }
}

impl Vote {
    /// The reason, and what its view has seen, unless that was asked for before: explaining takes long.
    pub(super) fn told(&mut self, explain: Explain<'_>) -> (String, Option<ViewEvidence>) {
        if let Some(reason) = &self.reason {
            return (reason.clone(), None);
        }
        let evidence = explain(&self.best);
        let reason = self.reason.insert(reason(&self.best, &evidence)).clone();
        (reason, Some(ViewEvidence::of(&self.best, &evidence)))
    }
}
