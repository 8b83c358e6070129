//! A file with one JSON object per alert.

use std::path::{Path, PathBuf};

use nad_engine::detector::Event;

use super::{
    Done, Failure, Interests, OutputError, Sink, SinkConfig, WhenFailing, Written, WrittenAs,
    reopen::{Earlier, LineFile},
};
use crate::format::AlertFormat;

/// Where packets above the threshold are written.
#[derive(Debug, Clone)]
pub struct AlertsConfig {
    /// The file.
    pub path: PathBuf,
    /// What a line contains.
    pub format: AlertFormat,
}

impl SinkConfig for AlertsConfig {
    fn kind(&self) -> &'static str {
        "alerts"
    }

    fn when_failing(&self, usual: WhenFailing) -> WhenFailing {
        usual
    }

    fn written(&self) -> Option<Written> {
        Some(Written { what: "alert file", path: self.path.clone(), how: WrittenAs::File })
    }

    fn wants_packets(&self) -> bool {
        true
    }

    fn open(&self, earlier: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(AlertFile::open(&self.path, self.format, earlier)?))
    }
}

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
