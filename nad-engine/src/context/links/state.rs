//! What is kept of MAC addresses beyond a run: who has which IP address.

use serde::{Deserialize, Serialize};

use super::{Binding, LinkState, Links};
use crate::context::table::{KeptTable, Lasting};

/// Entries of each table that are kept at most.
const MOST: usize = 1 << 13;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::context) struct LinksState {
    links: KeptTable<LinkState>,
    bindings: KeptTable<Binding>,
}

impl Lasting for LinkState {
    const NAME: &'static str = "MAC addresses";
    const MOST: usize = MOST;

    fn is_sound(&self, now_ns: u64) -> bool {
        self.is_sound_at(now_ns)
    }
}

impl Lasting for Binding {
    const NAME: &'static str = "IP addresses of MAC addresses";
    const MOST: usize = MOST;

    fn is_sound(&self, now_ns: u64) -> bool {
        self.is_sound_at(now_ns)
    }
}

impl Links {
    /// What there is at a moment of sensor time.
    pub(in crate::context) fn state(&self, now_ns: u64) -> LinksState {
        LinksState { links: self.links.table.keep(now_ns), bindings: self.bindings.keep(now_ns) }
    }

    /// Goes on from there.
    pub(in crate::context) fn resume(&mut self, state: &LinksState, now_ns: u64) {
        self.links.table.resume(&state.links, now_ns);
        self.bindings.resume(&state.bindings, now_ns);
    }
}

impl LinksState {
    /// Why it can't be gone on with.
    pub(in crate::context) fn check(&self, now_ns: u64) -> Result<(), String> {
        self.links.check(now_ns)?;
        self.bindings.check(now_ns)
    }
}
