//! What is kept of long horizons beyond a run.

use serde::{Deserialize, Serialize};

use super::{Horizons, LoginsState, LongOutflowState, LongSourceState, TriedPortState};
use crate::context::table::{KeptTable, Lasting};

/// Entries of each table that are kept at most.
const MOST: usize = 1 << 13;
const MOST_PORTS: usize = 1 << 10;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::context) struct HorizonsState {
    sources: KeptTable<LongSourceState>,
    logins: KeptTable<LoginsState>,
    ports: KeptTable<TriedPortState>,
    outflows: KeptTable<LongOutflowState>,
}

impl Lasting for LongSourceState {
    const NAME: &'static str = "sources over hours";
    const MOST: usize = MOST;

    fn is_sound(&self, now_ns: u64) -> bool {
        self.is_sound_at(now_ns)
    }
}

impl Lasting for LoginsState {
    const NAME: &'static str = "logins over an hour";
    const MOST: usize = MOST;

    fn is_sound(&self, now_ns: u64) -> bool {
        self.is_sound_at(now_ns)
    }
}

impl Lasting for LongOutflowState {
    const NAME: &'static str = "uploads over hours";
    const MOST: usize = MOST;

    fn is_sound(&self, now_ns: u64) -> bool {
        self.is_sound_at(now_ns)
    }
}

impl Lasting for TriedPortState {
    const NAME: &'static str = "ports that are tried";
    const MOST: usize = MOST_PORTS;

    fn is_sound(&self, now_ns: u64) -> bool {
        self.is_sound_at(now_ns)
    }
}

impl Horizons {
    /// What there is at a moment of sensor time.
    pub(in crate::context) fn state(&self, now_ns: u64) -> HorizonsState {
        HorizonsState {
            sources: self.sources.table.keep(now_ns),
            logins: self.logins.table.keep(now_ns),
            ports: self.ports.table.keep(now_ns),
            outflows: self.outflows.table.keep(now_ns),
        }
    }

    /// Goes on from there.
    pub(in crate::context) fn resume(&mut self, state: &HorizonsState, now_ns: u64) {
        self.sources.table.resume(&state.sources, now_ns);
        self.logins.table.resume(&state.logins, now_ns);
        self.ports.table.resume(&state.ports, now_ns);
        self.outflows.table.resume(&state.outflows, now_ns);
    }
}

impl HorizonsState {
    /// How many sources and login services there are.
    pub(in crate::context) fn lens(&self) -> [usize; 2] {
        [self.sources.len(), self.logins.len()]
    }

    /// Why it can't be gone on with.
    pub(in crate::context) fn check(&self, now_ns: u64) -> Result<(), String> {
        self.sources.check(now_ns)?;
        self.logins.check(now_ns)?;
        self.ports.check(now_ns)?;
        self.outflows.check(now_ns)
    }
}
