//! What a person sets: in `nad.toml`, in the environment, by flags.

mod file;

use std::{fmt, io, path::PathBuf, str::FromStr, time::Duration};

use serde::Deserialize;

pub use file::{CaptureSection, DEFAULT_FILE, EmailSection, File, LogSection, OneOrMany, TrainingSection};

use crate::{
    detector::Baseline,
    features::FEATURE_COUNT,
    model::{
        Training,
        trainer::{Growth, TrainerKind},
    },
    source::xdp::DEFAULT_RING_BYTES,
};

/// Where the log goes unless something else is said.
pub const DEFAULT_LOG: &str = "logs/anomaly_detector.log";
/// The baseline of `nad run` and `nad replay` unless something else is said.
pub const DEFAULT_TRAIN_FOR: Duration = Duration::from_secs(60);
/// `--count` without a number.
pub const DEFAULT_COUNT: &str = "100";
/// The share of a fixed number of packets that is reported: the old program's.
pub const DEFAULT_CONTAMINATION_COUNT: f64 = 0.01;
/// The share of a baseline above the threshold when nad goes on watching: one in a hundred would be one alarm
/// after the other.
pub const DEFAULT_CONTAMINATION: f64 = 0.0001;
/// The smallest ring: a page.
pub const LEAST_RING_BYTES: u32 = 4096;
/// The largest ring.
pub const LARGEST_RING_BYTES: u32 = 1 << 30;
/// The largest `--count`: that many packets are held in memory.
pub const LARGEST_COUNT: u64 = 1_000_000;

/// Why a setting is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("config file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something that nad does not know.
    #[error("config file {}, line {line}: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A value is out of range, or two settings contradict each other.
    #[error("{0}")]
    Value(String),
}

/// A length of time with its unit: `300s`, `5m`, `1h`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(pub Duration);

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
    Learn(Baseline),
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
            (None, Some(length), None, None) => Ok(Task::Learn(Baseline::Time(length.0))),
            (None, None, Some(packets), None) if packets < 2 => Err(ConfigError::Value(format!(
                "train-packets {packets} is out of range: at least 2 packets are needed to learn from"
            ))),
            (None, None, Some(packets), None) => Ok(Task::Learn(Baseline::Packets(packets))),
            (None, None, None, Some(model)) => Ok(Task::Detect(model.clone())),
            (Some(_), ..) => {
                value("count goes with a model or alone: a fixed number of packets is its own baseline")
            }
            _ => value("train-for, train-packets and model exclude each other: give one of them"),
        }
    }
}

/// What flags and environment say about training.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TrainingChoice {
    /// The share of the baseline above the threshold.
    pub contamination: Option<f64>,
    /// See [`Growth::extension_level`].
    pub extension_level: Option<usize>,
    /// See [`Growth::seed`].
    pub seed: Option<u64>,
    /// Who grows the forest.
    pub trainer: Option<TrainerKind>,
}

/// The training settings in force: flags and environment over the file.
///
/// # Errors
///
/// When a number is out of range, or there is a seed for a trainer that has no use for it.
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
            extension_level: given.extension_level.or(file.extension_level).unwrap_or(growth.extension_level),
            seed: seed.unwrap_or(growth.seed),
        },
        trainer: given.trainer.or(file.trainer).unwrap_or_default(),
        contamination: given.contamination.or(file.contamination).unwrap_or(default_contamination),
    };
    if let (Some(seed), TrainerKind::Crate) = (seed, training.trainer) {
        return Err(ConfigError::Value(format!(
            "seed {seed} has no effect with the trainer \"crate\", which can't be seeded: leave one of them out"
        )));
    }
    check("trees", training.growth.trees, 1, 10_000)?;
    check("samples_per_tree", training.growth.samples_per_tree, 2, 65_536)?;
    check("extension_level", training.growth.extension_level, 0, FEATURE_COUNT - 1)?;
    check_contamination(training.contamination)?;
    Ok(training)
}

/// Checks the share of a baseline that is to lie above the threshold.
///
/// # Errors
///
/// When it is not above 0 and at most 0.5.
pub fn check_contamination(contamination: f64) -> Result<(), ConfigError> {
    if contamination > 0.0 && contamination <= 0.5 {
        return Ok(());
    }
    Err(ConfigError::Value(format!(
        "contamination {contamination} is out of range: it must be above 0 and at most 0.5"
    )))
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
    let bytes = flag.or(file.ring_bytes).unwrap_or(DEFAULT_RING_BYTES);
    if bytes.is_power_of_two() && (LEAST_RING_BYTES..=LARGEST_RING_BYTES).contains(&bytes) {
        return Ok(bytes);
    }
    Err(ConfigError::Value(format!(
        "ring_bytes {bytes} is out of range: a power of two from {LEAST_RING_BYTES} to {LARGEST_RING_BYTES} is possible"
    )))
}

fn check(name: &str, value: usize, least: usize, most: usize) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Value(format!("{name} {value} is out of range: {least} to {most} are possible")))
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!("\"{text}\" is no length of time: give a number and a unit, as in 300s, 5m, 1h or 500ms")
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| error())?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(error()),
        };
        match number.checked_mul(milliseconds) {
            Some(length) if length > 0 => Ok(Self(Duration::from_millis(length))),
            _ => Err(format!("{text} is out of range: a baseline takes at least 1ms")),
        }
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_need_a_unit() {
        let seconds = |text: &str| text.parse::<Length>().map(|length| length.0.as_secs());
        assert_eq!((seconds("300s"), seconds("5m"), seconds("1h")), (Ok(300), Ok(300), Ok(3600)));
        for bad in ["", "300", "s", "-3s", "0s", "3 s", "9999999999999999999s", "5w"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_place_that_says_anything_decides() {
        let flags = TaskChoice { model: Some("m".into()), ..TaskChoice::default() };
        let file = TaskChoice { count: Some(100), ..TaskChoice::default() };
        let decide = |places: &[TaskChoice]| TaskChoice::decide(places).unwrap();
        assert_eq!(decide(&[flags.clone(), file.clone()]), Some(Task::Detect("m".into())));
        assert_eq!(
            decide(&[TaskChoice::default(), file.clone()]),
            Some(Task::Count { packets: 100, model: None })
        );
        assert_eq!(decide(&[TaskChoice::default()]), None);
        let both = TaskChoice { train_packets: Some(7), ..flags };
        assert!(TaskChoice::decide(&[both, file]).is_err());
    }

    #[test]
    fn an_interface_named_twice_is_watched_once() {
        let names = ["b", "a", "b"].map(str::to_owned).to_vec();
        let section =
            CaptureSection { interface: Some(OneOrMany::Many(names.clone())), ..Default::default() };
        assert_eq!(interfaces(Vec::new(), &section), ["b", "a"]);
        assert_eq!(interfaces(names, &CaptureSection::default()), ["b", "a"]);
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_range() {
        for contamination in [0.0, -1.0, 0.51, f64::NAN, f64::INFINITY] {
            assert!(check_contamination(contamination).is_err(), "{contamination}");
        }
        let section = TrainingSection { trees: Some(0), ..TrainingSection::default() };
        let error = training(TrainingChoice::default(), &section, 0.01).unwrap_err().to_string();
        assert_eq!(error, "trees 0 is out of range: 1 to 10000 are possible");
        let count = TaskChoice { count: Some(1), ..TaskChoice::default() };
        assert!(TaskChoice::decide(&[count]).is_err());
    }

    #[test]
    fn the_seed_and_the_trainer_of_a_flag_count_before_the_files() {
        let section = TrainingSection {
            seed: Some(7),
            trainer: Some(TrainerKind::Seeded),
            ..TrainingSection::default()
        };
        let settled = |given: TrainingChoice, file: &TrainingSection| {
            training(given, file, 0.01).map(|it| (it.growth.seed, it.trainer)).map_err(|it| it.to_string())
        };
        let (none, nothing) = (TrainingChoice::default(), TrainingSection::default());
        assert_eq!(settled(none, &nothing), Ok((0, TrainerKind::Seeded)));
        assert_eq!(settled(none, &section), Ok((7, TrainerKind::Seeded)));
        let seed = TrainingChoice { seed: Some(8), ..none };
        assert_eq!(settled(seed, &section), Ok((8, TrainerKind::Seeded)));
        let other = TrainingChoice { trainer: Some(TrainerKind::Crate), ..none };
        assert_eq!(settled(other, &nothing), Ok((0, TrainerKind::Crate)));
        assert_eq!(
            settled(other, &section).unwrap_err(),
            "seed 7 has no effect with the trainer \"crate\", which can't be seeded: leave one of them out"
        );
    }
}
