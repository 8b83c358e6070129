//! Scoring packets, a batch at a time.
//!
//! A packet's score joins what its own vector says with how far out its dealing and its hosts are: both as
//! probabilities, of which the lower one counts, on a logarithmic scale from 0 (1) to 1 (1e-12).

use nad_common::record::PacketRecord;

use crate::{
    alert::Alert,
    features::View,
    model::{Model, Workspace},
};

/// -log10 of the least probability: the score 1.
const FARTHEST: f64 = 12.0;

/// Packets that wait for their scores.
#[derive(Debug, Default)]
pub(super) struct PacketScorer {
    waiting: Vec<Waiting>,
    vectors: Vec<f32>,
    workspace: Workspace,
}

#[derive(Debug)]
struct Waiting {
    index: u64,
    time_ns: u64,
    standing: f32,
    record: PacketRecord,
}

/// The score of a probability.
pub(super) fn score_of(probability: f64) -> f64 {
    (-probability.log10() / FARTHEST).clamp(0.0, 1.0)
}

impl PacketScorer {
    /// Adds a packet by its vector and the standing of what it belongs to.
    pub(super) fn add(
        &mut self,
        vector: &[f32],
        standing: f32,
        index: u64,
        record: &PacketRecord,
        time_ns: u64,
    ) {
        self.vectors.extend_from_slice(vector);
        self.waiting.push(Waiting { index, time_ns, standing, record: *record });
    }

    /// Scores every packet that waits, and returns how many are alerts.
    pub(super) fn score(
        &mut self,
        model: &Model,
        scores: &mut Vec<(u64, f64)>,
        alerts: &mut Vec<Alert>,
    ) -> u64 {
        let columns = View::Packet.features().len();
        let view = model.view(View::Packet);
        let limit = score_of(model.contamination());
        let threshold = combine(limit, 0.0);
        let before = alerts.len();
        for (packet, vector) in self.waiting.drain(..).zip(self.vectors.chunks_exact(columns)) {
            let judgement = view.judge(vector, &mut self.workspace);
            let own = score_of(judgement.probability);
            let inherited = f64::from(packet.standing) / FARTHEST;
            let score = combine(own, inherited.min(1.0));
            scores.push((packet.index, score));
            if score > threshold {
                let mut reason = explain(model, vector);
                if inherited > own {
                    reason += INHERITED;
                }
                alerts.push(Alert {
                    time_ns: packet.time_ns,
                    index: packet.index,
                    record: packet.record,
                    score,
                    threshold,
                    reason,
                });
            }
        }
        self.vectors.clear();
        (alerts.len() - before) as u64
    }
}

/// The higher of both; the other one tells equals apart.
fn combine(own: f64, inherited: f64) -> f64 {
    const OF_THE_LOWER: f64 = 0.05;
    (own.max(inherited) + OF_THE_LOWER * own.min(inherited)) / (1.0 + OF_THE_LOWER)
}

const INHERITED: &str = "; and what its hosts do is out of the ordinary";

/// The features that isolate a packet most, with the baseline's range.
fn explain(model: &Model, vector: &[f32]) -> String {
    const NAMED: usize = 3;
    let evidence = model.view(View::Packet).explain(View::Packet, vector);
    let is_outside = |value: f32, (low, high): (f32, f32)| value < low || value > high;
    let outside = evidence.iter().filter(|evidence| is_outside(evidence.value, evidence.baseline));
    let inside = evidence.iter().filter(|evidence| !is_outside(evidence.value, evidence.baseline));
    let parts: Vec<String> = outside.chain(inside).take(NAMED).map(ToString::to_string).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_orders_of_magnitude_from_certain_to_impossible() {
        assert_eq!(score_of(1.0), 0.0);
        assert_eq!(score_of(1e-3), 0.25);
        assert_eq!(score_of(1e-12), 1.0);
        assert_eq!((score_of(0.0), score_of(1e-30), score_of(2.0)), (1.0, 1.0, 0.0), "no further than that");
    }
}
