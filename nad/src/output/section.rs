//! What a kind of sink is made of: its section of the config file, the settings in force, and what is opened by them.

use std::{any::Any, fmt, path::PathBuf, sync::Arc};

use nad_engine::ledger::{Ledger, Tally};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Failure, Sink, WhenFailing, reopen::Earlier};
use crate::{
    parts::Part,
    sandbox::Needs,
    settings::{ConfigError, Listen},
    source::SourceReader,
};

/// Settings of one kind of sink as they stand in the config file: a section, or several of one name.
pub trait Section: fmt::Debug {
    /// What flags and environment say, as if it stood in the file.
    fn given(_: &SinkContext) -> Self
    where
        Self: Default,
    {
        Self::default()
    }

    /// The defaults, as far as there are any.
    fn defaults() -> Self
    where
        Self: Default,
    {
        Self::default()
    }

    /// Files that hold more of the settings.
    fn reads(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The sinks that are on, checked: flags and environment over the file.
    ///
    /// # Errors
    ///
    /// When a setting can't be used.
    fn sinks(&self, given: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError>;

    /// How it begins in a file.
    fn heading(&self, name: &str) -> String {
        format!("[{name}]")
    }

    /// What `nad test-output` does with it, for its help; `None` where there is nothing to test.
    fn test_help(&self) -> Option<&'static str> {
        None
    }

    /// The sinks that are tested, also where they are not on.
    ///
    /// # Errors
    ///
    /// As for [`Self::sinks`].
    fn tested(&self) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        Ok(Vec::new())
    }
}

/// What flags, environment and command say of sinks.
#[derive(Debug, Clone, Default)]
pub struct SinkContext {
    /// The history's file.
    pub history: Option<PathBuf>,
    /// Where metrics are served.
    pub metrics: Option<Listen>,
    /// Where the sensor tells its status.
    pub status: Option<PathBuf>,
    /// Where packets come from: interfaces, or a capture.
    pub source: String,
    /// Whether packets come as they come, and wait for nobody.
    pub is_live: bool,
}

/// The checked settings of a sink.
pub trait SinkConfig: fmt::Debug + Send + Sync {
    /// Its kind, one word.
    fn kind(&self) -> &'static str;

    /// What tells it from a sink with other settings, which takes its place at SIGHUP. A secret is not shown, so it counts
    /// with its mark.
    fn identity(&self) -> String {
        format!("{self:?}")
    }

    /// What its failure means, where that of an output in a file means `usual`.
    fn when_failing(&self, _usual: WhenFailing) -> WhenFailing {
        WhenFailing::GoOn
    }

    /// Whether somebody learns of incidents by it.
    fn is_destination(&self) -> bool {
        true
    }

    /// The place that it writes.
    fn written(&self) -> Option<Written> {
        None
    }

    /// Adds what else it needs of the system.
    fn need(&self, _: &mut Needs) {}

    /// Whether what is there could be opened, as far as can be seen without opening it.
    ///
    /// # Errors
    ///
    /// A line with the reason and the remedy.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether it is to be told of packets, which are not looked for otherwise.
    fn wants_packets(&self) -> bool {
        false
    }

    /// What of it takes a restart to change, in words, and its settings.
    fn fixed(&self) -> Option<(&'static str, String)> {
        None
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// When that is not possible.
    fn open(&self, earlier: Earlier) -> anyhow::Result<Box<dyn Sink>>;

    /// Where the ledger is noted, once it is open.
    fn book(&self) -> Option<Box<dyn Book>> {
        None
    }

    /// Takes the place at which it serves others, before anything is attached.
    ///
    /// # Errors
    ///
    /// When it can't be taken.
    fn listen(&self, _is_count: bool) -> anyhow::Result<Option<Box<dyn Service>>> {
        Ok(None)
    }

    /// Sends a test message at once; gives its name, and the server's answer.
    fn test(&self) -> Option<(String, Result<String, Failure>)> {
        None
    }
}

/// Where the ledger is noted.
pub trait Book: Send {
    /// Notes it as it is, and whether it is the last.
    ///
    /// # Errors
    ///
    /// When it can't be written, in words.
    fn note(&self, ledger: &Ledger, is_last: bool) -> Result<(), String>;
}

/// Something that others connect to, at a place that was taken.
pub trait Service: Send {
    /// Serves from now on, as long as there is what it gives.
    ///
    /// # Errors
    ///
    /// When the thread can't be started.
    fn serve(self: Box<Self>, tally: Arc<Tally>, source: SourceReader) -> anyhow::Result<Box<dyn Any>>;
}

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

/// Stands for the section of a sink that this nad was built without, which is [`Part`] number `PART`: it can't be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absent<const PART: usize>;

impl<const PART: usize> Absent<PART> {
    fn missing() -> String {
        Part::ALL[PART].missing()
    }
}

impl<'de, const PART: usize> Deserialize<'de> for Absent<PART> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom(Self::missing()))
    }
}

impl<const PART: usize> Serialize for Absent<PART> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<const PART: usize> Section for Absent<PART> {
    fn sinks(&self, given: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        let flag = match Part::ALL[PART] {
            Part::History if given.history.is_some() => "history",
            Part::Metrics if matches!(given.metrics, Some(Listen::At(_))) => "metrics",
            _ => return Ok(Vec::new()),
        };
        Err(ConfigError::Value(format!("{flag}: {}", Self::missing())))
    }

    fn tested(&self) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        Err(ConfigError::Value(Self::missing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type WithoutHistory = Absent<{ Part::History as usize }>;

    const MISSING: &str = "this nad was built without history: build it with --features history";

    #[test]
    fn the_section_of_what_was_not_built_is_refused_with_the_remedy() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is never read successfully")]
        struct File {
            history: WithoutHistory,
        }
        for text in ["[history]", "[history]\npath = \"nad.db\"", "[[history]]", "history = 1"] {
            let error = toml::from_str::<File>(text).unwrap_err();
            assert_eq!(error.message(), MISSING, "{text}");
        }
    }

    #[test]
    fn the_flag_of_what_was_not_built_is_refused_and_others_are_not() {
        let sinks = |context: SinkContext| WithoutHistory::default().sinks(&context).map(|sinks| sinks.len());
        let metrics = Some(Listen::At("127.0.0.1:1".parse().unwrap()));
        assert_eq!(sinks(SinkContext { metrics, ..SinkContext::default() }).unwrap(), 0);
        let asked = SinkContext { history: Some("nad.db".into()), ..SinkContext::default() };
        assert_eq!(sinks(asked).unwrap_err().to_string(), format!("history: {MISSING}"));
        assert_eq!(WithoutHistory::default().tested().unwrap_err().to_string(), MISSING);
    }
}
