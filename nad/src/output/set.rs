//! The outputs in use, each with its thread, and those that take their place.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use nad_engine::{
    detector::Event,
    ledger::{Ledger, SinkCounts},
};

use super::{
    OutputError, Sink, WhenFailing,
    ending::Ending,
    section::Book,
    worker::{Ends, Worker},
};
use crate::queue::WhenFull;

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
    book: Option<Box<dyn Book>>,
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

    /// Has the ledger noted where an output keeps what it is told, or nowhere.
    pub fn keep_ledger(&mut self, book: Option<Box<dyn Book>>) {
        self.book = book;
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
    pub fn open(
        &mut self,
        kind: &str,
        settings: &str,
        when_failing: WhenFailing,
        make: impl FnOnce() -> anyhow::Result<Box<dyn Sink>>,
    ) -> anyhow::Result<()> {
        let key = format!("{kind} {settings}");
        if let Some(place) = self.outputs.workers.iter().position(|(existing, _)| *existing == key) {
            self.kept.push(place);
        } else {
            let sink = make()?;
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
