//! `nad incidents` and `nad report` in a build without history: whatever follows their names, they say so.

use std::ffi::OsString;

use clap::{ArgMatches, Args};

use super::UsageError;
use crate::{
    command::{incidents::IncidentsConfig, report::ReportConfig},
    config::{ConfigError, File},
    output::log::LogConfig,
    parts::Part,
};

#[derive(Debug, Args)]
pub(super) struct IncidentsArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

impl IncidentsArgs {
    pub(super) fn check(self, _: &File) -> Result<IncidentsConfig, UsageError> {
        Err(absent("incidents", self.rest))
    }
}

impl ReportArgs {
    /// It is of nothing.
    pub(super) fn is_of_capture(&self) -> bool {
        false
    }

    pub(super) fn check(
        self,
        _: Option<&ArgMatches>,
        _: &File,
        _: LogConfig,
    ) -> Result<ReportConfig, UsageError> {
        Err(absent("report", self.rest))
    }
}

fn absent(command: &str, _: Vec<OsString>) -> UsageError {
    ConfigError::Value(format!("{command}: {}", Part::History.missing())).into()
}
