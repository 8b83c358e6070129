//! `nad incidents`: what a history knows of them.

mod export;
mod mark;
mod show;
mod table;

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::Result;
use clap::ValueEnum;
pub use mark::Marking;

use super::Outcome;
use crate::{
    history::{Filter, History, KeptIncident},
    output::{OutputError, terminal::STANDARD_OUTPUT},
    text::{self, human},
};

/// Settings of `nad incidents`.
#[derive(Debug)]
pub struct IncidentsConfig {
    /// The history.
    pub history: PathBuf,
    /// What is done with it.
    pub doing: Doing,
}

/// What `nad incidents` does.
#[derive(Debug)]
pub enum Doing {
    /// Lists them.
    List(Filter, Listing),
    /// Shows all that is known of the one with this `uid` or `id`, or of those: an `id` is unique in a run only.
    Show(String),
    /// Notes what somebody says of one.
    Mark(Marking),
    /// Writes them for other programs.
    Export(Filter, Export),
}

/// How incidents are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// For people: a few lines each on a terminal, a row each elsewhere.
    Table,
    /// For programs: an array of objects.
    Json,
}

/// How incidents are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// A JSON object a line.
    Json,
    /// Comma-separated values with a heading (RFC 4180); lists have spaces between their items.
    Csv,
}

pub(super) fn incidents(config: &IncidentsConfig) -> Result<Outcome> {
    let history = History::open(&config.history)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match &config.doing {
        Doing::List(filter, listing) => {
            let incidents = history.incidents(filter)?;
            list(&incidents, *listing, &mut out)
        }
        Doing::Show(id) => {
            let incidents = named(&history, config, id)?;
            let mut shown = Vec::with_capacity(incidents.len());
            for incident in &incidents {
                shown.push((incident, history.changes(incident)?));
            }
            let width = table::terminal_width();
            shown.iter().try_for_each(|(incident, changes)| show::show(incident, changes, width, &mut out))
        }
        Doing::Mark(marking) => {
            let incidents = named(&history, config, &marking.id)?;
            // A capture that was replayed again has the same incidents again.
            let is_one = incidents.iter().all(|incident| incident.uid == incidents[0].uid)
                && (incidents.len() == 1 || incidents[0].uid.is_some());
            anyhow::ensure!(
                is_one,
                "several runs have an incident {}: give its uid",
                text::escaped(&marking.id)
            );
            // It is written by another connection.
            drop(history);
            mark::mark(&config.history, &incidents, marking)?.iter().try_for_each(|line| {
                let width = table::terminal_width();
                writeln!(out, "{}", human::wrapped(&text::escaped(line), width, 0))
            })
        }
        Doing::Export(filter, format) => {
            let incidents = history.incidents(filter)?;
            match format {
                Export::Json => export::json_lines(&incidents, &mut out),
                Export::Csv => export::csv(&incidents, &mut out),
            }
        }
    };
    written.and_then(|()| out.flush()).map_err(|error| OutputError::new(STANDARD_OUTPUT, error))?;
    Ok(Outcome::Fine)
}

/// The incident with a `uid`, or those with an `id`.
fn named(history: &History, config: &IncidentsConfig, id: &str) -> Result<Vec<KeptIncident>> {
    let mut incidents = history.incidents(&Filter::default())?;
    incidents.retain(|incident| incident.id == id || incident.uid.as_deref() == Some(id));
    anyhow::ensure!(
        !incidents.is_empty(),
        "history {} has no incident {}; nad incidents list names those that there are",
        text::path(&config.history),
        text::escaped(id)
    );
    Ok(incidents)
}

fn list(incidents: &[KeptIncident], listing: Listing, out: &mut impl Write) -> io::Result<()> {
    match listing {
        Listing::Json => {
            serde_json::to_writer_pretty(&mut *out, incidents)?;
            writeln!(out)
        }
        Listing::Table if incidents.is_empty() => writeln!(out, "No incidents."),
        Listing::Table => table::list(incidents, table::terminal_width(), out),
    }
}
