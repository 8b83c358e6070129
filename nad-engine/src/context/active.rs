//! Which subjects of a kind were active in a tick, and which of them are visited where there are too many.

use std::io;

use super::{
    HOST_IDLE_NS,
    table::{Entry, Slot, Table},
};

/// Subjects of one kind that are visited at a tick's end; more are counted as passed over.
pub(super) const MOST_VISITED: usize = 16_384;
/// Subjects of one kind that a partition notes. That is more than its share, as one partition may have more than others, and a
/// host has peers in several; who is visited is decided over all of them.
const OF_A_PARTITION: usize = MOST_VISITED / 4;

/// Packets in a tick from which on a subject is busy. Forged sources of a flood send a packet or two each.
pub(super) const BUSY_PACKETS: u32 = 4;

/// Subjects ahead of whose turn the memory is asked for their states.
pub(super) const AHEAD: usize = 8;

/// A table of subjects, and which of them were active in this tick.
#[derive(Debug)]
pub(super) struct SubjectTable<S> {
    pub(super) table: Table<S>,
    pub(super) active: Active,
    /// The subject that the last packet counted with, good until the next.
    pub(super) at_hand: Option<Slot>,
}

impl<S: Entry> SubjectTable<S> {
    /// One of at least so many entries.
    pub(super) fn of(entries: usize, active: Active) -> io::Result<Self> {
        Ok(Self { table: Table::new(entries, HOST_IDLE_NS)?, active, at_hand: None })
    }

    /// Visits those that were chosen, as far as they are still there, and begins another tick. With each comes the hash of
    /// one whose turn is soon.
    pub(super) fn visit(&mut self, mut visit: impl FnMut(&mut S, Option<u64>)) {
        for place in 0..self.active.places.len() {
            let (slot, hash) = self.active.places[place];
            let ahead = self.active.places.get(place + AHEAD);
            if let Some((slot, _)) = ahead {
                self.table.prefetch_slot(*slot, size_of::<S>());
            }
            if self.table.holds(slot, hash) {
                visit(self.table.get_mut(slot), ahead.map(|(_, hash)| *hash));
            }
        }
        self.active.places.clear();
    }
}

/// What a packet is among those of its subject in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The first.
    First,
    /// The one, other than the first, with which the subject becomes busy.
    Busy,
    /// Any other.
    Other,
}

impl Turn {
    /// By the packets before it in the tick, where there were any, and with it.
    #[inline]
    pub fn of(is_first: bool, before: u32, with: u32) -> Self {
        if is_first {
            Self::First
        } else if before < BUSY_PACKETS && with >= BUSY_PACKETS {
            Self::Busy
        } else {
            Self::Other
        }
    }
}

/// The subjects of one kind that were active in this tick: by the hash of each, its place in the table.
///
/// A flood from forged sources makes more subjects active than can be visited. Those that send again and again come
/// before those with a packet or two, so the flood hides no scan in the same second.
#[derive(Debug)]
pub(super) struct Active {
    /// How many are noted.
    most: usize,
    pub(super) places: Vec<(Slot, u64)>,
    busy: Vec<(Slot, u64)>,
    /// Subjects for which `places` had no room.
    without_room: u64,
    /// Subjects that were not visited, of all ticks.
    pub(super) passed_over: u64,
}

impl Active {
    /// Subjects of a partition.
    pub(super) fn of_partition() -> Self {
        Self::new(OF_A_PARTITION)
    }

    /// Subjects of the whole network.
    pub(super) fn of_network() -> Self {
        Self::new(MOST_VISITED)
    }

    fn new(most: usize) -> Self {
        Self { most, places: Vec::new(), busy: Vec::new(), without_room: 0, passed_over: 0 }
    }

    /// Notes a packet of a subject.
    #[inline]
    pub(super) fn add(&mut self, turn: Turn, slot: Slot, hash: impl FnOnce() -> u64) {
        match turn {
            Turn::Other => {}
            Turn::First if self.places.len() < self.most => self.places.push((slot, hash())),
            Turn::First => self.without_room += 1,
            Turn::Busy if self.busy.len() < self.most => self.busy.push((slot, hash())),
            Turn::Busy => {}
        }
    }

    /// The hashes of those that are busy, as far as they are noted.
    pub(super) fn busy(&self) -> impl Iterator<Item = u64> {
        self.busy.iter().map(|(_, hash)| *hash)
    }

    /// How many there are, as far as they are noted.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Decides who is visited of all that are noted, now that the tick is over.
    pub(super) fn choose(&mut self) {
        self.choose_at_most(self.most);
    }

    /// The same where no more than so many may be visited.
    pub(super) fn choose_at_most(&mut self, most: usize) {
        if self.without_room > 0 || self.places.len() > most {
            let all = self.places.len() as u64 + self.without_room;
            // Busy ones first, and nobody twice. Hashes are keyed, so nobody can have another's.
            let mut busy: Vec<u64> = self.busy.iter().map(|(_, hash)| *hash).collect();
            busy.sort_unstable();
            let firsts = std::mem::replace(&mut self.places, std::mem::take(&mut self.busy));
            let rest = firsts.into_iter().filter(|(_, hash)| busy.binary_search(hash).is_err());
            let room = most.saturating_sub(self.places.len());
            self.places.extend(rest.take(room));
            self.places.truncate(most);
            self.passed_over += all.saturating_sub(self.places.len() as u64);
        }
        self.busy.clear();
        self.without_room = 0;
    }
}

/// How many of each partition are visited, of the numbers that are there: all where there is room for all, or else as many of
/// each as can be the same.
pub(super) fn shares(numbers: &[usize]) -> usize {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut room = MOST_VISITED;
    for (place, number) in sorted.iter().enumerate() {
        let share = room / (sorted.len() - place);
        if *number > share {
            return share;
        }
        room -= number;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(packets: &[u32]) -> Vec<Turn> {
        let mut sum = 0;
        let turn = |(place, more): (usize, &u32)| {
            let before = sum;
            sum += more;
            Turn::of(place == 0, before, sum)
        };
        packets.iter().enumerate().map(turn).collect()
    }

    #[test]
    fn a_subject_begins_once_and_becomes_busy_once() {
        use Turn::{Busy, First, Other};
        assert_eq!(turns(&[1, 1, 1, 1, 1]), [First, Other, Other, Busy, Other]);
        assert_eq!(turns(&[1, 9, 1]), [First, Busy, Other]);
        assert_eq!(turns(&[9, 1]), [First, Other], "it was the first packet that stood for many");
    }

    #[test]
    fn who_sends_again_is_visited_where_there_are_too_many_and_nobody_twice() {
        let slot = |number: usize| Slot::at(number);
        let mut active = Active::of_network();
        for number in 0..MOST_VISITED + 1000 {
            active.add(Turn::First, slot(number), || number as u64);
        }
        let busy = [5, MOST_VISITED + 7, MOST_VISITED + 999];
        for number in busy {
            active.add(Turn::Busy, slot(number), || number as u64);
        }
        active.choose();
        assert_eq!(active.places.len(), MOST_VISITED);
        assert_eq!(active.passed_over, 1000);
        for number in busy {
            assert_eq!(
                active.places.iter().filter(|(_, hash)| *hash == number as u64).count(),
                1,
                "{number}"
            );
        }
    }

    #[test]
    fn one_busy_partition_takes_what_others_leave_and_no_more() {
        assert_eq!(shares(&[1, 2, 3]), usize::MAX);
        assert_eq!(shares(&[MOST_VISITED]), usize::MAX);
        assert_eq!(shares(&[10, MOST_VISITED]), MOST_VISITED - 10);
        assert_eq!(shares(&[MOST_VISITED, MOST_VISITED, 4]), (MOST_VISITED - 4) / 2);
        let mut active = Active::of_partition();
        (0..100).for_each(|number| active.add(Turn::First, Slot::at(number), || number as u64));
        active.add(Turn::Busy, Slot::at(77), || 77);
        active.choose_at_most(3);
        assert_eq!(active.places.iter().map(|(_, hash)| *hash).collect::<Vec<_>>(), [77, 0, 1]);
        assert_eq!(active.passed_over, 97);
    }

    #[test]
    fn all_are_visited_in_their_order_where_there_is_room() {
        let mut active = Active::of_network();
        for number in [3, 1, 2] {
            active.add(Turn::First, Slot::at(number), || number as u64);
        }
        active.add(Turn::Busy, Slot::at(2), || 2);
        active.choose();
        assert_eq!(active.places.iter().map(|(_, hash)| *hash).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!(active.passed_over, 0);
    }
}
