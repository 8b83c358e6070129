//! `[history]` in the file: where incidents and traffic are kept, and for how long.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    history::{DEFAULT_MAX_AGE, DEFAULT_MAX_SIZE, HistoryConfig, LEAST_MAX_SIZE, SPAN_S},
    output::{Section, SinkConfig, SinkContext},
    settings::{ConfigError, Length, Size},
};

/// `[history]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySection {
    /// The file; none for no history.
    pub path: Option<PathBuf>,
    /// How long what was written is kept.
    pub max_age: Option<Length>,
    /// The size from which on the oldest leaves.
    pub max_size: Option<Size>,
}

impl Section for HistorySection {
    fn given(given: &SinkContext) -> Self {
        Self { path: given.history.clone(), ..Self::default() }
    }

    fn defaults() -> Self {
        Self { path: None, max_age: Some(Length(DEFAULT_MAX_AGE)), max_size: Some(Size(DEFAULT_MAX_SIZE)) }
    }

    fn sinks(&self, given: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        let config = history(given.history.clone(), self, given.source.clone())?;
        Ok(config.into_iter().map(|config| Arc::new(config) as Arc<dyn SinkConfig>).collect())
    }
}

/// The history in force: a flag's file before the config's; `None` where there is to be none.
///
/// # Errors
///
/// When the size is too small to keep anything.
fn history(
    flag: Option<PathBuf>,
    file: &HistorySection,
    source: String,
) -> Result<Option<HistoryConfig>, ConfigError> {
    let max_size = file.max_size.map_or(DEFAULT_MAX_SIZE, |size| size.0);
    if max_size < LEAST_MAX_SIZE {
        return Err(ConfigError::Value(format!(
            "max_size of the history, {max_size} bytes, is out of range: 1MiB is the least"
        )));
    }
    let max_age = file.max_age.map_or(DEFAULT_MAX_AGE, |length| length.0);
    Ok(flag.or_else(|| file.path.clone()).map(|path| HistoryConfig {
        path,
        max_age,
        max_size,
        source,
        span_s: SPAN_S,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_has_to_be_room_for_something() {
        let small = HistorySection { max_size: Some(Size(1 << 19)), ..HistorySection::default() };
        assert!(history(None, &small, String::new()).unwrap_err().to_string().contains("1MiB is the least"));
    }

    #[test]
    fn there_is_a_history_only_where_one_is_named_and_the_flag_counts_first() {
        let none = HistorySection::default();
        assert_eq!(history(None, &none, "eth0".into()).unwrap(), None);
        let section = HistorySection { path: Some("of-file.db".into()), ..none };
        let path = |flag: Option<&str>| {
            history(flag.map(Into::into), &section, String::new()).unwrap().map(|config| config.path)
        };
        assert_eq!((path(None), path(Some("f.db"))), (Some("of-file.db".into()), Some("f.db".into())));
    }
}
