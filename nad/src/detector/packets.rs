//! Scoring packets, many at a time.
//!
//! A packet's score joins what its own vector says with how far out its dealing and its hosts are: both as
//! probabilities, of which the lower one counts, on a logarithmic scale from 0 (1) to 1 (1e-12).

use std::sync::Arc;

use nad_common::record::PacketRecord;

use super::options::Wanted;
use crate::{
    alert::Alert,
    features::{PACKET_FEATURES, View, packet_codes},
    model::{
        Model, Workspace,
        forest::coded::{self, Block, CodedForest},
    },
};

/// -log10 of the least probability: the score 1.
const FARTHEST: f64 = 12.0;
/// What the lower of two scores adds, so that it tells equals apart.
const OF_THE_LOWER: f64 = 0.05;

/// Packets that wait: few enough for all that belongs to them to stay in the second cache.
const MOST_WAITING: usize = 8 * coded::BLOCK;

/// Packets that wait for their scores.
pub(super) struct PacketScorer {
    waiting: Vec<Waiting>,
    blocks: [Block; MOST_WAITING / coded::BLOCK],
    workspace: Workspace,
    wanted: Wanted,
    rule: Option<Rule>,
}

struct Waiting {
    index: u64,
    time_ns: u64,
    record: PacketRecord,
    values: [f32; PACKET_FEATURES],
    standing: f32,
}

/// What packets are scored and reported by.
struct Rule {
    model: Arc<Model>,
    forest: Option<CodedForest>,
    /// A packet is reported above this score.
    threshold: f64,
    /// Where neither its own score nor what it inherits is as high as this, it is not reported whatever the other is.
    near: f64,
    /// The longest sum of paths by which its own score may be as high as that.
    longest_path: u32,
}

/// The score of a probability.
pub(super) fn score_of(probability: f64) -> f64 {
    (-libm::log10(probability) / FARTHEST).clamp(0.0, 1.0)
}

impl PacketScorer {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            waiting: Vec::with_capacity(MOST_WAITING),
            blocks: std::array::from_fn(|_| Block::default()),
            workspace: Workspace::default(),
            wanted,
            rule: None,
        }
    }

    /// Puts a model in force for what comes from now on; nothing may be waiting.
    pub(super) fn set_model(&mut self, model: Arc<Model>) {
        let view = model.view(View::Packet);
        let limit = score_of(model.contamination());
        let near = limit * (1.0 - OF_THE_LOWER);
        let forest = view.compile();
        let near_score = view.threshold(libm::exp10(-near * FARTHEST));
        let longest_path = forest.as_ref().map_or(u32::MAX, |forest| forest.longest_path(near_score));
        self.rule = Some(Rule { forest, threshold: combine(limit, 0.0), near, longest_path, model });
    }

    /// Whether what waits is to be scored before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() == MOST_WAITING
    }

    /// Adds a packet by its values on their scales and the standing of what it belongs to.
    #[inline]
    pub(super) fn add(
        &mut self,
        values: &[f32; PACKET_FEATURES],
        standing: f32,
        index: u64,
        record: &PacketRecord,
        time_ns: u64,
    ) {
        let place = self.waiting.len();
        self.blocks[place / coded::BLOCK].set(place % coded::BLOCK, &packet_codes(values));
        self.waiting.push(Waiting { index, time_ns, record: *record, values: *values, standing });
    }

    /// Scores every packet that waits.
    pub(super) fn score(&mut self, scores: &mut Vec<(u64, f64)>, alerts: &mut Vec<Alert>) -> Scored {
        let mut scored = Scored::default();
        let Some(rule) = &self.rule else { return scored };
        let view = rule.model.view(View::Packet);
        let alerts_before = alerts.len();
        let mut paths = [0; coded::BLOCK];
        for (block, packets) in self.blocks.iter().zip(self.waiting.chunks(coded::BLOCK)) {
            if let Some(forest) = &rule.forest {
                forest.paths(block, &mut paths);
            }
            for (packet, paths) in packets.iter().zip(paths) {
                let inherited = (f64::from(packet.standing) / FARTHEST).min(1.0);
                let is_quiet = paths > rule.longest_path && inherited < rule.near;
                if is_quiet && !self.wanted.scores {
                    continue;
                }
                let probability = match &rule.forest {
                    Some(forest) => view.probability(forest.score(paths)),
                    None => view.judge(&packet.values, &mut self.workspace).probability,
                };
                let own = score_of(probability);
                let score = combine(own, inherited);
                if self.wanted.scores {
                    scores.push((packet.index, score));
                }
                if score <= rule.threshold {
                    continue;
                }
                scored.anomalies += 1;
                if alerts.len() - alerts_before < self.wanted.alerts {
                    alerts.push(packet.alert(rule, score, inherited > own));
                } else if self.wanted.alerts > 0 {
                    scored.untold += 1;
                }
            }
        }
        self.waiting.clear();
        scored
    }
}

/// What became of packets that waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scored {
    /// Above the threshold.
    pub(super) anomalies: u64,
    /// Of those, the ones that are only counted because there were too many at once.
    pub(super) untold: u64,
}

impl Waiting {
    fn alert(&self, rule: &Rule, score: f64, is_inherited: bool) -> Alert {
        let mut reason = explain(&rule.model, &self.values);
        if is_inherited {
            reason += INHERITED;
        }
        Alert {
            time_ns: self.time_ns,
            index: self.index,
            record: self.record,
            score,
            threshold: rule.threshold,
            reason,
        }
    }
}

/// The higher of both; the other one tells equals apart.
fn combine(own: f64, inherited: f64) -> f64 {
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

    #[test]
    fn two_scores_below_what_is_near_are_never_reported() {
        for limit in [0.05, 1.0 / 3.0, 0.9] {
            let near = limit * (1.0 - OF_THE_LOWER);
            let just_below = near - 1e-9;
            assert!(combine(just_below, just_below) < combine(limit, 0.0));
            assert!(combine(limit * 0.999, limit * 0.999) > combine(limit, 0.0), "though two may add up");
        }
    }
}
