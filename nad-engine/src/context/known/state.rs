//! What is known, to be gone on with in a later run: unlike in a model, with what grows, so that nothing becomes usual by a restart.

use serde::{Deserialize, Serialize};

use super::{
    EPOCH_RANGE_S, KnownEntry, KnownServices, RecentContacts, check::MOST_USUAL, first_contact::MOST_RECENT,
    nanoseconds,
};
use crate::context::{
    hash::HashKey,
    host_key::HostKey,
    table::{KeptTable, Lasting, Table},
};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::context) struct KnownState {
    pub(in crate::context) hash_key: HashKey,
    epoch_s: u32,
    /// Seconds that were watched, by which entries are dated.
    watched_s: u32,
    table: KeptTable<KnownEntry>,
    recent: Vec<(u32, HostKey, HostKey)>,
}

impl Lasting for KnownEntry {
    const NAME: &'static str = "known services";
    const MOST: usize = 1 << 18;

    /// Its moments are of watched time.
    fn is_sound(&self, watched_ns: u64) -> bool {
        let usual = self.settled.iter().zip(MOST_USUAL).chain(self.growing.iter().zip(MOST_USUAL));
        self.key.is_sound()
            && self.first_s <= self.last_s
            && nanoseconds(self.last_s.max(self.epoch)) <= watched_ns
            && self.in_baseline <= 1
            && usual.into_iter().all(|(usual, most)| (0.0..=most).contains(usual))
    }
}

impl KnownServices {
    /// What is known at a moment of sensor time.
    pub(in crate::context) fn state(&self, now_ns: u64) -> KnownState {
        let watched_s = self.now_s(now_ns);
        KnownState {
            hash_key: self.hash_key,
            epoch_s: self.epoch_s,
            watched_s,
            table: self.table.keep(nanoseconds(watched_s)),
            recent: self.recent.0.iter().copied().collect(),
        }
    }

    /// One that goes on from there.
    pub(in crate::context) fn resume(mut table: Table<KnownEntry>, state: &KnownState) -> Self {
        table.resume(&state.table, nanoseconds(state.watched_s));
        Self {
            epoch_s: state.epoch_s,
            before_s: state.watched_s,
            recent: RecentContacts(state.recent.iter().copied().collect()),
            ..Self::new(table, state.hash_key, 0)
        }
    }
}

impl KnownState {
    /// Seconds that were watched.
    pub(in crate::context) fn watched_s(&self) -> u32 {
        self.watched_s
    }

    /// How many entries there are.
    pub(in crate::context) fn len(&self) -> usize {
        self.table.len()
    }

    /// Why it can't be gone on with.
    pub(in crate::context) fn check(&self) -> Result<(), String> {
        let (shortest, longest) = EPOCH_RANGE_S;
        if !(shortest..=longest).contains(&self.epoch_s) {
            return Err(format!(
                "its epochs have {} s, and {shortest} to {longest} are possible",
                self.epoch_s
            ));
        }
        let is_past = self.recent.iter().all(|(then_s, ..)| *then_s <= self.watched_s);
        if self.recent.len() > MOST_RECENT || !is_past {
            return Err("its first contacts of the last minutes are none that a sensor has".into());
        }
        self.table.check(nanoseconds(self.watched_s))
    }
}
