//! A bounded table: buckets of eight, and an admission that a flood of newcomers can't overrun.
//!
//! A bucket's eight hashes fill one cache line, and when each was last asked for stands on the next; the values lie
//! apart from them, in huge pages where the kernel gives them. An entry is identified by its 64-bit hash alone: among a
//! million entries the odds of two that share one are one in 37 million.
//!
//! **When a bucket is full**, a newcomer takes the place of the entry that has been idle longest among those not
//! known to be real, or of one idle past the table's limit. Where all eight are real and busy it is refused, and
//! whoever asked goes on without a state. So forged sources, which never become real, displace only each other. To
//! choose, no value is looked at: a flood costs a bucket's two lines a newcomer.

use bytemuck::{Pod, Zeroable};
use memmap2::{Advice, MmapMut};

/// What a table holds.
pub trait Entry: Pod {
    /// Whether both sides were heard, so that it can't be a forgery.
    fn is_real(&self) -> bool;
}

const BUCKET: usize = 8;
/// Stamps count 2^24 ns, 17 ms, and go round once in a year and two months.
const STAMP_SHIFT: u32 = 24;
const STAMP_MASK: u32 = u32::MAX >> 1;

/// Eight entries' hashes in halves, both 0 where there is none, and stamps: when each was last asked for, and in the
/// lowest bit whether it was known to be real then.
#[repr(C, align(128))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Bucket {
    low: [u32; BUCKET],
    high: [u32; BUCKET],
    stamps: [u32; BUCKET],
    padding: [u64; 4],
}

impl Bucket {
    /// The first place of a hash, found without branching: which one it is can't be foretold.
    #[inline]
    fn place_of(&self, hash: u64) -> Option<usize> {
        let found = self.matches(hash as u32, (hash >> 32) as u32);
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    /// A bit for each place that has both halves.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn matches(&self, low: u32, high: u32) -> u32 {
        use std::arch::x86_64::{
            __m128i, _mm_and_si128, _mm_cmpeq_epi32, _mm_load_si128, _mm_movemask_epi8, _mm_packs_epi16,
            _mm_packs_epi32, _mm_set1_epi32, _mm_setzero_si128,
        };
        // SAFETY: every x86-64 has SSE2, and the arrays lie at multiples of 16 bytes.
        unsafe {
            let both = |first: usize| {
                let half = |words: &[u32; BUCKET], word: u32| {
                    let words = _mm_load_si128(words[first..].as_ptr().cast::<__m128i>());
                    _mm_cmpeq_epi32(words, _mm_set1_epi32(word.cast_signed()))
                };
                _mm_and_si128(half(&self.low, low), half(&self.high, high))
            };
            let words = _mm_packs_epi32(both(0), both(4));
            _mm_movemask_epi8(_mm_packs_epi16(words, _mm_setzero_si128())).cast_unsigned()
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    fn matches(&self, low: u32, high: u32) -> u32 {
        (0..BUCKET).map(|place| u32::from(self.low[place] == low && self.high[place] == high) << place).sum()
    }

    fn hashes(self) -> impl Iterator<Item = u64> {
        (0..BUCKET).map(move |place| self.hash(place))
    }

    fn hash(&self, place: usize) -> u64 {
        u64::from(self.high[place]) << 32 | u64::from(self.low[place])
    }
}

/// Bytes that come from the memory together.
const LINE: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct Table<V> {
    buckets: MmapMut,
    values: MmapMut,
    mask: usize,
    idle_stamps: u32,
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
    /// A table of at least `capacity` entries; one that was not asked for in `idle_ns` may go at any time.
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
            buckets: map(buckets * size_of::<Bucket>())?,
            values: map(buckets * BUCKET * size_of::<V>())?,
            mask: buckets - 1,
            idle_stamps: (idle_ns >> STAMP_SHIFT).min(u64::from(STAMP_MASK)) as u32,
            counts: TableCounts::default(),
            kind: std::marker::PhantomData,
        })
    }

    /// Asks the memory for the bucket of a hash that is looked up soon.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let bucket = &self.buckets()[self.bucket(hash)];
        prefetch(&bucket.low);
        prefetch(&bucket.stamps);
    }

    /// Asks the memory for the first `bytes` of the value of a hash, whose bucket should be there by now. Whether it
    /// has one.
    #[inline]
    pub fn prefetch_value(&self, hash: u64, bytes: usize) -> bool {
        let Some(slot) = self.find(hash) else { return false };
        let value = bytemuck::bytes_of(self.get(slot));
        value[..bytes.min(value.len())].iter().step_by(LINE).for_each(prefetch);
        true
    }

    /// Asks the memory for the value at a place, and for whose it is.
    #[inline]
    pub fn prefetch_slot(&self, slot: Slot) {
        prefetch(&self.buckets()[slot.0 / BUCKET].low);
        bytemuck::bytes_of(self.get(slot)).iter().step_by(LINE).for_each(prefetch);
    }

    /// The place of a hash, where it has one.
    #[inline]
    pub fn find(&self, hash: u64) -> Option<Slot> {
        let bucket = self.bucket(hash);
        self.buckets()[bucket].place_of(hash).map(|place| Slot(bucket * BUCKET + place))
    }

    /// The place of a hash, a new and zeroed one where it has none yet; `None` where it is refused one.
    #[inline]
    pub fn enter(&mut self, hash: u64, now_ns: u64) -> Option<Slot> {
        let Some(slot) = self.find(hash) else { return self.make_room(hash, now_ns) };
        let is_real = self.get(slot).is_real();
        self.buckets_mut()[slot.0 / BUCKET].stamps[slot.0 % BUCKET] = stamp(now_ns) | u32::from(is_real);
        Some(slot)
    }

    /// Notes that an entry is known to be real by now, where it is; otherwise that is noted when it is next asked for.
    #[inline]
    pub fn confirm(&mut self, slot: Slot) {
        let is_real = self.get(slot).is_real();
        self.buckets_mut()[slot.0 / BUCKET].stamps[slot.0 % BUCKET] |= u32::from(is_real);
    }

    /// Whether a place still belongs to a hash.
    pub fn holds(&self, slot: Slot, hash: u64) -> bool {
        self.buckets()[slot.0 / BUCKET].hash(slot.0 % BUCKET) == hash
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
        let hashes = self.buckets().iter().flat_map(|bucket| bucket.hashes());
        hashes.zip(self.values()).filter(|(hash, _)| *hash != 0)
    }

    /// Changes every entry.
    pub fn for_each_mut(&mut self, mut change: impl FnMut(&mut V)) {
        let buckets: &[Bucket] = bytemuck::cast_slice(&self.buckets);
        let values = bytemuck::cast_slice_mut::<u8, V>(&mut self.values);
        let hashes = buckets.iter().flat_map(|bucket| bucket.hashes());
        hashes.zip(values).filter(|(hash, _)| *hash != 0).for_each(|(_, value)| change(value));
    }

    /// What became of those who wanted an entry.
    pub fn counts(&self) -> TableCounts {
        self.counts
    }

    /// Entries that there is room for.
    pub fn capacity(&self) -> usize {
        (self.mask + 1) * BUCKET
    }

    /// What it lies in.
    pub fn memory(&self) -> [&[u8]; 2] {
        [&self.buckets, &self.values]
    }

    /// Bytes of address space that it takes when it is full.
    pub fn bytes(&self) -> usize {
        self.buckets.len() + self.values.len()
    }

    fn make_room(&mut self, hash: u64, now_ns: u64) -> Option<Slot> {
        let index = self.bucket(hash);
        let bucket = &self.buckets()[index];
        if let Some(place) = bucket.place_of(0) {
            return Some(self.occupy(index, place, hash, now_ns));
        }
        let now = stamp(now_ns);
        // A step backwards is no age; what is close to a whole round old is one.
        let age = |stamp: u32| {
            let age = (now.wrapping_sub(stamp) >> 1) & STAMP_MASK;
            if age > STAMP_MASK / 2 { 0 } else { age }
        };
        let may_go = |stamp: u32| stamp & 1 == 0 || age(stamp) > self.idle_stamps;
        let candidates = bucket.stamps.iter().enumerate().filter(|(_, stamp)| may_go(**stamp));
        // Of equals the first.
        let oldest = candidates.rev().max_by_key(|(_, stamp)| age(**stamp));
        let Some((place, stamp)) = oldest else {
            self.counts.refused += 1;
            return None;
        };
        self.counts.evicted += u64::from(age(*stamp) <= self.idle_stamps);
        Some(self.occupy(index, place, hash, now_ns))
    }

    fn occupy(&mut self, bucket: usize, place: usize, hash: u64, now_ns: u64) -> Slot {
        self.counts.entered += 1;
        let slot = Slot(bucket * BUCKET + place);
        let bucket = &mut self.buckets_mut()[bucket];
        (bucket.low[place], bucket.high[place]) = (hash as u32, (hash >> 32) as u32);
        bucket.stamps[place] = stamp(now_ns);
        *self.get_mut(slot) = V::zeroed();
        slot
    }

    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        // The low bits choose bits in sketches; the high ones a bucket.
        (hash >> 32) as usize & self.mask
    }

    #[inline]
    fn buckets(&self) -> &[Bucket] {
        bytemuck::cast_slice(&self.buckets)
    }

    #[inline]
    fn buckets_mut(&mut self) -> &mut [Bucket] {
        bytemuck::cast_slice_mut(&mut self.buckets)
    }

    #[inline]
    fn values(&self) -> &[V] {
        bytemuck::cast_slice(&self.values)
    }
}

#[inline]
fn stamp(now_ns: u64) -> u32 {
    ((now_ns >> STAMP_SHIFT) as u32) << 1
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
        fn is_real(&self) -> bool {
            self.is_real == 1
        }
    }

    /// Nanoseconds of a stamp's step.
    const STEP: u64 = 1 << STAMP_SHIFT;

    fn touch(table: &mut Table<Host>, hash: u64, now: u64, is_real: u64) -> bool {
        let slot = table.enter(hash, now);
        if let Some(slot) = slot {
            *table.get_mut(slot) = Host { last_ns: now, is_real };
            table.confirm(slot);
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
    fn a_real_entry_that_was_idle_for_long_makes_room_and_the_one_idle_for_longest_first() {
        let mut table = Table::new(8, 100 * STEP).unwrap();
        for i in 0..8 {
            touch(&mut table, i + 1, i * STEP, 1);
        }
        assert!(!touch(&mut table, 100, 50 * STEP, 0), "all are real and busy");
        assert!(
            touch(&mut table, 100, 103 * STEP, 0),
            "the first three have been idle for more than 100 steps"
        );
        assert_eq!((table.find(1), table.find(2).is_some()), (None, true));
        assert_eq!(table.counts(), TableCounts { entered: 9, evicted: 0, refused: 1 });
    }

    #[test]
    fn a_clock_that_goes_back_or_round_makes_nobody_old() {
        let round = u64::from(STAMP_MASK) + 1;
        for (then, now) in [(1_000, 900), (round - 50, round + 40)] {
            let mut table = Table::new(8, 100 * STEP).unwrap();
            for i in 0..8 {
                touch(&mut table, i + 1, then * STEP, 1);
            }
            assert!(!touch(&mut table, 100, now * STEP, 0), "nobody has been idle for 100 steps");
        }
    }
}
