//! What a person sets: in `nad.toml`, in the environment, by flags.

mod allow;
mod context;
mod effective;
mod file;
mod files;
mod log;
mod needs;
mod output;
mod payload;
mod renamed;
mod sensor;
mod state;
mod threads;
mod written;

use std::{path::PathBuf, time::Duration};

pub use allow::AllowSection;
pub use context::ContextSection;
pub use effective::{Places, shown};
pub use file::{
    AlertsSection, CaptureSection, DEFAULT_FILE, File, NO_FILE, OneOrMany, Relearn, SYSTEM_FILE,
    TrainingSection,
};
pub use files::FilesSection;
pub use log::LogSection;
pub use output::{ClosedStdout, OutputConfig, OutputSection};
pub use payload::{PayloadSection, heads};
pub use renamed::{refuse_renamed_variables, renamed_flag};
pub use sensor::SensorSection;
pub use state::StateSection;
pub use threads::{ShardCount, ThreadsSection};

use nad_engine::{
    detector::{BaselineLength, DetectorOptions},
    features::View,
    incident::allow::AllowRules,
    model::{
        Training,
        trainer::{Growth, TrainerKind},
    },
    policy::AlertBudget,
};

use crate::{settings::check, source::xdp::default_ring_bytes};

pub use crate::settings::{ConfigError, Length, Size};

/// Where the log goes unless something else is said.
pub const DEFAULT_LOG: &str = "logs/anomaly_detector.log";
/// The baseline of `nad run` and `nad replay` unless something else is said.
pub const DEFAULT_TRAIN_FOR: Duration = Duration::from_secs(60);
/// `--count` without a number.
pub const DEFAULT_COUNT: &str = "100";
/// The share of a fixed number of packets that is reported: the old program's.
pub const DEFAULT_CONTAMINATION_COUNT: f64 = 0.01;
/// The smallest ring: a page.
pub const LEAST_RING_BYTES: u32 = 4096;
/// The largest ring.
pub const LARGEST_RING_BYTES: u32 = 1 << 30;
/// The largest `--count`: that many packets are held in memory.
pub const LARGEST_COUNT: u64 = 1_000_000;

/// What the settings of one place (flags, environment, file) say about the baseline. They belong together: the
/// first place that says any of them decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskChoice {
    /// Capture a fixed number of packets.
    pub count: Option<u64>,
    /// Learn for this long.
    pub train_for: Option<Length>,
    /// Learn from this many packets.
    pub train_packets: Option<u64>,
    /// Use a saved model.
    pub model: Option<PathBuf>,
}

/// What the detector is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Learn a baseline, then detect.
    Learn(BaselineLength),
    /// Detect with a saved model.
    Detect(PathBuf),
    /// Capture this many packets; they are their own baseline unless there is a model.
    Count {
        /// How many.
        packets: u64,
        /// The model.
        model: Option<PathBuf>,
    },
}

impl TaskChoice {
    /// The task of the first place, in order, that says anything of it; `None` where none does.
    ///
    /// # Errors
    ///
    /// When that place contradicts itself, or a number is out of range.
    pub fn decide(places: &[Self]) -> Result<Option<Task>, ConfigError> {
        places.iter().find(|place| **place != Self::default()).map(Self::task).transpose()
    }

    fn task(&self) -> Result<Task, ConfigError> {
        let value = |text: &str| Err(ConfigError::Value(text.into()));
        match (self.count, self.train_for, self.train_packets, &self.model) {
            (Some(packets), None, None, model) => {
                if !(2..=LARGEST_COUNT).contains(&packets) {
                    return Err(ConfigError::Value(format!(
                        "count {packets} is out of range: 2 to {LARGEST_COUNT} packets can be captured at once"
                    )));
                }
                Ok(Task::Count { packets, model: model.clone() })
            }
            (None, Some(length), None, None) => Ok(Task::Learn(BaselineLength::Time(length.0))),
            (None, None, Some(packets), None) if packets < 2 => Err(ConfigError::Value(format!(
                "train-packets {packets} is out of range: at least 2 packets are needed to learn from"
            ))),
            (None, None, Some(packets), None) => Ok(Task::Learn(BaselineLength::Packets(packets))),
            (None, None, None, Some(model)) => Ok(Task::Detect(model.clone())),
            (Some(_), ..) => {
                value("count goes with a model or alone: a fixed number of packets is its own baseline")
            }
            _ => value("train-for, train-packets and model exclude each other: give one of them"),
        }
    }
}

/// What flags and environment say of training.
#[derive(Debug, Clone, Default)]
pub struct TrainingChoice {
    /// See [`Training::contamination`].
    pub contamination: Option<f64>,
    /// Extension level of the forests, see [`Training`].
    pub extension_level: Option<usize>,
    /// See [`Growth::seed`].
    pub seed: Option<u64>,
    /// See [`Training::trainer`].
    pub trainer: Option<TrainerKind>,
    /// See [`Training::without`].
    pub without: Vec<String>,
}

/// The training settings in force: flags and environment over the file.
///
/// # Errors
///
/// When a number is out of range, a feature is not one, or there is a seed for a trainer that has no use for it.
pub fn training(
    given: TrainingChoice,
    file: &TrainingSection,
    default_contamination: f64,
) -> Result<Training, ConfigError> {
    let growth = Growth::default();
    let seed = given.seed.or(file.seed);
    let training = Training {
        growth: Growth {
            trees: file.trees.unwrap_or(growth.trees),
            samples_per_tree: file.samples_per_tree.unwrap_or(growth.samples_per_tree),
            seed: seed.unwrap_or(growth.seed),
            ..growth
        },
        extension_level: given.extension_level.or(file.extension_level),
        trainer: given.trainer.or(file.trainer).unwrap_or_default(),
        contamination: given.contamination.or(file.contamination).unwrap_or(default_contamination),
        without: left_out(&given.without)?,
    };
    if let (Some(seed), TrainerKind::Crate) = (seed, training.trainer) {
        return Err(ConfigError::Value(format!(
            "seed {seed} has no effect with the trainer \"crate\", which can't be seeded: leave one of them out"
        )));
    }
    training.check().map_err(ConfigError::Value)?;
    Ok(training)
}

/// The features of these names as view/feature; a name without a view is that of all views that have it.
fn left_out(names: &[String]) -> Result<Vec<String>, ConfigError> {
    let all = || View::ALL.into_iter().flat_map(|view| view.features().map(move |feature| (view, feature)));
    let mut features = Vec::new();
    for name in names {
        let before = features.len();
        features.extend(all().filter_map(|(view, feature)| {
            let full = format!("{}/{}", view.name(), feature.name);
            (full == *name || feature.name == name).then_some(full)
        }));
        if features.len() == before {
            return Err(ConfigError::Value(format!(
                "feature {name} is unknown: give one that `nad features --list` names, alone or as view/feature"
            )));
        }
    }
    features.sort_unstable();
    features.dedup();
    Ok(features)
}

/// The detection settings in force: flags and environment over the file.
///
/// # Errors
///
/// When a number is out of range.
pub fn detection(
    budget: Option<AlertBudget>,
    threads: ThreadsSection,
    file: &File,
) -> Result<DetectorOptions, ConfigError> {
    let default = DetectorOptions::default();
    let alerts = &file.alerts;
    let relearn_every = match &alerts.relearn {
        None => default.relearn_every,
        Some(Relearn::Never) => None,
        Some(Relearn::Every(length)) => Some(length.0),
    };
    let mut options = DetectorOptions {
        sizes: file.context.sizes()?,
        budget: budget.or(alerts.budget).unwrap_or_default(),
        silence: alerts.silence.map_or(default.silence, |length| length.0),
        rules: AllowRules::new(file.allow.iter().map(|section| section.get_ref().criteria())),
        relearn_every,
        in_background: false,
        ..default
    };
    threads.or(&file.threads).apply(&mut options)?;
    Ok(options)
}

/// The interfaces in force, each once; none stands for the one of the default route.
pub fn interfaces(flags: Vec<String>, file: &CaptureSection) -> Vec<String> {
    let named = match file.interface.clone() {
        _ if !flags.is_empty() => flags,
        Some(OneOrMany::One(name)) => vec![name],
        Some(OneOrMany::Many(names)) => names,
        None => Vec::new(),
    };
    let mut interfaces = Vec::new();
    for name in named {
        if !interfaces.contains(&name) {
            interfaces.push(name);
        }
    }
    interfaces
}

/// The ring size in force.
///
/// # Errors
///
/// When the kernel can't make a ring of that size.
pub fn ring_bytes(flag: Option<u32>, file: &CaptureSection) -> Result<u32, ConfigError> {
    let bytes = flag.or(file.ring_bytes).unwrap_or_else(default_ring_bytes);
    if bytes.is_power_of_two() && (LEAST_RING_BYTES..=LARGEST_RING_BYTES).contains(&bytes) {
        return Ok(bytes);
    }
    Err(ConfigError::Value(format!(
        "ring_bytes {bytes} is out of range: a power of two from {LEAST_RING_BYTES} to {LARGEST_RING_BYTES} is possible"
    )))
}

#[cfg(test)]
mod tests;
