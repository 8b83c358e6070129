//! A trained model: for each view what the baseline looked like, the forest grown from it and the tail of its
//! scores; and the known services.

mod augment;
pub mod baseline;
mod bytes;
pub mod calibration;
mod check;
#[cfg(any(test, feature = "examples"))]
pub mod example;
pub mod forest;
pub mod matrix;
pub mod scaler;
pub mod tail;
pub mod trainer;
mod view;

pub(crate) mod random;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    context::known::KnownSnapshot,
    features::{MOST_FEATURES, View},
};
use baseline::Baseline;
use forest::ForestError;
use trainer::{Growth, TrainerKind};
pub use view::{Compiled, Evidence, Judgement, Scorer, ViewModel};

/// The shortest time, in seconds, of a baseline after settling from which follows what hosts usually do.
const LEAST_SECONDS: f64 = 5.0;

/// The fewest packets that a model can be trained on.
pub const FEWEST_PACKETS: usize = 2;

/// The share of a baseline above the threshold where nobody says another: one in a hundred would be one alarm after the
/// other.
pub const CONTAMINATION: f64 = 0.0001;

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
    /// 0 splits along one feature at a time, n along oblique planes through n + 1 of them, as far as a view has so many.
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

impl Default for Training {
    fn default() -> Self {
        Self {
            growth: Growth::default(),
            extension_level: None,
            trainer: TrainerKind::default(),
            contamination: CONTAMINATION,
            without: Vec::new(),
        }
    }
}

impl TrainingWindow {
    /// The time from the first packet to the last.
    pub fn length(&self) -> Duration {
        Duration::from_nanos(self.last_ns.saturating_sub(self.first_ns))
    }

    fn settled_seconds(&self) -> f64 {
        self.last_ns.saturating_sub(self.settled_ns) as f64 / 1e9
    }
}

impl Training {
    /// What everything that is drawn follows from.
    pub fn seed(&self) -> u64 {
        self.growth.seed
    }

    /// Why it can't be trained so, whether a person says how or a model that it was: a number that is out of range.
    ///
    /// # Errors
    ///
    /// That number, and what is possible.
    pub fn check(&self) -> Result<(), String> {
        let in_range = |name: &str, value: usize, least: usize, most: usize| {
            let is_possible = (least..=most).contains(&value);
            is_possible
                .then_some(())
                .ok_or_else(|| format!("{name} {value} is out of range: {least} to {most} are possible"))
        };
        in_range("trees", self.growth.trees, 1, 10_000)?;
        in_range("samples_per_tree", self.growth.samples_per_tree, 2, 65_536)?;
        in_range("extension_level", self.extension_level.unwrap_or(0), 0, MOST_FEATURES - 1)?;
        check_contamination(self.contamination)
    }

    /// The extension level of a view's forest, before it is cut to what the view has features for.
    ///
    /// The defaults are what was measured to be better (docs/evaluation.md): a view of subjects has few features, and
    /// all of them count at once; the packet view has many, of which few do.
    fn extension_level(&self, view: View) -> usize {
        self.extension_level.unwrap_or(if view == View::Packet { 0 } else { usize::MAX })
    }
}

/// Checks the share of a baseline that is to lie above the threshold.
///
/// # Errors
///
/// When it is not above 0 and at most 0.5.
pub fn check_contamination(contamination: f64) -> Result<(), String> {
    if contamination > 0.0 && contamination <= 0.5 {
        return Ok(());
    }
    Err(format!("contamination {contamination} is out of range: it must be above 0 and at most 0.5"))
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
    known: KnownSnapshot,
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
        known: KnownSnapshot,
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
            known,
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

    /// The known services of the network.
    pub fn known_services(&self) -> &KnownSnapshot {
        &self.known
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
}

/// The names that a model's features must have, in order, with their views.
fn schema() -> Vec<String> {
    View::ALL
        .into_iter()
        .flat_map(|view| view.features().map(move |feature| format!("{}/{}", view.name(), feature.name)))
        .collect()
}
