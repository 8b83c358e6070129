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
    context::{Route, Seen, Shard, SharedNetwork},
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
        Self { packets: PacketScorer::new(wanted), relearns, output: Output::default() }
    }

    /// Puts a model in force for what comes from now on; nothing may be waiting.
    pub(super) fn set_model(&mut self, model: Arc<Model>) {
        self.packets.set_model(model);
    }

    /// Takes what the context says of the packet at a place of a batch.
    #[inline]
    pub(super) fn take(
        &mut self,
        batch: &RecordBatch,
        place: usize,
        record: &PacketRecord,
        seen: &Seen<'_>,
        (mode, unix_ns): (Mode, u64),
    ) {
        match mode {
            Mode::Ignoring => {}
            Mode::Learning => {
                let vector = View::read_packet(record, seen);
                self.output.vectors.push((batch.indices()[place], vector));
            }
            Mode::Detecting => {
                let values = View::read_packet(record, seen);
                let index = batch.indices()[place];
                if self.relearns && index.is_multiple_of(PACKET_STEP) && seen.inherited_level < ORDINARY_LEVEL
                {
                    self.output.vectors.push((index, values));
                }
                self.packets.add(&values, seen.inherited_level, place, unix_ns);
            }
        }
    }

    /// Whether what waits is to be scored before more is added.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.packets.is_full()
    }

    /// Scores the packets that wait; all are of this batch.
    pub(super) fn score(&mut self, batch: &RecordBatch) {
        let Output { scores, alerts, scored, .. } = &mut self.output;
        scored.add(self.packets.score(batch, scores, alerts));
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
        shard.prepare(network, batch.records());
        for (place, (record, (route, unix_ns))) in batch.records().iter().zip(routes).enumerate() {
            if self.is_full() {
                self.score(batch);
            }
            if let Some(seen) = shard.observe(network, place, record, route) {
                self.take(batch, place, record, &seen, (mode, *unix_ns));
            }
        }
        self.score(batch);
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
