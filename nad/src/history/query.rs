//! The reading side: all answers of one [`History`] are of one moment, whatever is written meanwhile.

use std::path::{Path, PathBuf};

use nad_engine::{
    context::host_key::HostKey,
    incident::{allow::AddressRange, shape::Shape},
};
use rusqlite::{Connection, Row, params};

use super::{
    HistoryError, KeptChange, KeptIncident, KeptLedger, Mark, Standing, now_ns, process, renamed, restored,
    schema, stored,
};

use crate::format::severity::Severity;

/// A run that can't be looked for from here (on another machine, in another container) and has given no sign of life for
/// this long has ended, in nanoseconds.
const LONGEST_SILENCE: i64 = 60_000_000_000;

/// A history that is read.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    connection: Connection,
}

/// Which incidents are wanted: those that fit all that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Not over before this moment, in nanoseconds since the Unix epoch by the packets' clock.
    pub since_ns: Option<u64>,
    /// Begun before this moment.
    pub until_ns: Option<u64>,
    /// Source or target, as far as an incident lists them.
    pub host: Option<AddressRange>,
    /// What it looks like.
    pub shape: Option<Shape>,
    /// Where it is in its life.
    pub state: Option<Standing>,
    /// The last ones only.
    pub limit: Option<usize>,
}

/// A process of nad that wrote here.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its number in this history.
    pub id: i64,
    /// Its interfaces or capture.
    pub source: String,
    /// Its version.
    pub version: String,
    /// When it began, in nanoseconds since the Unix epoch by the system's clock.
    pub begun_ns: u64,
    /// When it ended; `None` for one that goes on or was killed.
    pub ended_ns: Option<u64>,
    /// Whether it goes on.
    pub goes_on: bool,
    /// What became of its packets; `None` where it did not get to note that.
    pub ledger: Option<KeptLedger>,
}

/// What went on in a span of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Its beginning, in seconds since the Unix epoch.
    pub start_s: u64,
    /// Its length in seconds.
    pub length_s: u32,
    /// Packets, with those that were left out under load.
    pub packets: u64,
    /// Packets that were analysed.
    pub records: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Packets above the threshold.
    pub anomalies: u64,
    /// The highest score, 0 to 1.
    pub peak_score: f64,
    /// The threshold in force then; 0 where there was no model.
    pub threshold: f64,
    /// Whether a baseline was being learnt.
    pub is_learning: bool,
}

/// What a host had a part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSum {
    /// Its address.
    pub host: String,
    /// Packets, both ways, in the spans in which it was among the busiest.
    pub packets: u64,
    /// Bytes, likewise.
    pub bytes: u64,
}

impl History {
    /// Opens a history as it is now.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not usable.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Ok(Self { connection: schema::open_to_read(path)?, path: path.into() })
    }

    /// Incidents in the order in which they began; of too many the last ones.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn incidents(&self, filter: &Filter) -> Result<Vec<KeptIncident>, HistoryError> {
        self.find_incidents(filter).map_err(|cause| self.error(cause))
    }

    /// What happened to an incident, in order; nothing where an earlier build has written it.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn changes(&self, incident: &KeptIncident) -> Result<Vec<KeptChange>, HistoryError> {
        self.find_changes(incident).map_err(|cause| self.error(cause))
    }

    /// The runs that wrote in a period, in the order of their beginnings.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn runs(&self, since_ns: u64, until_ns: u64) -> Result<Vec<Run>, HistoryError> {
        self.find_runs(since_ns, until_ns).map_err(|cause| self.error(cause))
    }

    /// What went on in a period, in order; where several runs watched at once, there is a span of each.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn spans(&self, since_ns: u64, until_ns: u64) -> Result<Vec<Span>, HistoryError> {
        self.find_spans(since_ns, until_ns).map_err(|cause| self.error(cause))
    }

    /// The busiest hosts of a period, `most` at most.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn hosts(&self, since_ns: u64, until_ns: u64, most: usize) -> Result<Vec<HostSum>, HistoryError> {
        self.find_hosts(since_ns, until_ns, most).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: rusqlite::Error) -> HistoryError {
        HistoryError::of(&self.path, cause)
    }

    fn find_incidents(&self, filter: &Filter) -> rusqlite::Result<Vec<KeptIncident>> {
        let (mark, marks) = if schema::version(&self.connection)? < schema::WITH_MARKS {
            ("NULL, NULL", "")
        } else {
            let join = "LEFT JOIN marks ON marks.run = incidents.run AND marks.id = incidents.id";
            ("marks.mark, marks.comment", join)
        };
        let mut query = self.connection.prepare(&format!(
            "SELECT incidents.json, runs.id, runs.source, runs.ended_ns, runs.noted_ns, runs.process, {mark}
             FROM incidents JOIN runs ON runs.id = incidents.run {marks}
             WHERE end_ns >= ?1 AND start_ns < ?2
             ORDER BY start_ns DESC, incidents.run DESC, incidents.id DESC",
        ))?;
        let (since, until) =
            (stored(filter.since_ns.unwrap_or(0)), stored(filter.until_ns.unwrap_or(u64::MAX)));
        let mut rows = query.query(params![since, until])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if filter.limit.is_some_and(|limit| found.len() >= limit) {
                break;
            }
            let incident = incident(row)?;
            if filter.fits(&incident) {
                found.push(incident);
            }
        }
        found.reverse();
        Ok(found)
    }

    fn find_changes(&self, incident: &KeptIncident) -> rusqlite::Result<Vec<KeptChange>> {
        if schema::version(&self.connection)? < schema::WITH_CHANGES {
            return Ok(Vec::new());
        }
        let mut query = self.connection.prepare(
            "SELECT change, time_ns, shape, severity, alerts, packets, reason FROM changes WHERE run = ?1 AND id = ?2
             ORDER BY number",
        )?;
        let change = |row: &Row<'_>| {
            Ok(KeptChange {
                change: row.get(0)?,
                time_ns: restored(row.get(1)?),
                shape: row.get(2)?,
                severity: Severity::of_level(row.get(3)?).word(),
                alerts: restored(row.get(4)?),
                packets: restored(row.get(5)?),
                reason: row.get(6)?,
            })
        };
        query.query_map(params![incident.run, incident.id], change)?.collect()
    }

    fn find_runs(&self, since_ns: u64, until_ns: u64) -> rusqlite::Result<Vec<Run>> {
        let mut query = self.connection.prepare(
            "SELECT id, source, version, begun_ns, ended_ns, noted_ns, process, ledger FROM runs
             WHERE EXISTS (SELECT 1 FROM spans WHERE run = runs.id
                           AND start_s < (?2 + 999999999) / 1000000000 AND start_s + runs.span_s > ?1 / 1000000000)
                 OR EXISTS (SELECT 1 FROM incidents WHERE run = runs.id AND start_ns < ?2 AND end_ns >= ?1)
                 -- One without packets has the system's clock only.
                 OR (begun_ns < ?2 AND noted_ns >= ?1 AND NOT EXISTS (SELECT 1 FROM spans WHERE run = runs.id))
             ORDER BY begun_ns, id",
        )?;
        let run = |row: &Row<'_>| {
            let ended: Option<i64> = row.get(4)?;
            let ledger: Option<String> = row.get(7)?;
            Ok(Run {
                id: row.get(0)?,
                source: row.get(1)?,
                version: row.get(2)?,
                begun_ns: restored(row.get(3)?),
                ended_ns: ended.map(restored),
                goes_on: !is_over(ended, row.get(5)?, &row.get::<_, String>(6)?),
                ledger: ledger.and_then(|json| serde_json::from_str(&json).ok()).map(renamed::ledger),
            })
        };
        query.query_map(params![stored(since_ns), stored(until_ns)], run)?.collect()
    }

    fn find_spans(&self, since_ns: u64, until_ns: u64) -> rusqlite::Result<Vec<Span>> {
        let mut query = self.connection.prepare(
            "SELECT start_s, span_s, packets, records, bytes, anomalies, peak_score, threshold, is_learning
             FROM spans JOIN runs ON runs.id = spans.run
             WHERE start_s < (?2 + 999999999) / 1000000000 AND start_s + span_s > ?1 / 1000000000
             ORDER BY start_s, spans.run",
        )?;
        let span = |row: &Row<'_>| {
            Ok(Span {
                start_s: restored(row.get(0)?),
                length_s: row.get(1)?,
                packets: restored(row.get(2)?),
                records: restored(row.get(3)?),
                bytes: restored(row.get(4)?),
                anomalies: restored(row.get(5)?),
                peak_score: row.get(6)?,
                threshold: row.get(7)?,
                is_learning: row.get(8)?,
            })
        };
        query.query_map(params![stored(since_ns), stored(until_ns)], span)?.collect()
    }

    fn find_hosts(&self, since_ns: u64, until_ns: u64, most: usize) -> rusqlite::Result<Vec<HostSum>> {
        let mut query = self.connection.prepare(
            "SELECT host, sum(packets), sum(bytes) FROM hosts JOIN runs ON runs.id = hosts.run
             WHERE start_s < (?2 + 999999999) / 1000000000 AND start_s + span_s > ?1 / 1000000000
             GROUP BY host ORDER BY 3 DESC, 1 LIMIT ?3",
        )?;
        let sum = |row: &Row<'_>| {
            Ok(HostSum { host: row.get(0)?, packets: restored(row.get(1)?), bytes: restored(row.get(2)?) })
        };
        query.query_map(params![stored(since_ns), stored(until_ns), most as i64], sum)?.collect()
    }
}

impl Filter {
    /// Whether what the query does not ask of an incident is so.
    fn fits(&self, incident: &KeptIncident) -> bool {
        let is_host = |range: AddressRange| {
            let mut names = incident.sources.iter().chain(&incident.targets);
            names.any(|name| key(name).is_some_and(|key| range.contains(key)))
        };
        self.host.is_none_or(is_host)
            && self.shape.is_none_or(|shape| incident.shape == shape.name())
            && self.state.is_none_or(|state| incident.state == state)
    }
}

/// The address of a name that [`HostKey`] gives.
fn key(name: &str) -> Option<HostKey> {
    match name.parse() {
        Ok(ip) => Some(HostKey::ip(ip)),
        Err(_) => match name.parse() {
            Ok(AddressRange::Mac(key)) => Some(key),
            _ => None,
        },
    }
}

fn incident(row: &Row<'_>) -> rusqlite::Result<KeptIncident> {
    let json: String = row.get(0)?;
    let mut incident: KeptIncident = serde_json::from_str(&json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })?;
    (incident.run, incident.source) = (row.get(1)?, row.get(2)?);
    incident.view = renamed::view(incident.view);
    incident.complete();
    let mark: Option<String> = row.get(6)?;
    incident.mark = mark.as_deref().and_then(Mark::named);
    incident.mark_comment = row.get(7)?;
    if incident.state == Standing::Open && is_over(row.get(3)?, row.get(4)?, &row.get::<_, String>(5)?) {
        incident.state = Standing::CutOff;
    }
    Ok(incident)
}

fn is_over(ended_ns: Option<i64>, noted_ns: i64, process: &str) -> bool {
    let is_silent = || now_ns().saturating_sub(noted_ns) > LONGEST_SILENCE;
    ended_ns.is_some() || process::has_gone(process).unwrap_or_else(is_silent)
}
