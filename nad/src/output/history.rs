//! Incidents and traffic, in the history.

mod settings;

use std::time::{Duration, Instant};

use nad_engine::{detector::Event, ledger::Ledger};

use super::{
    Book, Done, Failure, Interests, Sink, SinkConfig, WhenFailing, Written, WrittenAs, reopen::Earlier,
};
use crate::{
    files::{self, Identity, Place},
    history::{HistoryConfig, HistoryError, LedgerBook, Store},
    text,
};
pub use settings::HistorySection;

/// What is too old or too much leaves this often, by time and by how often something is written.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_AFTER: u32 = 256;
/// A run without packets gives a sign of life this often.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// For how long a full disk or another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

impl SinkConfig for HistoryConfig {
    fn kind(&self) -> &'static str {
        "history"
    }

    fn when_failing(&self, usual: WhenFailing) -> WhenFailing {
        usual
    }

    fn written(&self) -> Option<Written> {
        Some(Written { what: "history", path: self.path.clone(), how: WrittenAs::FileAndBeside })
    }

    fn check(&self) -> Result<(), String> {
        files::check_database(&self.path).map_err(|error| {
            format!("history {}: {error}; name another file with --history", text::path(&self.path))
        })
    }

    fn open(&self, _: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(HistoryFile::open(self.clone())?))
    }

    fn book(&self) -> Option<Box<dyn Book>> {
        Some(Box::new(LedgerBook::new(self.path.clone())))
    }
}

impl Book for LedgerBook {
    fn note(&self, ledger: &Ledger, is_last: bool) -> Result<(), String> {
        self.note(ledger, is_last).map_err(|error| error.to_string())
    }
}

/// Writes down its events at once: what a second brought is kept, whatever ends nad in the next.
#[derive(Debug)]
pub struct HistoryFile {
    name: String,
    config: HistoryConfig,
    store: Store,
    /// Which file it is.
    identity: Option<Identity>,
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
        let name = format!("history {}", text::path(&config.path));
        let mut store = Store::begin(config.clone())?;
        store.prune()?;
        let now = Instant::now();
        let identity = identity(&config);
        Ok(Self { name, config, store, identity, pruned: now, written: now, deliveries: 0 })
    }

    /// Whether the path still leads to the file that is written.
    fn is_there(&self) -> bool {
        self.identity.is_some() && identity(&self.config) == self.identity
    }

    /// Goes on in the file that the path leads to, which is made where it was deleted or moved away.
    fn follow(&mut self) -> Result<(), Failure> {
        if self.is_there() {
            return Ok(());
        }
        Place::make(&self.config.path)?;
        self.store = Store::begin(self.config.clone()).map_err(failure)?;
        self.identity = identity(&self.config);
        tracing::warn!("{} was deleted or moved away, and is begun anew", self.name);
        Ok(())
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
        self.follow()?;
        self.store.add(events).map_err(failure)?;
        if !self.is_there() {
            // What was just written has gone with the file.
            self.follow()?;
            self.store.add(events).map_err(failure)?;
        }
        self.written = Instant::now();
        self.deliveries += 1;
        // The events are written: what fails now must not have them written again.
        if let Err(error) = self.prune_if_due() {
            tracing::warn!("{error}");
        }
        Ok(Done::all(events))
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        self.follow()?;
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

/// Which file the path leads to, if any.
fn identity(config: &HistoryConfig) -> Option<Identity> {
    Place::find(&config.path).and_then(|place| place.identity()).ok()
}

fn failure(error: HistoryError) -> Failure {
    match error {
        HistoryError::Unusable(_, cause) | HistoryError::Unwritable(_, cause) => Failure::Later(cause),
        error => Failure::Never(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use nad_engine::incident::{Change, example::update};

    use super::*;
    use crate::history::{DEFAULT_MAX_AGE, DEFAULT_MAX_SIZE, Filter, History, SPAN_S};

    #[test]
    fn a_history_that_is_deleted_or_moved_away_is_begun_anew_with_what_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("h");
        fs::create_dir(&directory).unwrap();
        let path = directory.join("nad.db");
        let config = HistoryConfig {
            path: path.clone(),
            max_age: DEFAULT_MAX_AGE,
            max_size: DEFAULT_MAX_SIZE,
            source: "eth0".into(),
            span_s: SPAN_S,
        };
        let mut file = HistoryFile::open(config).unwrap();
        let mut deliver = |id: &str| {
            let event = Event::Incident(Arc::new(update(id, Change::Opened)));
            assert_eq!(file.deliver(&[event]).unwrap(), Done { delivered: 1, failed: 0 });
        };
        let ids = || {
            let incidents = History::open(&path).unwrap().incidents(&Filter::default()).unwrap();
            incidents.into_iter().map(|kept| kept.id).collect::<Vec<_>>()
        };
        deliver("i-1");
        assert_eq!(ids(), ["i-1"]);
        fs::remove_file(&path).unwrap();
        deliver("i-2");
        assert_eq!(ids(), ["i-2"]);
        fs::remove_dir_all(&directory).unwrap();
        deliver("i-3");
        assert_eq!(ids(), ["i-3"]);
        fs::rename(&directory, folder.path().join("moved")).unwrap();
        deliver("i-4");
        assert_eq!(ids(), ["i-4"]);
    }
}
