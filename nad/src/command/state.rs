//! `nad state`: what is kept for the next start.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use nad_engine::{
    detector::Snapshot,
    presentation::{self, counted, span},
};
use serde::Serialize;

use super::{Outcome, say};
use crate::{
    clock, files,
    output::{OutputError, terminal::STANDARD_OUTPUT},
    state::{self, FILE, StateDirectory, StateError},
    text,
};

/// Settings of `nad state`.
#[derive(Debug)]
pub struct StateCommand {
    /// The directory.
    pub directory: PathBuf,
    /// What is done with it.
    pub doing: Doing,
}

/// What `nad state` does.
#[derive(Debug, PartialEq, Eq)]
pub enum Doing {
    /// Shows what is there.
    Show {
        /// As JSON.
        json: bool,
    },
    /// Writes it to a file.
    Export(PathBuf),
    /// Replaces it by a file's.
    Import(PathBuf),
    /// Removes it.
    Reset,
}

/// The times after which views of hours say something, and their names.
const HORIZONS: [(Duration, &str); 3] = [
    (Duration::from_secs(600), "10 min"),
    (Duration::from_secs(3600), "1 h"),
    (Duration::from_secs(8 * 3600), "8 h"),
];

pub(super) fn state(command: &StateCommand) -> Result<Outcome> {
    let directory = &command.directory;
    match &command.doing {
        Doing::Show { json } => {
            let (snapshot, bytes) = state::read(directory)?;
            let shown = Shown::of(directory, &snapshot, bytes, clock::unix_now_ns());
            if *json { shown.print_json()? } else { shown.lines().iter().try_for_each(|line| say(line))? }
        }
        Doing::Export(file) => {
            state::read(directory)?;
            let (_, bytes) = state::read_file(&directory.join(FILE))?;
            let failed = |source| StateError::File { path: file.clone(), source };
            files::replace(file, &bytes).map_err(failed)?;
            say(&format!("{}: {} written", text::path(file), counted(bytes.len() as u64, "byte")))?;
        }
        Doing::Import(file) => {
            let (snapshot, bytes) = state::read_file(file)?;
            let opened = StateDirectory::open(directory)?;
            let failed = |source| StateError::File { path: directory.join(FILE), source };
            opened.save(&bytes).map_err(failed)?;
            let watched = length(snapshot.watched());
            say(&format!("{}: the next start goes on from {watched} of learning", text::path(directory)))?;
        }
        Doing::Reset => {
            let removed = StateDirectory::open(directory)?.reset()?;
            say(&format!("{}: {} removed", text::path(directory), counted(removed as u64, "file")))?;
        }
    }
    Ok(Outcome::Fine)
}

/// What is shown of a state. Times are nanoseconds since the Unix epoch, lengths of time seconds.
#[derive(Debug, Serialize)]
struct Shown {
    file: PathBuf,
    bytes: u64,
    saved_ns: u64,
    saved_ago_s: u64,
    source: String,
    watched_s: u64,
    model: ShownModel,
    known: usize,
    names: usize,
    sources_over_hours: usize,
    logins_over_an_hour: usize,
    open_incidents: usize,
    horizons: Vec<Horizon>,
}

#[derive(Debug, Serialize)]
struct ShownModel {
    packets: u64,
    first_ns: u64,
    last_ns: u64,
    contamination: f64,
}

#[derive(Debug, Serialize)]
struct Horizon {
    name: &'static str,
    is_mature: bool,
}

impl Shown {
    fn of(directory: &Path, snapshot: &Snapshot, bytes: u64, now_ns: u64) -> Self {
        let (sizes, window, saved_ns) =
            (snapshot.sizes(), snapshot.model().window(), snapshot.taken().unix_ns);
        let watched = snapshot.watched();
        let horizon = |(length, name)| Horizon { name, is_mature: watched >= length };
        Self {
            file: directory.join(FILE),
            bytes,
            saved_ns,
            saved_ago_s: now_ns.saturating_sub(saved_ns) / 1_000_000_000,
            source: snapshot.source().to_owned(),
            watched_s: watched.as_secs(),
            model: ShownModel {
                packets: window.packets,
                first_ns: window.first_ns,
                last_ns: window.last_ns,
                contamination: snapshot.model().contamination(),
            },
            known: sizes.known,
            names: snapshot.name_count(),
            sources_over_hours: sizes.sources,
            logins_over_an_hour: sizes.logins,
            open_incidents: snapshot.open_incidents(),
            horizons: HORIZONS.map(horizon).into(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let Self { model, .. } = self;
        let of = |mature: bool| {
            let names = self.horizons.iter().filter(|horizon| horizon.is_mature == mature);
            let names: Vec<&str> = names.map(|horizon| horizon.name).collect();
            if names.is_empty() { "none".into() } else { names.join(", ") }
        };
        let source = if self.source.is_empty() { "an unknown place" } else { &self.source };
        vec![
            format!(
                "{}: {:.1} MiB, saved at {}, {} ago",
                text::path(&self.file),
                self.bytes as f64 / f64::from(1 << 20),
                presentation::timestamp(self.saved_ns),
                length(Duration::from_secs(self.saved_ago_s))
            ),
            format!("learnt: {} at {source}", length(Duration::from_secs(self.watched_s))),
            format!(
                "model: trained on {} until {}, contamination {}",
                counted(model.packets, "packet"),
                presentation::timestamp(model.last_ns),
                model.contamination
            ),
            format!("known: {}, {}", counted(self.known as u64, "fact"), counted(self.names as u64, "name")),
            format!(
                "over hours: {}, {}",
                counted(self.sources_over_hours as u64, "source"),
                counted(self.logins_over_an_hour as u64, "login service")
            ),
            format!("views of hours: mature {}; not yet {}", of(true), of(false)),
            format!("incidents: {} open", self.open_incidents),
        ]
    }

    fn print_json(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        let written = serde_json::to_writer_pretty(&mut out, self).map_err(io::Error::from);
        let written = written.and_then(|()| writeln!(out)).and_then(|()| out.flush());
        Ok(written.map_err(|error| OutputError::new(STANDARD_OUTPUT, error))?)
    }
}

fn length(length: Duration) -> String {
    span(length.as_nanos().try_into().unwrap_or(u64::MAX))
}
