//! Which deviations are of one cause.

mod alike;
mod cause;
mod closed;
mod consequence;
mod places;
mod state;
mod story;
mod told;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    Change, Deviation, Incident, IncidentUpdate, Listed, Parties, State, SubjectState, allow::AllowRules,
    coverage::Coverage, decay_suppression::DecaySuppression, shape::Shape, uid,
};
use crate::{
    context::{Place, TICK_NS, hash::HashKey, host_key::HostKey},
    model::Evidence,
    time::Now,
};
use alike::Alike;
use closed::Closed;
pub use state::TrackerState;
use story::{Aside, Service};

/// Incidents that are open at a time. When one more begins, the one that was silent for longest is closed; where all
/// of them go on, it is refused.
pub const MOST_OPEN: usize = 256;
/// An incident goes on as long as its last alert is no older than this.
const GOES_ON_NS: u64 = 2 * TICK_NS;
/// The least silence after which an incident is closed that only views of hours see.
const SILENCE_OF_HOURS_NS: u64 = 3600 * TICK_NS;
/// What a flood did to its target's clients shows in their counts as long after it as those fade.
const AFTERMATH_NS: u64 = 10 * TICK_NS;

/// What isolates a deviation, the most important first. It takes long, so that only what is said is explained.
pub type Explain<'a> = &'a dyn Fn(&Deviation) -> Vec<Evidence>;

/// Joins deviations to incidents.
#[derive(Debug)]
pub struct Tracker {
    open: Vec<Open>,
    /// Those of long horizons.
    closed: Closed,
    suppression: DecaySuppression,
    rules: AllowRules,
    silence_ns: u64,
    /// What incidents' names come from.
    hash_key: HashKey,
    opened: u64,
    refused: u64,
}

/// An open incident and what it needs while it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    incident: Incident,
    /// Who is behind it; where that is nobody, whom it is against.
    principal: HostKey,
    /// What its deviations look like.
    votes: Vec<Vote>,
    /// The most packets and bytes that a deviation of this tick had.
    tick_volume: (u64, u64),
    /// Whether it is of many sources together.
    is_of_many: bool,
    /// Whether only views have seen it that judge what lasts.
    is_lasting: bool,
    /// When such a view last saw it go on, without more than before.
    goes_on_ns: u64,
    had_alerts: bool,
    /// Since the last tick with alerts, that one left out.
    silent_coverage: Coverage,
    reported_shape: Option<Shape>,
    /// Whether it was closed and goes on in this tick.
    resumes: bool,
    /// Whether it was said to be closed, because nad ended.
    was_ended: bool,
    /// Services that it is about.
    services: Vec<Service>,
    /// What may become another story.
    asides: Vec<Aside>,
    /// Its sources, where they may be forged and there are several.
    alike: Alike,
}

/// How much speaks for a shape, and what says it best.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Vote {
    shape: Shape,
    /// Sum of -log10 of the probabilities.
    weight: f64,
    best: Deviation,
    /// That of the best one, once it was asked for.
    reason: Option<String>,
}

impl Tracker {
    /// One without incidents; an incident is closed after a silence of `silence_ns`.
    pub fn new(rules: AllowRules, silence_ns: u64) -> Self {
        Self {
            open: Vec::new(),
            closed: Closed::default(),
            suppression: DecaySuppression::default(),
            rules,
            silence_ns,
            hash_key: HashKey::from_seed(0),
            opened: 0,
            refused: 0,
        }
    }

    /// Takes a tick's deviations into account, and its coverage, which counts with every incident that is open. Each
    /// deviation counts unless an allow rule suppresses it, or it only decays from what is over, or is the harm that a flood
    /// does. Then ends the tick: reports what was opened or has changed in it, and closes what has been silent for long.
    pub fn end_tick(
        &mut self,
        deviations: &[Deviation],
        coverage: Coverage,
        now: impl Into<Now>,
        explain: Explain<'_>,
        updates: &mut Vec<IncidentUpdate>,
    ) {
        let now = now.into();
        // What a router asks for others comes after what the others did.
        let may_follow = |deviation: &&Deviation| deviation.subject.borrowed().may_follow_others();
        let (last, first): (Vec<_>, Vec<_>) = deviations.iter().partition(may_follow);
        first.into_iter().chain(last).for_each(|deviation| self.take(deviation, now, updates));
        self.suppression.forget(now.sensor_ns);
        self.relate();
        for open in &mut self.open {
            open.silent_coverage.add(coverage);
            open.end_tick(explain, updates);
        }
        let silence_ns = self.silence_ns;
        self.close_where(updates, |open| {
            let least_ns = if open.is_lasting { SILENCE_OF_HOURS_NS } else { 0 };
            let silence_ns = silence_ns.max(least_ns);
            now.sensor_ns.saturating_sub(open.incident.end_ns.max(open.goes_on_ns)) > silence_ns
        });
    }

    /// Closes everything.
    pub fn finish(&mut self, updates: &mut Vec<IncidentUpdate>) {
        self.close_where(updates, |_| true);
    }

    /// Puts other rules in force; incidents that they allow are closed at once.
    pub fn set_rules(&mut self, rules: AllowRules, now_ns: u64, updates: &mut Vec<IncidentUpdate>) {
        self.rules = rules;
        let allowed: Vec<bool> =
            self.open.iter().map(|open| self.rules.allow_incident(&open.incident, now_ns)).collect();
        let mut allowed = allowed.into_iter();
        self.close_where(updates, |_| allowed.next().unwrap_or(false));
    }

    /// Another silence after which incidents are closed, in nanoseconds.
    pub fn set_silence(&mut self, silence_ns: u64) {
        self.silence_ns = silence_ns;
    }

    /// The rules in force, with what each has suppressed.
    pub fn rules(&self) -> &AllowRules {
        &self.rules
    }

    /// Who is behind the open incidents.
    pub fn suspects(&self) -> HashSet<HostKey> {
        self.open.iter().map(|open| open.principal).collect()
    }

    /// Who is behind those that had alerts just now: what lasts is open for long, and says little of the next hour.
    pub fn active(&self, now_ns: u64) -> HashSet<HostKey> {
        let active = self.open.iter().filter(|open| !self.is_silent(open, now_ns));
        active.map(|open| open.principal).collect()
    }

    fn is_silent(&self, open: &Open, now_ns: u64) -> bool {
        now_ns.saturating_sub(open.incident.end_ns) > self.silence_ns
    }

    /// Incidents that are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Incidents that were opened so far.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Deviations that would have been one more incident where there was no room for it.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn take(&mut self, deviation: &Deviation, now: Now, updates: &mut Vec<IncidentUpdate>) {
        let parties = deviation.parties();
        let shape = deviation.shape();
        if self.rules.suppress(&parties, shape, now.unix_ns) {
            return;
        }
        if self.suppression.is_decaying(deviation, &parties) {
            // What lasts does not fade: a subject is judged when it goes on.
            if deviation.view.is_lasting()
                && let Some(place) = self.find(deviation, &parties, shape)
                && self.open[place].is_lasting
            {
                self.open[place].goes_on_ns = deviation.time_ns;
            }
            return;
        }
        if self.open.iter().any(|open| open.harms(deviation, &parties)) {
            return;
        }
        if let Some(cause) = self.cause_of_questions(deviation) {
            self.open[cause].add_consequence(deviation);
            return;
        }
        let found = self
            .find(deviation, &parties, shape)
            .filter(|place| !self.is_left(*place, deviation, &parties, shape));
        let found = found.or_else(|| self.alike(deviation, &parties, shape));
        let found = found.or_else(|| self.resume(deviation, &parties, shape));
        match found.or_else(|| self.begin(deviation, &parties, now, updates)) {
            Some(place) => self.open[place].add(deviation, &parties, shape),
            None => self.refused += 1,
        }
    }

    /// Opens a closed incident again where this is of the same cause; its place.
    fn resume(&mut self, deviation: &Deviation, parties: &Parties, shape: Shape) -> Option<usize> {
        if self.open.len() >= MOST_OPEN || !deviation.view.is_lasting() {
            return None;
        }
        let mut open = self.closed.take(cause::principal(parties), shape, deviation.time_ns)?;
        open.incident.state = State::Open;
        open.resumes = true;
        self.open.push(open);
        Some(self.open.len() - 1)
    }
}

impl Open {
    fn add(&mut self, deviation: &Deviation, parties: &Parties, shape: Shape) {
        let incident = &mut self.incident;
        for source in
            [parties.source, parties.alias].into_iter().flatten().chain(parties.other_sources.iter().copied())
        {
            if incident.sources.add(source) {
                incident.origins.push(parties.origin);
            } else if let Some(place) = incident.sources.items.iter().position(|item| *item == source) {
                let known = &mut incident.origins[place];
                known.is_verified |= parties.origin.is_verified;
                known.mac = known.mac.or(parties.origin.mac);
            }
        }
        for target in parties.target.iter().chain(&parties.other_targets).copied() {
            if !incident.sources.items.contains(&target) {
                incident.targets.add(target);
            }
        }
        if let Some(port) = parties.port {
            incident.ports.add(port);
        }
        if let Some(protocol) = parties.protocol.filter(|protocol| !incident.protocols.contains(protocol)) {
            incident.protocols.push(protocol);
        }
        if let Some(source) = parties.source.filter(|source| *source != self.principal)
            && !parties.origin.is_verified
        {
            incident.forged_sources = self.alike.add(source);
        }
        incident.alerts += 1;
        incident.end_ns = incident.end_ns.max(deviation.time_ns);
        incident.score = deviation.judgement.score;
        if deviation.judgement.score > incident.peak_score {
            incident.peak_score = deviation.judgement.score;
            incident.threshold = deviation.threshold;
            incident.view = deviation.view;
        }
        incident.probability = incident.probability.min(deviation.judgement.probability);
        let (packets, bytes) = deviation.subject.borrowed().volume();
        self.tick_volume = (self.tick_volume.0.max(packets), self.tick_volume.1.max(bytes));
        self.is_lasting &= deviation.view.is_lasting();
        (self.had_alerts, self.was_ended) = (true, false);
        self.vote(deviation, shape);
        self.add_service(deviation, parties, shape);
    }

    fn vote(&mut self, deviation: &Deviation, shape: Shape) {
        let has_one_source = self.incident.sources.items.len() == 1;
        let is_further_story = self.incident.case != self.incident.id;
        let rank = |deviation: &Deviation| {
            let is_of_one = has_one_source || !deviation.subject.borrowed().is_target_of_many();
            // A further story is told by what it is about, and not by all that the host does.
            let is_of_all = is_further_story && !matches!(deviation.subject, SubjectState::ServicePair(_));
            (is_of_all, is_of_one, deviation.judgement.probability, deviation.view)
        };
        let weight = -deviation.judgement.probability.log10() * deviation.view.row().vote;
        match self.votes.iter_mut().find(|vote| vote.shape == shape) {
            Some(vote) => {
                vote.weight += weight;
                // Of many sources, what comes over their target is more than what one of them does. The latest of equals
                // says how far it has come; what happens in seconds says it best.
                if rank(deviation) <= rank(&vote.best) {
                    vote.best = deviation.clone();
                    vote.reason = None;
                }
            }
            None => self.votes.push(Vote { shape, weight, best: deviation.clone(), reason: None }),
        }
        if let Some(winner) = self.winner() {
            self.incident.shape = winner.shape;
        }
    }

    /// What speaks for the shape that most speaks for.
    fn winner(&mut self) -> Option<&mut Vote> {
        let is_named = self.votes.iter().any(|vote| vote.shape != Shape::Unusual);
        let votes = self.votes.iter_mut().filter(|vote| !is_named || vote.shape != Shape::Unusual);
        votes.max_by(|a, b| a.weight.total_cmp(&b.weight))
    }

    fn end_tick(&mut self, explain: Explain<'_>, updates: &mut Vec<IncidentUpdate>) {
        if !self.had_alerts {
            return;
        }
        self.had_alerts = false;
        let (packets, bytes) = std::mem::take(&mut self.tick_volume);
        self.incident.packets += packets;
        self.incident.bytes += bytes;
        self.incident.coverage.add(std::mem::take(&mut self.silent_coverage));
        if let Some((reason, seen)) = self.winner().map(|vote| vote.told(explain)) {
            self.incident.reason = reason + &self.besides();
            seen.into_iter().for_each(|seen| seen.note(&mut self.incident.evidence));
        }
        let change = match self.reported_shape {
            None => Change::Opened,
            Some(_) if std::mem::take(&mut self.resumes) => Change::Resumed,
            Some(shape) if shape != self.incident.shape => Change::Changed,
            Some(_) => Change::Updated,
        };
        self.reported_shape = Some(self.incident.shape);
        updates.push(IncidentUpdate { change, incident: self.incident.clone() });
    }
}

#[cfg(test)]
mod tests;
