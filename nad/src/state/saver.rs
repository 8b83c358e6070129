//! Saving while nad works: the detector's thread takes a snapshot, and a thread of its own writes it.

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nad_engine::{detector::Snapshot, ledger::SinkCounts};

use super::StateDirectory;
use crate::text;

/// The name of its counts.
const NAME: &str = "state";
/// Snapshots that wait to be written; while there is one, later ones are not taken, but for the last.
const WAITING: usize = 1;

/// The thread that writes.
#[derive(Debug)]
pub struct Saver {
    thread: JoinHandle<()>,
    counts: Arc<SinkCounts>,
}

/// The detector's end: when to take a snapshot, and where to put it.
#[derive(Debug)]
pub struct Saves {
    queue: SyncSender<Box<Snapshot>>,
    counts: Arc<SinkCounts>,
    every: Duration,
    next: Instant,
    /// Where packets come from.
    source: String,
}

impl Saver {
    /// Starts the thread for a directory, which is written this often; `source` is where packets come from.
    ///
    /// # Errors
    ///
    /// When the thread can't be started.
    pub fn start(directory: StateDirectory, every: Duration, source: &str) -> io::Result<(Self, Saves)> {
        let (queue, snapshots) = mpsc::sync_channel(WAITING);
        let counts = Arc::new(SinkCounts { name: NAME.into(), ..SinkCounts::default() });
        let thread = {
            let counts = Arc::clone(&counts);
            thread::Builder::new()
                .name("nad-state".into())
                .spawn(move || write(&directory, &snapshots, &counts))?
        };
        let next = Instant::now() + every;
        let saves = Saves { queue, counts: Arc::clone(&counts), every, next, source: source.into() };
        Ok((Self { thread, counts }, saves))
    }

    /// How often it was written, and how often that failed.
    pub fn counts(&self) -> Arc<SinkCounts> {
        Arc::clone(&self.counts)
    }

    /// Waits until all is written, once the detector's end is gone.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::warn!("the thread that saves the state failed: it is as it was saved before");
        }
    }
}

impl Saves {
    /// Whether a snapshot is due.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }

    /// Has a snapshot written, unless an earlier one is still waiting for that.
    pub fn save(&self, snapshot: Box<Snapshot>) {
        match self.queue.try_send(self.named(snapshot)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counts.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Has the last one written, however long that takes.
    pub fn save_last(self, snapshot: Box<Snapshot>) {
        if self.queue.send(self.named(snapshot)).is_err() {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    fn named(&self, mut snapshot: Box<Snapshot>) -> Box<Snapshot> {
        snapshot.set_source(&self.source);
        snapshot
    }
}

/// Writes snapshots until no more come. That it fails is said when it begins to, and when it is over.
fn write(directory: &StateDirectory, snapshots: &Receiver<Box<Snapshot>>, counts: &SinkCounts) {
    let mut is_failing = false;
    while let Ok(snapshot) = snapshots.recv() {
        let path = text::path(directory.path());
        match checked(&snapshot).and_then(|bytes| directory.save(&bytes)) {
            Ok(()) => {
                counts.delivered.fetch_add(1, Relaxed);
                if std::mem::take(&mut is_failing) {
                    tracing::info!("the state in {path} is saved again");
                }
            }
            Err(error) => {
                counts.failed.fetch_add(1, Relaxed);
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(
                        "the state can't be saved in {path}: {error}; nad goes on, and a restart would go on from what was \
                         saved before"
                    );
                }
            }
        }
    }
}

/// The bytes of a snapshot, which the next start will take: what was saved before is better than what it would refuse.
fn checked(snapshot: &Snapshot) -> io::Result<Vec<u8>> {
    let bytes = snapshot.to_bytes().map_err(io::Error::other)?;
    match Snapshot::from_bytes(&bytes) {
        Ok(_) => Ok(bytes),
        Err(reason) => Err(io::Error::other(format!("it would be refused, as {reason}; please report this"))),
    }
}
