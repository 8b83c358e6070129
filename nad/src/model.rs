//! A trained model: for each view what the baseline looked like, the forest grown from it and the tail of its
//! scores; and what is remembered of the network.

mod augment;
pub mod baseline;
pub mod calibration;
pub mod forest;
pub mod matrix;
pub mod scaler;
pub mod store;
pub mod tail;
pub mod trainer;

pub(crate) mod random;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    context::memory::Memories,
    features::{Feature, View},
};
use augment::augment;
use baseline::Baseline;
use calibration::Calibration;
use forest::{Forest, ForestError, coded::CodedForest};
use matrix::Matrix;
use random::Random;
use scaler::Scaler;
use trainer::{Growth, TrainerKind};

/// Baseline scores that a tail is fitted to. More would only make the start slower.
const CALIBRATION_VECTORS: usize = 32_768;

/// Trees of a view of subjects for each of the packet view: there are few subjects a second, and the more trees, the
/// smaller the differences that count.
const SUBJECT_TREES: usize = 4;

/// The shortest time, in seconds, of a baseline after settling from which it can be told what hosts usually do.
const LEAST_SECONDS: f64 = 5.0;

/// The fewest packets that a model can be trained on.
pub const FEWEST_PACKETS: usize = 2;

/// Where and when a baseline was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingWindow {
    /// The capture file, or the interfaces.
    pub source: String,
    /// Time of the first packet, in nanoseconds since the Unix epoch.
    pub first_ns: u64,
    /// When subjects began to be learnt from: before that everything was new.
    pub settled_ns: u64,
    /// Time of the last packet, likewise.
    pub last_ns: u64,
    /// Packets that were learnt from.
    pub packets: u64,
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// How the forests are grown.
    pub growth: Growth,
    /// 0 splits along one feature at a time, n along planes through n + 1 of them, as far as a view has so many.
    /// Where nothing is said, the packet view's forest is the standard one, and the others are fully extended.
    pub extension_level: Option<usize>,
    /// By whom.
    pub trainer: TrainerKind,
    /// The probability, above 0 and at most 0.5, below which a packet is reported: about this share of ordinary
    /// packets is.
    pub contamination: f64,
    /// Features that are left out, as `view/feature`.
    pub without: Vec<String>,
}

impl TrainingWindow {
    fn settled_seconds(&self) -> f64 {
        self.last_ns.saturating_sub(self.settled_ns) as f64 / 1e9
    }
}

impl Training {
    /// What everything that is drawn follows from.
    pub fn seed(&self) -> u64 {
        self.growth.seed
    }

    /// The extension level of a view's forest, before it is cut to what the view has features for.
    ///
    /// The defaults are what was measured to be better (docs/evaluation.md): a view of subjects has few features, and
    /// all of them count at once; the packet view has many, of which few do.
    fn extension_level(&self, view: View) -> usize {
        self.extension_level.unwrap_or(if view == View::Packet { 0 } else { usize::MAX })
    }
}

/// Everything needed to score and decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    window: TrainingWindow,
    training: Training,
    /// Decisions on subjects of a second, all views but that of packets together.
    decisions_per_second: f64,
    /// Vectors of the baseline that were not learnt from, because they were hostile.
    set_aside: u64,
    /// In the order of [`View::ALL`].
    views: Vec<ViewModel>,
    memories: Memories,
}

/// The part of a model that belongs to one view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewModel {
    scaler: Scaler,
    forest: Forest,
    calibration: Calibration,
    /// Columns that are left out: they count as the baseline's median.
    blind: Vec<u16>,
}

/// What a model says of a vector.
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// Room that judging works in, so that nothing is allocated for a vector.
#[derive(Debug, Default)]
pub struct Workspace {
    scaled: Vec<f32>,
}

impl Model {
    /// Trains on a baseline.
    ///
    /// # Errors
    ///
    /// With fewer than [`FEWEST_PACKETS`] packets, and see [`trainer::Trainer::grow`].
    pub fn train(
        baseline: &Baseline,
        training: &Training,
        window: TrainingWindow,
        memories: Memories,
    ) -> Result<Self, ForestError> {
        let packets = baseline.sample(View::Packet).vectors.len();
        if packets < FEWEST_PACKETS {
            return Err(ForestError::TooFewSamples { found: packets });
        }
        let views = View::ALL
            .into_iter()
            .map(|view| ViewModel::train(view, baseline, training))
            .collect::<Result<_, _>>()?;
        let seconds = window.settled_seconds();
        Ok(Self {
            window,
            training: training.clone(),
            decisions_per_second: (baseline.decisions() as f64 / seconds.max(1.0)).max(1.0),
            set_aside: baseline.set_aside_count(),
            views,
            memories,
        })
    }

    /// The part of a view.
    pub fn view(&self, view: View) -> &ViewModel {
        &self.views[view as usize]
    }

    /// How it was trained.
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// Sets the probability below which a packet is reported.
    pub fn set_contamination(&mut self, contamination: f64) {
        self.training.contamination = contamination;
    }

    /// The probability below which a packet is reported.
    pub fn contamination(&self) -> f64 {
        self.training.contamination
    }

    /// Where and when the baseline was taken.
    pub fn window(&self) -> &TrainingWindow {
        &self.window
    }

    /// Whether the baseline is long enough to judge what hosts do in a second; packets are judged by any.
    pub fn judges_subjects(&self) -> bool {
        self.window.settled_seconds() >= LEAST_SECONDS
    }

    /// What is remembered of the network.
    pub fn memories(&self) -> &Memories {
        &self.memories
    }

    /// Decisions on subjects of a second in the baseline, all views but that of packets together; at least 1.
    pub fn decisions_per_second(&self) -> f64 {
        self.decisions_per_second
    }

    /// The same model for another rate of decisions.
    #[must_use]
    pub fn with_decisions_per_second(self, decisions_per_second: f64) -> Self {
        Self { decisions_per_second, ..self }
    }

    /// Vectors of the baseline that were not learnt from, because no ordinary subject gives such.
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// Whether a model from a file can be used as it is.
    fn is_sound(&self) -> bool {
        self.views.len() == View::ALL.len()
            && self.decisions_per_second.is_finite()
            && View::ALL.into_iter().all(|view| self.view(view).is_sound(view.features().len()))
    }
}

impl ViewModel {
    fn train(view: View, baseline: &Baseline, training: &Training) -> Result<Self, ForestError> {
        let features: Vec<&'static Feature> = view.features().collect();
        let is_blind = |feature: &&'static Feature| {
            training.without.iter().any(|name| name.split_once('/') == Some((view.name(), feature.name)))
        };
        let blind: Vec<u16> =
            (0..features.len()).filter(|i| is_blind(&features[*i])).map(|i| i as u16).collect();
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
        let forest = training.trainer.trainer().grow(&prepared.rows(&rows.training), &growth)?;
        let calibration = calibrate(&forest, &prepared.rows(&rows.ordinary), growth.trees)?;
        Ok(Self { scaler, forest, calibration, blind })
    }

    /// The forest, compiled for vectors of codes; `None` where it is not one.
    pub fn compile(&self) -> Option<CodedForest> {
        CodedForest::compile(&self.forest, &self.scaler, &self.blind)
    }

    /// The probability that an ordinary vector scores as high or higher: 1e-12 to 1.
    pub fn probability(&self, score: f64) -> f64 {
        self.calibration.probability(score)
    }

    /// What a vector is judged by, in one number, where it has few features: see [`Scaler::packed_codes`].
    pub fn packed_codes(&self, vector: &[f32]) -> Option<u64> {
        self.scaler.packed_codes(vector)
    }

    /// Scores a vector of the view.
    pub fn judge(&self, vector: &[f32], workspace: &mut Workspace) -> Judgement {
        self.scale(vector, &mut workspace.scaled);
        let score = self.forest.score(&workspace.scaled);
        Judgement { score, probability: self.calibration.probability(score) }
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

    fn is_sound(&self, columns: usize) -> bool {
        self.scaler.is_sound(columns)
            && self.forest.is_sound(columns)
            && self.calibration.is_sound()
            && self.blind.iter().all(|column| usize::from(*column) < columns)
    }
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
    // Rows of codes repeat themselves, and a forest takes longer than a look at what it said before.
    let mut known: HashMap<&[u32], f64> = HashMap::new();
    let scores: Vec<f64> = rows
        .rows()
        .step_by(step)
        .map(|row| *known.entry(bytemuck::cast_slice(row)).or_insert_with(|| forest.score(row)))
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

/// The names that a model's features must have, in order, with their views.
fn schema() -> Vec<String> {
    View::ALL
        .into_iter()
        .flat_map(|view| view.features().map(move |feature| format!("{}/{}", view.name(), feature.name)))
        .collect()
}
