//! What is looked at of payloads.

use nad_common::head::MAX_HEAD;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::source::heads::{HeadLevel, HeadOptions};

/// `[payload]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PayloadSection {
    /// Which payloads' first bytes.
    pub level: Option<HeadLevel>,
    /// How many bytes of each.
    pub bytes: Option<u32>,
    /// Live: how many a second, by CPU and direction.
    pub heads_per_second: Option<u32>,
}

impl PayloadSection {
    /// These settings.
    pub(super) fn of(options: HeadOptions) -> Self {
        Self {
            level: Some(options.level),
            bytes: Some(options.bytes),
            heads_per_second: Some(options.a_second),
        }
    }
}

/// What is looked at of payloads: the flag over the file.
///
/// # Errors
///
/// When a number is out of range.
pub fn heads(level: Option<HeadLevel>, file: &PayloadSection) -> Result<HeadOptions, ConfigError> {
    let default = HeadOptions::default();
    let bytes = file.bytes.unwrap_or(default.bytes);
    if !(1..=MAX_HEAD as u32).contains(&bytes) {
        return Err(ConfigError::Value(format!(
            "[payload] bytes {bytes} is out of range: 1 to {MAX_HEAD} are possible; level = \"off\" looks at none"
        )));
    }
    Ok(HeadOptions {
        level: level.or(file.level).unwrap_or(default.level),
        bytes,
        a_second: file.heads_per_second.unwrap_or(default.a_second),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_before_the_file_and_bytes_have_bounds() {
        let section = |text: &str| toml::from_str::<PayloadSection>(text).unwrap();
        let of = |level, text: &str| heads(level, &section(text));
        assert_eq!(of(None, "").unwrap(), HeadOptions::default());
        let options = of(None, "level = \"names\"\nbytes = 100\nheads_per_second = 7").unwrap();
        assert_eq!(options, HeadOptions { level: HeadLevel::Names, bytes: 100, a_second: 7 });
        assert_eq!(of(Some(HeadLevel::Off), "level = \"full\"").unwrap().level, HeadLevel::Off);
        for wrong in ["bytes = 0", "bytes = 513"] {
            let error = of(None, wrong).unwrap_err().to_string();
            assert!(error.contains("1 to 512"), "{error}");
        }
        assert!(toml::from_str::<PayloadSection>("level = \"some\"").is_err());
    }
}
