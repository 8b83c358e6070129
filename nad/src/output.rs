//! Where incidents, alerts and what a second was like go. Each output is a [`Sink`] in a file of its own.

pub mod alerts;
#[cfg(feature = "mail")]
pub mod email;
pub mod ending;
pub mod features;
#[cfg(feature = "history")]
pub mod history;
pub mod incidents;
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod reopen;
pub mod scores;
pub mod status;
pub mod terminal;
#[cfg(feature = "webhook")]
pub mod webhook;

mod followed;
#[cfg(any(feature = "mail", feature = "webhook"))]
mod network;
mod ready;
mod section;
mod set;
#[cfg(any(feature = "mail", feature = "webhook"))]
mod summary;
mod worker;

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, time::Duration};

use nad_engine::{detector::Event, incident::Change};

use crate::text;
use ending::Ending;
pub use section::{Absent, Book, Section, Service, SinkConfig, SinkContext, Written, WrittenAs};
pub use set::{Outputs, Replacement, Stop};

/// The registry of sinks with a section of the config file. A line is its section's name, the settings as they stand there,
/// and the part of nad that it is. `$then` is a macro that is given all lines, after what else it is passed.
macro_rules! sinks {
    ($then:ident { $($passed:tt)* }) => {
        $then! {
            { $($passed)* }
            history: $crate::output::history::HistorySection, if History "history";
            email: Option<$crate::output::email::EmailSection>, if Mail "mail";
            webhook: Vec<$crate::output::webhook::WebhookSection>, if Webhook "webhook";
            metrics: $crate::output::metrics::MetricsSection, if Metrics "metrics";
            status: $crate::output::status::StatusSection;
        }
    };
}
pub(crate) use sinks;

/// An output: one file of this folder each.
///
/// A sink may block: it has a thread and a queue of its own, and nobody waits for it but where it says so.
pub trait Sink: Send {
    /// What it is, for messages about it: `alert file out.jsonl`.
    fn name(&self) -> String;

    /// The events that it wants.
    fn interests(&self) -> Interests;

    /// Tells of events, [`MOST_AT_ONCE`] at most, or keeps them to tell of them later.
    ///
    /// # Errors
    ///
    /// When neither was done for any of them: then they are given again, or are lost and counted.
    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure>;

    /// Does what is due without an event, such as a digest whose time has come; called about once a second.
    ///
    /// # Errors
    ///
    /// As for [`Self::deliver`]: what is kept stays, and it is called again after a pause.
    fn idle(&mut self) -> Result<Done, Failure> {
        Ok(Done::default())
    }

    /// Does what is still due before nad ends, within a few seconds.
    ///
    /// # Errors
    ///
    /// As for [`Self::deliver`]; nothing is tried again, and what is kept is lost and counted.
    fn finish(&mut self) -> Result<Done, Failure> {
        Ok(Done::default())
    }

    /// Events that are kept and not delivered so far.
    fn kept(&self) -> u64 {
        0
    }

    /// For how long what fails and may succeed later is tried again.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Takes what says when everything has to be over. A sink that waits for others heeds it.
    fn ends_with(&mut self, _ending: Ending) {}
}

/// Which events a sink gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interests {
    /// Incidents that are opened, change their shape, are closed, or resume.
    pub incidents: bool,
    /// Further alerts of open incidents, too.
    pub updates: bool,
    /// Packets above the threshold.
    pub alerts: bool,
    /// What each second was like.
    pub seconds: bool,
}

impl Interests {
    /// Whether an event is among them.
    pub fn cover(self, event: &Event) -> bool {
        match event {
            Event::Incident(update) if update.change == Change::Updated => self.updates,
            Event::Incident(_) => self.incidents,
            Event::Alert(_) => self.alerts,
            Event::Second(_) => self.seconds,
        }
    }
}

/// What became of events that a sink was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Those that were delivered.
    pub delivered: u64,
    /// Those that were given up.
    pub failed: u64,
}

impl Done {
    /// All of these were delivered.
    pub fn all(events: &[Event]) -> Self {
        Self { delivered: events.len() as u64, failed: 0 }
    }
}

/// Events that a sink is given at a time.
pub const MOST_AT_ONCE: usize = 64;

/// Why something was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may succeed later: a server that does not answer, a full disk.
    #[error("{0}")]
    Later(String),
    /// It will not: a refused login, a request that is wrong.
    #[error("{0}")]
    Never(String),
    /// Whoever read it went away.
    #[error("nobody reads it any more")]
    Gone,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Gone } else { Self::Later(error.to_string()) }
    }
}

/// What the failure of an output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFailing {
    /// The work goes on without it; said once, and counted.
    GoOn,
    /// The work is done for this output: it ends.
    Stop,
    /// The same, but it goes on where it is only that nobody reads it any more.
    StopUnlessGone,
}

/// An output that failed.
#[derive(Debug, thiserror::Error)]
#[error("{name} can't be written: {cause}{}{}", if remedy.is_empty() { "" } else { "; " }, remedy)]
pub struct OutputError {
    name: String,
    /// Told by the message, so not also as its source.
    cause: io::Error,
    remedy: &'static str,
}

impl OutputError {
    /// Names what could not be written.
    pub fn new(name: impl Into<String>, cause: io::Error) -> Self {
        Self { name: name.into(), cause, remedy: "" }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    /// Whether whoever read the output went away, as `head` does; that is no failure.
    pub fn is_broken_pipe(&self) -> bool {
        self.cause.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Refuses to write over the capture that is read, which is seldom there twice.
///
/// # Errors
///
/// When `output`, called `name`, is the same file as `capture`.
pub fn spare_capture(name: &str, output: &Path, capture: &Path) -> Result<(), OutputError> {
    match (fs::metadata(output), fs::metadata(capture)) {
        (Ok(output_file), Ok(file)) if (output_file.dev(), output_file.ino()) == (file.dev(), file.ino()) => {
            let name = format!("{name} {}", text::path(output));
            Err(OutputError::new(name, io::Error::other("it is the capture")).remedy("choose another place"))
        }
        _ => Ok(()),
    }
}
