//! A file with one JSON object per alert.

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

/// JSON lines, in the order in which the packets came.
#[derive(Debug)]
pub struct AlertFile {
    path: PathBuf,
    file: BufWriter<File>,
    reopening: Reopening,
    format: AlertFormat,
}

impl AlertFile {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// When it can't be created.
    pub fn create(path: &Path, format: AlertFormat) -> Result<Self, OutputError> {
        let error = |error| OutputError::new(name(path), error).remedy("choose another place with --alerts");
        let file = File::create(path).map_err(error)?;
        Ok(Self { path: path.into(), file: BufWriter::new(file), reopening: Reopening::default(), format })
    }
}

impl Sink for AlertFile {
    fn name(&self) -> String {
        name(&self.path)
    }

    fn interests(&self) -> Interests {
        Interests { alerts: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        self.reopen_if_asked();
        for event in events {
            if let Event::Alert(alert) = event {
                writeln!(self.file, "{}", self.format.alert(alert))?;
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

impl AlertFile {
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
    format!("alert file {}", path.display())
}
