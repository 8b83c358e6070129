//! Histories: as bytes, and, because few changed bytes are still a database, as a history with changed cells.

use std::{path::Path, time::Duration};

use nad::{
    history::{Filter, History, HistoryConfig, Store},
    report::Report,
};
use rusqlite::{Connection, types::Value};

use crate::{scratch, traffic::Bytes};

/// The first byte of an input: whether the rest are changes of cells instead of a file.
const CELLS: u8 = 1;
/// Cells that one input changes at most.
const MOST_CHANGES: usize = 32;

pub(crate) fn run(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    if how & CELLS != 0 {
        scratch::with_file("history", &example(), |path| {
            if change(path, &mut Bytes(rest)).is_ok() {
                read_and_write(path);
            }
        });
    } else {
        scratch::with_file("history", rest, read_and_write);
    }
}

fn read_and_write(path: &Path) {
    let one_line = |error: &dyn std::fmt::Display| assert!(!error.to_string().contains('\n'), "{error}");
    match History::open(path) {
        Ok(history) => {
            for limit in [None, Some(1)] {
                let found = history.incidents(&Filter { limit, ..Filter::default() });
                if let Ok(incidents) = &found {
                    assert!(limit.is_none_or(|limit| incidents.len() <= limit));
                }
                found.err().iter().for_each(|error| one_line(error));
            }
            for (since, until) in [(None, None), (Some(0), Some(u64::MAX)), (Some(u64::MAX), Some(0))] {
                match Report::gather(&history, since, until) {
                    Ok(report) => assert!(report.to_html().ends_with("</html>\n")),
                    Err(error) => one_line(&error),
                }
            }
        }
        Err(error) => one_line(&error),
    }
    match Store::begin(config(path)) {
        Ok(mut store) => {
            for result in [store.beat(), store.prune()] {
                result.err().iter().for_each(|error| one_line(error));
            }
        }
        Err(error) => one_line(&error),
    }
}

fn config(path: &Path) -> HistoryConfig {
    HistoryConfig {
        path: path.into(),
        max_age: Duration::from_secs(90 * 24 * 3600),
        max_size: 1 << 20,
        source: "fuzz".into(),
        span_s: 60,
    }
}

/// Puts other values into cells.
fn change(path: &Path, bytes: &mut Bytes<'_>) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    let columns = columns(&connection)?;
    for _ in 0..MOST_CHANGES {
        if bytes.is_empty() || columns.is_empty() {
            break;
        }
        let [column, row, kind] = bytes.take();
        let (table, column) = &columns[usize::from(column) % columns.len()];
        let value = match kind % 6 {
            0 => Value::Null,
            1 => Value::Integer(bytes.u64() as i64),
            2 => Value::Real(f64::from_bits(bytes.u64())),
            3 => Value::Integer(i64::from(bytes.u8()) - 128),
            4 => Value::Blob(text(bytes)),
            _ => Value::Text(String::from_utf8_lossy(&text(bytes)).into_owned()),
        };
        // What a constraint refuses stays as it was; a hostile file has none, so they are asked to look away.
        let sql = format!(
            "UPDATE OR IGNORE {table} SET {column} = ?1 WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1 OFFSET ?2)"
        );
        let _ = connection.execute(&sql, rusqlite::params![value, row % 4]);
    }
    Ok(())
}

fn text(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let length = usize::from(bytes.u8() % 64);
    (0..length).map(|_| bytes.u8()).collect()
}

fn columns(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut query = connection.prepare(
        "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' ORDER BY 1, 2",
    )?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// A history with runs, incidents and traffic in it.
fn example() -> Vec<u8> {
    static EXAMPLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    EXAMPLE.get_or_init(make_example).clone()
}

fn make_example() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder for a history");
    let path = folder.path().join("example");
    let events = crate::records::events();
    for _ in 0..2 {
        let mut store = Store::begin(config(&path)).expect("a new history");
        store.add(&events).expect("events can be written");
    }
    let connection = Connection::open(&path).expect("what was written can be opened");
    connection.pragma_update(None, "journal_mode", "delete").expect("one file holds it all");
    connection.execute_batch("VACUUM").expect("it can be made small");
    drop(connection);
    std::fs::read(&path).expect("what was written can be read")
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = vec![("file".to_owned(), [&[0], &example()[..]].concat())];
    for kind in 0..6_u8 {
        let changes: Vec<u8> = (0..40_u8)
            .flat_map(|column| [column, column, kind, 9, b'<', 0xff, 0, b'"', 0xe2, 0x80, 0xae, 1, 0])
            .collect();
        seeds.push((format!("cells-{kind}"), [&[CELLS], &changes[..]].concat()));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_an_incident_and_cells_are_changed() {
        scratch::with_file("history", &example(), |path| {
            let history = History::open(path).unwrap();
            assert!(!history.incidents(&Filter::default()).unwrap().is_empty());
            drop(history);
            let before = std::fs::read(path).unwrap();
            for (_, seed) in seeds().into_iter().filter(|(_, seed)| seed[0] & CELLS != 0) {
                change(path, &mut Bytes(&seed[1..])).unwrap();
            }
            assert_ne!(std::fs::read(path).unwrap(), before);
        });
    }
}
