//! `[output]`: what the terminal shows, and what outputs have in common.

use serde::{Deserialize, Serialize};

use crate::{
    command::ClosedStdout,
    output::{
        format::AlertFormat,
        terminal::{Color, Format, TerminalConfig},
    },
};

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
