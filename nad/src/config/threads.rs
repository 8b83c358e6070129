//! Threads that judge packets.

use std::{fmt, str::FromStr, thread};

use nad_engine::{context::PARTITIONS, detector::DetectorOptions};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::ConfigError;

/// `[threads]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThreadsSection {
    /// Threads that share the packets' work.
    pub shards: Option<ShardCount>,
    /// CPUs that they are bound to, in turn.
    pub cpus: Option<Vec<usize>>,
}

/// How many threads share the packets' work: `"auto"`, or a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShardCount {
    /// Half of the CPUs: the others are for the kernel's part and for what routes records.
    #[default]
    Auto,
    /// So many.
    Number(usize),
}

impl ShardCount {
    /// The number on this machine.
    pub fn number(self) -> usize {
        match self {
            Self::Auto => {
                thread::available_parallelism().map_or(1, |cpus| (cpus.get() / 2).clamp(1, PARTITIONS))
            }
            Self::Number(number) => number,
        }
    }
}

impl ThreadsSection {
    /// These settings, where others do not say something else.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self { shards: self.shards.or(others.shards), cpus: self.cpus.or_else(|| others.cpus.clone()) }
    }

    /// Puts them in force.
    ///
    /// # Errors
    ///
    /// When there is no such CPU.
    pub fn apply(self, options: &mut DetectorOptions) -> Result<(), ConfigError> {
        options.shards = self.shards.unwrap_or_default().number();
        options.cpus = self.cpus.unwrap_or_default();
        // A process may be let run on some of them only.
        match options.cpus.iter().find(|cpu| **cpu >= CPU_LIMIT) {
            Some(cpu) => Err(ConfigError::Value(format!(
                "cpus names CPU {cpu}: a number from 0 to {} is possible",
                CPU_LIMIT - 1
            ))),
            None => Ok(()),
        }
    }
}

/// CPUs that a set of them has room for.
const CPU_LIMIT: usize = 1024;

impl FromStr for ShardCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<usize>() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(number) if (1..=PARTITIONS).contains(&number) => Ok(Self::Number(number)),
            _ => Err(format!("{text} is no number of shards: auto, or 1 to {PARTITIONS}")),
        }
    }
}

impl fmt::Display for ShardCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Serialize for ShardCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Number(number) => serializer.serialize_u64(*number as u64),
        }
    }
}

impl<'de> Deserialize<'de> for ShardCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "\"auto\" or a number")]
        enum Written {
            Text(String),
            Number(u64),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_shards_is_auto_or_within_its_bounds() {
        let of =
            |text: &str| toml::from_str::<ThreadsSection>(&format!("shards = {text}")).map(|it| it.shards);
        assert_eq!(of("\"auto\"").unwrap(), Some(ShardCount::Auto));
        assert_eq!(of("16").unwrap(), Some(ShardCount::Number(16)));
        for wrong in ["0", "17", "-1", "\"two\"", "true"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!((1..=PARTITIONS).contains(&ShardCount::Auto.number()));
    }

    #[test]
    fn flags_come_before_the_file_and_a_cpu_must_be_one() {
        let file = ThreadsSection { shards: Some(ShardCount::Number(4)), cpus: Some(vec![1]) };
        let flags = ThreadsSection { shards: Some(ShardCount::Number(2)), cpus: None };
        let mut options = DetectorOptions::default();
        flags.or(&file).apply(&mut options).unwrap();
        assert_eq!((options.shards, &options.cpus[..]), (2, &[1][..]));
        let wrong = ThreadsSection { shards: None, cpus: Some(vec![0, 1024]) };
        let error = wrong.apply(&mut options).unwrap_err().to_string();
        assert!(error.contains("CPU 1024") && error.contains("0 to 1023"), "{error}");
    }
}
