//! How many different hosts or services there were lately: linear counting over two bitmaps that take turns.
//!
//! Whang, Vander-Zanden, Taylor: A linear-time probabilistic counting algorithm (TODS 1990). Within 5 % up to
//! about 1,500 of them; [`Distinct::CEILING`] and more look alike.

use bytemuck::{Pod, Zeroable};

const BITS: usize = 512;
const WORDS: usize = BITS / 64;

/// Different items of the last one to two windows.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct Distinct {
    bitmaps: Bitmaps,
    /// Number of the window that the current bitmap belongs to.
    window: u64,
}

impl Distinct {
    /// The largest estimate: that of a bitmap with one bit free.
    pub const CEILING: f32 = 3194.0;

    /// Whether it is one that there can be in the window of this number.
    pub(super) fn is_sound(&self, window: u64) -> bool {
        self.window <= window
    }

    /// Adds an item by its hash, in the window of this number. Whether it was not there yet (or looks so).
    #[inline]
    pub fn add(&mut self, hash: u64, window: u64) -> bool {
        self.bitmaps.add(&mut self.window, hash, window)
    }

    /// Whether an item is there (or looks so), in the window of this number or the one before it.
    pub fn has(&self, hash: u64, window: u64) -> bool {
        self.bitmaps.has(self.window, hash, window)
    }

    /// Adds all that another one has, as of the window of this number.
    pub fn add_all(&mut self, other: &Self, window: u64) {
        self.bitmaps.add_all(&mut self.window, &other.bitmaps, other.window, window);
    }

    /// About how many there were in the window of this number and the one before it.
    pub fn estimate(&self, window: u64) -> f32 {
        self.bitmaps.estimate(self.window, window)
    }
}

/// A [`Distinct`] without the number of its window, for those who keep the numbers of several together. What belongs to
/// windows before the last one is never read.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct Bitmaps {
    current: [u64; WORDS],
    previous: [u64; WORDS],
}

impl Bitmaps {
    /// Whether nothing is left of those whose window is `since`, in the window of a number.
    #[inline]
    pub fn are_over(since: u64, window: u64) -> bool {
        window > since + 1
    }

    /// See [`Distinct::add`]; the window is brought forward.
    #[inline]
    pub fn add(&mut self, since: &mut u64, hash: u64, window: u64) -> bool {
        self.turn(since, window);
        let (word, mask) = place(hash);
        let is_new = (self.current[word] | self.previous[word]) & mask == 0;
        self.current[word] |= mask;
        is_new
    }

    fn has(&self, since: u64, hash: u64, window: u64) -> bool {
        let (word, mask) = place(hash);
        let current = self.current[word] & mask != 0;
        match window.saturating_sub(since) {
            0 => current || self.previous[word] & mask != 0,
            1 => current,
            _ => false,
        }
    }

    /// See [`Distinct::add_all`]; the window is brought forward, the other's is `other_since`.
    pub fn add_all(&mut self, since: &mut u64, other: &Self, other_since: u64, window: u64) {
        if Self::are_over(other_since, window) {
            return;
        }
        self.turn(since, window);
        let add = |words: &mut [u64; WORDS], more: &[u64; WORDS]| {
            words.iter_mut().zip(more).for_each(|(word, more)| *word |= more);
        };
        if window <= other_since {
            add(&mut self.current, &other.current);
            add(&mut self.previous, &other.previous);
        } else {
            // What is current there belongs to the window before this one.
            add(&mut self.previous, &other.current);
        }
    }

    /// See [`Distinct::estimate`].
    pub fn estimate(&self, since: u64, window: u64) -> f32 {
        let set: u32 = match window.saturating_sub(since) {
            0 => self.current.iter().zip(self.previous).map(|(a, b)| (a | b).count_ones()).sum(),
            1 => self.current.iter().map(|word| word.count_ones()).sum(),
            _ => 0,
        };
        if set == 0 {
            return 0.0;
        }
        let free = (BITS as u32 - set).max(1);
        BITS as f32 * libm::logf(BITS as f32 / free as f32)
    }

    #[inline]
    fn turn(&mut self, since: &mut u64, window: u64) {
        // Nothing goes back to an earlier window.
        if window <= *since {
            return;
        }
        self.previous = if window == *since + 1 { self.current } else { [0; WORDS] };
        self.current = [0; WORDS];
        *since = window;
    }
}

/// The word and the bit of an item.
#[inline]
fn place(hash: u64) -> (usize, u64) {
    let bit = hash as usize % BITS;
    (bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::hash::HashKey;

    fn mix(a: u64, b: u64) -> u64 {
        HashKey::from_seed(0).hash([a, b])
    }

    #[test]
    fn estimates_are_close_from_one_to_a_thousand() {
        for count in [1_u64, 6, 50, 400, 1000] {
            let mut distinct = Distinct::zeroed();
            for thing in (0..count).chain(0..count) {
                distinct.add(mix(thing, 7), 3);
            }
            let estimate = distinct.estimate(3);
            assert!((estimate / count as f32 - 1.0).abs() < 0.12, "{count}: {estimate}");
        }
    }

    #[test]
    fn what_is_older_than_two_windows_is_forgotten() {
        let mut distinct = Distinct::zeroed();
        distinct.add(mix(1, 1), 5);
        assert!(distinct.has(mix(1, 1), 5) && distinct.has(mix(1, 1), 6) && !distinct.has(mix(1, 1), 7));
        assert!(!distinct.add(mix(1, 1), 6));
        assert!(distinct.has(mix(1, 1), 7) && !distinct.has(mix(2, 2), 6));
        assert!(distinct.estimate(7) > 0.9);
        assert_eq!(distinct.estimate(8), 0.0);
        assert!(distinct.add(mix(1, 1), 8));
    }

    #[test]
    fn two_that_are_added_up_are_as_one_that_had_seen_everything() {
        let (mut one, mut other, mut whole) = (Distinct::zeroed(), Distinct::zeroed(), Distinct::zeroed());
        for thing in 0..300 {
            let part = if thing % 3 == 0 { &mut one } else { &mut other };
            part.add(mix(thing, 5), 4 + thing / 150);
            whole.add(mix(thing, 5), 4 + thing / 150);
        }
        one.add_all(&other, 5);
        assert_eq!(bytemuck::bytes_of(&one), bytemuck::bytes_of(&whole));
        one.add_all(&other, 6);
        assert!(one.estimate(6) > 100.0 && one.estimate(7) < 1.0);
    }

    #[test]
    fn a_full_bitmap_says_its_ceiling() {
        let mut distinct = Distinct::zeroed();
        for thing in 0..100_000 {
            distinct.add(mix(thing, 9), 0);
        }
        assert!((distinct.estimate(0) - Distinct::CEILING).abs() < 1.0);
    }
}
