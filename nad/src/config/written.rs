//! Which places the settings name to be written: the one list of them.

use std::path::{Path, PathBuf};

use super::OutputConfig;
use crate::{files, output::log::LogConfig};

/// A place that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What it is, for messages.
    pub what: &'static str,
    /// Its path, as it was given.
    pub path: PathBuf,
    /// What is done there.
    pub how: WrittenAs,
}

/// What is done at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenAs {
    /// A file is made where it is missing, and written; it is opened anew after it was moved away.
    File,
    /// The same, and files beside it are made, renamed and deleted: old logs, what a database has beside it.
    FileAndBeside,
    /// Files in it are made, renamed and deleted.
    Directory,
}

impl Written {
    /// All that a command with this log and these outputs writes. What nad was started with, `/dev/stdout` and its like, is
    /// not among it: it is open already.
    pub fn of(log: &LogConfig, outputs: &OutputConfig) -> Vec<Self> {
        let file = |what, path: &Option<PathBuf>, how| {
            path.iter().map(move |path| Self { what, path: path.clone(), how }).collect::<Vec<_>>()
        };
        let history = outputs.history.as_ref().map(|history| history.path.clone());
        let mut written = [
            file("log file", &log.path, WrittenAs::FileAndBeside),
            file("alert file", &outputs.alerts, WrittenAs::File),
            file("incident file", &outputs.incidents, WrittenAs::File),
            file("history", &history, WrittenAs::FileAndBeside),
        ]
        .concat();
        for webhook in &outputs.webhooks {
            written.extend(file("webhook spool", &webhook.spool.directory, WrittenAs::Directory));
        }
        written.retain(|written| !files::is_descriptor(&written.path));
        written
    }

    /// The directory in which files are made for it.
    pub fn directory(&self) -> &Path {
        if self.how == WrittenAs::Directory {
            return &self.path;
        }
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::history;

    #[test]
    fn the_places_that_settings_name_are_listed_with_the_directories_that_are_written() {
        let log = LogConfig::new(Some("logs/nad.log".into()), &Default::default()).unwrap();
        let outputs = OutputConfig {
            alerts: Some("a.jsonl".into()),
            incidents: Some("/dev/stdout".into()),
            history: history(Some("/var/lib/nad/nad.db".into()), &Default::default(), String::new()).unwrap(),
            ..OutputConfig::default()
        };
        let written = Written::of(&log, &outputs);
        let listed: Vec<_> = written
            .iter()
            .map(|written| (written.what, written.how, written.directory().to_str().unwrap()))
            .collect();
        assert_eq!(
            listed,
            [
                ("log file", WrittenAs::FileAndBeside, "logs"),
                ("alert file", WrittenAs::File, "."),
                ("history", WrittenAs::FileAndBeside, "/var/lib/nad"),
            ]
        );
    }
}
