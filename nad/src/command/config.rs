//! `nad config`: whether a config file can be used, and what is in force.

use std::path::PathBuf;

use anyhow::Result;

use super::{Outcome, say};
use crate::text;

/// What was asked of the settings, and found.
#[derive(Debug)]
pub enum ConfigAnswer {
    /// The file can be used.
    Fine(PathBuf),
    /// The settings in force, as TOML.
    Shown(String),
}

/// Prints what was found.
///
/// # Errors
///
/// When standard output can't be written.
pub fn config(answer: &ConfigAnswer) -> Result<Outcome> {
    match answer {
        ConfigAnswer::Fine(path) => say(&format!("{}: fine", text::path(path)))?,
        ConfigAnswer::Shown(settings) => settings.lines().try_for_each(say)?,
    }
    Ok(Outcome::Fine)
}
