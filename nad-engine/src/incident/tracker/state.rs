//! What is kept of incidents beyond a run: those that are open, and the closed ones that may come back.

use serde::{Deserialize, Serialize};

use super::{
    AllowRules, Closed, DecaySuppression, Incident, MOST_OPEN, Open, State, Tracker, Vote,
    alike::MOST_COUNTED as MOST_COUNTED_SOURCES, closed, places::MOST_RELATED, story,
};
use crate::{
    incident::{Deviation, MOST_LISTED, decay_suppression::Suppressed},
    names::MOST_OF_NAME,
};

/// Incidents that there can have been.
const MOST_OPENED: u64 = 1 << 53;
/// Packets and bytes of an incident.
const MOST_COUNTED: u64 = 1 << 60;
/// Shapes that an incident may look like.
const MOST_VOTES: usize = 64;
/// Characters of the longest reason and of the longest name of an incident.
const LONGEST_REASON: usize = 4096;
const LONGEST_ID: usize = 64;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrackerState {
    open: Vec<Open>,
    closed: Vec<Open>,
    suppressed: Suppressed,
    opened: u64,
}

impl Tracker {
    /// What is kept, between ticks; `ends` where nad says next that all of them are closed.
    pub fn state(&self, ends: bool) -> TrackerState {
        let mut open = self.open.clone();
        open.iter_mut().for_each(|open| open.was_ended |= ends);
        TrackerState {
            open,
            closed: self.closed.iter().cloned().collect(),
            suppressed: self.suppression.state(),
            opened: self.opened,
        }
    }

    /// One that goes on from there.
    pub fn go_on(state: &TrackerState, rules: AllowRules, silence_ns: u64) -> Self {
        let mut open = state.open.clone();
        for open in &mut open {
            open.incident.state = State::Open;
            // What is said of it next is that it goes on.
            open.resumes = true;
        }
        Self {
            open,
            closed: Closed::of(state.closed.iter().cloned()),
            suppression: DecaySuppression::resume(&state.suppressed),
            opened: state.opened,
            ..Self::new(rules, silence_ns)
        }
    }
}

impl TrackerState {
    /// Incidents that are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Why it can't be gone on with at a moment of sensor time.
    pub(crate) fn check(&self, now_ns: u64) -> Result<(), String> {
        if self.open.len() > MOST_OPEN || self.closed.len() > closed::MOST || self.opened > MOST_OPENED {
            return Err(format!(
                "it has {} open incidents and {} closed ones, of {}",
                self.open.len(),
                self.closed.len(),
                self.opened
            ));
        }
        for open in self.open.iter().chain(&self.closed) {
            check_incident(&open.incident, now_ns)?;
            if !open.is_sound(now_ns) {
                return Err(format!("incident {} is none that a sensor has", open.incident.id));
            }
        }
        self.suppressed.check(now_ns)
    }
}

fn check_incident(incident: &Incident, now_ns: u64) -> Result<(), String> {
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_id = |id: &str| id.len() <= LONGEST_ID && id.bytes().all(is_id);
    if ![&incident.id, &incident.case]
        .into_iter()
        .chain(incident.related.iter().map(|(id, _)| id))
        .all(|id| is_id(id))
    {
        return Err("the name of an incident is none that a sensor gives".into());
    }
    let Incident { sources, origins, targets, names, ports, protocols, coverage, .. } = incident;
    let counts = [
        incident.alerts,
        incident.packets,
        incident.bytes,
        coverage.records,
        coverage.packets,
        coverage.lost_states,
    ];
    let numbers = [incident.peak_score, incident.score, incident.probability];
    let is_name = |name: &str| name.len() <= MOST_OF_NAME && !name.chars().any(char::is_control);
    let is_sound = incident.start_ns <= incident.end_ns
        && incident.end_ns.max(incident.detected_ns) <= now_ns
        && [sources.items.len(), targets.items.len(), ports.items.len()]
            .iter()
            .all(|len| *len <= MOST_LISTED)
        && origins.len() == sources.items.len()
        && incident.related.len() <= MOST_RELATED
        && incident.forged_sources as usize <= MOST_COUNTED_SOURCES
        && names.len() <= 2 * MOST_LISTED
        && names.iter().all(|(_, name)| is_name(name))
        && protocols.len() <= usize::from(u8::MAX) + 1
        && counts.iter().all(|count| *count <= MOST_COUNTED)
        && numbers.iter().all(|number| (0.0..=1.0).contains(number))
        // One that no score reaches is possible.
        && !incident.threshold.is_nan()
        && incident.reason.len() <= LONGEST_REASON
        && !incident.reason.chars().any(char::is_control);
    is_sound.then_some(()).ok_or_else(|| format!("incident {} is none that a sensor has", incident.id))
}

impl Open {
    fn is_sound(&self, now_ns: u64) -> bool {
        let is_vote = |vote: &Vote| {
            vote.weight.is_finite()
                && vote.weight >= 0.0
                && is_deviation(&vote.best, now_ns)
                && vote.reason.as_ref().is_none_or(|reason| reason.len() <= LONGEST_REASON)
        };
        self.goes_on_ns <= now_ns
            && self.tick_volume == (0, 0)
            && !self.had_alerts
            && self.silent_coverage.packets.max(self.silent_coverage.records) <= MOST_COUNTED
            && self.silent_coverage.lost_states <= MOST_COUNTED
            && self.votes.len() <= MOST_VOTES
            && self.votes.iter().all(is_vote)
            && self.services.len() <= story::MOST
            && self.asides.len() <= story::MOST
            && self.asides.iter().all(|aside| aside.is_sound(now_ns))
    }
}

fn is_deviation(deviation: &Deviation, now_ns: u64) -> bool {
    let numbers = [deviation.judgement.score, deviation.judgement.probability];
    deviation.time_ns <= now_ns
        && numbers.iter().all(|number| (0.0..=1.0).contains(number))
        && !deviation.threshold.is_nan()
        && deviation.vector.len() == deviation.view.features().len()
        && deviation.vector.iter().all(|value| value.is_finite())
}
