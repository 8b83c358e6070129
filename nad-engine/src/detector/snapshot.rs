//! What a detector knows, to be gone on with in a later run.
//!
//! Each part says beside its type what of it is kept. What is copied here is put into bytes by another thread.

mod bytes;

use std::{sync::Arc, time::Duration};

use super::{Detector, Findings, State};
use crate::{
    context::{ContextSizes, ContextState},
    incident::tracker::TrackerState,
    model::Model,
    names::NamesState,
    policy::Policy,
    time::{Now, TimelineState},
};

/// See the module. It is of the end of a second, and the same for any number of shards.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) clock: TimelineState,
    pub(super) model: Arc<Model>,
    pub(super) policy: Policy,
    pub(super) tracker: TrackerState,
    pub(super) context: ContextState,
    pub(super) names: Option<NamesState>,
    pub(super) source: String,
}

/// Bytes of the longest name of a source.
const LONGEST_SOURCE: usize = 4096;

impl Snapshot {
    /// The moment that it is of.
    pub fn taken(&self) -> Now {
        self.clock.now()
    }

    /// For how long the network was watched, in all runs.
    pub fn watched(&self) -> Duration {
        self.context.watched()
    }

    /// Where packets came from; empty where nobody said so.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Says where packets come from.
    pub fn set_source(&mut self, source: &str) {
        let end = source.floor_char_boundary(LONGEST_SOURCE);
        self.source = source[..end].to_owned();
    }

    /// The model in force.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Sets the probability below which the model reports a packet.
    pub fn set_contamination(&mut self, contamination: f64) {
        Arc::make_mut(&mut self.model).set_contamination(contamination);
    }

    /// How much is known of the network.
    pub fn sizes(&self) -> ContextSizes {
        self.context.sizes()
    }

    /// Hosts that have a name.
    pub fn name_count(&self) -> usize {
        self.names.as_ref().map_or(0, NamesState::count)
    }

    /// Incidents that are open.
    pub fn open_incidents(&self) -> usize {
        self.tracker.open_count()
    }

    /// Why it can't be gone on with, as far as its content shows.
    fn check(&self) -> Result<(), String> {
        self.clock.check()?;
        let now_ns = self.clock.now().sensor_ns;
        self.policy.check(now_ns)?;
        self.tracker.check(now_ns)?;
        self.context.check(now_ns)?;
        if self.source.len() > LONGEST_SOURCE {
            return Err(format!("the name of its source has {} bytes", self.source.len()));
        }
        self.names.as_ref().map_or(Ok(()), |names| names.check(now_ns))
    }
}

impl Detector {
    /// Asks for a [`Snapshot`]: it is among what is found at the end of the next second in which there is a model, and with
    /// [`Self::finish`], whichever is first. A run without packets gives none: what it went on from stands.
    pub fn keep(&mut self) {
        self.is_to_keep = true;
    }

    /// What is known at the end of a second; `ends` where all incidents are said to be closed next, as nad ends.
    pub(super) fn take_snapshot(&mut self, ends: bool, findings: &mut Findings) {
        let State::Detecting(model, policy) = &self.state else { return };
        let Some(context) = self.context.state() else { return };
        let end_ns = self.context.tick_end_ns();
        self.is_to_keep = false;
        findings.snapshot = Some(Box::new(Snapshot {
            clock: self.timeline.state(end_ns),
            model: Arc::clone(model),
            policy: policy.clone(),
            tracker: self.tracker.state(ends),
            context,
            names: self.heads.state(end_ns),
            source: String::new(),
        }));
    }
}

#[cfg(test)]
mod tests;
