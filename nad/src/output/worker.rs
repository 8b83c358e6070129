//! The thread and the queue that a sink has.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nad_engine::{detector::Event, ledger::SinkCounts, presentation};

use super::{Done, Failure, Interests, MOST_AT_ONCE, OutputError, Sink, WhenFailing, ending::Ending};
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
/// Whoever waits looks around this often.
const SLICE: Duration = Duration::from_millis(100);
/// What a sink has to count and to close after the moment at which everything is to be over.
const GRACE: Duration = Duration::from_millis(300);

/// See the module.
pub(super) struct Worker {
    shared: Arc<Shared>,
    interests: Interests,
    when_full: WhenFull,
    ends: Ends,
    /// Taken out where its end is waited for.
    thread: Option<JoinHandle<()>>,
}

/// When an output has to be over.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// It gets no more events, and what it does has to be over by then.
    pub(super) ending: Ending,
    /// Nad was asked to end, so not even outputs that are the work itself are waited for any longer.
    pub(super) stopped: Ending,
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
    /// Events that are being delivered.
    in_hand: u64,
    /// Events that the sink keeps to deliver them later.
    kept: u64,
    is_closed: bool,
    /// The sink takes nothing any more.
    has_ended: bool,
    /// Nobody waits for it: what it still does counts for nothing.
    is_abandoned: bool,
    /// Why it ended before it was closed.
    failure: Option<OutputError>,
}

impl Worker {
    pub(super) fn start(
        mut sink: Box<dyn Sink>,
        when_full: WhenFull,
        when_failing: WhenFailing,
        ends: &Ends,
    ) -> io::Result<Self> {
        let counts = Arc::new(SinkCounts { name: sink.name(), ..SinkCounts::default() });
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            counts,
        });
        // Live, and where it is not the work itself, nobody waits for it for long.
        let is_work = when_full == WhenFull::Wait && when_failing != WhenFailing::GoOn;
        let ending = if is_work { &ends.stopped } else { &ends.ending };
        let ends = Ends { ending: ending.clone(), stopped: ends.stopped.clone() };
        sink.ends_with(ending.clone());
        let interests = sink.interests();
        let runner = Runner {
            sink,
            shared: Arc::clone(&shared),
            ending: ending.clone(),
            when_failing,
            is_failing: false,
        };
        // Also where the sink panics, nobody may wait for it; once it is seen to have ended, its files are closed.
        let end = End(Arc::clone(&shared));
        let run = move || {
            runner.run();
            drop(end);
        };
        let thread = thread::Builder::new().name("nad-output".into()).spawn(run)?;
        Ok(Self { shared, interests, when_full, ends, thread: Some(thread) })
    }

    pub(super) fn counts(&self) -> Arc<SinkCounts> {
        Arc::clone(&self.shared.counts)
    }

    pub(super) fn tell(&self, events: &[Event]) -> Result<(), OutputError> {
        let mut queue = self.shared.lock();
        for event in events.iter().filter(|event| self.interests.cover(event)) {
            while self.when_full == WhenFull::Wait
                && queue.events.len() >= CAPACITY
                && !queue.has_ended
                && !self.ends.stopped.is_over()
            {
                let waited = self.shared.emptied.wait_timeout(queue, SLICE);
                (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
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

    /// Why it ended, where it did and should not have.
    pub(super) fn failure(&self) -> Option<OutputError> {
        self.shared.lock().failure.take()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.lock().has_ended
    }

    /// No more events will come.
    pub(super) fn close(&self) {
        self.shared.lock().is_closed = true;
        self.shared.filled.notify_one();
    }

    /// Waits for its end, as long as it may take; says what was lost where it takes longer.
    pub(super) fn join(mut self) -> Result<(), OutputError> {
        self.close();
        let mut queue = self.shared.lock();
        while !queue.has_ended && !self.ends.ending.is_over_since(GRACE) {
            let waited = self.shared.emptied.wait_timeout(queue, SLICE);
            (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if queue.has_ended {
            let failure = queue.failure.take();
            drop(queue);
            // A sink that panicked has said so; what it was given is not counted as delivered.
            let _ = self.thread.take().map(JoinHandle::join);
            return failure.map_or(Ok(()), Err);
        }
        queue.is_abandoned = true;
        let lost = queue.events.len() as u64 + queue.in_hand + queue.kept;
        queue.events.clear();
        drop(queue);
        self.shared.counts.failed.fetch_add(lost, Relaxed);
        if lost > 0 {
            let (name, lost) = (&self.shared.counts.name, presentation::counted(lost, "event"));
            tracing::warn!("{name}: it did not end in time, and {lost} that it did not get count as failed");
        }
        Ok(())
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
        queue.in_hand = events.len() as u64;
        let is_over = queue.is_closed && queue.events.is_empty();
        drop(queue);
        self.emptied.notify_all();
        (events, is_over)
    }

    /// Counts what became of the events in hand and of those that were kept, of which the sink still keeps so many.
    fn count(&self, done: Done, kept: u64) {
        let mut queue = self.lock();
        if queue.is_abandoned {
            // All of them are counted.
            return;
        }
        (queue.in_hand, queue.kept) = (0, kept);
        self.counts.delivered.fetch_add(done.delivered, Relaxed);
        self.counts.failed.fetch_add(done.failed, Relaxed);
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
    ending: Ending,
    when_failing: WhenFailing,
    /// Whether that was said.
    is_failing: bool,
}

/// The sink takes nothing any more.
struct Over;

impl Runner {
    fn run(mut self) {
        if let Err(Over) = self.work() {
            return;
        }
        match self.sink.finish() {
            // What it keeps from now on is not lost.
            Ok(done) => self.count(done, 0),
            Err(failure) => {
                let kept = self.sink.kept();
                // It is over in any case.
                let _ = self.fail(Done { delivered: 0, failed: kept }, 0, &failure);
            }
        }
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
                    let kept = self.sink.kept();
                    self.count(done, kept);
                    idle_pause = IDLE;
                }
                Err(failure) => {
                    let kept = self.sink.kept();
                    if matches!(failure, Failure::Gone) {
                        self.fail(Done::default(), kept, &failure)?;
                    }
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
                    let kept = self.sink.kept();
                    self.count(done, kept);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let is_in_time = self.ending.left(begun + patience).is_some();
            if !matches!(failure, Failure::Later(_)) || !is_in_time {
                let kept = self.sink.kept();
                return self.fail(Done { delivered: 0, failed: events.len() as u64 }, kept, &failure);
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

    fn count(&mut self, done: Done, kept: u64) {
        self.shared.count(done, kept);
        if done.delivered > 0 && std::mem::take(&mut self.is_failing) {
            tracing::info!("{} takes events again", self.sink.name());
        }
    }

    fn fail(&mut self, done: Done, kept: u64, failure: &Failure) -> Result<(), Over> {
        self.shared.count(done, kept);
        let goes_on = match self.when_failing {
            WhenFailing::GoOn => true,
            WhenFailing::StopUnlessGone => matches!(failure, Failure::Gone),
            WhenFailing::Stop => false,
        };
        if goes_on {
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
            tracing::warn!("{}: {failure}; what it does not get is counted as failed", self.sink.name());
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
        if !queue.is_abandoned {
            self.0.counts.failed.fetch_add(left, Relaxed);
        }
        drop(queue);
        self.0.emptied.notify_all();
    }
}

#[cfg(test)]
mod tests;
