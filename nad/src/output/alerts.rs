//! A file with one JSON object per alert.

use std::path::Path;

use nad_engine::detector::Event;

use super::{
    Done, Failure, Interests, OutputError, Sink,
    reopen::{Earlier, LineFile},
};
use crate::format::AlertFormat;

/// JSON lines, in the order in which the packets came.
#[derive(Debug)]
pub struct AlertFile {
    file: LineFile,
    format: AlertFormat,
}

impl AlertFile {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// When it can't be opened.
    pub fn open(path: &Path, format: AlertFormat, earlier: Earlier) -> Result<Self, OutputError> {
        let file = LineFile::open("alert file", path, earlier);
        let file = file.map_err(|error| error.remedy("choose another place with --alerts"))?;
        Ok(Self { file, format })
    }
}

impl Sink for AlertFile {
    fn name(&self) -> String {
        self.file.name()
    }

    fn interests(&self) -> Interests {
        Interests { alerts: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        let format = self.format;
        self.file.add(events.iter().filter_map(|event| match event {
            Event::Alert(alert) => Some(format.alert(alert)),
            _ => None,
        }))
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        self.file.follow()
    }
}
