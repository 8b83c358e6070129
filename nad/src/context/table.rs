//! A bounded table: buckets of eight, and an admission that a flood of newcomers can't overrun.
//!
//! A bucket's eight hashes fill one cache line; its values lie apart from them, in huge pages where the kernel
//! gives them. An entry is identified by its 64-bit hash alone: among a million entries the odds of two that
//! share one are one in 37 million.
//!
//! **When a bucket is full**, a newcomer takes the place of the entry that has been idle longest among those not
//! known to be real, or of one idle past the table's limit. Where all eight are real and busy it is refused, and
//! whoever asked goes on without a state. So forged sources, which never become real, displace only each other.

use bytemuck::Pod;
use memmap2::{Advice, MmapMut};

/// What a table holds.
pub trait Entry: Pod {
    /// When it was last touched, in nanoseconds.
    fn last_ns(&self) -> u64;

    /// Whether both sides were heard, so that it can't be a forgery.
    fn is_real(&self) -> bool;
}

const BUCKET: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct Table<V> {
    hashes: MmapMut,
    values: MmapMut,
    mask: usize,
    idle_ns: u64,
    counts: TableCounts,
    kind: std::marker::PhantomData<V>,
}

/// What became of those who wanted an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Entries made.
    pub entered: u64,
    /// Entries that had to leave before they were idle for long.
    pub evicted: u64,
    /// Newcomers for whom no entry would leave.
    pub refused: u64,
}

/// A place in a table, good until the next [`Table::enter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

impl<V: Entry> Table<V> {
    /// A table of at least `capacity` entries; one that was not touched for `idle_ns` may go at any time.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn new(capacity: usize, idle_ns: u64) -> std::io::Result<Self> {
        let buckets = capacity.div_ceil(BUCKET).next_power_of_two();
        let map = |bytes: usize| {
            let map = MmapMut::map_anon(bytes)?;
            // A kernel without huge pages gives small ones.
            let _ = map.advise(Advice::HugePage);
            Ok::<_, std::io::Error>(map)
        };
        Ok(Self {
            hashes: map(buckets * BUCKET * size_of::<u64>())?,
            values: map(buckets * BUCKET * size_of::<V>())?,
            mask: buckets - 1,
            idle_ns,
            counts: TableCounts::default(),
            kind: std::marker::PhantomData,
        })
    }

    /// Asks the memory for the bucket of a hash that is looked up soon.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let bucket = self.bucket(hash);
        prefetch(&self.hashes()[bucket]);
        prefetch(&self.values()[bucket]);
    }

    /// The place of a hash, where it has one.
    #[inline]
    pub fn find(&self, hash: u64) -> Option<Slot> {
        let bucket = self.bucket(hash);
        let hashes = &self.hashes()[bucket..bucket + BUCKET];
        hashes.iter().position(|found| *found == hash).map(|place| Slot(bucket + place))
    }

    /// The place of a hash, a new and zeroed one where it has none yet; `None` where it is refused one.
    #[inline]
    pub fn enter(&mut self, hash: u64, now_ns: u64) -> Option<Slot> {
        match self.find(hash) {
            Some(slot) => Some(slot),
            None => self.make_room(hash, now_ns),
        }
    }

    /// Whether a place still belongs to a hash.
    pub fn holds(&self, slot: Slot, hash: u64) -> bool {
        self.hashes()[slot.0] == hash
    }

    /// The value at a place.
    #[inline]
    pub fn get(&self, slot: Slot) -> &V {
        &self.values()[slot.0]
    }

    /// The value at a place, to be changed.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut V {
        &mut bytemuck::cast_slice_mut::<u8, V>(&mut self.values)[slot.0]
    }

    /// Every entry with its hash.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.hashes().iter().copied().zip(self.values()).filter(|(hash, _)| *hash != 0)
    }

    /// Changes every entry.
    pub fn for_each_mut(&mut self, mut change: impl FnMut(&mut V)) {
        let hashes: &[u64] = bytemuck::cast_slice(&self.hashes);
        let values = bytemuck::cast_slice_mut::<u8, V>(&mut self.values);
        hashes.iter().zip(values).filter(|(hash, _)| **hash != 0).for_each(|(_, value)| change(value));
    }

    /// What became of those who wanted an entry.
    pub fn counts(&self) -> TableCounts {
        self.counts
    }

    /// Entries that there is room for.
    pub fn capacity(&self) -> usize {
        (self.mask + 1) * BUCKET
    }

    /// Bytes of address space that it takes when it is full.
    pub fn bytes(&self) -> usize {
        self.hashes.len() + self.values.len()
    }

    #[cold]
    fn make_room(&mut self, hash: u64, now_ns: u64) -> Option<Slot> {
        let bucket = self.bucket(hash);
        let mut victim = None;
        let mut oldest = u64::MAX;
        for place in bucket..bucket + BUCKET {
            if self.hashes()[place] == 0 {
                return Some(self.occupy(place, hash));
            }
            let entry = &self.values()[place];
            let is_idle = now_ns.saturating_sub(entry.last_ns()) > self.idle_ns;
            if (is_idle || !entry.is_real()) && entry.last_ns() < oldest {
                oldest = entry.last_ns();
                victim = Some((place, is_idle));
            }
        }
        let Some((place, is_idle)) = victim else {
            self.counts.refused += 1;
            return None;
        };
        self.counts.evicted += u64::from(!is_idle);
        Some(self.occupy(place, hash))
    }

    fn occupy(&mut self, place: usize, hash: u64) -> Slot {
        self.counts.entered += 1;
        bytemuck::cast_slice_mut::<u8, u64>(&mut self.hashes)[place] = hash;
        *self.get_mut(Slot(place)) = V::zeroed();
        Slot(place)
    }

    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        // The low bits choose bits in sketches; the high ones a bucket.
        ((hash >> 32) as usize & self.mask) * BUCKET
    }

    #[inline]
    fn hashes(&self) -> &[u64] {
        bytemuck::cast_slice(&self.hashes)
    }

    #[inline]
    fn values(&self) -> &[V] {
        bytemuck::cast_slice(&self.values)
    }
}

#[inline]
fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; any address is allowed, and this one is valid.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::context::hash::mix;

    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
    struct Host {
        last_ns: u64,
        is_real: u64,
    }

    impl Entry for Host {
        fn last_ns(&self) -> u64 {
            self.last_ns
        }

        fn is_real(&self) -> bool {
            self.is_real == 1
        }
    }

    fn touch(table: &mut Table<Host>, hash: u64, now: u64, is_real: u64) -> bool {
        let slot = table.enter(hash, now);
        if let Some(slot) = slot {
            *table.get_mut(slot) = Host { last_ns: now, is_real };
        }
        slot.is_some()
    }

    #[test]
    fn what_went_in_is_found_and_nothing_else() {
        let mut table = Table::new(1024, 1000).unwrap();
        assert_eq!(table.capacity(), 1024);
        for i in 0..200 {
            assert!(touch(&mut table, mix(i, 5), i, 0));
        }
        for i in 0..200 {
            assert_eq!(table.get(table.find(mix(i, 5)).unwrap()).last_ns, i);
        }
        assert_eq!(table.find(mix(7777, 5)), None);
        assert_eq!(table.counts(), TableCounts { entered: 200, evicted: 0, refused: 0 });
    }

    #[test]
    fn a_flood_of_a_million_forgeries_leaves_every_real_entry_in_place() {
        let mut table = Table::new(4096, u64::MAX).unwrap();
        for i in 0..1000 {
            touch(&mut table, mix(i, 1), 10, 1);
        }
        for i in 0..1_000_000 {
            touch(&mut table, mix(i, 2), 20 + i, 0);
        }
        assert!((0..1000).all(|i| table.find(mix(i, 1)).is_some()));
        let counts = table.counts();
        assert_eq!(counts.entered + counts.refused, 1_001_000);
        assert!(counts.evicted > 900_000);
    }

    #[test]
    fn a_real_entry_that_was_idle_for_long_makes_room() {
        let mut table = Table::new(8, 100).unwrap();
        for i in 0..8 {
            touch(&mut table, i + 1, i, 1);
        }
        assert!(!touch(&mut table, 100, 50, 0), "all are real and busy");
        assert!(touch(&mut table, 100, 101, 0), "the first has been idle for 101");
        assert_eq!(table.find(1), None);
        assert_eq!(table.counts(), TableCounts { entered: 9, evicted: 0, refused: 1 });
    }
}
