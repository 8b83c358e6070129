//! The writing side: what happens, as it happens, and what leaves to make room for it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{HistoryConfig, HistoryError, MOST_HOSTS, now_ns, process, schema, stored};
use crate::{
    context::host_key::HostKey,
    detector::Second,
    incident::{Incident, State},
    output::Event,
};

/// What leaves at a time where the file is too large: this part of all rows, the oldest.
const LEAVING: i64 = 10;
/// Rounds of that; the last one leaves next to nothing.
const MOST_ROUNDS: u32 = 200;

/// A history that this process writes to, and its run in it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    config: HistoryConfig,
    run: i64,
}

impl Store {
    /// Opens the file, or makes it, and begins a run.
    ///
    /// # Errors
    ///
    /// When it is not usable, see [`HistoryError`]; it then stays as it is.
    pub fn begin(config: HistoryConfig) -> Result<Self, HistoryError> {
        let error = |cause| HistoryError::of(&config.path, cause);
        let connection = schema::open_to_write(&config.path)?;
        let now = now_ns();
        connection
            .execute(
                "INSERT INTO runs (process, source, version, span_s, begun_ns, noted_ns)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                params![process::own_name(), config.source, env!("CARGO_PKG_VERSION"), config.span_s, now],
            )
            .map_err(error)?;
        let run = connection.last_insert_rowid();
        Ok(Self { connection, config, run })
    }

    /// Writes events down: all of them or, where that fails, none.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn add(&mut self, events: &[Event]) -> Result<(), HistoryError> {
        self.write(events).map_err(|cause| self.error(cause))
    }

    /// Gives a sign of life.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn beat(&mut self) -> Result<(), HistoryError> {
        beat(&self.connection, self.run).map_err(|cause| self.error(cause))
    }

    /// Lets go of what is too old, and of the oldest as long as the file is too large.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn prune(&mut self) -> Result<(), HistoryError> {
        self.make_room().map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: rusqlite::Error) -> HistoryError {
        HistoryError::of(&self.config.path, cause)
    }

    fn write(&mut self, events: &[Event]) -> rusqlite::Result<()> {
        let (run, span_s, now) = (self.run, self.config.span_s, now_ns());
        let transaction = self.connection.transaction()?;
        let mut spans: BTreeMap<i64, Sum> = BTreeMap::new();
        for event in events {
            match event {
                Event::Incident(update) => write_incident(&transaction, run, &update.incident, now)?,
                Event::Second(second) => spans.entry(start_of(second, span_s)).or_default().add(second),
                Event::Alert(_) => {}
            }
        }
        for (start_s, sum) in spans {
            sum.write(&transaction, run, start_s, now)?;
        }
        beat(&transaction, run)?;
        transaction.commit()
    }

    fn make_room(&mut self) -> rusqlite::Result<()> {
        let age = i64::try_from(self.config.max_age.as_nanos()).unwrap_or(i64::MAX);
        self.leave_before(now_ns().saturating_sub(age))?;
        for _ in 0..MOST_ROUNDS {
            if self.used_bytes()? <= self.config.max_size {
                break;
            }
            let Some(oldest) = self.oldest()? else { break };
            self.leave_before(oldest.saturating_add(1))?;
        }
        if self.count("PRAGMA freelist_count")? > 0 {
            // A page a row: all of them are to be gone through.
            let mut vacuum = self.connection.prepare("PRAGMA incremental_vacuum")?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Deletes what was written before a moment; of the runs, those that have nothing left.
    fn leave_before(&mut self, moment_ns: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM spans WHERE noted_ns < ?1", [moment_ns])?;
        transaction.execute("DELETE FROM incidents WHERE noted_ns < ?1", [moment_ns])?;
        transaction.execute(
            "DELETE FROM runs WHERE noted_ns < ?1 AND id <> ?2
             AND NOT EXISTS (SELECT 1 FROM spans WHERE run = runs.id)
             AND NOT EXISTS (SELECT 1 FROM incidents WHERE run = runs.id)",
            [moment_ns, self.run],
        )?;
        transaction.commit()
    }

    /// When the first part of the rows was written by.
    fn oldest(&self) -> rusqlite::Result<Option<i64>> {
        let rows = self.count("SELECT (SELECT count(*) FROM spans) + (SELECT count(*) FROM incidents)")?;
        self.connection
            .query_row(
                "SELECT noted_ns FROM (SELECT noted_ns FROM spans UNION ALL SELECT noted_ns FROM incidents)
                 ORDER BY noted_ns LIMIT 1 OFFSET ?1",
                [rows / LEAVING],
                |row| row.get(0),
            )
            .optional()
    }

    fn used_bytes(&self) -> rusqlite::Result<u64> {
        let pages = self.count("PRAGMA page_count")? - self.count("PRAGMA freelist_count")?;
        Ok(super::restored(pages * self.count("PRAGMA page_size")?))
    }

    fn count(&self, query: &str) -> rusqlite::Result<i64> {
        self.connection.query_row(query, [], |row| row.get(0))
    }
}

/// What is added to a span's row.
#[derive(Default)]
struct Sum {
    packets: u64,
    records: u64,
    bytes: u64,
    anomalies: u64,
    peak_score: f64,
    threshold: f64,
    is_learning: bool,
    hosts: BTreeMap<HostKey, (u64, u64)>,
}

impl Sum {
    fn add(&mut self, second: &Second) {
        self.packets += second.coverage.packets;
        self.records += second.coverage.records;
        self.bytes += second.bytes;
        self.anomalies += second.anomalies;
        if second.peak_score >= self.peak_score {
            (self.peak_score, self.threshold) = (second.peak_score, second.threshold);
        }
        self.is_learning |= second.is_learning;
        for volume in &second.hosts {
            let (packets, bytes) = self.hosts.entry(volume.host).or_default();
            *packets += volume.packets;
            *bytes += volume.bytes;
        }
    }

    fn write(&self, transaction: &Transaction<'_>, run: i64, start_s: i64, now: i64) -> rusqlite::Result<()> {
        transaction
            .prepare_cached(
                "INSERT INTO spans (run, start_s, noted_ns, packets, records, bytes, anomalies, peak_score,
                     threshold, is_learning)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (run, start_s) DO UPDATE SET
                     noted_ns = excluded.noted_ns,
                     packets = packets + excluded.packets,
                     records = records + excluded.records,
                     bytes = bytes + excluded.bytes,
                     anomalies = anomalies + excluded.anomalies,
                     threshold = iif(excluded.peak_score >= peak_score, excluded.threshold, threshold),
                     peak_score = max(peak_score, excluded.peak_score),
                     is_learning = max(is_learning, excluded.is_learning)",
            )?
            .execute(params![
                run,
                start_s,
                now,
                stored(self.packets),
                stored(self.records),
                stored(self.bytes),
                stored(self.anomalies),
                self.peak_score,
                self.threshold,
                self.is_learning
            ])?;
        for (host, (packets, bytes)) in &self.hosts {
            transaction
                .prepare_cached(
                    "INSERT INTO hosts (run, start_s, host, packets, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (run, start_s, host) DO UPDATE SET
                         packets = packets + excluded.packets, bytes = bytes + excluded.bytes",
                )?
                .execute(params![run, start_s, host.to_string(), stored(*packets), stored(*bytes)])?;
        }
        transaction
            .prepare_cached(
                "DELETE FROM hosts WHERE run = ?1 AND start_s = ?2 AND host NOT IN
                     (SELECT host FROM hosts WHERE run = ?1 AND start_s = ?2 ORDER BY bytes DESC, host LIMIT ?3)",
            )?
            .execute(params![run, start_s, MOST_HOSTS as i64])?;
        Ok(())
    }
}

/// The beginning of the span that a second is in, in seconds since the Unix epoch.
fn start_of(second: &Second, span_s: u32) -> i64 {
    let began_s = second.end_ns.saturating_sub(1) / 1_000_000_000;
    stored(began_s - began_s % u64::from(span_s.max(1)))
}

fn write_incident(
    transaction: &Transaction<'_>,
    run: i64,
    incident: &Incident,
    now: i64,
) -> rusqlite::Result<()> {
    let list = |items: Vec<String>| items.join(" ");
    let hosts = |hosts: &[HostKey]| list(hosts.iter().map(ToString::to_string).collect());
    let state = match incident.state {
        State::Open => "open",
        State::Closed => "closed",
    };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO incidents (run, id, noted_ns, state, shape, technique, detected_ns, start_ns, end_ns,
                 sources, targets, ports, protocols, alerts, packets, bytes, coverage, peak_score, score, probability,
                 threshold, view, reason, json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
                 ?23, ?24)",
        )?
        .execute(params![
            run,
            incident.id,
            now,
            state,
            incident.shape.name(),
            incident.shape.technique(),
            stored(incident.detected_ns),
            stored(incident.start_ns),
            stored(incident.end_ns),
            hosts(&incident.sources.items),
            hosts(&incident.targets.items),
            list(incident.ports.items.iter().map(ToString::to_string).collect()),
            list(incident.protocols.iter().map(|number| crate::presentation::protocol_name(*number)).collect()),
            stored(incident.alerts),
            stored(incident.packets),
            stored(incident.bytes),
            incident.coverage.percent(),
            incident.peak_score,
            incident.score,
            incident.probability,
            incident.threshold,
            incident.view.name(),
            incident.reason,
            incident.to_json()
        ])?;
    Ok(())
}

fn beat(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE runs SET noted_ns = ?1 WHERE id = ?2")?
        .execute(params![now_ns(), run])?;
    Ok(())
}
