//! The file: whose it is, what it holds, and how it gets from one version to the next.

use std::{io, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::{HistoryError, incident, renamed};
use crate::files;

type Migration = fn(&Connection) -> rusqlite::Result<()>;

/// What says that a database is nad's: `nadh`.
const APPLICATION: i64 = 0x6e61_6468;
/// What makes version n + 1 of version n, from an empty file on.
const MIGRATIONS: [Migration; 5] = [
    |migration| migration.execute_batch(include_str!("v1.sql")),
    |migration| migration.execute_batch(include_str!("v2.sql")).and_then(|()| grade(migration)),
    renamed::rewrite,
    |migration| migration.execute_batch(include_str!("v4.sql")),
    |migration| migration.execute_batch(include_str!("v5.sql")),
];
/// The version of a file that is written.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;
/// The first that has the changes of incidents, and the first that has their marks.
pub(super) const WITH_CHANGES: i64 = 4;
pub(super) const WITH_MARKS: i64 = 5;
/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the write-ahead log that are kept once it was worked in.
const LOG_BYTES: i64 = 4 << 20;

/// Opens a file to write to it; makes it where there is none, and brings an older one up to date.
///
/// # Errors
///
/// When it is not one of nad's, is newer or damaged (it then stays as it is), or can't be written.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, HistoryError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let real = files::prepare_database(path).map_err(|cause| HistoryError::of_file(path, &cause))?;
    let mut connection = open_at(&real, path, flags)?;
    let is_new = identify(&connection, path)? == Content::Nothing;
    check(&connection, path)?;
    prepare(&mut connection, is_new).map_err(|cause| HistoryError::of(path, cause))?;
    Ok(connection)
}

/// Opens a file to read all of it as of this moment.
///
/// # Errors
///
/// When there is none, or it is not one of nad's, newer or damaged.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, HistoryError> {
    let real = files::find_database(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => HistoryError::Missing(path.into()),
        _ => HistoryError::of_file(path, &cause),
    })?;
    let connection =
        open_at(&real, path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    match identify(&connection, path)? {
        Content::Nothing => return Err(HistoryError::Foreign(path.into())),
        // An older one has all that is read, but for changes and marks, of which is looked whether there are any: version 2 added
        // only what says when rows leave, and what version 3 renamed is read by its names of now.
        Content::History(_) => {}
    }
    // It is the first query that the moment is of.
    connection
        .execute_batch("BEGIN; SELECT 1 FROM runs LIMIT 1")
        .map_err(|cause| HistoryError::of(path, cause))?;
    Ok(connection)
}

/// Opens a file that this process writes to already, once more.
///
/// # Errors
///
/// When it went away.
pub(super) fn reopen(path: &Path) -> Result<Connection, HistoryError> {
    let real = files::find_database(path).map_err(|cause| HistoryError::of_file(path, &cause))?;
    open_at(&real, path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// It is new, or another process is just making it.
    Nothing,
    /// Of this version.
    History(i64),
}

/// Opens the file at a place that was found without links; `path` is what it is called.
fn open_at(real: &Path, path: &Path, flags: OpenFlags) -> Result<Connection, HistoryError> {
    let error = |cause| HistoryError::of(path, cause);
    let flags = flags | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(real, flags).map_err(error)?;
    connection.busy_timeout(PATIENCE).map_err(error)?;
    Ok(connection)
}

/// Finds out what a file is, without writing to it.
fn identify(connection: &Connection, path: &Path) -> Result<Content, HistoryError> {
    let error = |cause| HistoryError::of(path, cause);
    let application: i64 = connection.pragma_query_one(None, "application_id").map_err(error)?;
    let version = version(connection).map_err(error)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(error)?;
    match (application, tables) {
        (0, 0) if version == 0 => Ok(Content::Nothing),
        (APPLICATION, _) if version > VERSION => {
            Err(HistoryError::Newer { path: path.into(), found: version, known: VERSION })
        }
        (APPLICATION, _) => Ok(Content::History(version)),
        _ => Err(HistoryError::Foreign(path.into())),
    }
}

/// The version of a file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_one(None, "user_version")
}

/// Looks for damage: writing into a damaged file would make it worse.
fn check(connection: &Connection, path: &Path) -> Result<(), HistoryError> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|cause| HistoryError::of(path, cause))?;
    if found == "ok" {
        return Ok(());
    }
    // What it says may have several lines, and an error has one.
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(HistoryError::Damaged(path.into(), found))
}

fn prepare(connection: &mut Connection, is_new: bool) -> rusqlite::Result<()> {
    if is_new {
        // Only where there is no table yet: what leaves can give its room back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    // Who reads and who writes don't wait for each other. A kill loses nothing; a power cut the last moments.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Nothing is written anywhere else.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    let migration = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Once more: another process may have done it meanwhile.
    let version: i64 = migration.pragma_query_one(None, "user_version")?;
    for (migrate, number) in MIGRATIONS.iter().zip(1..).skip(usize::try_from(version).unwrap_or(0)) {
        migrate(&migration)?;
        migration.pragma_update(None, "user_version", number)?;
    }
    migration.pragma_update(None, "application_id", APPLICATION)?;
    migration.commit()
}

/// Notes how grave incidents are that were written when nobody did.
fn grade(migration: &Connection) -> rusqlite::Result<()> {
    let mut incidents = migration.prepare("SELECT rowid, shape, probability FROM incidents")?;
    let mut grade = migration.prepare("UPDATE incidents SET severity = ?2 WHERE rowid = ?1")?;
    let mut rows = incidents.query([])?;
    while let Some(row) = rows.next()? {
        let severity = incident::severity(&row.get::<_, String>(1)?, row.get(2)?);
        grade.execute(params![row.get::<_, i64>(0)?, severity.level()])?;
    }
    Ok(())
}
