//! A file with one JSON object per incident.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{
    Done, Event, Failure, Interests, OutputError, Sink,
    format::AlertFormat,
    reopen::{self, Reopening},
};
use crate::incident::Change;

/// JSON lines: each incident when it closes, or, where the file is followed, whenever there is something new of
/// it.
#[derive(Debug)]
pub struct IncidentFile {
    path: PathBuf,
    file: BufWriter<File>,
    reopening: Reopening,
    follows: bool,
    format: AlertFormat,
}

impl IncidentFile {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// When it can't be created.
    pub fn create(path: &Path, follows: bool, format: AlertFormat) -> Result<Self, OutputError> {
        let error =
            |error| OutputError::new(name(path), error).remedy("choose another place with --incidents");
        let file = File::create(path).map_err(error)?;
        Ok(Self {
            path: path.into(),
            file: BufWriter::new(file),
            reopening: Reopening::default(),
            follows,
            format,
        })
    }
}

impl Sink for IncidentFile {
    fn name(&self) -> String {
        name(&self.path)
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, updates: self.follows, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        self.reopen_if_asked();
        for event in events {
            if let Event::Incident(update) = event
                && (self.follows || update.change == Change::Closed)
            {
                // What is told once is not told as the end of something.
                let change = self.follows.then_some(update.change);
                writeln!(self.file, "{}", self.format.incident(&update.incident, change))?;
            }
        }
        self.file.flush()?;
        Ok(Done::all(events))
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        self.reopen_if_asked();
        Ok(Done::default())
    }
}

impl IncidentFile {
    /// Goes on in a file of the same name, which is made where it was moved away; in the old one where that fails.
    fn reopen_if_asked(&mut self) {
        if self.reopening.is_due() {
            match reopen::append(&self.path) {
                Ok(file) => self.file = BufWriter::new(file),
                Err(error) => tracing::warn!("{} can't be opened anew: {error}", self.name()),
            }
        }
    }
}

fn name(path: &Path) -> String {
    format!("incident file {}", path.display())
}
