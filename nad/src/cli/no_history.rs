//! `nad incidents`, `nad known` and `nad report` in a build without history: whatever follows their names, they say so.

use std::{ffi::OsString, path::Path};

use clap::{ArgMatches, Args};
use nad_engine::incident::allow::Criteria;

use super::UsageError;
use crate::{
    command::{incidents::IncidentsConfig, known::KnownConfig, report::ReportConfig},
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

#[derive(Debug, Args)]
pub(super) struct KnownArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

impl KnownArgs {
    pub(super) fn check(self, _: &File) -> Result<KnownConfig, UsageError> {
        Err(absent("known", self.rest))
    }
}

/// There are none without a history.
#[expect(clippy::unnecessary_wraps, reason = "with a history they may be unreadable")]
pub(super) fn known_rules(_: Option<&Path>, _: &File) -> Result<Vec<Criteria>, ConfigError> {
    Ok(Vec::new())
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
