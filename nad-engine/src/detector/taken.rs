//! Counting records where it costs little.

use std::sync::atomic::Ordering::Relaxed;

use crate::{
    features::View,
    ledger::{Decisions, Tally},
};

/// What became of a batch's records.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) learned: u64,
    pub(super) scored: u64,
    pub(super) own: u64,
    pub(super) discarded: u64,
}

impl Taken {
    /// Counts them, once a batch.
    pub(super) fn report(&mut self, tally: &Tally) {
        let taken = std::mem::take(self);
        tally.learned.fetch_add(taken.learned, Relaxed);
        tally.scored.fetch_add(taken.scored, Relaxed);
        let mut decisions = Decisions::default();
        decisions[View::Packet as usize] = taken.scored;
        tally.add_decisions(&decisions);
        tally.own.fetch_add(taken.own, Relaxed);
        tally.discarded.fetch_add(taken.discarded, Relaxed);
    }
}
