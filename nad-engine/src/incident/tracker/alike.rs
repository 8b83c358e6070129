//! Sources that do the same and may be forged. Whoever sends in the name of hundreds of addresses is a few incidents, however many
//! they are: the first ones are listed, all are counted, and they take no places from others.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Deviation, Open, Parties, Shape, Tracker};
use crate::context::{TICK_NS, host_key::HostKey};

/// Incidents of one shape behind which nobody is verified, from which on a further source joins one of them: of its MAC address, else at
/// its target, else the latest. Fewer are an incident each, as they may be hosts behind one router.
const FEW: usize = 8;
/// An incident is joined within this time of its last alert.
const JOINED_NS: u64 = 60 * TICK_NS;
/// Sources that are counted one by one; of more it is only said that there are more.
pub(super) const MOST_COUNTED: usize = 4_096;

/// The sources of an incident that may be forged, once there are several.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<HostKey>", into = "Vec<HostKey>")]
pub(super) struct Alike(HashSet<HostKey>);

impl From<Vec<HostKey>> for Alike {
    fn from(sources: Vec<HostKey>) -> Self {
        Self(sources.into_iter().take(MOST_COUNTED).collect())
    }
}

/// In an order of their own, so that the same sources are always written alike.
impl From<Alike> for Vec<HostKey> {
    fn from(Alike(sources): Alike) -> Self {
        let mut sources: Self = sources.into_iter().collect();
        sources.sort_unstable();
        sources
    }
}

impl Alike {
    /// Adds one; how many there are, at most [`MOST_COUNTED`].
    pub(super) fn add(&mut self, source: HostKey) -> u32 {
        if self.0.len() < MOST_COUNTED {
            self.0.insert(source);
        }
        self.0.len() as u32
    }
}

impl Tracker {
    /// The open incident of other sources that may be forged, and do the same as this one that may be.
    pub(super) fn alike(&self, deviation: &Deviation, parties: &Parties, shape: Shape) -> Option<usize> {
        let source = parties.source.filter(|source| !source.is_mac())?;
        if parties.origin.is_verified || shape == Shape::Unusual {
            return None;
        }
        let is_recent = |open: &Open| deviation.time_ns.saturating_sub(open.incident.end_ns) <= JOINED_NS;
        let is_same = |open: &Open| {
            open.incident.shape == shape
                && is_recent(open)
                && open.principal != source
                && open.may_be_forged()
        };
        let same: Vec<usize> =
            self.open.iter().enumerate().filter(|(_, open)| is_same(open)).map(|(place, _)| place).collect();
        if same.len() < FEW {
            return None;
        }
        // A router's MAC address says nothing of who is behind it.
        let mac = parties.origin.mac.filter(|_| !source.is_global());
        let has_mac =
            |open: &Open| mac.is_some() && open.incident.origins.iter().any(|origin| origin.mac == mac);
        let has_target =
            |open: &Open| parties.target.is_some_and(|target| open.incident.targets.items.contains(&target));
        let place =
            |is_one: &dyn Fn(&Open) -> bool| same.iter().rfind(|place| is_one(&self.open[**place])).copied();
        place(&has_mac).or_else(|| place(&has_target)).or_else(|| same.last().copied())
    }
}

impl Open {
    /// Whether no source of it has shown that it receives what is sent to it.
    pub(super) fn may_be_forged(&self) -> bool {
        let origins = &self.incident.origins;
        !origins.is_empty() && origins.iter().all(|origin| !origin.is_verified) && !self.principal.is_mac()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::Origin,
        features::View,
        incident::{
            Change,
            example::{between, key, of_service_pair},
            tracker::{
                MOST_OPEN,
                tests::{changes, second, tracker},
            },
        },
    };

    /// An upload in the name of an address, which is verified or not, from a MAC address to a server.
    fn upload(source: HostKey, server: HostKey, is_verified: bool, mac: u8, at: u64) -> Deviation {
        let deviation = of_service_pair(View::Upload, between(source, server, 443, 6), at);
        Deviation { origin: Origin { is_verified, mac: Some([2, 0, 0, 0, 0, mac]) }, ..deviation }
    }

    fn forged(number: u16) -> HostKey {
        let [high, low] = number.to_be_bytes();
        HostKey::v4([10, 9, high, low])
    }

    #[test]
    fn whoever_sends_in_the_name_of_many_is_a_few_incidents_with_their_number() {
        let mut tracker = tracker();
        for at in 100..110 {
            let all: Vec<_> =
                (0..60).map(|n| upload(forged(60 * (at as u16) + n), forged(n), false, 7, at)).collect();
            second(&mut tracker, &all, at);
        }
        assert_eq!(tracker.opened(), FEW as u64);
        let incident = &tracker.open[FEW - 1].incident;
        assert_eq!((incident.forged_sources, incident.sources.more), (600 - FEW as u32, true));
        let said = format!("; {} more sources that may be forged did the same", 600 - FEW);
        assert!(incident.reason.ends_with(&said), "{}", incident.reason);
    }

    #[test]
    fn sources_that_are_verified_and_others_of_another_shape_do_not_join() {
        let mut tracker = tracker();
        let many: Vec<_> = (0..100).map(|n| upload(forged(n), key(9), false, 7, 100)).collect();
        second(&mut tracker, &many, 100);
        assert_eq!(tracker.opened(), FEW as u64);
        second(&mut tracker, &[upload(forged(200), key(9), true, 7, 100)], 100);
        assert_eq!(tracker.opened(), FEW as u64 + 1);
        let other = Deviation { view: View::Periodicity, ..upload(forged(300), key(9), false, 7, 100) };
        second(
            &mut tracker,
            &[Deviation { vector: vec![9.0; View::Periodicity.features().len()], ..other }],
            100,
        );
        assert_eq!(tracker.opened(), FEW as u64 + 2);
    }

    #[test]
    fn a_further_source_joins_where_it_sends_from_or_else_to() {
        let mut tracker = tracker();
        let outside = |n: u16| HostKey::v4([198, 51, 100, n as u8]);
        let few = FEW as u16;
        let all: Vec<_> =
            (0..few).map(|n| upload(forged(n), forged(1000 + n), false, n as u8, 100)).collect();
        second(&mut tracker, &all, 100);
        second(&mut tracker, &[upload(forged(99), forged(999), false, 3, 101)], 101);
        second(&mut tracker, &[upload(outside(1), forged(1005), false, 1, 101)], 101);
        let sources = |place: usize| tracker.open[place].incident.sources.items.clone();
        assert_eq!((sources(3), sources(5)), (vec![forged(3), forged(99)], vec![forged(5), outside(1)]));
    }

    #[test]
    fn a_verified_source_takes_the_place_of_one_that_may_be_forged() {
        let mut tracker = tracker();
        // Of as many MAC addresses and targets as there are places, each with a shape that does not join.
        let forged_ones: Vec<_> = (0..MOST_OPEN as u16)
            .map(|n| {
                let deviation = upload(forged(n), forged(1000 + n), false, n as u8, 100);
                Deviation {
                    view: View::Contact,
                    vector: vec![1e3; View::Contact.features().len()],
                    ..deviation
                }
            })
            .collect();
        second(&mut tracker, &forged_ones, 100);
        assert_eq!(tracker.open_count(), MOST_OPEN);
        let updates = second(&mut tracker, &[upload(key(1), key(2), true, 1, 101)], 101);
        assert_eq!(changes(&updates), [Change::Closed, Change::Opened]);
        assert_eq!(updates[1].incident.sources.items, [key(1)]);
        let late = Deviation {
            view: View::Contact,
            vector: vec![1e3; View::Contact.features().len()],
            ..upload(forged(999), forged(5000), false, 9, 101)
        };
        assert!(second(&mut tracker, &[late], 101).is_empty());
        assert_eq!(tracker.refused(), 1);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let mut alike = Alike::default();
        let last = (0..2 * MOST_COUNTED as u32).map(|n| alike.add(HostKey::v4(n.to_be_bytes()))).last();
        assert_eq!(last, Some(MOST_COUNTED as u32));
    }
}
