//! Which places the settings name to be written: the one list of them.

use std::path::Path;

use super::OutputConfig;
use crate::{
    files,
    output::{Written, WrittenAs, log::LogConfig},
};

impl Written {
    /// All that a command with this log and these outputs writes. What nad was started with, `/dev/stdout` and its like, is
    /// not among it: it is open already.
    pub fn of(log: &LogConfig, outputs: &OutputConfig) -> Vec<Self> {
        let log = log.path.clone().map(|path| Self { what: "log file", path, how: WrittenAs::FileAndBeside });
        let sinks = outputs.sinks.iter().filter_map(|sink| sink.written());
        let mut written: Vec<Self> = log.into_iter().chain(sinks).collect();
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
    use std::{path::PathBuf, sync::Arc};

    use super::*;
    use crate::output::{Failure, Sink, SinkConfig, reopen::Earlier};

    #[derive(Debug)]
    struct Writing(&'static str, PathBuf, WrittenAs);

    impl SinkConfig for Writing {
        fn kind(&self) -> &'static str {
            self.0
        }

        fn written(&self) -> Option<Written> {
            Some(Written { what: self.0, path: self.1.clone(), how: self.2 })
        }

        fn open(&self, _: Earlier) -> anyhow::Result<Box<dyn Sink>> {
            Err(Failure::Gone.into())
        }
    }

    #[test]
    fn the_places_that_settings_name_are_listed_with_the_directories_that_are_written() {
        let log = LogConfig::new(Some("logs/nad.log".into()), &Default::default()).unwrap();
        let sink = |what, path: &str, how| Arc::new(Writing(what, path.into(), how)) as Arc<dyn SinkConfig>;
        let sinks = vec![
            sink("alert file", "a.jsonl", WrittenAs::File),
            sink("incident file", "/dev/stdout", WrittenAs::File),
            sink("history", "/var/lib/nad/nad.db", WrittenAs::FileAndBeside),
            sink("webhook spool", "spool", WrittenAs::Directory),
        ];
        let written = Written::of(&log, &OutputConfig { sinks, ..OutputConfig::default() });
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
                ("webhook spool", WrittenAs::Directory, "spool"),
            ]
        );
    }
}
