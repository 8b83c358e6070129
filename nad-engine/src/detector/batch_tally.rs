//! Counting records where it costs little.

use std::sync::atomic::Ordering::Relaxed;

use crate::{
    features::View,
    ledger::{Decisions, Tally},
};

/// What became of a batch's records.
#[derive(Default)]
pub(super) struct BatchTally {
    pub(super) learned: u64,
    pub(super) scored: u64,
    pub(super) self_traffic: u64,
    pub(super) discarded: u64,
}

impl BatchTally {
    /// Counts them, once a batch.
    pub(super) fn report(&mut self, tally: &Tally) {
        let batch = std::mem::take(self);
        tally.learned.fetch_add(batch.learned, Relaxed);
        tally.scored.fetch_add(batch.scored, Relaxed);
        let mut decisions = Decisions::default();
        decisions[View::Packet as usize] = batch.scored;
        tally.add_decisions(&decisions);
        tally.self_traffic.fetch_add(batch.self_traffic, Relaxed);
        tally.discarded.fetch_add(batch.discarded, Relaxed);
    }
}
