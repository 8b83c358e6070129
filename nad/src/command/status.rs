//! `nad status`: asks the running sensor what it is doing.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Result;

use super::Outcome;
use crate::{
    output::{
        OutputError,
        terminal::{STANDARD_OUTPUT, columns},
    },
    status,
};

/// Lines narrower than this are not made: a terminal that is as narrow breaks them.
const LEAST_WIDTH: usize = 60;

/// Settings of `nad status`.
#[derive(Debug)]
pub struct StatusConfig {
    /// The socket of the sensor.
    pub socket: PathBuf,
    /// Whether it is told as JSON.
    pub json: bool,
}

pub(super) fn status(config: &StatusConfig) -> Result<Outcome> {
    let report = status::ask(&config.socket)?;
    let text = if config.json {
        // Strings, numbers and lists of them: serialising them can't fail.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        let width = columns(io::stdout()).map(|columns| columns.max(LEAST_WIDTH));
        status::words(&report, width)
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| OutputError::new(STANDARD_OUTPUT, error))?;
    Ok(Outcome::Fine)
}
