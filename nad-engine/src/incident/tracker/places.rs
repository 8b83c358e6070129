//! Places for open incidents: who gets one, and who loses it.

use super::{
    Alike, Change, Coverage, Deviation, GOES_ON_NS, Incident, IncidentUpdate, Listed, MOST_OPEN, Open,
    Parties, Place, Shape, State, TICK_NS, Tracker, cause, uid,
};
use crate::time::Now;

/// Incidents of a host that an incident of it names, and that are open at a time.
pub(super) const MOST_RELATED: usize = 8;

impl Tracker {
    /// Opens an incident; its place, if there is one.
    pub(super) fn begin(
        &mut self,
        deviation: &Deviation,
        parties: &Parties,
        now: Now,
        updates: &mut Vec<IncidentUpdate>,
    ) -> Option<usize> {
        if self.open.len() >= MOST_OPEN && !self.make_room(deviation, parties, updates) {
            return None;
        }
        self.opened += 1;
        let principal = cause::principal(parties);
        let begun_ns = now.unix_ns.saturating_sub(TICK_NS);
        let id = format!("{}-{}", begun_ns / 1_000_000_000, self.opened);
        let case =
            self.open.iter().find(|open| open.principal == principal).map(|open| open.incident.case.clone());
        let start_ns = deviation.time_ns.saturating_sub(TICK_NS);
        let incident = Incident {
            case: case.unwrap_or_else(|| id.clone()),
            related: Vec::new(),
            uid: uid::of(&self.hash_key, begun_ns, self.opened, principal),
            place: Place::default(),
            id,
            detected_ns: deviation.time_ns,
            start_ns,
            end_ns: deviation.time_ns,
            sources: Listed::new(),
            origins: Vec::new(),
            forged_sources: 0,
            targets: Listed::new(),
            names: Vec::new(),
            ports: Listed::new(),
            protocols: Vec::new(),
            shape: Shape::Unusual,
            alerts: 0,
            packets: 0,
            bytes: 0,
            peak_score: 0.0,
            score: 0.0,
            probability: 1.0,
            threshold: deviation.threshold,
            view: deviation.view,
            coverage: Coverage::default(),
            state: State::Open,
            reason: String::new(),
            evidence: Vec::new(),
        };
        self.open.push(Open {
            incident,
            principal,
            votes: Vec::new(),
            tick_volume: (0, 0),
            is_lasting: true,
            is_of_many: !parties.other_sources.is_empty(),
            goes_on_ns: 0,
            silent_coverage: Coverage::default(),
            had_alerts: false,
            reported_shape: None,
            resumes: false,
            was_ended: false,
            services: Vec::new(),
            asides: Vec::new(),
            alike: Alike::default(),
        });
        Some(self.open.len() - 1)
    }

    /// Takes the place of the incident that was silent for longest; where all go on, what may not be forged takes that of the least
    /// certain one that may be.
    fn make_room(
        &mut self,
        deviation: &Deviation,
        parties: &Parties,
        updates: &mut Vec<IncidentUpdate>,
    ) -> bool {
        let Some(oldest) = self.open.iter().map(|open| open.incident.end_ns).min() else { return true };
        if deviation.time_ns.saturating_sub(oldest) > GOES_ON_NS {
            self.close_where(updates, |open| open.incident.end_ns == oldest);
            return true;
        }
        if parties.source.is_some() && !parties.origin.is_verified {
            return false;
        }
        let forged = self.open.iter().filter(|open| open.may_be_forged());
        let least = forged.max_by(|a, b| a.incident.probability.total_cmp(&b.incident.probability));
        let Some(least) = least else { return false };
        let id = least.incident.id.clone();
        self.close_where(updates, |open| open.incident.id == id);
        true
    }

    /// Names the incidents of one host that are open at a time to each other; what was named once stays.
    pub(super) fn relate(&mut self) {
        for place in (0..self.open.len()).filter(|place| self.open[*place].had_alerts).collect::<Vec<_>>() {
            let principal = self.open[place].principal;
            let others = self.open.iter().enumerate();
            let others = others.filter(|(other, open)| *other != place && open.principal == principal);
            let now: Vec<_> =
                others.map(|(_, open)| (open.incident.id.clone(), open.incident.shape)).collect();
            let related = &mut self.open[place].incident.related;
            for (id, shape) in now {
                match related.iter().position(|(known, _)| *known == id) {
                    Some(known) => related[known].1 = shape,
                    None if related.len() < MOST_RELATED => related.push((id, shape)),
                    None => {}
                }
            }
        }
    }

    pub(super) fn close_where(
        &mut self,
        updates: &mut Vec<IncidentUpdate>,
        mut is_over: impl FnMut(&Open) -> bool,
    ) {
        let mut kept = Vec::with_capacity(self.open.len());
        for mut open in std::mem::take(&mut self.open) {
            if is_over(&open) {
                open.incident.state = State::Closed;
                if !open.was_ended {
                    updates.push(IncidentUpdate { change: Change::Closed, incident: open.incident.clone() });
                }
                if open.is_lasting {
                    self.closed.add(open);
                }
            } else {
                kept.push(open);
            }
        }
        self.open = kept;
    }
}
