//! What is kept of the segment's senders beyond a run: who has sent, so that nobody is new because nad was started anew.

use serde::{Deserialize, Serialize};

use super::{BITS, FULL, Filter, Segments, WINDOW_NS};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::context) struct SegmentsState {
    current: Vec<u64>,
    previous: Vec<u64>,
    /// When the current one took its turn, and when senders were first watched.
    turned_ns: u64,
    began_ns: Option<u64>,
}

impl Segments {
    /// What there is.
    pub(in crate::context) fn state(&self) -> SegmentsState {
        SegmentsState {
            current: self.seen.current.clone(),
            previous: self.seen.previous.clone(),
            turned_ns: self.seen.began_ns,
            began_ns: self.began_ns,
        }
    }

    /// Goes on from there at a moment of sensor time.
    pub(in crate::context) fn resume(&mut self, state: &SegmentsState, now_ns: u64) {
        self.seen = Filter {
            set: state.current.iter().map(|word| word.count_ones()).sum(),
            current: state.current.clone(),
            previous: state.previous.clone(),
            began_ns: state.turned_ns,
        };
        // Who has come while nobody watched is none that comes now.
        let is_recent = now_ns.saturating_sub(state.turned_ns) < 2 * WINDOW_NS;
        self.began_ns = state.began_ns.filter(|_| is_recent);
    }
}

impl SegmentsState {
    /// Why it can't be gone on with at a moment of sensor time.
    pub(in crate::context) fn check(&self, now_ns: u64) -> Result<(), String> {
        let is_sound = |bits: &[u64]| {
            let set: u32 = bits.iter().take(BITS / 64).map(|word| word.count_ones()).sum();
            // One address sets two.
            bits.len() == BITS / 64 && set <= FULL + 1
        };
        if is_sound(&self.current)
            && is_sound(&self.previous)
            && self.turned_ns.max(self.began_ns.unwrap_or(0)) <= now_ns
        {
            return Ok(());
        }
        Err("its filter of senders is none that a sensor has".into())
    }
}
