//! `nad config`: whether a config file can be used, and what is in force.

use std::path::PathBuf;

use anyhow::Result;

use super::{Outcome, say};
use crate::text;

/// Every setting with its comment and its default.
const EXAMPLE: &str = include_str!("../../../nad.example.toml");

/// What was asked of the settings, and found.
#[derive(Debug)]
pub enum ConfigAnswer {
    /// The file can be used; where there is none, the other settings.
    Fine(Option<PathBuf>),
    /// The settings in force, as TOML.
    Shown(String),
    /// What a config file looks like.
    Example,
}

/// Prints what was found.
///
/// # Errors
///
/// When standard output can't be written.
pub fn config(answer: &ConfigAnswer) -> Result<Outcome> {
    match answer {
        ConfigAnswer::Fine(Some(path)) => say(&format!("{}: fine", text::path(path)))?,
        ConfigAnswer::Fine(None) => {
            say(
                "fine: there is no nad.toml here, so the defaults are in force but for flags and NAD_ variables",
            )?;
        }
        ConfigAnswer::Shown(settings) => settings.lines().try_for_each(say)?,
        ConfigAnswer::Example => EXAMPLE.lines().try_for_each(say)?,
    }
    Ok(Outcome::Fine)
}
