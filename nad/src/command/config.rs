//! `nad config`: whether a config file can be used, and what is in force.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Result;

use super::{Outcome, live, run::RunConfig, say};
use crate::{
    config::Task,
    model_file,
    output::{Written, WrittenAs},
    sandbox::user,
    text,
};

/// Every setting with its comment and its default.
const EXAMPLE: &str = include_str!("../../../nad.example.toml");

/// What was asked of the settings, and found.
#[derive(Debug)]
pub enum ConfigAnswer {
    /// The settings can be used, as far as they themselves tell.
    Checked(Box<Checked>),
    /// The settings in force, as TOML.
    Shown(String),
    /// What a config file looks like.
    Example,
}

/// Settings that make sense, of which the machine may still not have what they name.
#[derive(Debug)]
pub struct Checked {
    /// The config file, where there is one.
    pub file: Option<PathBuf>,
    /// What `nad run` would do.
    pub run: RunConfig,
    /// Variables with the prefix of nad's that it does not know.
    pub unknown: Vec<String>,
}

/// Prints what was found.
///
/// # Errors
///
/// When standard output can't be written.
pub fn config(answer: &ConfigAnswer) -> Result<Outcome> {
    match answer {
        ConfigAnswer::Checked(checked) => return check(checked),
        ConfigAnswer::Shown(settings) => settings.lines().try_for_each(say)?,
        ConfigAnswer::Example => EXAMPLE.lines().try_for_each(say)?,
    }
    Ok(Outcome::Fine)
}

/// Looks at what `nad run` would open, and opens none of it but what is only read.
fn check(Checked { file, run, unknown }: &Checked) -> Result<Outcome> {
    for name in unknown {
        complain(
            "warning",
            &format!("environment variable {name} is none of nad's: `nad run --help` lists them"),
        );
    }
    let mut problems = missing(run);
    match live::check(&run.live) {
        Err(error) if run.live.interfaces.is_empty() => {
            complain("warning", &format!("no interface is named, and {error:#}"));
        }
        Err(error) => problems.insert(0, format!("{error:#}")),
        Ok(()) => {}
    }
    if !problems.is_empty() {
        problems.iter().for_each(|problem| complain("error", problem));
        return Ok(Outcome::NotUsable);
    }
    match file {
        Some(path) => say(&format!("{}: fine", text::path(path)))?,
        None => say(
            "fine: no config file is read, so the defaults are in force but for flags and NAD_ variables",
        )?,
    }
    Ok(Outcome::Fine)
}

/// What would keep `nad run` from starting, a line each.
fn missing(run: &RunConfig) -> Vec<String> {
    let mut problems = Vec::new();
    if let Task::Detect(path) | Task::Count { model: Some(path), .. } = &run.task {
        problems.extend(model_file::load(path).err().map(|error| error.to_string()));
    }
    for Written { what, path, how } in Written::of(&run.log, &run.outputs) {
        // The log's directory is made.
        let is_made = how == WrittenAs::Directory || run.log.path.as_ref() == Some(&path);
        let directory = Written { what, path: path.clone(), how }.directory().to_owned();
        if !is_made && !directory.is_dir() {
            problems.push(format!(
                "{what} {}: there is no directory {}; make it, or name another place",
                text::path(&path),
                text::path(&directory)
            ));
        }
    }
    problems.extend(run.outputs.sinks.iter().filter_map(|sink| sink.check().err()));
    let user = user::expected(&run.security, &run.needs()).map_err(|error| error.to_string());
    match user.map(|identity| identity.cannot_write(&run.needs())) {
        Ok(None) => {}
        Ok(Some(path)) => problems.push(format!(
            "{} can't be written by the user who starts nad: give it to that user with `chown`, or name another place",
            text::path(&path)
        )),
        Err(error) => problems.push(error),
    }
    problems
}

/// That standard error can't be written is no reason to end otherwise.
fn complain(how: &str, what: &str) {
    let _ = writeln!(io::stderr(), "{how}: {}", text::escaped(what));
}
