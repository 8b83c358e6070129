//! `[log]`: the log file, its format, and how many old ones are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, DEFAULT_LOG, Size, check};
use crate::output::log::{LogConfig, LogFormat, Rotate};

pub(super) const DEFAULT_LOG_SIZE: Size = Size(64 << 20);
pub(super) const DEFAULT_LOGS_KEPT: usize = 14;
/// A smaller file would hold a few lines.
const LEAST_MAX_SIZE: Size = Size(4 << 10);
const MOST_KEPT: usize = 10_000;

/// `[log]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// The log file; `none` for none.
    pub path: Option<PathBuf>,
    /// What a line looks like.
    pub format: Option<LogFormat>,
    /// Bytes at which a new file is begun.
    pub max_size: Option<Size>,
    /// Whether a new file is begun each day.
    pub rotate: Option<Rotate>,
    /// Old files that are kept.
    pub keep: Option<usize>,
}

impl LogConfig {
    /// The settings in force: `path` of flags and environment over the file's.
    ///
    /// # Errors
    ///
    /// When a number is out of range.
    pub fn new(path: Option<PathBuf>, file: &LogSection) -> Result<Self, ConfigError> {
        let path = path.or_else(|| file.path.clone()).unwrap_or_else(|| DEFAULT_LOG.into());
        let max_size = file.max_size.unwrap_or(DEFAULT_LOG_SIZE);
        if max_size < LEAST_MAX_SIZE {
            return Err(ConfigError::Value(format!(
                "max_size {max_size} of the log is out of range: give at least {LEAST_MAX_SIZE}"
            )));
        }
        let keep = file.keep.unwrap_or(DEFAULT_LOGS_KEPT);
        check("keep", keep, 1, MOST_KEPT)?;
        Ok(Self {
            path: (path.as_os_str() != "none").then_some(path),
            format: file.format.unwrap_or_default(),
            max_size: max_size.0,
            rotate: file.rotate.unwrap_or_default(),
            keep,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_s_path_counts_before_the_file_s_and_none_is_no_log() {
        let file = LogSection { path: Some("file.log".into()), ..LogSection::default() };
        let path = |given: Option<&str>, file: &LogSection| {
            LogConfig::new(given.map(Into::into), file).unwrap().path
        };
        assert_eq!(path(None, &LogSection::default()), Some(DEFAULT_LOG.into()));
        assert_eq!(path(None, &file), Some("file.log".into()));
        assert_eq!(path(Some("flag.log"), &file), Some("flag.log".into()));
        assert_eq!(path(Some("none"), &file), None);
    }

    #[test]
    fn a_log_that_would_be_cut_after_a_few_lines_or_never_kept_is_refused() {
        let error = |file: LogSection| LogConfig::new(None, &file).unwrap_err().to_string();
        let tiny = error(LogSection { max_size: Some(Size(100)), ..LogSection::default() });
        assert!(tiny.contains("max_size 100 of the log is out of range: give at least 4KiB"), "{tiny}");
        let none = error(LogSection { keep: Some(0), ..LogSection::default() });
        assert!(none.contains("keep 0 is out of range: 1 to 10000"), "{none}");
    }
}
