//! The clock by which what was written grows old: time that has passed on this machine, not what the system's clock is set to.
//!
//! As long as the machine runs, its own clock (`CLOCK_BOOTTIME`) says how much has passed since anything was last written here,
//! by this run or another. Across a restart only the system's clock could, and nobody knows whether it is right: a step of more
//! than [`MOST_UNSEEN_NS`] counts as that much.

use std::fs;

use rusqlite::{Connection, params};
use rustix::time::{ClockId, clock_gettime};

use super::now_ns;

/// What may have passed while the machine was off: a day, in nanoseconds.
const MOST_UNSEEN_NS: i64 = 86_400_000_000_000;

/// What the clocks say, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// The machine's start that `since_boot_ns` counts from.
    pub(super) boot: String,
    /// `CLOCK_BOOTTIME`.
    pub(super) since_boot_ns: i64,
    /// The system's time since the Unix epoch.
    pub(super) wall_ns: i64,
}

impl Reading {
    /// As of now.
    pub(super) fn take() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: boot.trim().to_owned(), since_boot_ns: since_boot_ns(), wall_ns: now_ns() }
    }

    /// The same start of the machine, now.
    pub(super) fn again(&self) -> Self {
        Self { boot: self.boot.clone(), since_boot_ns: since_boot_ns(), wall_ns: now_ns() }
    }
}

/// Moves the history's clock on, and gives what it says then, in nanoseconds since it was begun.
///
/// # Errors
///
/// When the file can't be written.
pub(super) fn advance(connection: &Connection, reading: &Reading) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "UPDATE clock SET
                 kept_ns = kept_ns + iif(boot = ?1, max(?2 - boot_ns, 0),
                                         min(max(?3 - coalesce(wall_ns, ?3), 0), ?4)),
                 boot_ns = iif(boot = ?1, max(?2, boot_ns), ?2),
                 boot = ?1,
                 wall_ns = ?3
             RETURNING kept_ns",
        )?
        .query_row(params![reading.boot, reading.since_boot_ns, reading.wall_ns, MOST_UNSEEN_NS], |row| {
            row.get(0)
        })
}

fn since_boot_ns() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
