//! A file with one JSON object per incident.

use std::path::{Path, PathBuf};

use nad_engine::{detector::Event, incident::Change};

use super::{
    Done, Failure, Interests, OutputError, Sink, SinkConfig, WhenFailing, Written, WrittenAs,
    reopen::{Earlier, LineFile},
};
use crate::format::AlertFormat;

/// Where incidents are written.
#[derive(Debug, Clone)]
pub struct IncidentsConfig {
    /// The file.
    pub path: PathBuf,
    /// Whether there is a line whenever there is something new of one, not only when it closes.
    pub follows: bool,
    /// What a line contains.
    pub format: AlertFormat,
}

impl SinkConfig for IncidentsConfig {
    fn kind(&self) -> &'static str {
        "incidents"
    }

    fn when_failing(&self, usual: WhenFailing) -> WhenFailing {
        usual
    }

    fn written(&self) -> Option<Written> {
        Some(Written { what: "incident file", path: self.path.clone(), how: WrittenAs::File })
    }

    fn open(&self, earlier: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(IncidentFile::open(&self.path, self.follows, self.format, earlier)?))
    }
}

/// JSON lines: each incident when it closes, or, where the file is followed, whenever there is something new of
/// it.
#[derive(Debug)]
pub struct IncidentFile {
    file: LineFile,
    follows: bool,
    format: AlertFormat,
}

impl IncidentFile {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// When it can't be opened.
    pub fn open(
        path: &Path,
        follows: bool,
        format: AlertFormat,
        earlier: Earlier,
    ) -> Result<Self, OutputError> {
        let file = LineFile::open("incident file", path, earlier);
        let file = file.map_err(|error| error.remedy("choose another place with --incidents"))?;
        Ok(Self { file, follows, format })
    }
}

impl Sink for IncidentFile {
    fn name(&self) -> String {
        self.file.name()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, updates: self.follows, ..Interests::default() }
    }

    /// What is not written, because the file is not followed, counts as nothing.
    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        let (follows, format) = (self.follows, self.format);
        self.file.add(events.iter().filter_map(|event| match event {
            Event::Incident(update) if follows || update.change == Change::Closed => {
                // What is reported once is not reported as the end of something.
                let change = follows.then_some(update.change);
                Some(format.incident(&update.incident, change))
            }
            _ => None,
        }))
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        self.file.follow()
    }
}
