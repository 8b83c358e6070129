//! The thread and the queue that a sink has.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Done, Event, Failure, Interests, MOST_AT_ONCE, OutputError, Sink, WhenFailing};
use crate::queue::WhenFull;

/// Events that wait for a sink.
pub(super) const CAPACITY: usize = 4096;
/// Without events, a sink may do what is due this often.
const IDLE: Duration = Duration::from_secs(1);
/// How long is waited before what failed is tried again, the first time and at most.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For how long what fails is tried again once nad ends.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// What became of a sink's events.
#[derive(Debug, Default)]
pub struct SinkCounts {
    /// The sink's name.
    pub name: String,
    /// Events that were delivered.
    pub delivered: AtomicU64,
    /// Events for which its queue had no room.
    pub dropped: AtomicU64,
    /// Events that could not be delivered.
    pub failed: AtomicU64,
}

/// See the module.
pub(super) struct Worker {
    shared: Arc<Shared>,
    interests: Interests,
    when_full: WhenFull,
    /// Taken out where its end is waited for.
    thread: Option<JoinHandle<()>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the worker's thread and those who tell it things have in common.
struct Shared {
    queue: Mutex<Queue>,
    /// There is something in the queue, or it was closed.
    filled: Condvar,
    /// There is room in the queue, or the sink has ended.
    emptied: Condvar,
    counts: Arc<SinkCounts>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    is_closed: bool,
    /// The sink takes nothing any more.
    has_ended: bool,
    /// Why it ended before it was closed.
    failure: Option<OutputError>,
}

impl Worker {
    pub(super) fn start(
        sink: Box<dyn Sink>,
        when_full: WhenFull,
        when_failing: WhenFailing,
    ) -> io::Result<Self> {
        let counts = Arc::new(SinkCounts { name: sink.name(), ..SinkCounts::default() });
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            counts,
        });
        let interests = sink.interests();
        let runner = Runner { sink, shared: Arc::clone(&shared), when_failing, is_failing: false };
        let thread = thread::Builder::new().name("nad-output".into()).spawn(move || runner.run())?;
        Ok(Self { shared, interests, when_full, thread: Some(thread) })
    }

    pub(super) fn counts(&self) -> Arc<SinkCounts> {
        Arc::clone(&self.shared.counts)
    }

    pub(super) fn tell(&self, events: &[Event]) -> Result<(), OutputError> {
        let mut queue = self.shared.lock();
        for event in events.iter().filter(|event| self.interests.cover(event)) {
            while self.when_full == WhenFull::Wait && queue.events.len() >= CAPACITY && !queue.has_ended {
                queue = self.shared.emptied.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.events.len() < CAPACITY && !queue.has_ended {
                queue.events.push_back(event.clone());
            } else {
                self.shared.counts.dropped.fetch_add(1, Relaxed);
            }
        }
        let failure = queue.failure.take();
        drop(queue);
        self.shared.filled.notify_one();
        failure.map_or(Ok(()), Err)
    }

    /// Nothing more will be told.
    pub(super) fn close(&self) {
        self.shared.lock().is_closed = true;
        self.shared.filled.notify_one();
    }

    /// Waits for its end.
    pub(super) fn join(mut self) -> Result<(), OutputError> {
        self.close();
        // A sink that panicked has said so; what it was given is not counted as delivered.
        let _ = self.thread.take().map(JoinHandle::join);
        self.shared.lock().failure.take().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are events, until the queue is closed, or for a while: some events, and whether there will be
    /// no more.
    fn take(&self, longest: Duration) -> (Vec<Event>, bool) {
        let queue = self.lock();
        let is_idle = |queue: &mut Queue| queue.events.is_empty() && !queue.is_closed;
        let (mut queue, _) =
            self.filled.wait_timeout_while(queue, longest, is_idle).unwrap_or_else(PoisonError::into_inner);
        let count = queue.events.len().min(MOST_AT_ONCE);
        let events: Vec<Event> = queue.events.drain(..count).collect();
        let is_over = queue.is_closed && queue.events.is_empty();
        drop(queue);
        self.emptied.notify_all();
        (events, is_over)
    }

    /// Waits for a while, or until the queue is closed; whether it is.
    fn pause(&self, length: Duration) -> bool {
        let is_open = |queue: &mut Queue| !queue.is_closed;
        let (queue, _) = self
            .filled
            .wait_timeout_while(self.lock(), length, is_open)
            .unwrap_or_else(PoisonError::into_inner);
        queue.is_closed
    }
}

/// The thread's end.
struct Runner {
    sink: Box<dyn Sink>,
    shared: Arc<Shared>,
    when_failing: WhenFailing,
    /// Whether that was said.
    is_failing: bool,
}

/// The sink takes nothing any more.
struct Over;

impl Runner {
    fn run(mut self) {
        // Also where the sink panics, nobody may wait for it.
        let end = End(Arc::clone(&self.shared));
        if let Err(Over) = self.work() {
            return;
        }
        match self.sink.finish() {
            Ok(done) => self.count(done),
            Err(failure) => {
                let kept = self.sink.kept();
                // It is over in any case.
                let _ = self.fail(kept, &failure);
            }
        }
        drop(end);
    }

    fn work(&mut self) -> Result<(), Over> {
        let mut idle_pause = IDLE;
        let mut idle_since = Instant::now();
        loop {
            let (events, is_over) = self.shared.take(IDLE);
            if !events.is_empty() {
                self.deliver(&events)?;
            }
            if is_over {
                return Ok(());
            }
            if idle_since.elapsed() < idle_pause {
                continue;
            }
            idle_since = Instant::now();
            match self.sink.idle() {
                Ok(done) => {
                    self.count(done);
                    idle_pause = IDLE;
                }
                Err(failure) => {
                    self.say(&failure);
                    idle_pause = (idle_pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Delivers events, again and again as long as that may help.
    fn deliver(&mut self, events: &[Event]) -> Result<(), Over> {
        let begun = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        let mut patience = self.sink.patience();
        loop {
            let failure = match self.sink.deliver(events) {
                Ok(done) => {
                    self.count(done);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let may_succeed = matches!(failure, Failure::Later(_)) && begun.elapsed() < patience;
            if !may_succeed {
                return self.fail(events.len() as u64, &failure);
            }
            self.say(&failure);
            if self.shared.pause(pause) {
                // Nad ends.
                patience = patience.min(begun.elapsed() + LAST_PATIENCE);
                thread::sleep(SHORTEST_PAUSE);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn count(&mut self, done: Done) {
        self.shared.counts.delivered.fetch_add(done.delivered, Relaxed);
        self.shared.counts.failed.fetch_add(done.failed, Relaxed);
        if done.delivered > 0 && std::mem::take(&mut self.is_failing) {
            tracing::info!("{} takes what it is told again", self.sink.name());
        }
    }

    fn fail(&mut self, events: u64, failure: &Failure) -> Result<(), Over> {
        self.shared.counts.failed.fetch_add(events, Relaxed);
        if self.when_failing == WhenFailing::GoOn {
            self.say(failure);
            return Ok(());
        }
        let kind = match failure {
            Failure::Gone => io::ErrorKind::BrokenPipe,
            Failure::Later(_) | Failure::Never(_) => io::ErrorKind::Other,
        };
        let cause = io::Error::new(kind, failure.to_string());
        self.shared.lock().failure = Some(OutputError::new(self.sink.name(), cause));
        Err(Over)
    }

    /// Says that it fails: once, until it succeeds again.
    fn say(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!("{}: {failure}; what it is not told of is counted as failed", self.sink.name());
        }
    }
}

/// Ends the taking, whatever happened.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.has_ended = true;
        let left = queue.events.len() as u64;
        queue.events.clear();
        drop(queue);
        self.0.counts.failed.fetch_add(left, Relaxed);
        self.0.emptied.notify_all();
    }
}

#[cfg(test)]
mod tests;
