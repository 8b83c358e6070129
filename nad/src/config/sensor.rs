//! `[sensor]`: which sensor this is.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::sensor;

/// Bytes of the longest name: that of the longest host name.
const LONGEST_NAME: usize = 253;

/// `[sensor]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorSection {
    /// The name that outputs give the sensor.
    pub name: Option<String>,
}

impl SensorSection {
    /// The name in force: flags and environment over the file, and the machine's where neither says anything.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or has a line's end or another control character in it.
    pub fn decide(&self, given: Option<&str>) -> Result<String, ConfigError> {
        let Some(name) = given.or(self.name.as_deref()) else { return Ok(sensor::host_name()) };
        let reason = match name {
            _ if name.trim().is_empty() => "is empty".to_owned(),
            _ if name.len() > LONGEST_NAME => {
                format!("has {} bytes, and may have {LONGEST_NAME}", name.len())
            }
            _ if name.chars().any(char::is_control) => "has a control character in it".to_owned(),
            _ => return Ok(name.to_owned()),
        };
        Err(ConfigError::Value(format!(
            "sensor name {name:?} {reason}: give a short name with --sensor-name or as name of [sensor]"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_before_the_file_and_the_file_before_the_machine_s_name() {
        let file = SensorSection { name: Some("dmz-1".into()) };
        assert_eq!(file.decide(Some("lab")).unwrap(), "lab");
        assert_eq!(file.decide(None).unwrap(), "dmz-1");
        assert_eq!(SensorSection::default().decide(None).unwrap(), sensor::host_name());
    }

    #[test]
    fn a_name_that_is_none_is_refused_in_one_line() {
        for bad in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(254)] {
            let error = SensorSection::default().decide(Some(bad)).unwrap_err().to_string();
            assert!(error.contains("--sensor-name") && !error.contains(['\n', '\u{1b}']), "{error}");
        }
    }
}
