//! The part of a model that belongs to one view: how it scales, its forest, and what scores mean.

mod check;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    Training,
    augment::augment,
    baseline::Baseline,
    calibration::Calibration,
    forest::{
        Forest, ForestError,
        oblique::{ObliqueForest, Values},
        quantized::QuantizedForest,
    },
    matrix::Matrix,
    random::Random,
    scaler::Scaler,
    trainer::Growth,
};
use crate::features::{Feature, View};

/// Baseline scores that a tail is fitted to. More would only make the start slower.
const CALIBRATION_VECTORS: usize = 32_768;

/// Trees of a view of subjects for each of the packet view: there are few subjects a second, and the more trees, the
/// smaller the differences that count.
const SUBJECT_TREES: usize = 4;

/// The part of a model that belongs to one view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewModel {
    scaler: Scaler,
    forest: Forest,
    calibration: Calibration,
    /// Columns that are left out: they count as the baseline's median.
    blind: Vec<u16>,
    /// Where the forest of the packet view is an extended one: a standard forest of the same rows, which is asked first.
    prefilter: Option<Prefilter>,
}

/// A standard forest and what its scores mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Prefilter {
    forest: Forest,
    calibration: Calibration,
}

/// A packet view's forest, compiled, and what its scores mean.
#[derive(Debug)]
pub struct Compiled<'a> {
    /// The forest.
    pub forest: QuantizedForest,
    /// Whether it is the view's own; otherwise it only says who is to be asked: see [`ViewModel::compile`].
    pub is_own: bool,
    calibration: &'a Calibration,
}

impl Compiled<'_> {
    /// A sum of paths above which the probability of every score is above this one.
    pub fn longest_path(&self, probability: f64) -> u32 {
        self.forest.longest_path(self.calibration.threshold(probability))
    }
}

/// What a model says of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// 0 to 1, higher is more anomalous.
    pub score: f64,
    /// The probability that an ordinary one scores higher: 1e-12 to 1.
    pub probability: f64,
}

/// A feature's part in a judgement.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// The feature.
    pub feature: &'static Feature,
    /// Its value, in its own unit.
    pub value: f32,
    /// The lowest and the highest value of the baseline.
    pub baseline: (f32, f32),
    /// The part of the isolation that is due to it, 0 to 1.
    pub weight: f64,
}

/// A view's own forest, compiled for its vectors, and room to scale them in.
#[derive(Debug)]
pub struct Scorer {
    forest: ObliqueForest,
    scaled: Vec<f32>,
    values: Values,
}

impl ViewModel {
    pub(super) fn train(view: View, baseline: &Baseline, training: &Training) -> Result<Self, ForestError> {
        let features: Vec<&'static Feature> = view.features().collect();
        let blind = blind(view, training);
        let sample = baseline.sample(view);
        let mut random = Random::new(training.seed(), view as u64);
        let rows = augment(&sample.vectors, &features, &mut random);
        let codes: Vec<f32> = features.iter().map(|feature| feature.codes_per_unit).collect();
        let observed = if sample.vectors.is_empty() { &rows.ordinary } else { &sample.vectors };
        let scaler = Scaler::learn(observed, &codes);

        let growth = Growth {
            trees: training.growth.trees * if view == View::Packet { 1 } else { SUBJECT_TREES },
            extension_level: training.extension_level(view).min(features.len() - 1),
            seed: training.seed().wrapping_add((view as u64) << 32),
            ..training.growth
        };
        let prepared = Prepared { scaler: &scaler, blind: &blind };
        let (grown_from, ordinary) = (prepared.rows(&rows.training), prepared.rows(&rows.ordinary));
        let grow = |growth: &Growth| -> Result<(Forest, Calibration), ForestError> {
            let forest = training.trainer.trainer().grow(&grown_from, growth)?;
            let calibration = calibrate(&forest, &ordinary, growth.trees)?;
            Ok((forest, calibration))
        };
        let (forest, calibration) = grow(&growth)?;
        let is_prefiltered = view == View::Packet && growth.extension_level > 0;
        let prefilter = is_prefiltered.then(|| grow(&Growth { extension_level: 0, ..growth })).transpose()?;
        let prefilter = prefilter.map(|(forest, calibration)| Prefilter { forest, calibration });
        Ok(Self { scaler, forest, calibration, blind, prefilter })
    }

    /// The forest, compiled for vectors of codes. Of an extended one, the standard forest that is asked first: what
    /// is ordinary to it is taken for ordinary. `None` where neither can be compiled.
    pub fn compile(&self) -> Option<Compiled<'_>> {
        let (forest, calibration) = match &self.prefilter {
            Some(prefilter) => (&prefilter.forest, &prefilter.calibration),
            None => (&self.forest, &self.calibration),
        };
        let forest = QuantizedForest::compile(forest, &self.scaler, &self.blind)?;
        Some(Compiled { forest, is_own: self.prefilter.is_none(), calibration })
    }

    /// The probability that an ordinary vector scores as high or higher: 1e-12 to 1.
    pub fn probability(&self, score: f64) -> f64 {
        self.calibration.probability(score)
    }

    /// What a vector is judged by, in one number, where it has few features: see [`Scaler::packed_codes`].
    pub fn packed_codes(&self, vector: &[f32]) -> Option<u64> {
        self.scaler.packed_codes(vector)
    }

    /// What judges vectors by this model.
    pub fn scorer(&self) -> Scorer {
        Scorer { forest: ObliqueForest::compile(&self.forest), scaled: Vec::new(), values: Values::default() }
    }

    /// Judges a vector of the view by a scorer of this model.
    pub fn judge(&self, vector: &[f32], scorer: &mut Scorer) -> Judgement {
        self.scale(vector, &mut scorer.scaled);
        scorer.values.set(&scorer.scaled);
        let score = scorer.forest.score(scorer.forest.path(&scorer.values, f64::INFINITY));
        Judgement { score, probability: self.calibration.probability(score) }
    }

    /// What each code of each feature is scaled to.
    pub fn scaled_codes(&self) -> Vec<[f32; 256]> {
        // What is left out is everywhere the same.
        let scaled = |column: u16| {
            if self.blind.contains(&column) { [0.0; 256] } else { self.scaler.scaled_codes(column.into()) }
        };
        (0..self.forest.columns() as u16).map(scaled).collect()
    }

    /// The forest, compiled for vectors that are scaled already.
    pub fn oblique(&self) -> ObliqueForest {
        ObliqueForest::compile(&self.forest)
    }

    /// The features that isolate a vector of `view` most, the most important first.
    pub fn explain(&self, view: View, vector: &[f32]) -> Vec<Evidence> {
        let mut scaled = Vec::new();
        self.scale(vector, &mut scaled);
        let mut weights = vec![0.0; scaled.len()];
        self.forest.attribute(&scaled, &mut weights);
        let mut evidence: Vec<Evidence> = view
            .features()
            .enumerate()
            .map(|(column, feature)| {
                let (lowest, highest) = self.scaler.bounds(column);
                Evidence {
                    feature,
                    value: feature.unscaled(vector[column]),
                    baseline: (feature.unscaled(lowest), feature.unscaled(highest)),
                    weight: weights[column],
                }
            })
            .collect();
        evidence.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        evidence
    }

    /// The score above which the tail probability lies below this.
    pub fn threshold(&self, probability: f64) -> f64 {
        self.calibration.threshold(probability)
    }

    fn scale(&self, vector: &[f32], scaled: &mut Vec<f32>) {
        Prepared { scaler: &self.scaler, blind: &self.blind }.row(vector, scaled);
    }

    pub(super) fn is_sound(&self, columns: usize) -> bool {
        self.scaler.is_sound(columns)
            && self.forest.is_sound(columns)
            && self.calibration.is_sound()
            && self.prefilter.as_ref().is_none_or(|prefilter| {
                prefilter.forest.is_sound(columns) && prefilter.calibration.is_sound()
            })
            && self.blind.iter().all(|column| usize::from(*column) < columns)
    }
}

/// The columns of a view that a training leaves out.
fn blind(view: View, training: &Training) -> Vec<u16> {
    let is_blind = |feature: &&'static Feature| {
        training.without.iter().any(|name| name.split_once('/') == Some((view.name(), feature.name)))
    };
    view.features()
        .enumerate()
        .filter(|(_, feature)| is_blind(feature))
        .map(|(column, _)| column as u16)
        .collect()
}

/// What makes vectors into a forest's rows.
struct Prepared<'a> {
    scaler: &'a Scaler,
    blind: &'a [u16],
}

impl Prepared<'_> {
    fn row(&self, vector: &[f32], scaled: &mut Vec<f32>) {
        self.scaler.scale(vector, scaled);
        for column in self.blind {
            scaled[usize::from(*column)] = 0.0;
        }
    }

    fn rows(&self, vectors: &Matrix) -> Matrix {
        let mut rows = Matrix::new(vectors.columns());
        let mut scaled = Vec::new();
        for vector in vectors.rows() {
            self.row(vector, &mut scaled);
            rows.push(&scaled);
        }
        rows
    }
}

fn calibrate(forest: &Forest, rows: &Matrix, trees: usize) -> Result<Calibration, ForestError> {
    let step = rows.len().div_ceil(CALIBRATION_VECTORS).max(1);
    let compiled = ObliqueForest::compile(forest);
    let mut values = Values::default();
    let mut score = |row: &[f32]| {
        values.set(row);
        compiled.score(compiled.path(&values, f64::INFINITY))
    };
    // Rows of codes repeat themselves, and a forest takes longer than a look at what it said before.
    let mut known: HashMap<&[u32], f64> = HashMap::new();
    let scores: Vec<f64> = rows
        .rows()
        .step_by(step)
        .map(|row| *known.entry(bytemuck::cast_slice(row)).or_insert_with(|| score(row)))
        .collect();
    Calibration::new(&scores, trees).map_err(|error| ForestError::Training(error.to_string()))
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let describe = |value: f32| self.feature.describe(self.feature.scaled(value));
        let (low, high) = (describe(self.baseline.0), describe(self.baseline.1));
        let baseline = if low == high { format!("always {low}") } else { format!("{low} to {high}") };
        write!(f, "{} {} (baseline: {baseline})", self.feature.name, describe(self.value))
    }
}
