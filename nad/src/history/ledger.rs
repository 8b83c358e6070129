//! A run's ledger, as it is kept: numbers by their names.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use nad_common::refusal::Refusal;
use nad_engine::{
    ledger::{Ledger, OutputCounts},
    unread,
};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{HistoryError, now_ns, process, schema};

/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// What became of every packet of a run, or of several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLedger {
    /// Counters by their names in status lines.
    pub counters: BTreeMap<String, u64>,
    /// What became of the outputs' events.
    pub outputs: Vec<OutputTally>,
}

/// See [`OutputCounts`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `OutputCounts`, which documents them")]
pub struct OutputTally {
    pub name: String,
    pub delivered: u64,
    pub dropped: u64,
    pub failed: u64,
}

impl KeptLedger {
    /// Takes down a ledger.
    pub fn of(ledger: &Ledger) -> Self {
        let counted = ledger.counters().map(|(counter, count)| (counter.name.to_owned(), count));
        let refused = Refusal::ALL.into_iter().zip(ledger.source.unparsed);
        let refused = refused.map(|(refusal, count)| (format!("unparsed_{}", refusal.name()), count));
        let opaque = unread::counts(&ledger.source);
        let opaque = opaque.map(|(reason, count)| (format!("opaque_{}", reason.name()), count));
        Self {
            counters: counted.chain(refused).chain(opaque).collect(),
            outputs: ledger.outputs.iter().map(OutputTally::of).collect(),
        }
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.counters {
            *self.counters.entry(name.clone()).or_default() += count;
        }
        for output in &other.outputs {
            match self.outputs.iter_mut().find(|known| known.name == output.name) {
                Some(known) => {
                    known.delivered += output.delivered;
                    known.dropped += output.dropped;
                    known.failed += output.failed;
                }
                None => self.outputs.push(output.clone()),
            }
        }
    }

    /// A counter; 0 where a run did not have it.
    pub fn count(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }
}

impl OutputTally {
    fn of(counts: &OutputCounts) -> Self {
        let OutputCounts { name, delivered, dropped, failed } = counts;
        Self { name: name.clone(), delivered: *delivered, dropped: *dropped, failed: *failed }
    }
}

/// Where this process notes its ledger, next to what its sink writes.
#[derive(Debug, Clone)]
pub struct LedgerBook {
    path: PathBuf,
}

impl LedgerBook {
    /// One that writes to the history in which this process has begun a run.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Notes the ledger as it is, and whether it is the last.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn note(&self, ledger: &Ledger, is_last: bool) -> Result<(), HistoryError> {
        let connection = schema::reopen(&self.path)?;
        // Whoever notes it has other things to do.
        connection.busy_timeout(PATIENCE).map_err(|cause| HistoryError::of(&self.path, cause))?;
        self.write(&connection, ledger, is_last).map_err(|cause| HistoryError::of(&self.path, cause))
    }

    fn write(&self, connection: &Connection, ledger: &Ledger, is_last: bool) -> rusqlite::Result<()> {
        let now = now_ns();
        // Strings and whole numbers: serialising them can't fail.
        let json = serde_json::to_string(&KeptLedger::of(ledger)).unwrap_or_default();
        connection.execute(
            "UPDATE runs SET ledger = ?1, noted_ns = ?2, ended_ns = ?3
             WHERE id = (SELECT max(id) FROM runs WHERE process = ?4)",
            params![json, now, is_last.then_some(now), process::own_name()],
        )?;
        Ok(())
    }
}
