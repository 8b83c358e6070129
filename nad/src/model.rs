//! A trained model: what the baseline looked like, the forest grown from it, and the threshold in force.

pub mod forest;
pub mod matrix;
pub mod scaler;
pub mod store;
pub mod tail;
pub mod trainer;

mod random;

use serde::{Deserialize, Serialize};

use crate::features::{self, FEATURE_COUNT, FeatureVector};
use forest::{Forest, ForestError};
use matrix::Matrix;
use scaler::Scaler;
use trainer::{Growth, TrainerKind};

/// Training vectors whose scores set the threshold. More would only make the start slower.
const CALIBRATION_VECTORS: usize = 65_536;

/// Where and when a baseline was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingWindow {
    /// The capture file, or the interfaces.
    pub source: String,
    /// Time of the first packet, in nanoseconds since the Unix epoch.
    pub first_ns: u64,
    /// Time of the last packet, likewise.
    pub last_ns: u64,
    /// Packets that were learnt from.
    pub packets: u64,
}

/// How a model is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// How the forest is grown.
    pub growth: Growth,
    /// Who grows it.
    pub trainer: TrainerKind,
    /// The share of the baseline, above 0 and at most 0.5, that lies above the threshold.
    pub contamination: f64,
}

/// Everything needed to score a packet and decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    window: TrainingWindow,
    growth: Growth,
    trainer: TrainerKind,
    contamination: f64,
    threshold: f64,
    scaler: Scaler,
    forest: Forest,
    /// Scores of the baseline, ascending: what another contamination takes its threshold from.
    calibration: Vec<f64>,
}

impl Model {
    /// Trains on a baseline.
    ///
    /// # Errors
    ///
    /// See [`Trainer::grow`](trainer::Trainer::grow).
    pub fn train(
        baseline: &[FeatureVector],
        training: &Training,
        window: TrainingWindow,
    ) -> Result<Self, ForestError> {
        let scaler = Scaler::learn(baseline);
        let mut samples = Matrix::new(FEATURE_COUNT);
        baseline.iter().for_each(|vector| samples.push(scaler.scale(vector).values()));
        let forest = training.trainer.trainer().grow(&samples, &training.growth)?;
        let step = samples.len().div_ceil(CALIBRATION_VECTORS);
        let mut calibration: Vec<f64> =
            samples.rows().step_by(step).map(|sample| forest.score(sample)).collect();
        calibration.sort_unstable_by(f64::total_cmp);
        let mut model = Self {
            window,
            growth: training.growth,
            trainer: training.trainer,
            contamination: training.contamination,
            threshold: 0.0,
            scaler,
            forest,
            calibration,
        };
        model.set_contamination(training.contamination);
        Ok(model)
    }

    /// Moves the threshold so that this share of the baseline's scores lies above it.
    pub fn set_contamination(&mut self, contamination: f64) {
        self.contamination = contamination;
        self.threshold = quantile(&self.calibration, 1.0 - contamination);
    }

    /// Adds the score of each vector to `scores`: 0 to 1, higher is more anomalous.
    pub fn score_batch(&self, vectors: &[FeatureVector], scores: &mut Vec<f64>) {
        scores.extend(vectors.iter().map(|vector| self.forest.score(self.scaler.scale(vector).values())));
    }

    /// Why a vector stands out, in words.
    pub fn explain(&self, vector: &FeatureVector) -> String {
        self.scaler.explain(vector)
    }

    /// The score above which a packet is anomalous.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The share of the baseline above the threshold.
    pub fn contamination(&self) -> f64 {
        self.contamination
    }

    /// Where and when the baseline was taken.
    pub fn window(&self) -> &TrainingWindow {
        &self.window
    }

    /// How the forest was grown.
    pub fn growth(&self) -> &Growth {
        &self.growth
    }

    /// Who grew it.
    pub fn trainer(&self) -> TrainerKind {
        self.trainer
    }

    /// Whether a model from a file can be used as it is.
    fn is_sound(&self) -> bool {
        self.scaler.is_complete()
            && self.forest.is_sound(FEATURE_COUNT)
            && self.threshold.is_finite()
            && !self.calibration.is_empty()
    }
}

/// The names that a model's features must have, in order.
fn schema() -> Vec<String> {
    features::schema().map(str::to_owned).collect()
}

/// The value below which `share` of the ascending `values` lie, interpolated between the two nearest.
fn quantile(values: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&values, 0.995), 99.5);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert_eq!(quantile(&[7.0], 0.5), 7.0);
    }

    #[test]
    fn about_the_contamination_of_the_baseline_lies_above_the_threshold() {
        let baseline: Vec<FeatureVector> = (0..5000_u32)
            .map(|i| {
                std::array::from_fn(|feature| (i.wrapping_mul(2_654_435_761 + feature as u32) >> 16) as f32)
            })
            .collect();
        let window = TrainingWindow { source: "test".into(), first_ns: 0, last_ns: 1, packets: 5000 };
        for contamination in [0.5, 0.1, 0.01] {
            let training =
                Training { growth: Growth::default(), trainer: TrainerKind::default(), contamination };
            let model = Model::train(&baseline, &training, window.clone()).unwrap();
            let mut scores = Vec::new();
            model.score_batch(&baseline, &mut scores);
            let above = scores.iter().filter(|score| **score > model.threshold()).count() as f64 / 5000.0;
            assert!((above - contamination).abs() < 0.002, "{above} and {contamination}");
        }
        assert_eq!(FEATURE_COUNT, baseline[0].len());
    }
}
