//! Scoring packets, many at a time.
//!
//! A packet's score joins what its own vector says with the anomaly level of its service pair and its hosts: both as
//! probabilities, of which the lower one counts, on a logarithmic scale from 0 (1) to 1 (1e-12).

mod extended;

use std::sync::Arc;

use nad_common::record::PacketRecord;

use super::options::Wanted;
use crate::{
    alert::Alert,
    features::{PACKET_FEATURES, View, packet_codes},
    model::{
        Model,
        forest::quantized::{self, Block, QuantizedForest},
    },
};
use extended::ExtendedScorer;

/// -log10 of the least probability: the score 1.
const FARTHEST: f64 = 12.0;
/// What the lower of two scores adds, so that it tells equals apart.
const OF_THE_LOWER: f64 = 0.05;

/// A packet that is no less probable than this to a standard forest is ordinary to an extended one, too; where more is
/// reported than a part of that, so many times the contamination.
const PREFILTERED: f64 = 0.05;
const PREFILTER_CONTAMINATIONS: f64 = 20.0;

/// Packets that wait: few enough for all that belongs to them to stay in the second cache.
const MOST_WAITING: usize = 8 * quantized::BLOCK;

/// Packets that wait for their scores.
pub(super) struct PacketScorer {
    waiting: Vec<Waiting>,
    /// Their values, where somebody may ask for more than the decision.
    values: Vec<[f32; PACKET_FEATURES]>,
    /// Themselves, where they may be reported.
    records: Vec<PacketRecord>,
    blocks: [Block; MOST_WAITING / quantized::BLOCK],
    wanted: Wanted,
    keeps_values: bool,
    rule: Option<Rule>,
    own_scores: OwnScores,
}

/// Own scores by the sums of paths that they follow from, as far as they were asked for lately: a flood's packets are
/// alike, and a tail's probability costs more than all their paths.
struct OwnScores(Vec<(u64, f64)>);

struct Waiting {
    time_ns: u64,
    index: u64,
    inherited_level: f32,
}

/// What packets are scored and reported by.
struct Rule {
    model: Arc<Model>,
    forests: Forests,
    /// A packet is reported above this score.
    threshold: f64,
    /// Where neither its own score nor what it inherits is as high as this, it is not reported whatever the other is.
    near: f64,
}

/// What packets' own scores come from.
enum Forests {
    /// A standard forest.
    Quantized(Quantized),
    /// Another one, and a standard forest that says whose scores are asked for.
    Prefiltered(Option<Quantized>, Box<ExtendedScorer>),
}

/// A standard forest, compiled.
struct Quantized {
    forest: QuantizedForest,
    /// The longest sum of paths by which a packet may be near, or asked for.
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
            values: Vec::with_capacity(MOST_WAITING),
            records: Vec::with_capacity(if wanted.alerts > 0 { MOST_WAITING } else { 0 }),
            blocks: std::array::from_fn(|_| Block::default()),
            wanted,
            keeps_values: true,
            rule: None,
            own_scores: OwnScores::default(),
        }
    }

    /// Puts a model in force for what comes from now on.
    ///
    /// # Panics
    ///
    /// When packets wait: they are the old model's.
    pub(super) fn set_model(&mut self, model: Arc<Model>) {
        assert!(self.waiting.is_empty(), "packets are scored before another model is put in force");
        let view = model.view(View::Packet);
        let limit = score_of(model.contamination());
        let near = limit * (1.0 - OF_THE_LOWER);
        let probability = libm::exp10(-near * FARTHEST);
        let compiled = view.compile();
        let is_own = compiled.as_ref().is_some_and(|compiled| compiled.is_own);
        let prefiltered = (model.contamination() * PREFILTER_CONTAMINATIONS).clamp(PREFILTERED, 1.0);
        let quantized = compiled.map(|compiled| Quantized {
            longest_path: compiled.longest_path(if is_own { probability } else { prefiltered }),
            forest: compiled.forest,
        });
        let forests = match quantized {
            Some(quantized) if is_own => Forests::Quantized(quantized),
            prefilter => Forests::Prefiltered(prefilter, Box::new(ExtendedScorer::new(view, probability))),
        };
        self.keeps_values = !is_own || self.wanted.alerts > 0;
        self.own_scores = OwnScores::default();
        self.rule = Some(Rule { forests, threshold: combine(limit, 0.0), near, model });
    }

    /// Whether what waits is to be scored before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() == MOST_WAITING
    }

    /// Adds a packet by its values on their scales, the anomaly level that it inherits, and its index.
    #[inline]
    pub(super) fn add(
        &mut self,
        values: &[f32; PACKET_FEATURES],
        inherited_level: f32,
        (index, record): (u64, &PacketRecord),
        time_ns: u64,
    ) {
        let number = self.waiting.len();
        self.blocks[number / quantized::BLOCK].set(number % quantized::BLOCK, &packet_codes(values));
        self.waiting.push(Waiting { time_ns, index, inherited_level });
        if self.keeps_values {
            self.values.push(*values);
        }
        if self.wanted.alerts > 0 {
            self.records.push(*record);
        }
    }

    /// Scores every packet that waits.
    pub(super) fn score(&mut self, scores: &mut Vec<(u64, f64)>, alerts: &mut Vec<Alert>) -> Scored {
        let mut scored = Scored::default();
        let Some(rule) = &mut self.rule else { return scored };
        let view = rule.model.view(View::Packet);
        let alerts_before = alerts.len();
        let mut sums = [0; quantized::BLOCK];
        for (number, packet) in self.waiting.iter().enumerate() {
            let inherited = packet.inherited();
            // Where its own score is asked for only if it is high, a low one need not be known exactly.
            let is_asked = self.wanted.scores || inherited >= rule.near;
            let mut quantized_path = 0;
            if let Some(quantized) = rule.forests.quantized() {
                let (block, lane) = (number / quantized::BLOCK, number % quantized::BLOCK);
                if lane == 0 {
                    let of_block = &self.waiting[number..self.waiting.len().min(number + quantized::BLOCK)];
                    let is_asked =
                        self.wanted.scores || of_block.iter().any(|it| it.inherited() >= rule.near);
                    let limit = if is_asked { u32::MAX } else { quantized.longest_path };
                    quantized.forest.paths(&self.blocks[block], limit, &mut sums);
                }
                quantized_path = sums[lane];
                if quantized_path > quantized.longest_path && !is_asked {
                    continue;
                }
            }
            let own_scores = &mut self.own_scores;
            let own = match &mut rule.forests {
                Forests::Quantized(Quantized { forest, .. }) => own_scores
                    .get(quantized_path.into(), || score_of(view.probability(forest.score(quantized_path)))),
                Forests::Prefiltered(_, extended) => {
                    let Some(path) = extended.path(&self.values[number], is_asked) else { continue };
                    own_scores.get(path.to_bits(), || score_of(view.probability(extended.forest.score(path))))
                }
            };
            let score = combine(own, inherited);
            if self.wanted.scores {
                scores.push((packet.index, score));
            }
            if score <= rule.threshold {
                continue;
            }
            scored.anomalies += 1;
            if alerts.len() - alerts_before < self.wanted.alerts {
                let (record, values) = (self.records[number], &self.values[number]);
                alerts.push(packet.alert(record, values, rule, score, inherited > own));
            } else if self.wanted.alerts > 0 {
                scored.unreported += 1;
            }
        }
        self.waiting.clear();
        self.values.clear();
        self.records.clear();
        scored
    }
}

/// What became of packets that waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scored {
    /// Above the threshold.
    pub(super) anomalies: u64,
    /// Of those, the ones that are only counted because there were too many at once.
    pub(super) unreported: u64,
}

impl Scored {
    /// Adds what became of others.
    pub(super) fn add(&mut self, other: Self) {
        self.anomalies += other.anomalies;
        self.unreported += other.unreported;
    }
}

impl Default for OwnScores {
    fn default() -> Self {
        // No packet has a path like this.
        Self(vec![(u64::MAX, 0.0); Self::KEPT])
    }
}

impl Forests {
    fn quantized(&self) -> Option<&Quantized> {
        match self {
            Self::Quantized(quantized) => Some(quantized),
            Self::Prefiltered(prefilter, _) => prefilter.as_ref(),
        }
    }
}

impl OwnScores {
    const KEPT: usize = 1024;

    fn place(paths: u64) -> usize {
        // The multiplier of Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        (paths.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % Self::KEPT
    }

    fn get(&mut self, paths: u64, score: impl FnOnce() -> f64) -> f64 {
        let (known, kept) = &mut self.0[Self::place(paths)];
        if *known != paths {
            (*known, *kept) = (paths, score());
        }
        *kept
    }
}

impl Waiting {
    /// The score of the anomaly level that it inherits.
    fn inherited(&self) -> f64 {
        (f64::from(self.inherited_level) / FARTHEST).min(1.0)
    }

    fn alert(
        &self,
        record: PacketRecord,
        values: &[f32; PACKET_FEATURES],
        rule: &Rule,
        score: f64,
        is_inherited: bool,
    ) -> Alert {
        let mut reason = explain(&rule.model, values);
        if is_inherited {
            reason += INHERITED;
        }
        Alert { time_ns: self.time_ns, index: self.index, record, score, threshold: rule.threshold, reason }
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
    fn a_score_is_asked_for_once_and_never_taken_for_anothers() {
        let mut scores = OwnScores::default();
        let other = (8..).find(|other| OwnScores::place(*other) == OwnScores::place(7)).unwrap();
        for (paths, score) in [(7, 0.5), (7, 0.5), (other, 0.25), (7, 0.5)] {
            assert_eq!(scores.get(paths, || score), score);
        }
        assert_eq!(scores.get(7, || unreachable!("it is known")), 0.5);
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
