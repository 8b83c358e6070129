//! Which incident a deviation belongs to.

use super::{AFTERMATH_NS, Deviation, GOES_ON_NS, Open, Parties, Shape, Tracker};
use crate::context::host_key::HostKey;

/// Who is behind a deviation; where that is nobody, whom it is against.
pub(super) fn principal(parties: &Parties) -> HostKey {
    parties.source.or(parties.target).unwrap_or_default()
}

fn is_flood(shape: Shape) -> bool {
    matches!(shape, Shape::SynFlood | Shape::Flood | Shape::Amplification)
}

impl Tracker {
    /// The open incident that a deviation belongs to.
    pub(super) fn find(&self, deviation: &Deviation, parties: &Parties, shape: Shape) -> Option<usize> {
        let time_ns = deviation.time_ns;
        // What shows within seconds is another attack than what went on before, and is silent now.
        let is_apart =
            |open: &Open| open.is_lasting && !deviation.view.is_lasting() && self.is_silent(open, time_ns);
        let place = |is_one: &dyn Fn(&Open) -> bool| {
            self.open.iter().position(|open| !is_apart(open) && is_one(open))
        };
        let by_principal = |key: Option<HostKey>| self.story_of(key?, deviation, shape, &is_apart);
        if !parties.other_sources.is_empty() {
            return place(&|open| open.is_of_many(parties, shape));
        }
        by_principal(parties.source)
            .or_else(|| by_principal(parties.alias))
            .or_else(|| place(&|open| open.answers(parties)))
            .or_else(|| place(&|open| open.is_joined_by(parties, shape, time_ns)))
            .or_else(|| by_principal(parties.target.filter(|_| parties.source.is_none())))
            .or_else(|| place(&|open| open.explains(parties, time_ns)))
    }
}

impl Open {
    /// Whether a deviation is what comes back from this incident's target.
    pub(super) fn answers(&self, parties: &Parties) -> bool {
        let (Some(source), Some(target)) = (parties.source, parties.target) else { return false };
        self.principal == target && self.incident.targets.items.contains(&source)
    }

    /// Whether this incident is of many sources that do the same at the same port of many hosts.
    pub(super) fn is_of_many(&self, parties: &Parties, shape: Shape) -> bool {
        let is_port = parties.port.is_none_or(|port| self.incident.ports.items.contains(&port));
        self.is_of_many && self.incident.shape == shape && is_port
    }

    /// Whether what comes over a host from nobody in particular is what this incident's source does to it just now.
    pub(super) fn explains(&self, parties: &Parties, time_ns: u64) -> bool {
        parties.source.is_none()
            && time_ns.saturating_sub(self.incident.end_ns) <= GOES_ON_NS
            && parties.target.is_some_and(|target| self.incident.targets.items.contains(&target))
    }

    /// Whether a deviation shows no more than that this flood's target does not serve one of its clients.
    pub(super) fn harms(&self, deviation: &Deviation, parties: &Parties) -> bool {
        is_flood(self.incident.shape)
            && deviation.view.row().can_be_harm
            && deviation.time_ns.saturating_sub(self.incident.end_ns) <= AFTERMATH_NS
            && Some(self.principal) != parties.source
            && parties.target.is_some_and(|target| self.incident.targets.items.contains(&target))
            && deviation.subject.borrowed().is_unserved()
    }

    /// Whether another source does the same to the same target: bots of one flood.
    pub(super) fn is_joined_by(&self, parties: &Parties, shape: Shape, time_ns: u64) -> bool {
        let is_the_same = match shape {
            Shape::BruteForce | Shape::SlowRequests => self.incident.shape == shape,
            // What nobody has a name for is the same where it goes to the same service.
            Shape::Unusual => {
                let is_near = time_ns.saturating_sub(self.incident.end_ns) <= AFTERMATH_NS;
                let is_port = parties.port.is_some_and(|port| self.incident.ports.items.contains(&port));
                // So is what clients of a service do that many press on.
                let is_of_many =
                    parties.target == Some(self.principal) && self.incident.shape == Shape::BruteForce;
                (self.incident.shape == shape || is_of_many) && is_near && is_port
            }
            shape if shape == self.incident.shape => is_flood(shape),
            // What one of many sends looks like another kind of flood than all of it, while that goes on.
            shape => {
                let goes_on = time_ns.saturating_sub(self.incident.end_ns) <= GOES_ON_NS;
                goes_on && is_flood(shape) && is_flood(self.incident.shape)
            }
        };
        is_the_same && parties.target.is_some_and(|target| self.incident.targets.items.contains(&target))
    }
}
