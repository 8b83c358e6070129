//! A table's entries, to be gone on with in a later run.
//!
//! Most words of an entry are zero: of sketches, of IPv4 addresses, of counts. So each is written as a bit for each of its words
//! and the words that are not zero.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    BUCKET, Entry, Hashed, Table, TableCounts,
    bucket::{Choice, Mark, age},
};

/// An entry that outlives a run.
pub trait Lasting: Entry {
    /// What its table is called where a state is refused.
    const NAME: &'static str;
    /// Entries of a table that are kept at most: those that were asked for last.
    const MOST: usize;

    /// Whether it is one that a sensor has at this moment of sensor time.
    fn is_sound(&self, now_ns: u64) -> bool;
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTable<V> {
    /// What the table knows of each entry.
    marks: Vec<Mark>,
    values: Vec<V>,
}

impl<V> KeptTable<V> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

impl<V: Lasting> KeptTable<V> {
    /// Why it can't be gone on with at this moment of sensor time.
    pub(crate) fn check(&self, now_ns: u64) -> Result<(), String> {
        let name = V::NAME;
        if self.marks.len() != self.values.len() || self.values.len() > V::MOST {
            return Err(format!(
                "of {name} it has {} entries at {} places, and {} are the most",
                self.values.len(),
                self.marks.len(),
                V::MOST
            ));
        }
        let unsound = self.marks.iter().zip(&self.values).position(|(mark, value)| {
            // A hash of 0 marks a free place.
            mark.hash == 0 || !value.is_sound(now_ns)
        });
        unsound.map_or(Ok(()), |place| Err(format!("entry {place} of {name} is none that a sensor has")))
    }
}

impl<V: Lasting> Table<V> {
    /// Its entries at a moment, by the clock that they were asked for by.
    pub(crate) fn keep(&self, now_ns: u64) -> KeptTable<V> {
        let most_age = self.most_age(now_ns);
        let room = V::MOST.min(self.used as usize);
        let mut kept = KeptTable { marks: Vec::with_capacity(room), values: Vec::with_capacity(room) };
        for bucket in self.buckets.iter() {
            for place in 0..BUCKET {
                let mark = bucket.mark(place);
                if mark.hash == 0 || age(now_ns, mark.stamp) > most_age || kept.values.len() >= V::MOST {
                    continue;
                }
                kept.marks.push(mark);
                kept.values.push(self.values[bucket.values[place] as usize - 1]);
            }
        }
        kept
    }

    /// Takes up entries of an earlier run. Where there is less room than there was, those that were asked for last stay.
    pub(crate) fn resume(&mut self, kept: &KeptTable<V>, now_ns: u64) {
        for (mark, value) in kept.marks.iter().zip(&kept.values) {
            let wanted = Hashed { hash: mark.hash, key: value.key() };
            if self.find(&wanted).is_some() {
                continue;
            }
            let index = self.bucket(mark.hash);
            if let Choice::Evict { place, .. } =
                self.buckets[index].choose(mark.group(), &self.quotas, now_ns)
                && age(now_ns, self.buckets[index].stamps[place]) <= age(now_ns, mark.stamp)
            {
                continue;
            }
            if let Some(slot) = self.make_room(&wanted, mark.group(), now_ns).slot() {
                *self.get_mut(slot) = *value;
                self.buckets[slot.bucket()].set_mark(slot.place(), mark);
            }
        }
        // Nobody was refused or lost in this run.
        self.counts = TableCounts::default();
    }

    /// How long ago, in steps of stamps, the last of those was asked for that are kept.
    fn most_age(&self, now_ns: u64) -> u32 {
        if self.used as usize <= V::MOST {
            return u32::MAX;
        }
        let marks = self.buckets.iter().flat_map(|bucket| (0..BUCKET).map(|place| bucket.mark(place)));
        let mut ages: Vec<u32> =
            marks.filter(|mark| mark.hash != 0).map(|mark| age(now_ns, mark.stamp)).collect();
        *ages.select_nth_unstable(V::MOST - 1).1
    }
}

/// What is in a state file.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    /// Bytes of an entry.
    size: u32,
    entries: u32,
    #[serde(borrow)]
    marks: Bytes<'a>,
    #[serde(borrow)]
    values: Bytes<'a>,
}

/// Bytes as one, which a sequence of them would take long to be.
struct Bytes<'a>(std::borrow::Cow<'a, [u8]>);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(|bytes| Self(bytes.into()))
    }
}

impl<V: Lasting> Serialize for KeptTable<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = Stored {
            size: size_of::<V>() as u32,
            entries: self.values.len() as u32,
            marks: Bytes(pack(&self.marks).into()),
            values: Bytes(pack(&self.values).into()),
        };
        stored.serialize(serializer)
    }
}

impl<'de, V: Lasting> Deserialize<'de> for KeptTable<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let entries = stored.entries as usize;
        if stored.size as usize != size_of::<V>() || entries > V::MOST {
            return Err(D::Error::custom(format_args!(
                "{} has {entries} entries of {} bytes",
                V::NAME,
                stored.size
            )));
        }
        let unpacked = unpack(&stored.marks.0, entries).zip(unpack(&stored.values.0, entries));
        let (marks, values) =
            unpacked.ok_or_else(|| D::Error::custom(format_args!("{} is cut off", V::NAME)))?;
        Ok(Self { marks, values })
    }
}

const WORD: usize = size_of::<u32>();

/// Words of a value, and bytes that have a bit for each of them.
const fn shape<T>() -> (usize, usize) {
    let words = size_of::<T>() / WORD;
    (words, words.div_ceil(8))
}

/// Values without their zeros.
pub(crate) fn pack<T: Pod>(values: &[T]) -> Vec<u8> {
    const { assert!(size_of::<T>().is_multiple_of(WORD)) };
    let (_, mask_bytes) = shape::<T>();
    let mut packed = Vec::with_capacity(values.len() * (mask_bytes + size_of::<T>() / 2));
    for value in values {
        let mask_at = packed.len();
        packed.resize(mask_at + mask_bytes, 0);
        for (place, word) in bytemuck::bytes_of(value).chunks_exact(WORD).enumerate() {
            if word != [0; WORD] {
                packed[mask_at + place / 8] |= 1 << (place % 8);
                packed.extend_from_slice(word);
            }
        }
    }
    packed
}

/// So many values of what [`pack`] gave; nothing where it has fewer or more.
pub(crate) fn unpack<T: Pod + Zeroable>(mut packed: &[u8], count: usize) -> Option<Vec<T>> {
    let (words, mask_bytes) = shape::<T>();
    // No more than there can be of so many bytes.
    let mut values = Vec::with_capacity(count.min(packed.len() / mask_bytes.max(1)));
    for _ in 0..count {
        let (mask, rest) = packed.split_at_checked(mask_bytes)?;
        packed = rest;
        let mut value = T::zeroed();
        let bytes = bytemuck::bytes_of_mut(&mut value);
        for place in (0..words).filter(|place| mask[place / 8] & 1 << (place % 8) != 0) {
            let (word, rest) = packed.split_at_checked(WORD)?;
            bytes[place * WORD..][..WORD].copy_from_slice(word);
            packed = rest;
        }
        values.push(value);
    }
    packed.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{hash::HashKey, host_key::HostKey, table::Group};

    const SECOND: u64 = 1_000_000_000;
    const MOST: usize = 100;

    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
    struct Counted {
        key: HostKey,
        count: u64,
        is_real: u64,
    }

    impl Entry for Counted {
        type Key = HostKey;

        fn key(&self) -> HostKey {
            self.key
        }

        fn begin(key: HostKey) -> Self {
            Self { key, ..Self::zeroed() }
        }

        fn is_real(&self) -> bool {
            self.is_real != 0
        }
    }

    impl Lasting for Counted {
        const NAME: &'static str = "counts";
        const MOST: usize = MOST;

        fn is_sound(&self, _: u64) -> bool {
            self.count < 1000
        }
    }

    fn hashed(number: u16) -> Hashed<HostKey> {
        let [high, low] = number.to_be_bytes();
        HostKey::v4([10, 0, high, low]).hashed(&HashKey::from_seed(1))
    }

    /// One of entries that were asked for one after the other.
    fn table(entries: u16, capacity: usize) -> Table<Counted> {
        let mut table = Table::new(capacity, 3600 * SECOND).unwrap();
        for number in 0..entries {
            let slot =
                table.enter(&hashed(number), Group::default, (100 + u64::from(number)) * SECOND).slot();
            let slot = slot.unwrap();
            let entry: &mut Counted = table.get_mut(slot);
            (entry.count, entry.is_real) = (number.into(), u64::from(number % 3 == 0));
            table.confirm(slot);
        }
        table
    }

    fn counts(table: &Table<Counted>) -> Vec<u64> {
        let mut counts: Vec<u64> = table.iter().map(|(_, value)| value.count).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn what_is_kept_is_there_again_and_as_real_and_as_old_as_it_was() {
        let before = table(60, 256);
        let now_ns = 1000 * SECOND;
        let kept = before.keep(now_ns);
        let bytes = postcard::to_allocvec(&kept).unwrap();
        let read: KeptTable<Counted> = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read, kept);
        read.check(now_ns).unwrap();
        let mut after = Table::<Counted>::new(256, 3600 * SECOND).unwrap();
        after.resume(&read, now_ns);
        assert_eq!(counts(&after), (0..60).collect::<Vec<_>>());
        assert_eq!(after.keep(now_ns), kept, "place for place");
        assert_eq!(after.counts, TableCounts::default());
        after.resume(&read, now_ns);
        assert_eq!(counts(&after).len(), 60, "none is there twice");
    }

    #[test]
    fn of_too_many_those_that_were_asked_for_last_are_kept_and_of_too_little_room_they_get_it() {
        let now_ns = 1000 * SECOND;
        let kept = table(300, 2048).keep(now_ns);
        assert_eq!(kept.len(), MOST);
        assert!(kept.values.iter().all(|value| value.count >= 200), "{:?}", kept.values);
        let mut small = Table::<Counted>::new(16, 3600 * SECOND).unwrap();
        small.resume(&kept, now_ns);
        let left = counts(&small);
        assert!(
            (8..=16).contains(&left.len()) && left.iter().sum::<u64>() / left.len() as u64 > 250,
            "{left:?}"
        );
    }

    #[test]
    fn what_is_cut_or_changed_is_refused_and_never_more_than_there_can_be() {
        let now_ns = 1000 * SECOND;
        let kept = table(20, 64).keep(now_ns);
        let bytes = postcard::to_allocvec(&kept).unwrap();
        for length in 0..bytes.len() {
            assert!(postcard::from_bytes::<KeptTable<Counted>>(&bytes[..length]).is_err(), "{length}");
        }
        let refused = |harm: &dyn Fn(&mut KeptTable<Counted>)| {
            let mut harmed = kept.clone();
            harm(&mut harmed);
            harmed.check(now_ns).unwrap_err()
        };
        assert!(refused(&|kept| kept.values[3].count = 1000).contains("entry 3 of counts"));
        assert!(refused(&|kept| kept.marks[0].hash = 0).contains("entry 0 of counts"));
        assert!(refused(&|kept| _ = kept.marks.pop()).contains("20 entries at 19 places"));
        let stored = |entries, size| {
            let (marks, values) = (Bytes(Vec::new().into()), Bytes(Vec::new().into()));
            postcard::to_allocvec(&Stored { size, entries, marks, values }).unwrap()
        };
        for (entries, size) in [(u32::MAX, 32), (1, 32), (0, 40), (MOST as u32, 32)] {
            let bytes = stored(entries, size);
            assert!(postcard::from_bytes::<KeptTable<Counted>>(&bytes).is_err(), "{entries} of {size}");
        }
    }
}
