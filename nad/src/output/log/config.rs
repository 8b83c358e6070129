//! What the log is like.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Time, level, target and message, then each field as `name=value`.
    #[default]
    Text,
    /// A JSON object with `time`, `level`, `target`, `message` and `fields`.
    Json,
}

/// When a new file is begun, whatever the size of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotate {
    /// With the first line after midnight, UTC.
    #[default]
    Daily,
    /// Never.
    Never,
}

/// The log's settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The log file; `None` for none.
    pub path: Option<PathBuf>,
    /// What a line looks like.
    pub format: LogFormat,
    /// Bytes at which a new file is begun.
    pub max_size: u64,
    /// Whether a new file is begun each day.
    pub rotate: Rotate,
    /// Old files that are kept.
    pub keep: usize,
}
