//! `[state]`: where what was learnt is kept for the next start.

use std::{env, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConfigError, Length};
use crate::{
    settings::length,
    state::{SYSTEMD_VARIABLE, StateConfig},
};

pub(super) const DEFAULT_EVERY: Duration = Duration::from_secs(300);
const LONGEST_EVERY: Duration = Duration::from_secs(86_400);

/// `[state]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSection {
    /// The directory; `none` for none.
    pub dir: Option<PathBuf>,
    /// How often it is written.
    pub every: Option<Length>,
}

impl StateSection {
    /// What the defaults are: the directory that systemd made for its service, where there is one.
    pub(super) fn defaults() -> Self {
        let named = env::var_os(SYSTEMD_VARIABLE).and_then(|paths| env::split_paths(&paths).next());
        let dir = named.filter(|path| !path.as_os_str().is_empty());
        Self { dir, every: Some(Length(DEFAULT_EVERY)) }
    }
}

impl StateConfig {
    /// The settings in force: `directory` of flags and environment over the file's, and the file's over that of systemd. Nothing where
    /// none of them names a directory.
    ///
    /// # Errors
    ///
    /// When a length of time is out of range.
    pub fn new(directory: Option<PathBuf>, file: &StateSection) -> Result<Option<Self>, ConfigError> {
        let every = length("[state] every", file.every, DEFAULT_EVERY, LONGEST_EVERY)?;
        let directory = directory.or_else(|| file.dir.clone()).or_else(|| StateSection::defaults().dir);
        let directory = directory.filter(|directory| directory.as_os_str() != "none");
        Ok(directory.map(|directory| Self { directory, every, starts_anew: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_s_directory_counts_before_the_file_s_and_none_is_none() {
        let file = StateSection { dir: Some("file".into()), every: Some(Length(Duration::from_secs(7))) };
        let of = |given: Option<&str>, file: &StateSection| {
            StateConfig::new(given.map(Into::into), file).unwrap().map(|state| (state.directory, state.every))
        };
        assert_eq!(of(None, &file), Some(("file".into(), Duration::from_secs(7))));
        assert_eq!(of(Some("flag"), &StateSection::default()), Some(("flag".into(), DEFAULT_EVERY)));
        assert_eq!(of(Some("none"), &file), None);
        for every in [Duration::from_millis(10), 2 * LONGEST_EVERY] {
            let file = StateSection { every: Some(Length(every)), ..StateSection::default() };
            let error = StateConfig::new(None, &file).unwrap_err().to_string();
            assert!(error.contains("every") && error.contains("out of range"), "{error}");
        }
    }
}
