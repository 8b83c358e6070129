//! The writing side: what happens, as it happens, and what leaves to make room for it.

mod change;

use std::{collections::BTreeMap, fmt};

use nad_engine::{
    context::host_key::HostKey,
    detector::{Event, Second},
    incident::{Change, Incident},
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    HistoryConfig, HistoryError, MOST_HOSTS,
    clock::{self, Reading},
    process, schema, stored,
};

/// What leaves at a time where the file is too large: this part of all rows.
const LEAVING: i64 = 10;
/// Rounds of that; the last one leaves next to nothing.
const MOST_ROUNDS: u32 = 200;

/// A history that this process writes to, and its run in it.
pub struct Store {
    connection: Connection,
    config: HistoryConfig,
    run: i64,
    clocks: Clocks,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("config", &self.config).field("run", &self.run).finish_non_exhaustive()
    }
}

/// What leaves.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    All,
    /// What went on, and incidents of the least severity.
    SpansAndLeastGrave,
    /// Incidents up to a severity, see [`Severity::level`].
    Incidents(u8),
}

/// Where the time is read.
type Clocks = Box<dyn FnMut() -> Reading + Send>;

/// What is written at a moment.
#[derive(Debug, Clone, Copy)]
struct Moment {
    run: i64,
    /// By the system's clock.
    wall_ns: i64,
    /// By the history's.
    kept_ns: i64,
}

impl Store {
    /// Opens the file, or makes it, and begins a run.
    ///
    /// # Errors
    ///
    /// When it is not usable, see [`HistoryError`]; it then stays as it is.
    pub fn begin(config: HistoryConfig) -> Result<Self, HistoryError> {
        let first = Reading::take();
        Self::begin_by(config, Box::new(move || first.again()))
    }

    /// The same by other clocks than those of the machine.
    pub(super) fn begin_by(config: HistoryConfig, mut clocks: Clocks) -> Result<Self, HistoryError> {
        let mut connection = schema::open_to_write(&config.path)?;
        let run = insert_run(&mut connection, &config, &clocks());
        let run = run.map_err(|cause| HistoryError::of(&config.path, cause))?;
        Ok(Self { connection, config, run, clocks })
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
        self.give_sign().map_err(|cause| self.error(cause))
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
        let (run, span_s, reading) = (self.run, self.config.span_s, (self.clocks)());
        let transaction = self.connection.transaction()?;
        let now = Moment::of(&transaction, run, &reading)?;
        let mut spans: BTreeMap<i64, Sum> = BTreeMap::new();
        for event in events {
            match event {
                Event::Incident(update) => {
                    if matches!(update.change, Change::Resumed | Change::Closed) {
                        take_over(&transaction, &update.incident, run)?;
                    }
                    change::write(&transaction, update, now)?;
                }
                Event::Second(second) => spans.entry(start_of(second, span_s)).or_default().add(second),
                Event::Alert(_) => {}
            }
        }
        for (start_s, sum) in spans {
            sum.write(&transaction, start_s, now)?;
        }
        beat(&transaction, now)?;
        transaction.commit()
    }

    fn give_sign(&mut self) -> rusqlite::Result<()> {
        let reading = (self.clocks)();
        let transaction = self.connection.transaction()?;
        beat(&transaction, Moment::of(&transaction, self.run, &reading)?)?;
        transaction.commit()
    }

    fn make_room(&mut self) -> rusqlite::Result<()> {
        let age = i64::try_from(self.config.max_age.as_nanos()).unwrap_or(i64::MAX);
        let kept_ns = clock::advance(&self.connection, &(self.clocks)())?;
        self.leave_before(kept_ns.saturating_sub(age), Leaving::All)?;
        for _ in 0..MOST_ROUNDS {
            if self.used_bytes()? <= self.config.max_size {
                break;
            }
            let Some((moment_ns, leaving)) = self.least()? else { break };
            self.leave_before(moment_ns.saturating_add(1), leaving)?;
        }
        if self.count("PRAGMA freelist_count")? > 0 {
            // A page a row: all of them are to be gone through.
            let mut vacuum = self.connection.prepare("PRAGMA incremental_vacuum")?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Deletes what was written before a moment of the history's clock, but for what is graver; of the runs, those that have
    /// nothing left.
    fn leave_before(&mut self, moment_ns: i64, leaving: Leaving) -> rusqlite::Result<()> {
        let (gravest, with_spans) = match leaving {
            Leaving::All => (u8::MAX, true),
            Leaving::Incidents(severity) => (severity, false),
            Leaving::SpansAndLeastGrave => (1, true),
        };
        let transaction = self.connection.transaction()?;
        if with_spans {
            transaction.execute("DELETE FROM spans WHERE kept_ns < ?1", [moment_ns])?;
        }
        transaction.execute(
            "DELETE FROM incidents WHERE severity <= ?2 AND kept_ns < ?1",
            params![moment_ns, gravest],
        )?;
        transaction.execute(
            "DELETE FROM runs WHERE kept_ns < ?1 AND id <> ?2
             AND NOT EXISTS (SELECT 1 FROM spans WHERE run = runs.id)
             AND NOT EXISTS (SELECT 1 FROM incidents WHERE run = runs.id)",
            [moment_ns, self.run],
        )?;
        transaction.commit()
    }

    /// What leaves first where there is too much: everything of a severity, and what is less grave, that was written until a
    /// moment. The traffic and the least grave incidents leave before graver ones, but for a last part of all rows: otherwise
    /// many incidents would leave no room for what goes on.
    fn least(&self) -> rusqlite::Result<Option<(i64, Leaving)>> {
        const WRITTEN: [(&str, Leaving); 3] = [
            (
                "SELECT kept_ns FROM spans UNION ALL SELECT kept_ns FROM incidents WHERE severity = 1",
                Leaving::SpansAndLeastGrave,
            ),
            ("SELECT kept_ns FROM incidents WHERE severity = 2", Leaving::Incidents(2)),
            ("SELECT kept_ns FROM incidents WHERE severity = 3", Leaving::Incidents(3)),
        ];
        let mut counts = [0; WRITTEN.len()];
        for (count, (written, _)) in counts.iter_mut().zip(WRITTEN) {
            *count = self.count(&format!("SELECT count(*) FROM ({written})"))?;
        }
        let part = counts.iter().sum::<i64>() / LEAVING;
        let is_much = |count: &i64| *count > part;
        let Some(place) = counts.iter().position(is_much) else { return Ok(None) };
        let (written, leaving) = WRITTEN[place];
        let nth = format!("SELECT kept_ns FROM ({written}) ORDER BY kept_ns LIMIT 1 OFFSET ?1");
        let moment_ns = self.connection.query_row(&nth, [part.min(counts[place] - 1)], |row| row.get(0));
        Ok(moment_ns.optional()?.map(|moment_ns| (moment_ns, leaving)))
    }

    fn used_bytes(&self) -> rusqlite::Result<u64> {
        let pages = self.count("PRAGMA page_count")? - self.count("PRAGMA freelist_count")?;
        Ok(super::restored(pages * self.count("PRAGMA page_size")?))
    }

    fn count(&self, query: &str) -> rusqlite::Result<i64> {
        self.connection.query_row(query, [], |row| row.get(0))
    }
}

impl Moment {
    /// Now, which moves the history's clock on.
    fn of(transaction: &Transaction<'_>, run: i64, reading: &Reading) -> rusqlite::Result<Self> {
        Ok(Self { run, wall_ns: reading.wall_ns, kept_ns: clock::advance(transaction, reading)? })
    }
}

fn insert_run(
    connection: &mut Connection,
    config: &HistoryConfig,
    reading: &Reading,
) -> rusqlite::Result<i64> {
    let transaction = connection.transaction()?;
    let kept_ns = clock::advance(&transaction, reading)?;
    let (process, version, wall_ns) = (process::own_name(), env!("CARGO_PKG_VERSION"), reading.wall_ns);
    transaction.execute(
        "INSERT INTO runs (process, source, version, span_s, begun_ns, noted_ns, kept_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
        params![process, config.source, version, config.span_s, wall_ns, kept_ns],
    )?;
    let run = transaction.last_insert_rowid();
    transaction.commit()?;
    Ok(run)
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

    fn write(&self, transaction: &Transaction<'_>, start_s: i64, now: Moment) -> rusqlite::Result<()> {
        let run = now.run;
        transaction
            .prepare_cached(
                "INSERT INTO spans (run, start_s, noted_ns, packets, records, bytes, anomalies, peak_score,
                     threshold, is_learning, kept_ns)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (run, start_s) DO UPDATE SET
                     noted_ns = excluded.noted_ns,
                     kept_ns = excluded.kept_ns,
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
                now.wall_ns,
                stored(self.packets),
                stored(self.records),
                stored(self.bytes),
                stored(self.anomalies),
                self.peak_score,
                self.threshold,
                self.is_learning,
                now.kept_ns
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

/// An incident that goes on from an earlier run is one: its row, its changes and what was said of it are of this run from now on.
fn take_over(transaction: &Transaction<'_>, incident: &Incident, run: i64) -> rusqlite::Result<()> {
    let mut known = transaction.prepare_cached("SELECT 1 FROM incidents WHERE run = ?1 AND id = ?2")?;
    if known.exists(params![run, incident.id])? {
        return Ok(());
    }
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    let of_earlier =
        "id = ?2 AND run IN (SELECT run FROM incidents WHERE id = ?2 AND detected_ns = ?3 AND run <> ?1)";
    for table in ["changes", "marks", "incidents"] {
        let move_rows = format!("UPDATE OR REPLACE {table} SET run = ?1 WHERE {of_earlier}");
        transaction.execute(&move_rows, params![run, incident.id, stored(incident.detected_ns)])?;
    }
    Ok(())
}

fn beat(connection: &Connection, now: Moment) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE runs SET noted_ns = ?1, kept_ns = ?2 WHERE id = ?3")?
        .execute(params![now.wall_ns, now.kept_ns, now.run])?;
    Ok(())
}
