//! The keyed hash of the context tables and sketches.
//!
//! Addresses and ports are chosen by outsiders. Without the key, nobody can choose them so that they fall into one bucket
//! or into the same bits of a sketch. A table compares whole keys besides, so that a collision never merges two entries.

use std::fmt;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};
use serde::{Deserialize, Serialize};

/// How rapidhash is used: with its last mixing, made for speed, and without a word that makes the hash of others constant.
const AVALANCHE: bool = true;
const COMPACT: bool = false;
const PROTECTED: bool = true;

/// The secret of the hash.
///
/// A live sensor draws it at its start and keeps it in the model that it learns, so that a replay of the same packets
/// with that model gives the same numbers. A replay takes it from the seed, so that it can be repeated.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct HashKey {
    secrets: RapidSecrets,
    stored: Stored,
}

/// What a key is derived from.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    seed: u64,
    is_secret: bool,
}

impl HashKey {
    /// A key that nobody else knows, from the system's random numbers.
    pub fn draw() -> Self {
        Stored { seed: SmallRng::from_os_rng().random(), is_secret: true }.into()
    }

    /// The key of a seed that others may know: for replays and tests.
    pub fn from_seed(seed: u64) -> Self {
        Stored { seed, is_secret: false }.into()
    }

    /// This key where nobody else knows it, otherwise a new one.
    #[must_use]
    pub fn or_drawn(self) -> Self {
        if self.stored.is_secret { self } else { Self::draw() }
    }

    /// A hash of words. It is never 0, which marks a free place.
    #[inline]
    pub fn hash<const N: usize>(&self, words: [u64; N]) -> u64 {
        let bytes = bytemuck::cast_slice(&words);
        rapidhash_v3_inline::<AVALANCHE, COMPACT, PROTECTED>(bytes, &self.secrets).max(1)
    }
}

impl From<Stored> for HashKey {
    fn from(stored: Stored) -> Self {
        Self { secrets: RapidSecrets::seed(stored.seed), stored }
    }
}

impl From<HashKey> for Stored {
    fn from(key: HashKey) -> Self {
        key.stored
    }
}

impl fmt::Debug for HashKey {
    /// The key stays secret in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const BITS: u64 = 512;

    #[test]
    fn numbers_in_either_word_fall_into_a_sketchs_bits_as_chance_would_have_it() {
        let key = HashKey::from_seed(0);
        for swap in [false, true] {
            let words = |i| if swap { [7, i] } else { [i, 7] };
            let bits = (0..400_u64).map(|i| key.hash(words(i)) % BITS).collect::<HashSet<_>>().len();
            assert!((255..300).contains(&bits), "{bits}");
        }
    }

    #[test]
    fn ports_of_one_host_fall_into_a_sketchs_bits_as_chance_would_have_it() {
        let bits = |host: u64| {
            let key = HashKey::from_seed(host);
            let places = (1..=400_u64).map(|port| key.hash([host, port << 8 | 6]) % BITS);
            places.collect::<HashSet<_>>().len() as f64
        };
        let counts: Vec<f64> = (0..200).map(bits).collect();
        let mean = counts.iter().sum::<f64>() / 200.0;
        let spread = (counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 200.0).sqrt();
        // 512 (1 - e^(-400/512)), and the deviation of an occupancy.
        assert!((mean - 277.6).abs() < 2.0, "{mean}");
        assert!(spread < 8.0, "{spread}");
    }

    #[test]
    fn keys_that_collide_under_one_key_do_not_under_another() {
        // Words whose hashes agree in 20 bits: a bucket of a table of 8 M entries.
        let (known, other) = (HashKey::from_seed(1), HashKey::from_seed(2));
        let bucket = |key: &HashKey, word: u64| key.hash([word, 0]) >> 44;
        let wanted = bucket(&known, 0);
        let colliding: Vec<u64> =
            (0..u64::MAX).filter(|word| bucket(&known, *word) == wanted).take(8).collect();
        let places: HashSet<u64> = colliding.iter().map(|word| bucket(&other, *word)).collect();
        assert_eq!(places.len(), colliding.len());
    }

    #[test]
    fn no_word_makes_the_others_irrelevant() {
        // A product with a factor 0 does: the constants of the hash itself are the words to try.
        fn holds<const N: usize>(key: &HashKey) {
            let secrets = key.secrets.secrets.iter().chain([&key.secrets.seed]).copied();
            let constants: Vec<u64> = secrets.chain([0, 1, u64::MAX]).collect();
            for (constant, place, other) in constants
                .iter()
                .flat_map(|constant| (0..N * N).map(move |pair| (*constant, pair / N, pair % N)))
                .filter(|(_, place, other)| place != other)
            {
                let hashes: HashSet<u64> = (0..1000_u64)
                    .map(|i| {
                        let mut words = [0x1234_5678_9abc_def0; N];
                        (words[place], words[other]) = (constant, i.rotate_left(21));
                        key.hash(words)
                    })
                    .collect();
                assert_eq!(
                    hashes.len(),
                    1000,
                    "{constant:#x} as word {place} of {N}, of which {other} varies"
                );
            }
        }
        let key = HashKey::from_seed(3);
        holds::<2>(&key);
        holds::<3>(&key);
        holds::<5>(&key);
    }

    #[test]
    fn a_drawn_key_is_kept_and_one_of_a_seed_is_not() {
        let drawn = HashKey::draw();
        assert!(drawn.or_drawn() == drawn && HashKey::draw() != drawn);
        let known = HashKey::from_seed(5);
        assert!(known.or_drawn() != known);
        let stored = postcard::to_allocvec(&drawn).unwrap();
        assert!(postcard::from_bytes::<HashKey>(&stored).unwrap() == drawn);
        assert!(!format!("{drawn:?}").contains(&drawn.stored.seed.to_string()));
    }
}
