//! Settings as people write them, which sections of the config file have in common.

#[cfg(any(feature = "mail", feature = "metrics"))]
pub(crate) mod domain;
mod listen;
#[cfg(feature = "history")]
mod moment;
mod size;

use std::{fmt, io, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

pub use listen::Listen;
#[cfg(feature = "history")]
pub use moment::moment;
pub use size::Size;

use crate::text;

/// Bytes of the largest file of certificates.
pub const LARGEST_AUTHORITY: u64 = 1 << 20;
/// The shortest time that an output may be set to.
const LEAST: Duration = Duration::from_secs(1);

/// Why a setting is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("config file {}: {source}", text::path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something that nad does not know.
    #[error("config file {}, line {line}: {reason}", text::path(path))]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(pub Duration);

/// Whether a number is in its range.
///
/// # Errors
///
/// When it is not: one line with the range.
pub fn check(name: &str, value: usize, least: usize, most: usize) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Value(format!("{name} {value} is out of range: {least} to {most} are possible")))
}

/// A length of time of an output's section, or its default.
///
/// # Errors
///
/// When it is out of range: one line with the range.
pub fn length(
    name: &str,
    given: Option<Length>,
    default: Duration,
    longest: Duration,
) -> Result<Duration, ConfigError> {
    let length = given.map_or(default, |length| length.0);
    if (LEAST..=longest).contains(&length) {
        return Ok(length);
    }
    Err(ConfigError::Value(format!(
        "{name} {length:?} is out of range: {LEAST:?} to {longest:?} are possible"
    )))
}

/// Whether a host name or address is this machine's own.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || IpAddr::from_str(bare).is_ok_and(|ip| ip.is_loopback())
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

impl From<Length> for String {
    /// In whole hours or seconds where it is some, as people give it.
    fn from(Length(length): Length) -> Self {
        match length.as_millis() {
            hours if hours.is_multiple_of(3_600_000) => format!("{}h", hours / 3_600_000),
            seconds if seconds.is_multiple_of(1_000) => format!("{}s", seconds / 1_000),
            milliseconds => format!("{milliseconds}ms"),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
