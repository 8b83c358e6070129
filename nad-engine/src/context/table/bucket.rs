//! Eight places of a table, and which of them a newcomer gets.

use bytemuck::{Pod, Zeroable};

use super::{Group, LIVELY_NS};

/// Places of a bucket.
pub(super) const BUCKET: usize = 8;
/// Entries of a bucket that may be of one network, and that may have come from one MAC address. A router's covers all
/// that lies behind it.
const MOST_OF_PREFIX: usize = 4;
const MOST_OF_MAC: usize = 6;
/// Stamps count 2^24 ns, 17 ms, and go round once in a year and two months.
pub(super) const STAMP_SHIFT: u32 = 24;
pub(super) const STAMP_MASK: u32 = u32::MAX >> 1;

/// Eight entries' hashes in halves, both 0 where there is none, stamps (when each was last asked for, and in the lowest
/// bit whether it was known to be real then), numbers of values, and groups, which only newcomers are compared by.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Bucket {
    pub(super) low: [u32; BUCKET],
    high: [u32; BUCKET],
    pub(super) stamps: [u32; BUCKET],
    /// 0 where a place was never used; it stays with the place.
    pub(super) values: [u32; BUCKET],
    pub(super) groups: Groups,
    rest: [u32; BUCKET],
}

/// Where the entries come from: the network and the MAC address of each.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Groups {
    prefixes: [u16; BUCKET],
    macs: [u16; BUCKET],
}

/// What a table knows of an entry besides its value.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Mark {
    pub(super) hash: u64,
    pub(super) stamp: u32,
    prefix: u16,
    mac: u16,
}

impl Mark {
    pub(super) fn group(&self) -> Group {
        Group { prefix: self.prefix, mac: self.mac }
    }
}

/// After how long an entry may leave, in steps of stamps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quotas {
    idle: u32,
    lively: u32,
}

/// What becomes of a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// A place that nobody has.
    Free(usize),
    /// The place of another.
    Evict {
        /// Which.
        place: usize,
        /// Whether it was used within the table's idle limit.
        is_early: bool,
        /// Whether it was used just now.
        is_lively: bool,
    },
    /// None.
    Refuse,
}

impl Quotas {
    pub(super) fn of(idle_ns: u64) -> Self {
        let steps = |ns: u64| (ns >> STAMP_SHIFT).min(u64::from(STAMP_MASK)) as u32;
        Self { idle: steps(idle_ns), lively: steps(LIVELY_NS.min(idle_ns)) }
    }
}

impl Bucket {
    /// The first place of a hash, found without branching: which one it is can't be foretold.
    #[inline]
    pub(super) fn place_of(&self, hash: u64) -> Option<usize> {
        let found = self.matches(hash as u32, (hash >> 32) as u32);
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    /// Every place of a hash: two keys may have the same.
    #[inline]
    pub(super) fn places_of(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mut found = self.matches(hash as u32, (hash >> 32) as u32);
        std::iter::from_fn(move || {
            let place = (found != 0).then(|| found.trailing_zeros() as usize)?;
            found &= found - 1;
            Some(place)
        })
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

    pub(super) fn hashes(self) -> impl Iterator<Item = u64> {
        (0..BUCKET).map(move |place| self.hash(place))
    }

    pub(super) fn hash(&self, place: usize) -> u64 {
        u64::from(self.high[place]) << 32 | u64::from(self.low[place])
    }

    /// Notes that an entry was asked for.
    #[inline]
    pub(super) fn touch(&mut self, place: usize, is_real: bool, now_ns: u64) {
        self.stamps[place] = stamp(now_ns) | u32::from(is_real);
    }

    /// Notes that an entry is real, where it is.
    #[inline]
    pub(super) fn confirm(&mut self, place: usize, is_real: bool) {
        self.stamps[place] |= u32::from(is_real);
    }

    pub(super) fn occupy(&mut self, place: usize, hash: u64, group: Group, now_ns: u64) {
        (self.low[place], self.high[place]) = (hash as u32, (hash >> 32) as u32);
        self.stamps[place] = stamp(now_ns);
        (self.groups.prefixes[place], self.groups.macs[place]) = (group.prefix, group.mac);
    }

    /// What is known of a place's entry; with the hash 0 where there is none.
    pub(super) fn mark(&self, place: usize) -> Mark {
        Mark {
            hash: self.hash(place),
            stamp: self.stamps[place],
            prefix: self.groups.prefixes[place],
            mac: self.groups.macs[place],
        }
    }

    /// Has an entry be known as it was in an earlier run.
    pub(super) fn set_mark(&mut self, place: usize, mark: &Mark) {
        self.stamps[place] = mark.stamp;
    }

    /// Which place a newcomer gets.
    pub(super) fn choose(&self, group: Group, quotas: &Quotas, now_ns: u64) -> Choice {
        if let Some(place) = self.place_of(0) {
            return Choice::Free(place);
        }
        let age = |place: usize| age(now_ns, self.stamps[place]);
        let candidates = self.candidates(group);
        let may_go = |place: &usize| {
            let is_real = self.stamps[*place] & 1 != 0;
            candidates[*place] && (!is_real || age(*place) > quotas.idle)
        };
        // Of equals the first.
        let oldest = (0..BUCKET).rev().filter(may_go).max_by_key(|place| age(*place)).or_else(|| {
            let oldest = (0..BUCKET).rev().filter(|place| candidates[*place]).max_by_key(|place| age(*place));
            oldest.filter(|place| age(*place) > quotas.lively)
        });
        oldest.map_or(Choice::Refuse, |place| Choice::Evict {
            place,
            is_early: age(place) <= quotas.idle,
            is_lively: age(place) <= quotas.lively,
        })
    }

    /// Who may have to leave for a newcomer: those of its own network or MAC address where these have enough places.
    fn candidates(&self, group: Group) -> [bool; BUCKET] {
        let same = |of: &[u16; BUCKET], tag: u16| of.map(|other| tag != 0 && other == tag);
        let count = |same: &[bool; BUCKET]| same.iter().filter(|same| **same).count();
        let (by_prefix, by_mac) =
            (same(&self.groups.prefixes, group.prefix), same(&self.groups.macs, group.mac));
        if count(&by_prefix) >= MOST_OF_PREFIX {
            by_prefix
        } else if count(&by_mac) >= MOST_OF_MAC {
            by_mac
        } else {
            [true; BUCKET]
        }
    }
}

/// How long ago an entry was asked for, in steps of stamps.
#[inline]
pub(super) fn age(now_ns: u64, then: u32) -> u32 {
    let age = (stamp(now_ns).wrapping_sub(then) >> 1) & STAMP_MASK;
    // A step backwards is no age; what is close to a whole round old is one.
    if age > STAMP_MASK / 2 { 0 } else { age }
}

#[inline]
fn stamp(now_ns: u64) -> u32 {
    ((now_ns >> STAMP_SHIFT) as u32) << 1
}
