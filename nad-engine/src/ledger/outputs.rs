//! What became of the events for outputs.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// What became of an output's events, counted where it happens.
#[derive(Debug, Default)]
pub struct SinkCounts {
    /// Its name.
    pub name: String,
    /// What it delivered.
    pub delivered: AtomicU64,
    /// What its queue had no room for.
    pub dropped: AtomicU64,
    /// What it could not deliver.
    pub failed: AtomicU64,
}

/// What became of an output's events, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputCounts {
    /// Its name.
    pub name: String,
    /// See [`SinkCounts`].
    pub delivered: u64,
    /// See [`SinkCounts`].
    pub dropped: u64,
    /// See [`SinkCounts`].
    pub failed: u64,
}

impl OutputCounts {
    pub(super) fn of(counts: &SinkCounts) -> Self {
        Self {
            name: counts.name.clone(),
            delivered: counts.delivered.load(Relaxed),
            dropped: counts.dropped.load(Relaxed),
            failed: counts.failed.load(Relaxed),
        }
    }
}

impl fmt::Display for OutputCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} delivered", self.name, self.delivered)?;
        for (count, name) in [(self.dropped, "dropped"), (self.failed, "failed")] {
            if count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        Ok(())
    }
}
