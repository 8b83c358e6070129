//! What was found and what went on, in a file that outlives nad: an embedded SQLite database.
//!
//! A run of nad writes ([`Store`]) while others read ([`History`]). What is committed survives a kill; a file that is damaged,
//! another program's or a newer nad's is refused and stays as it is.

mod clock;
mod incident;
mod ledger;
mod marks;
mod process;
mod query;
mod renamed;
mod schema;
mod store;

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::ErrorCode;

use crate::{files, text};

pub use incident::{KeptChange, KeptEvidence, KeptFeature, KeptIncident, KeptSource, Standing};
pub use ledger::{KeptLedger, LedgerBook, OutputTally};
pub use marks::{Mark, mark};
pub use query::{Filter, History, HostSum, Run, Span};
pub use store::Store;

/// How long what was written is kept, by time that has passed on this machine, unless something else is said.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The size of the file, in bytes, from which on the least grave and oldest leaves, unless something else is said.
pub const DEFAULT_MAX_SIZE: u64 = 256 << 20;
/// The least size that may be set: an empty history takes a tenth of it.
pub const LEAST_MAX_SIZE: u64 = 1 << 20;
/// Seconds that a row sums up.
pub const SPAN_S: u32 = 60;
/// Hosts that are named for each span.
pub const MOST_HOSTS: usize = 20;

/// A history that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryConfig {
    /// The file.
    pub path: PathBuf,
    /// How long what was written is kept, by time that has passed on this machine.
    pub max_age: Duration,
    /// Bytes of the file from which on the least grave and oldest leaves.
    pub max_size: u64,
    /// Where the packets come from: interfaces or a capture.
    pub source: String,
    /// Seconds that a row of traffic sums up, at least 1.
    pub span_s: u32,
}

/// Why a history is not usable.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no such file.
    #[error(
        "history {}: there is no such file; name the one that nad writes with --history, or have one written with nad run \
         --history FILE",
        text::path(.0)
    )]
    Missing(PathBuf),
    /// It belongs to another program.
    #[error(
        "history {}: it is no history of nad's and stays as it is; name another file with --history, or move this one \
         away",
        text::path(.0)
    )]
    Foreign(PathBuf),
    /// It can't be read any more.
    #[error(
        "history {}: it is damaged ({}) and stays as it is; name another file with --history, or move this one away", 
        text::path(.0), .1
    )]
    Damaged(PathBuf, String),
    /// A later nad wrote it.
    #[error(
        "history {}: a newer nad wrote it (schema {found}; this one knows {known}); use that one, or name another file with \
         --history",
        text::path(path)
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// It is not to be trusted, or is no file.
    #[error("history {}: {}; or name another file with --history", text::path(.0), .1)]
    Refused(PathBuf, String),
    /// Anything else: a folder that is missing, a full disk, no permission.
    #[error("history {}: {}; make room or way for it, or name another file with --history", text::path(.0), .1)]
    Unusable(PathBuf, String),
    /// The same, before the database was asked.
    #[error("history {}: unable to open database file: {}; make room or way for it, or name another file with --history", text::path(.0), .1)]
    Unwritable(PathBuf, String),
}

/// An error of the database in one line, without the question. Names in it are the file's.
fn said(cause: &rusqlite::Error) -> String {
    let said = match cause {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    text::escaped(&said).into_owned()
}

impl HistoryError {
    /// What an error in opening the file itself means.
    pub(crate) fn of_file(path: &Path, cause: &io::Error) -> Self {
        if files::is_refusal(cause) {
            return Self::Refused(path.into(), cause.to_string());
        }
        Self::Unwritable(path.into(), cause.to_string())
    }

    /// What an error of the database means for this file.
    pub(crate) fn of(path: &Path, cause: rusqlite::Error) -> Self {
        match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign(path.into()),
            // What is asked is always the same: where that is an error, the tables are not those of the schema.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => Self::Damaged(path.into(), said(&cause)),
            _ => Self::Unusable(path.into(), said(&cause)),
        }
    }
}

/// The system's time, in nanoseconds since the Unix epoch.
fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| stored(age.as_nanos() as u64))
}

/// A count or a time as SQLite has it, whose whole numbers end at 2^63.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// See [`stored`].
fn restored(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
