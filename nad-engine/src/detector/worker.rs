//! What one thread does with the packets of its shard.

use std::sync::Arc;

use nad_common::record::PacketRecord;

use super::{
    options::Wanted,
    packets::{PacketScorer, Scored},
};
use crate::{
    alert::Alert,
    batch::RecordBatch,
    context::{Ahead, Route, Seen, Shard, SharedNetwork},
    features::{PACKET_FEATURES, View},
    model::Model,
};

/// One packet in this many goes into the next baseline.
const PACKET_STEP: u64 = 8;
/// Packets with an inherited level above this are not learnt from: -log10 of a probability.
const ORDINARY_LEVEL: f32 = 3.0;

/// What becomes of packets' vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They go into the baseline.
    Learning,
    /// Nothing: the model is being trained, or can't be.
    Ignoring,
    /// They are scored.
    Detecting,
}

/// See the module.
pub(super) struct Worker {
    packets: PacketScorer,
    relearns: bool,
    output: Output,
    ahead: Ahead,
}

/// What a worker found, in the order of its packets.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Index and score of every packet whose score is wanted.
    pub(super) scores: Vec<(u64, f64)>,
    /// The packets above the threshold that are reported.
    pub(super) alerts: Vec<Alert>,
    /// Those above the threshold.
    pub(super) scored: Scored,
    /// Vectors of the baseline that is being learnt, or of the next one, by index.
    pub(super) vectors: Vec<(u64, [f32; PACKET_FEATURES])>,
}

impl Worker {
    pub(super) fn new(wanted: Wanted, relearns: bool) -> Self {
        Self {
            packets: PacketScorer::new(wanted),
            relearns,
            output: Output::default(),
            ahead: Ahead::default(),
        }
    }

    /// Puts a model in force for what comes from now on; nothing may be waiting.
    pub(super) fn set_model(&mut self, model: Arc<Model>) {
        self.packets.set_model(model);
    }

    /// Takes what the context says of a packet.
    #[inline]
    pub(super) fn take(
        &mut self,
        (index, record): (u64, &PacketRecord),
        seen: &Seen<'_>,
        (mode, unix_ns): (Mode, u64),
    ) {
        match mode {
            Mode::Ignoring => {}
            Mode::Learning => {
                let vector = View::read_packet(record, seen);
                self.output.vectors.push((index, vector));
            }
            Mode::Detecting => {
                let values = View::read_packet(record, seen);
                if self.relearns && index.is_multiple_of(PACKET_STEP) && seen.inherited_level < ORDINARY_LEVEL
                {
                    self.output.vectors.push((index, values));
                }
                self.packets.add(&values, seen.inherited_level, (index, record), unix_ns);
            }
        }
    }

    /// Whether what waits is to be scored before more is added.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.packets.is_full()
    }

    /// Scores the packets that wait.
    pub(super) fn score(&mut self) {
        let Output { scores, alerts, scored, .. } = &mut self.output;
        scored.add(self.packets.score(scores, alerts));
    }

    /// Takes all packets of a batch into account.
    pub(super) fn follow(
        &mut self,
        shard: &mut Shard,
        network: &SharedNetwork,
        batch: &RecordBatch,
        routes: &[(Route, u64)],
        mode: Mode,
    ) {
        let mut ahead = std::mem::take(&mut self.ahead);
        let prepared = shard.prepare(network, batch.records(), &mut ahead);
        for ((arrival, prepared), (route, unix_ns)) in batch.arrivals().zip(prepared).zip(routes) {
            if self.is_full() {
                self.score();
            }
            if let Some(seen) = shard.observe(network, &prepared, route) {
                self.take((arrival.index, arrival.record), &seen, (mode, *unix_ns));
            }
        }
        self.ahead = ahead;
        self.score();
    }

    /// What it found.
    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }
}

impl Output {
    /// Adds what another worker found of the same batch.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.scores.append(&mut other.scores);
        self.alerts.append(&mut other.alerts);
        self.vectors.append(&mut other.vectors);
        self.scored.add(std::mem::take(&mut other.scored));
    }

    /// Puts what several workers found in the order of the packets.
    pub(super) fn sort(&mut self) {
        self.scores.sort_unstable_by_key(|(index, _)| *index);
        self.alerts.sort_by_key(|alert| alert.index);
        self.vectors.sort_unstable_by_key(|(index, _)| *index);
    }
}
