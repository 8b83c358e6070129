//! `[status]`: where the sensor tells what it is doing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::StatusOutput;
use crate::{
    output::{Section, SinkConfig, SinkContext},
    settings::ConfigError,
    status::{Board, default_socket},
};

/// What stands for no socket.
const NONE: &str = "none";

/// `[status]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusSection {
    /// The socket; `none` for none.
    pub socket: Option<PathBuf>,
}

impl StatusSection {
    /// The socket that a sensor with these settings has, and whether they name it.
    fn decide(&self, given: Option<&Path>) -> Result<Option<(PathBuf, bool)>, ConfigError> {
        match given.or(self.socket.as_deref()) {
            Some(path) if path == Path::new(NONE) => Ok(None),
            Some(path) if path.as_os_str().is_empty() => {
                Err(ConfigError::Value("status: the socket has no name: give its path, or none".into()))
            }
            Some(path) => Ok(Some((path.into(), true))),
            None => Ok(Some((default_socket(), false))),
        }
    }

    /// The socket of the sensor that is to be asked.
    ///
    /// # Errors
    ///
    /// When the settings say that there is none.
    pub fn asked(&self, given: Option<&Path>) -> Result<PathBuf, ConfigError> {
        let off = "status: the socket is \"none\", so no sensor can be asked: name one with --status-socket";
        self.decide(given)?.map(|(path, _)| path).ok_or_else(|| ConfigError::Value(off.into()))
    }
}

impl Section for StatusSection {
    fn given(given: &SinkContext) -> Self {
        Self { socket: given.status.clone() }
    }

    fn defaults() -> Self {
        Self { socket: Some(default_socket()) }
    }

    fn sinks(&self, given: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        // What is replayed is over before anybody asks.
        if !given.is_live {
            return Ok(Vec::new());
        }
        let decided = self.decide(given.status.as_deref())?;
        let output = |(socket, is_named)| StatusOutput { socket, is_named, board: Board::default() };
        Ok(decided.into_iter().map(|decided| Arc::new(output(decided)) as Arc<dyn SinkConfig>).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_before_the_file_and_none_is_none() {
        let file = StatusSection { socket: Some("/run/a.sock".into()) };
        let decided = |given: Option<&str>| file.decide(given.map(Path::new)).unwrap();
        assert_eq!(decided(None), Some(("/run/a.sock".into(), true)));
        assert_eq!(decided(Some("b.sock")), Some(("b.sock".into(), true)));
        assert_eq!(decided(Some("none")), None);
        assert_eq!(StatusSection::default().decide(None).unwrap(), Some((default_socket(), false)));
        assert!(file.decide(Some(Path::new(""))).is_err());
        let error = file.asked(Some(Path::new("none"))).unwrap_err().to_string();
        assert!(error.contains("--status-socket"), "{error}");
    }
}
