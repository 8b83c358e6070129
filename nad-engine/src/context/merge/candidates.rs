//! Which hosts are added up at a second's end.
//!
//! A flood makes more hosts active than can be visited. So they are chosen by what the partitions have noted of them, and only
//! of those that are chosen a state is looked at.

use std::{
    collections::{HashMap, hash_map::Entry as Place},
    hash::{BuildHasherDefault, Hasher},
};

use super::{Kind, Partition};
use crate::context::{
    active::{BUSY_PACKETS, MOST_VISITED},
    host_key::HostKey,
    partition::ActiveHosts,
    table::{Hashed, Slot},
};

/// A host that was active.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) hash: u64,
    /// A bit for each partition in which it was.
    pub(super) partitions: u16,
    /// Packets that it had at least.
    packets: u32,
    /// A state of it, unless that had to leave meanwhile; and another one.
    places: [(usize, Slot); 2],
}

impl Candidate {
    /// Which host it is, as long as it has a state.
    pub(super) fn host(&self, kind: Kind, partitions: &[Partition]) -> Option<Hashed<HostKey>> {
        let mut tables =
            self.places.iter().map(|(partition, slot)| (kind.table(&partitions[*partition]), *slot));
        let (table, slot) = tables.find(|(table, slot)| table.holds(*slot, self.hash))?;
        Some(Hashed { hash: self.hash, key: table.get(slot).key })
    }

    fn is_busy(&self) -> bool {
        self.packets >= BUSY_PACKETS
    }
}

/// Places by hashes that are keyed already, so that nobody can choose them.
type Places = HashMap<u64, usize, BuildHasherDefault<AsItIs>>;

/// Hashes a number as itself.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Those that were active in a tick. Its memory is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    hosts: Vec<Candidate>,
    places: Places,
    busy: Vec<u64>,
}

impl Candidates {
    /// Chooses among those that were active, and begins another tick; busy ones first, where there are too many. How many are
    /// passed over.
    pub(super) fn choose(&mut self, kind: Kind, partitions: &mut [Partition]) -> u64 {
        self.hosts.clear();
        self.places.clear();
        for (index, partition) in partitions.iter_mut().enumerate() {
            self.note(index, kind.active(partition));
        }
        let passed_over = self.hosts.len().saturating_sub(MOST_VISITED);
        if passed_over > 0 {
            // In their order otherwise.
            self.hosts.sort_by_key(|host| !host.is_busy());
            self.hosts.truncate(MOST_VISITED);
        }
        passed_over as u64
    }

    /// Those that were chosen, busy ones first where there were too many, otherwise in the order of the partitions and of their
    /// packets in each.
    pub(super) fn chosen(&self) -> &[Candidate] {
        &self.hosts
    }

    fn note(&mut self, partition: usize, active: &mut ActiveHosts) {
        for active in [&mut active.sources, &mut active.targets] {
            self.busy.clear();
            self.busy.extend(active.busy());
            active.choose();
            for (slot, hash) in active.places.drain(..) {
                let place = (partition, slot);
                match self.places.entry(hash) {
                    Place::Vacant(vacant) => {
                        vacant.insert(self.hosts.len());
                        let partitions = 1 << partition;
                        self.hosts.push(Candidate { hash, partitions, packets: 1, places: [place, place] });
                    }
                    Place::Occupied(known) => {
                        let host = &mut self.hosts[*known.get()];
                        host.partitions |= 1 << partition;
                        host.packets = host.packets.saturating_add(1);
                        host.places[1] = place;
                    }
                }
            }
            for hash in &self.busy {
                if let Some(place) = self.places.get(hash) {
                    let packets = &mut self.hosts[*place].packets;
                    *packets = packets.saturating_add(BUSY_PACKETS);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Sizes, active::Turn};

    #[test]
    fn who_is_busy_or_active_in_many_places_is_chosen_first_and_nobody_twice() {
        let mut partitions: Vec<Partition> =
            (0..16).map(|_| Partition::new(&Sizes::all(16)).unwrap()).collect();
        let mut note = |partition: usize, turn, hash: u64| {
            let active = &mut partitions[partition].active.hosts.sources;
            active.add(turn, Slot::at(hash as usize), || hash);
        };
        const QUIET: u64 = 40_000;
        (0..QUIET).for_each(|hash| note(hash as usize % 16, Turn::First, hash));
        // The last ones: one sends much in one partition, one a little in four, one in three.
        note(2, Turn::First, QUIET);
        note(2, Turn::Busy, QUIET);
        (0..4).for_each(|partition| note(partition, Turn::First, QUIET + 1));
        (0..3).for_each(|partition| note(partition, Turn::First, QUIET + 2));
        let mut candidates = Candidates::default();
        let passed_over = candidates.choose(Kind::Hosts, &mut partitions);
        let chosen: Vec<u64> = candidates.chosen().iter().map(|host| host.hash).collect();
        assert_eq!(chosen.len(), MOST_VISITED);
        assert_eq!(passed_over, QUIET + 3 - MOST_VISITED as u64);
        assert_eq!(chosen[..2], [QUIET + 1, QUIET], "in the order of the partitions");
        assert_eq!(candidates.chosen()[0].partitions, 0b1111);
        assert!(!chosen[2..].contains(&QUIET) && !chosen[2..].contains(&(QUIET + 1)));
        assert_eq!(candidates.choose(Kind::Hosts, &mut partitions), 0, "another tick has begun");
        assert!(candidates.chosen().is_empty());
    }
}
