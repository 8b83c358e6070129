//! `[output]`: what the terminal shows, and what outputs have in common.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    format::AlertFormat,
    output::{
        SinkConfig,
        terminal::{Color, Format, TerminalConfig},
    },
};

/// Where findings are reported.
#[derive(Debug, Clone, Default)]
pub struct OutputConfig {
    /// Whether packets above the threshold are shown and logged, too.
    pub packets: bool,
    /// The sinks besides the terminal and the log.
    pub sinks: Vec<Arc<dyn SinkConfig>>,
    /// Whether packets come as they come, and wait for nobody.
    pub is_live: bool,
    /// What the terminal shows.
    pub terminal: TerminalConfig,
    /// What a live run does where nobody reads standard output any more.
    pub closed_stdout: Option<ClosedStdout>,
}

impl OutputConfig {
    /// Puts a sink in the place of those of its kind.
    pub fn replace(&mut self, sink: Arc<dyn SinkConfig>) {
        self.sinks.retain(|other| other.kind() != sink.kind());
        self.sinks.push(sink);
    }
}

/// What `nad run` does where nobody reads standard output any more. Without a choice it ends where that is a pipe or a terminal
/// and incidents go nowhere else but to the log, and goes on otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedStdout {
    /// It goes on without it.
    Continue,
    /// It ends, with an exit code of its own.
    Exit,
}

/// `[output]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputSection {
    /// What is printed.
    pub format: Option<Format>,
    /// When it has colour.
    pub color: Option<Color>,
    /// Whether only incidents and errors are printed.
    pub quiet: Option<bool>,
    /// What the files of alerts and incidents contain.
    pub alert_format: Option<AlertFormat>,
    /// What `nad run` does where nobody reads standard output any more.
    pub on_closed_stdout: Option<ClosedStdout>,
}

impl OutputSection {
    /// The settings in force: flags and environment over the file's.
    pub fn with(&self, format: Option<Format>, color: Option<Color>, quiet: bool) -> TerminalConfig {
        TerminalConfig {
            format: format.or(self.format),
            color: color.or(self.color).unwrap_or_default(),
            quiet: quiet || self.quiet.unwrap_or_default(),
        }
    }
}
