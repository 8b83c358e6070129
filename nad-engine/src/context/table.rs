//! A bounded table: buckets of eight, and an admission that a flood of newcomers can't overrun.
//!
//! A bucket's eight hashes fill one cache line; when each entry was last asked for and where its value is stands on the
//! next, and to which group it belongs, which matters to newcomers only, on a third. The keyed hash finds an entry, and its
//! whole key confirms it. The values lie apart from them, in huge pages where the kernel gives them: each place gets the next
//! one when it is first used, and keeps it, so that memory is taken by the entries that there are and not by those that
//! there is room for.
//!
//! **When a bucket is full**, a newcomer takes the place of the least recently used entry that is not known to be real, or
//! that was idle for longer than the table's limit. Forged sources, which never become real, so displace only each other.
//! Where all eight are real, the least recently used one leaves if it was idle for [`LIVELY_NS`]; otherwise the newcomer
//! is refused and counts with those of its group that have no entry. No network and no MAC address fills a bucket alone:
//! beyond its [quota](Group) a newcomer can only displace entries of its own group. To choose, no value is looked at: a
//! flood costs a bucket's three lines a newcomer.

mod bucket;
mod kept;
mod mapped;
mod prefetch;

use std::num::NonZeroU32;

use bytemuck::Pod;

use super::{hash::HashKey, host_key::HostKey};
use bucket::{BUCKET, Bucket, Choice, Quotas};
pub use kept::{KeptTable, Lasting};
pub(crate) use kept::{pack, unpack};
use mapped::Mapped;
use prefetch::prefetch;
pub use prefetch::prefetch_all;

/// An entry that was used within this time has a state that matters: its loss is counted.
pub const LIVELY_NS: u64 = 10_000_000_000;

/// What a table holds.
pub trait Entry: Pod {
    /// What identifies it.
    type Key: Copy + PartialEq;

    /// Its whole key.
    fn key(&self) -> Self::Key;

    /// The state of a key of which nothing is known yet.
    fn begin(key: Self::Key) -> Self;

    /// Whether both sides were heard, so that it can't be a forgery.
    fn is_real(&self) -> bool;
}

/// What is asked of a table, whatever it holds.
pub trait AnyTable {
    /// What became of those who wanted an entry.
    fn counts(&self) -> TableCounts;

    /// What it lies in.
    fn memory(&self) -> Memory<'_>;

    /// Bytes of address space that it takes when it is full.
    fn bytes(&self) -> usize {
        let Memory { buckets, values } = self.memory();
        buckets.len() + values.len()
    }
}

/// What a table lies in.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a> {
    /// Used all over from the first entries on.
    pub buckets: &'a [u8],
    /// Used from its beginning on, as far as there are entries.
    pub values: &'a [u8],
}

/// A key with its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashed<K> {
    /// The keyed hash; not 0.
    pub hash: u64,
    /// The whole key.
    pub key: K,
}

/// Where a newcomer comes from: hashes of its network and of its MAC address, 16 bits each; 0 where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Group {
    prefix: u16,
    mac: u16,
}

impl Group {
    /// The group of an address and of the MAC address that its packet came from.
    #[inline]
    pub fn of(key: &HashKey, host: HostKey, mac: [u8; 6]) -> Self {
        let tag = |words: [u64; 2]| (key.hash(words) as u16).max(1);
        Self {
            prefix: tag(host.prefix().words()),
            mac: if mac == [0; 6] { 0 } else { tag(HostKey::mac(mac).words()) },
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Table<V> {
    buckets: Mapped<Bucket>,
    values: Mapped<V>,
    /// Values that places have.
    used: u32,
    mask: usize,
    quotas: Quotas,
    counts: TableCounts,
}

/// What became of those who wanted an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Entries made.
    pub entered: u64,
    /// Entries that had to leave before they were idle for long.
    pub evicted: u64,
    /// Of those, the ones that were used in the last ten seconds.
    pub displaced: u64,
    /// Newcomers for whom no entry would leave.
    pub refused: u64,
}

impl TableCounts {
    /// Adds those of another table.
    pub fn add(&mut self, other: &Self) {
        self.entered += other.entered;
        self.evicted += other.evicted;
        self.displaced += other.displaced;
        self.refused += other.refused;
    }

    /// How often a state was lost that still mattered, or not taken up.
    pub fn overruns(&self) -> u64 {
        self.displaced + self.refused
    }
}

/// A place in a table, good until the next [`Table::enter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The bucket's number and the place in it.
    place: u32,
    /// Its value's number, from 1 on.
    value: NonZeroU32,
}

impl Slot {
    #[inline]
    const fn new(bucket: usize, place: usize, value: NonZeroU32) -> Self {
        // There are no more places than fit.
        Self { place: (bucket * BUCKET + place) as u32, value }
    }

    #[inline]
    fn bucket(self) -> usize {
        self.place as usize / BUCKET
    }

    #[inline]
    fn place(self) -> usize {
        self.place as usize % BUCKET
    }

    #[inline]
    fn index(self) -> usize {
        (self.value.get() as usize).wrapping_sub(1)
    }

    #[cfg(test)]
    pub(super) const fn at(place: usize) -> Self {
        Self::new(0, place, NonZeroU32::MIN)
    }
}

/// What became of one who wanted an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It has this one.
    Here(Slot),
    /// It got a new one, for which another had to leave that was used in the last ten seconds.
    Displacing(Slot),
    /// It got none.
    Refused,
}

impl Admission {
    /// The place, where there is one.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Self::Here(slot) | Self::Displacing(slot) => Some(slot),
            Self::Refused => None,
        }
    }

    /// Whether there is not room for all.
    pub fn is_overrun(self) -> bool {
        !matches!(self, Self::Here(_))
    }
}

impl<V: Entry> Table<V> {
    /// A table of at least `capacity` entries; one that was not asked for in `idle_ns` may go at any time.
    ///
    /// # Errors
    ///
    /// When there is not enough memory, or more than 2^31 entries are asked for.
    pub fn new(capacity: usize, idle_ns: u64) -> std::io::Result<Self> {
        const MOST: usize = 1 << 31;
        if capacity > MOST {
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        let buckets = capacity.div_ceil(BUCKET).next_power_of_two();
        Ok(Self {
            buckets: Mapped::new(buckets)?,
            values: Mapped::new(buckets * BUCKET)?,
            used: 0,
            mask: buckets - 1,
            quotas: Quotas::of(idle_ns),
            counts: TableCounts::default(),
        })
    }

    /// Asks the memory for the bucket of a hash that is looked up soon.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let bucket = &self.buckets[self.bucket(hash)];
        prefetch(&bucket.low);
        prefetch(&bucket.stamps);
    }

    /// Asks the memory for the first `bytes` of the value of a hash, whose bucket should be there by now; of one that has
    /// none, for what a newcomer is compared by. Whether it has one.
    #[inline]
    pub fn prefetch_value(&self, hash: u64, bytes: usize) -> bool {
        let bucket = self.bucket(hash);
        let place = self.buckets[bucket].place_of(hash);
        let Some(slot) = place.and_then(|place| self.slot(bucket, place)) else {
            prefetch(&self.buckets[bucket].groups);
            return false;
        };
        self.prefetch_bytes(slot, bytes);
        true
    }

    /// Asks the memory for the first `bytes` of the value at a place, and for whose it is.
    #[inline]
    pub fn prefetch_slot(&self, slot: Slot, bytes: usize) {
        prefetch(&self.buckets[slot.bucket()].low);
        self.prefetch_bytes(slot, bytes);
    }

    /// Asks the memory for the first `bytes` of the value at a place, which is [confirmed](Self::confirm) soon.
    #[inline]
    pub fn prefetch_confirmed(&self, slot: Slot, bytes: usize) {
        prefetch(&self.buckets[slot.bucket()].stamps);
        self.prefetch_bytes(slot, bytes);
    }

    /// The value of a hash, where it has one, to look ahead by: nobody has compared its key.
    #[inline]
    pub fn likely(&self, hash: u64) -> Option<&V> {
        let bucket = self.bucket(hash);
        let place = self.buckets[bucket].place_of(hash)?;
        self.slot(bucket, place).map(|slot| self.get(slot))
    }

    #[inline]
    fn prefetch_bytes(&self, slot: Slot, bytes: usize) {
        let value = bytemuck::bytes_of(self.get(slot));
        prefetch_all(&value[..bytes.min(value.len())]);
    }

    /// The place of a key, where it has one.
    #[inline]
    pub fn find(&self, wanted: &Hashed<V::Key>) -> Option<Slot> {
        let bucket = self.bucket(wanted.hash);
        let places = self.buckets[bucket].places_of(wanted.hash);
        let mut slots = places.filter_map(|place| self.slot(bucket, place));
        slots.find(|slot| self.get(*slot).key() == wanted.key)
    }

    /// The place of a key, a new one where it has none yet; only then its group is asked for.
    #[inline]
    pub fn enter(
        &mut self,
        wanted: &Hashed<V::Key>,
        group: impl FnOnce() -> Group,
        now_ns: u64,
    ) -> Admission {
        let Some(slot) = self.find(wanted) else { return self.make_room(wanted, group(), now_ns) };
        let is_real = self.get(slot).is_real();
        self.buckets[slot.bucket()].touch(slot.place(), is_real, now_ns);
        Admission::Here(slot)
    }

    /// Notes that an entry is known to be real by now, where it is; otherwise that is noted when it is next asked for.
    #[inline]
    pub fn confirm(&mut self, slot: Slot) {
        let is_real = self.get(slot).is_real();
        self.buckets[slot.bucket()].confirm(slot.place(), is_real);
    }

    /// The hash at a place.
    pub fn hash(&self, slot: Slot) -> u64 {
        self.buckets[slot.bucket()].hash(slot.place())
    }

    /// Whether a place still belongs to a hash. Where another key has the same, it is as good.
    pub fn holds(&self, slot: Slot, hash: u64) -> bool {
        self.hash(slot) == hash
    }

    /// The value at a place.
    #[inline]
    pub fn get(&self, slot: Slot) -> &V {
        &self.values[slot.index()]
    }

    /// The value at a place, to be changed.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut V {
        &mut self.values[slot.index()]
    }

    /// Every entry with its hash.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        let places = self.buckets.iter().flat_map(|bucket| bucket.hashes().zip(&bucket.values));
        let entries = places.filter(|(hash, _)| *hash != 0);
        entries.map(|(hash, value)| (hash, &self.values[*value as usize - 1]))
    }

    /// Changes every entry.
    pub fn for_each_mut(&mut self, change: impl FnMut(&mut V)) {
        // A place that was used once has an entry ever after.
        self.values[..self.used as usize].iter_mut().for_each(change);
    }

    /// Entries that there is room for.
    pub fn capacity(&self) -> usize {
        (self.mask + 1) * BUCKET
    }

    fn make_room(&mut self, wanted: &Hashed<V::Key>, group: Group, now_ns: u64) -> Admission {
        let index = self.bucket(wanted.hash);
        let choice = self.buckets[index].choose(group, &self.quotas, now_ns);
        let (place, is_lively) = match choice {
            Choice::Free(place) => (place, false),
            Choice::Evict { place, is_early, is_lively } => {
                self.counts.evicted += u64::from(is_early);
                (place, is_lively)
            }
            Choice::Refuse => {
                self.counts.refused += 1;
                return Admission::Refused;
            }
        };
        self.counts.entered += 1;
        self.counts.displaced += u64::from(is_lively);
        let bucket = &mut self.buckets[index];
        let value = NonZeroU32::new(bucket.values[place]).unwrap_or_else(|| {
            self.used += 1;
            NonZeroU32::MIN.saturating_add(self.used - 1)
        });
        bucket.values[place] = value.get();
        bucket.occupy(place, wanted.hash, group, now_ns);
        let slot = Slot::new(index, place, value);
        *self.get_mut(slot) = V::begin(wanted.key);
        if is_lively { Admission::Displacing(slot) } else { Admission::Here(slot) }
    }

    #[inline]
    fn slot(&self, bucket: usize, place: usize) -> Option<Slot> {
        let value = NonZeroU32::new(self.buckets[bucket].values[place % BUCKET])?;
        Some(Slot::new(bucket, place, value))
    }

    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        // The low bits choose bits in sketches; the high ones a bucket.
        (hash >> 32) as usize & self.mask
    }
}

impl<V: Entry> AnyTable for Table<V> {
    fn counts(&self) -> TableCounts {
        self.counts
    }

    fn memory(&self) -> Memory<'_> {
        Memory { buckets: self.buckets.bytes(), values: self.values.bytes() }
    }
}

#[cfg(test)]
mod tests;
