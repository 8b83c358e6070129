//! Where incidents, alerts and what a second was like go. Each output is a [`Sink`] in a file of its own.

pub mod alerts;
pub mod email;
pub mod ending;
pub mod features;
pub mod history;
pub mod incidents;
pub mod log;
pub mod metrics;
pub mod reopen;
pub mod scores;
pub mod terminal;
pub mod webhook;

mod followed;
mod network;
mod ready;
mod summary;
mod worker;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use nad_engine::{
    detector::Event,
    incident::Change,
    ledger::{Ledger, SinkCounts},
};

use crate::{history::LedgerBook, queue::WhenFull, text};
use ending::Ending;
use worker::{Ends, Worker};

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
    /// Incidents that are opened, change their shape, or are closed.
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

/// How long outputs may take once nad ends; then a moment is left to count what was lost.
const LONGEST_END: Duration = Duration::from_secs(4);

/// The outputs in use.
#[derive(Default)]
pub struct Outputs {
    /// Each by its settings.
    workers: Vec<(String, Worker)>,
    /// Those that are open and have no thread yet.
    prepared: Vec<Prepared>,
    /// Those that were replaced, and finish their events.
    leaving: Vec<Worker>,
    ends: Ends,
    book: Option<LedgerBook>,
}

/// An output that is open.
struct Prepared {
    key: String,
    sink: Box<dyn Sink>,
    when_full: WhenFull,
    when_failing: WhenFailing,
}

/// Outputs that are to take the place of those in use.
pub struct Replacement<'a> {
    outputs: &'a mut Outputs,
    when_full: WhenFull,
    /// Places of those that stay.
    kept: Vec<usize>,
    prepared: Vec<Prepared>,
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

impl Outputs {
    /// Whether there are any that get events.
    pub fn are_in_use(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Begins to replace them; new ones get queues with this policy.
    pub fn replacement(&mut self, when_full: WhenFull) -> Replacement<'_> {
        Replacement { outputs: self, when_full, kept: Vec::new(), prepared: Vec::new() }
    }

    /// Starts the threads of those that are new: once there are no more privileges than they are to have.
    ///
    /// # Errors
    ///
    /// When a thread can't be started.
    pub fn start(&mut self) -> io::Result<()> {
        for Prepared { key, sink, when_full, when_failing } in self.prepared.drain(..) {
            self.workers.push((key, Worker::start(sink, when_full, when_failing, &self.ends)?));
        }
        Ok(())
    }

    /// What was delivered by each output, what was dropped and what failed; the counts go on.
    pub fn counts(&self) -> Vec<Arc<SinkCounts>> {
        self.workers.iter().map(|(_, worker)| worker.counts()).collect()
    }

    /// Puts events into the queue of every output that wants them. Waits only for those that have [`WhenFull::Wait`].
    ///
    /// # Errors
    ///
    /// The first output that failed and whose failure ends the work.
    pub fn tell(&mut self, events: &[Event]) -> Result<(), OutputError> {
        for (_, worker) in &self.workers {
            worker.tell(events)?;
        }
        Ok(())
    }

    /// Has the ledger noted where outputs keep their events.
    pub fn keep_ledger(&mut self, book: LedgerBook) {
        self.book = Some(book);
    }

    /// Notes the ledger as it is, and whether it is the last; that this fails is a warning.
    pub fn note(&self, ledger: &Ledger, is_last: bool) {
        if let Some(Err(error)) = self.book.as_ref().map(|book| book.note(ledger, is_last)) {
            tracing::warn!("the ledger was not noted: {error}");
        }
    }

    /// The first output that failed since and whose failure ends the work, as one that nobody reads any more.
    ///
    /// # Errors
    ///
    /// That failure.
    pub fn check(&mut self) -> Result<(), OutputError> {
        for worker in std::mem::take(&mut self.leaving) {
            if worker.has_ended() { say_failure(worker.join()) } else { self.leaving.push(worker) }
        }
        self.workers.iter().find_map(|(_, worker)| worker.failure()).map_or(Ok(()), Err)
    }

    /// What ends the waiting for outputs, also for those that are the work itself.
    pub fn stop(&self) -> Stop {
        Stop(self.ends.stopped.clone())
    }

    /// Waits until everything was delivered that can be. Outputs that are the work itself, as those of a replay are, are
    /// waited for until it is [stopped](Self::stop); all others for 5 s at most, and what they did not deliver counts as failed.
    ///
    /// # Errors
    ///
    /// As for [`Self::tell`].
    pub fn finish(&mut self) -> Result<(), OutputError> {
        self.ends.ending.begin(self.ends.stopped.bound(Instant::now() + LONGEST_END));
        let workers = std::mem::take(&mut self.workers);
        workers.iter().for_each(|(_, worker)| worker.close());
        let ended: Vec<_> = workers.into_iter().map(|(_, worker)| worker.join()).collect();
        self.leaving.drain(..).for_each(|worker| say_failure(worker.join()));
        ended.into_iter().collect()
    }
}

/// Ends the waiting for outputs. Clones do the same.
#[derive(Debug, Clone)]
pub struct Stop(Ending);

impl Stop {
    /// From now on nothing is waited for longer than 5 s.
    pub fn request(&self) {
        self.0.begin(Instant::now() + LONGEST_END);
    }
}

/// Says that an output failed that was replaced.
fn say_failure(ended: Result<(), OutputError>) {
    if let Err(error) = ended {
        tracing::warn!("{error}");
    }
}

impl Replacement<'_> {
    /// One of them: that in use where it has the same `settings`, or else a new one, which is to have a thread and a queue
    /// of 4,096 events of its own.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub fn open<S: Sink + 'static>(
        &mut self,
        kind: &str,
        settings: &dyn std::fmt::Debug,
        when_failing: WhenFailing,
        make: impl FnOnce() -> anyhow::Result<S>,
    ) -> anyhow::Result<()> {
        let key = format!("{kind} {settings:?}");
        if let Some(place) = self.outputs.workers.iter().position(|(existing, _)| *existing == key) {
            self.kept.push(place);
        } else {
            let sink = Box::new(make()?);
            self.prepared.push(Prepared { key, sink, when_full: self.when_full, when_failing });
        }
        Ok(())
    }

    /// Ends those that are not among them, in the background; [`Outputs::start`] starts the new ones.
    pub fn put_in_place(self) {
        let Self { outputs, kept, prepared, .. } = self;
        let is_kept = |place: usize| kept.contains(&place);
        let mut left = Vec::new();
        for (place, worker) in std::mem::take(&mut outputs.workers).into_iter().enumerate() {
            if is_kept(place) { outputs.workers.push(worker) } else { left.push(worker.1) }
        }
        outputs.prepared.extend(prepared);
        left.iter().for_each(Worker::close);
        outputs.leaving.extend(left);
    }
}
