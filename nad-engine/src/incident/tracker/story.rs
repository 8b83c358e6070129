//! Which of a host's incidents a deviation belongs to, and when it begins another one.
//!
//! A host under somebody's control scans, guesses passwords and uploads within a minute. Each of these is a story of its own,
//! with its own reasons, targets and ports; as one incident the scan would hide the theft. On the other side, a scan
//! also looks like other things at single services that it tries. So a story begins with what another story does not explain, once it
//! has lasted.

use serde::{Deserialize, Serialize};

use super::{
    Deviation, Open, Parties, Shape, SubjectState, Tracker, alike::MOST_COUNTED, places::MOST_RELATED,
};
use crate::{
    context::{TICK_NS, host_key::HostKey},
    presentation,
};

/// Ticks in which something else was seen, from which on it is another story.
const LASTING: u32 = 3;
/// The same, where it is done to hosts that the other story concerns as well: versions of services take several connections.
const LASTING_AT_THE_SAME: u32 = 6;
/// Alerts of something else that are further apart than this are not the same.
const GAP_NS: u64 = 30 * TICK_NS;
/// Things that may become another story, and services of one; what comes later belongs to the first story.
pub(super) const MOST: usize = 16;

/// Kinds of stories. One explains all shapes of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// Looking around: scans and sweeps.
    Search,
    /// Pressing: floods.
    Pressure,
    /// Trying a service: passwords, pages, slow requests.
    Attempts,
    /// Data that leaves.
    Outflow,
    /// Coming back.
    Return,
    /// Posing as others.
    Posing,
    /// What has no name of its own; it goes with everything.
    Any,
}

impl Kind {
    const fn of(shape: Shape) -> Self {
        match shape {
            Shape::PortScan | Shape::HostSweep => Self::Search,
            Shape::SynFlood | Shape::Flood | Shape::Amplification => Self::Pressure,
            Shape::BruteForce | Shape::Enumeration | Shape::SlowRequests => Self::Attempts,
            Shape::UnusualUpload | Shape::DnsTunnel => Self::Outflow,
            Shape::Beacon | Shape::GeneratedNames => Self::Return,
            Shape::ArpSpoofing => Self::Posing,
            Shape::MalformedPackets | Shape::Unusual => Self::Any,
        }
    }

    /// Whether a story of this kind explains what looks like another.
    fn explains(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            // Whoever tries hosts and services presses on them, and a flood looks like a search where it goes everywhere.
            (Self::Search, Self::Pressure) | (Self::Pressure, Self::Search) => true,
            // So does whoever tries passwords and pages.
            (Self::Attempts, Self::Pressure) | (Self::Pressure, Self::Attempts) => true,
            _ => self == other,
        }
    }
}

/// What was seen beside a story, and may become another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Aside {
    kind: Kind,
    service: Service,
    /// Whether the story concerned its host already.
    is_at_its_target: bool,
    ticks: u32,
    last_ns: u64,
}

impl Aside {
    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound(&self, now_ns: u64) -> bool {
        self.last_ns <= now_ns && self.ticks <= u32::MAX / 2
    }
}

/// A service by its address and port; a source with port 0 stands for all that it tries.
pub(super) type Service = (HostKey, u16);

/// The service that a deviation is about, if it is about one alone.
fn service_of(deviation: &Deviation, parties: &Parties) -> Option<Service> {
    let is_of_pair = matches!(deviation.subject, SubjectState::ServicePair(_));
    parties.target.zip(parties.port).filter(|_| is_of_pair)
}

/// The same; or all that the source tries, where it searches.
fn place_of(deviation: &Deviation, parties: &Parties, kind: Kind) -> Option<Service> {
    let all = || parties.source.filter(|_| kind == Kind::Search).map(|source| (source, 0));
    service_of(deviation, parties).or_else(all)
}

impl Tracker {
    /// The place of the incident of a principal that a deviation belongs to, if it has one.
    pub(super) fn story_of(
        &self,
        principal: HostKey,
        deviation: &Deviation,
        shape: Shape,
        is_apart: &dyn Fn(&Open) -> bool,
    ) -> Option<usize> {
        let mine = || {
            let of_principal = |(_, open): &(usize, &Open)| open.principal == principal && !is_apart(open);
            self.open.iter().enumerate().filter(of_principal)
        };
        let kind = Kind::of(shape);
        let service = service_of(deviation, &deviation.parties());
        let is_at_its_service = |open: &Open| service.is_some_and(|service| open.services.contains(&service));
        let is_of_kind = |open: &Open| Kind::of(open.incident.shape) == kind;
        let place =
            |is_one: &dyn Fn(&Open) -> bool| mine().find(|(_, open)| is_one(open)).map(|(place, _)| place);
        place(&|open| is_of_kind(open) && is_at_its_service(open))
            .or_else(|| place(&is_at_its_service))
            .or_else(|| place(&is_of_kind))
            .or_else(|| mine().next().map(|(place, _)| place))
    }
}

impl Tracker {
    /// Whether a deviation leaves the incident that was found for it, as another story of the same host.
    pub(super) fn is_left(
        &mut self,
        place: usize,
        deviation: &Deviation,
        parties: &Parties,
        shape: Shape,
    ) -> bool {
        let principal = self.open[place].principal;
        if ![parties.source, parties.alias].contains(&Some(principal)) {
            return false;
        }
        let stories = self.open.iter().filter(|open| open.principal == principal).count();
        stories < MOST_RELATED && self.open[place].is_left_by(deviation, parties, shape)
    }
}

impl Open {
    /// What is to be said beside the reason: who does the same, and what else the host does.
    pub(super) fn besides(&self) -> String {
        let mut words = String::new();
        if self.incident.forged_sources > 0 {
            let number = presentation::counted(self.incident.forged_sources.into(), "more source");
            let at_least =
                if self.incident.forged_sources as usize >= MOST_COUNTED { "at least " } else { "" };
            words += &format!("; {at_least}{number} that may be forged did the same");
        }
        if !self.incident.related.is_empty() {
            let related: Vec<_> =
                self.incident.related.iter().map(|(id, shape)| format!("{} ({id})", shape.name())).collect();
            words += &format!("; {} is also behind: {}", self.principal, related.join(", "));
        }
        words
    }

    /// Takes note of what this story does not explain; whether that has lasted, and is another story.
    pub(super) fn is_left_by(&mut self, deviation: &Deviation, parties: &Parties, shape: Shape) -> bool {
        let (own, kind) = (Kind::of(self.incident.shape), Kind::of(shape));
        let Some(service) = place_of(deviation, parties, kind) else { return false };
        // What presses on a host also leaves for it.
        let is_pressed = own == Kind::Pressure
            && kind == Kind::Outflow
            && self.incident.targets.items.contains(&service.0);
        if own.explains(kind) || is_pressed || self.services.contains(&service) {
            return false;
        }
        let time_ns = deviation.time_ns;
        let Some(aside) = self.asides.iter_mut().find(|aside| aside.kind == kind && aside.service == service)
        else {
            if self.asides.len() < MOST {
                let is_at_its_target = self.incident.targets.items.contains(&service.0);
                self.asides.push(Aside { kind, service, is_at_its_target, ticks: 1, last_ns: time_ns });
            }
            return false;
        };
        if time_ns.saturating_sub(aside.last_ns) > GAP_NS {
            aside.ticks = 0;
        }
        aside.ticks += u32::from(aside.last_ns != time_ns || aside.ticks == 0);
        aside.last_ns = time_ns;
        let is_left = aside.ticks >= if aside.is_at_its_target { LASTING_AT_THE_SAME } else { LASTING };
        if is_left && !aside.is_at_its_target {
            // It was listed here for as long as this might have been one story.
            self.incident.targets.items.retain(|target| *target != service.0);
        }
        is_left
    }

    /// Remembers a service that this story is about.
    pub(super) fn add_service(&mut self, deviation: &Deviation, parties: &Parties, shape: Shape) {
        let Some(service) = service_of(deviation, parties) else { return };
        let (own, kind) = (Kind::of(self.incident.shape), Kind::of(shape));
        let is_its_own = own == kind || own == Kind::Any;
        if is_its_own && self.services.len() < MOST && !self.services.contains(&service) {
            self.services.push(service);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::known::{Novelty, ServiceKey},
        features::View,
        incident::{
            IncidentUpdate,
            example::{between, key, of_service_pair, of_source, open, source, with},
            tracker::tests::{second, tracker},
        },
    };

    /// A scan of 10.0.0.2 by 10.0.0.1.
    fn scan(at: u64) -> Deviation {
        let scanner = with(source(1, 2), |host| {
            for port in 1..=60 {
                open(host, &ServiceKey { server: key(2), port, protocol: 6 }, Novelty::NewEverything, 0);
            }
            host.opened_10 = 60.0;
        });
        of_source(View::Scan, scanner, at)
    }

    /// An upload of the same host.
    fn upload(server: u8, at: u64) -> Deviation {
        of_service_pair(View::Upload, between(key(1), key(server), 443, 6), at)
    }

    fn ended(mut tracker: Tracker) -> Vec<IncidentUpdate> {
        let mut updates = Vec::new();
        tracker.finish(&mut updates);
        updates
    }

    #[test]
    fn a_theft_by_a_host_that_scans_is_an_incident_of_its_own_and_they_name_each_other() {
        let mut tracker = tracker();
        let searching = Shape::PortScan;
        for at in 100..120 {
            second(&mut tracker, &[scan(at), upload(9, at)], at);
        }
        let updates = ended(tracker);
        let [first, theft] = &updates[..] else { panic!("{updates:?}") };
        let (first, theft) = (&first.incident, &theft.incident);
        assert_eq!((first.shape, theft.shape), (searching, Shape::UnusualUpload));
        assert_eq!(first.targets.items, [key(2)]);
        assert_eq!(
            (theft.targets.items.as_slice(), theft.ports.items.as_slice()),
            (&[key(9)][..], &[443][..])
        );
        assert_eq!((&first.case, &theft.case), (&first.id, &first.id));
        assert_eq!(theft.related, [(first.id.clone(), searching)]);
        assert_eq!(first.related, [(theft.id.clone(), Shape::UnusualUpload)]);
        assert!(theft.reason.ends_with(&format!(
            "; 10.0.0.1 is also behind: {} ({})",
            searching.name(),
            first.id
        )));
    }

    #[test]
    fn what_a_scan_does_to_a_service_for_a_moment_is_no_other_story() {
        let mut tracker = tracker();
        for at in 100..120 {
            let aside = (at < 100 + u64::from(LASTING) - 1).then(|| upload(9, at));
            second(&mut tracker, &[Some(scan(at)), aside].into_iter().flatten().collect::<Vec<_>>(), at);
        }
        assert_eq!(tracker.opened(), 1);
    }

    #[test]
    fn at_hosts_that_are_scanned_it_takes_longer() {
        let mut tracker = tracker();
        let lasts = |ticks: u32| 100..100 + u64::from(ticks);
        for at in lasts(LASTING_AT_THE_SAME - 1) {
            second(&mut tracker, &[scan(at), upload(2, at)], at);
        }
        assert_eq!(tracker.opened(), 1);
        let at = lasts(LASTING_AT_THE_SAME).end;
        second(&mut tracker, &[scan(at), upload(2, at)], at);
        assert_eq!(tracker.opened(), 2);
    }

    #[test]
    fn what_a_flood_sends_is_no_theft() {
        let mut tracker = tracker();
        for at in 100..120 {
            let pressing = with(source(1, 9), |host| (host.opened_10, host.stray_10) = (90.0, 900.0));
            second(&mut tracker, &[of_source(View::OutboundFlood, pressing, at), upload(9, at)], at);
        }
        assert_eq!(tracker.opened(), 1);
    }

    #[test]
    fn what_looks_different_at_the_same_service_is_one_story() {
        let mut tracker = tracker();
        for at in 100..120 {
            let beacon = of_service_pair(View::Periodicity, between(key(1), key(9), 443, 6), at);
            second(&mut tracker, &[upload(9, at), beacon], at);
        }
        assert_eq!(tracker.opened(), 1);
    }

    #[test]
    fn a_host_has_a_bounded_number_of_stories() {
        let mut tracker = tracker();
        for at in 100..200 {
            let mut all = vec![scan(at)];
            all.extend((10..30).map(|server| upload(server, at)));
            second(&mut tracker, &all, at);
        }
        assert_eq!(tracker.opened(), 2, "alike uploads are one");
    }
}
