//! Known services as they stand in a model file.

use serde::{Deserialize, Serialize};

use super::{Peaks, key::KnownKey};
use crate::context::{hash::HashKey, vantage::Trust};

/// Known services as they stand in a model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownSnapshot {
    /// What the tables' and sketches' hashes were keyed with.
    pub(super) hash_key: HashKey,
    pub(super) epoch_s: u32,
    /// Seconds that were watched, by which the entries are dated.
    pub(super) watched_s: u32,
    /// What was enough for a flow to be real.
    pub(super) trust: Trust,
    /// In ascending order of the keys.
    pub(super) entries: Vec<Kept>,
}

/// An entry as it stands in a model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) key: KnownKey,
    /// Of watched time.
    pub(super) first_s: u32,
    pub(super) last_s: u32,
    /// Whether it was there in the baseline.
    pub(super) in_baseline: bool,
    /// What is usual for its clients.
    pub(super) usual: Peaks,
}

impl KnownSnapshot {
    /// What the tables' and sketches' hashes were keyed with.
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// What was enough for a flow to be real.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// The same where nothing is known.
    pub(crate) fn without_entries(&self) -> Self {
        Self { entries: Vec::new(), ..*self }
    }

    /// Whether there is only what a sensor writes.
    pub fn are_sound(&self) -> bool {
        let is_sound = |Kept { key, first_s, last_s, usual, .. }: &Kept| {
            key.is_sound() && first_s <= last_s && usual.iter().all(|peak| peak.is_finite() && *peak >= 0.0)
        };
        self.epoch_s > 0 && self.entries.iter().all(is_sound)
    }
}
