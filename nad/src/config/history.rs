//! `[history]` in the file: where incidents and traffic are kept, and for how long.

use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, Length};
use crate::history::{DEFAULT_MAX_AGE, DEFAULT_MAX_SIZE, HistoryConfig, LEAST_MAX_SIZE, SPAN_S};

/// `[history]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySection {
    /// The file; none for no history.
    pub path: Option<PathBuf>,
    /// How long what was written is kept.
    pub max_age: Option<Length>,
    /// The size from which on the oldest leaves.
    pub max_size: Option<Size>,
}

/// Bytes with their unit: `256MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = || format!("\"{text}\" is no size: give a number and a unit, as in 64MiB or 2GiB");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| error())?;
        let bytes = match unit {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(error()),
        };
        number.checked_mul(bytes).map(Self).ok_or_else(error)
    }
}

/// The history in force: a flag's file before the config's; `None` where there is to be none.
///
/// # Errors
///
/// When the size is too small to keep anything.
pub fn history(
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
    fn a_size_needs_a_unit_and_room_for_something() {
        let size = |text: &str| Size::try_from(text.to_owned()).map(|size| size.0);
        assert_eq!((size("1MiB"), size("2GiB"), size("64KiB")), (Ok(1 << 20), Ok(2 << 30), Ok(64 << 10)));
        for bad in ["", "1", "MiB", "-1MiB", "1MB", "1 MiB", "99999999999GiB"] {
            assert!(size(bad).is_err_and(|error| error.contains("64MiB")), "{bad}");
        }
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
