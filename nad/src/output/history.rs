//! Incidents and traffic, in the history.

use std::time::{Duration, Instant};

use super::{Done, Event, Failure, Interests, Sink};
use crate::{
    history::{HistoryConfig, HistoryError, Store},
    presentation,
};

/// What is too old or too much leaves this often, by time and by how often something is written.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_AFTER: u32 = 256;
/// A run without packets gives a sign of life this often.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// For how long a full disk or another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes down what it is told, at once: what a second brought is kept, whatever ends nad in the next.
#[derive(Debug)]
pub struct HistoryFile {
    name: String,
    store: Store,
    pruned: Instant,
    written: Instant,
    deliveries: u32,
}

impl HistoryFile {
    /// Opens the file, or makes it, and lets go of what is too old.
    ///
    /// # Errors
    ///
    /// When it is not usable; it then stays as it is.
    pub fn open(config: HistoryConfig) -> Result<Self, HistoryError> {
        let name = format!("history {}", presentation::path(&config.path));
        let mut store = Store::begin(config)?;
        store.prune()?;
        let now = Instant::now();
        Ok(Self { name, store, pruned: now, written: now, deliveries: 0 })
    }

    fn prune_if_due(&mut self) -> Result<(), HistoryError> {
        if self.pruned.elapsed() >= PRUNE_EVERY || self.deliveries >= PRUNE_AFTER {
            (self.pruned, self.deliveries) = (Instant::now(), 0);
            self.store.prune()?;
        }
        Ok(())
    }
}

impl Sink for HistoryFile {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, updates: true, seconds: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        self.store.add(events).map_err(failure)?;
        self.written = Instant::now();
        self.deliveries += 1;
        // The events are written: what fails now must not have them written again.
        if let Err(error) = self.prune_if_due() {
            tracing::warn!("{error}");
        }
        Ok(Done::all(events))
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        if self.written.elapsed() >= BEAT_EVERY {
            self.store.beat().map_err(failure)?;
            self.written = Instant::now();
        }
        self.prune_if_due().map_err(failure)?;
        Ok(Done::default())
    }

    fn finish(&mut self) -> Result<Done, Failure> {
        self.store.prune().map_err(failure)?;
        Ok(Done::default())
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

fn failure(error: HistoryError) -> Failure {
    match error {
        HistoryError::Unusable(_, cause) => Failure::Later(cause.to_string()),
        error => Failure::Never(error.to_string()),
    }
}
