//! Incidents, the table of packets and the lines around them, on standard output.

use std::io::{self, Write};

use indicatif::ProgressBar;

use super::{Done, Event, Failure, Interests, OutputError, Sink};
use crate::{
    alert::Alert,
    incident::{Change, IncidentUpdate},
    presentation::{self, Endpoint},
};

/// Prints a line for each incident that opens, changes or closes, and, where packets are shown, a row for each alert.
#[derive(Debug)]
pub struct Terminal {
    table: Option<Table>,
    /// What is in the way of lines meanwhile.
    progress: ProgressBar,
}

impl Terminal {
    /// One that shows single packets as well, or not.
    pub fn new(packets: bool, progress: ProgressBar) -> Self {
        Self { table: packets.then(Table::default), progress }
    }
}

impl Sink for Terminal {
    fn name(&self) -> String {
        STANDARD_OUTPUT.into()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, alerts: self.table.is_some(), ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        let table = &mut self.table;
        self.progress.suspend(|| {
            let mut out = io::stdout().lock();
            for event in events {
                match (event, &mut *table) {
                    (Event::Incident(update), _) => {
                        if let Some(line) = line(update) {
                            writeln!(out, "{line}")?;
                        }
                    }
                    (Event::Alert(alert), Some(table)) => table.write(alert, &mut out)?,
                    _ => {}
                }
            }
            out.flush()
        })?;
        Ok(Done::all(events))
    }
}

/// What is said of an update, unless it is a quiet one.
fn line(update: &IncidentUpdate) -> Option<String> {
    let incident = &update.incident;
    let shape = incident.shape.name();
    let technique = incident.shape.technique().map(|id| format!(" [{id}]")).unwrap_or_default();
    let id = &incident.id;
    let covered = incident.coverage.remark();
    Some(match update.change {
        Change::Opened => {
            let time = presentation::timestamp(incident.detected_ns);
            format!("{time} INCIDENT {id} {shape}{technique}: {}{covered}", incident.reason)
        }
        Change::Changed => {
            let time = presentation::timestamp(incident.end_ns);
            format!("{time} changed  {id} {shape}{technique}: {}{covered}", incident.reason)
        }
        Change::Closed => {
            let time = presentation::timestamp(incident.end_ns);
            let seconds = (incident.end_ns - incident.start_ns) as f64 / 1e9;
            let targets = if incident.targets.items.is_empty() {
                String::new()
            } else {
                format!(" to {}", incident.targets)
            };
            format!(
                "{time} closed   {id} {shape}{technique}: {}{targets}; {seconds:.0} s, {} packets, {} bytes, {} alerts{}",
                incident.sources, incident.packets, incident.bytes, incident.alerts, covered
            )
        }
        Change::Updated => return None,
    })
}

/// Rows of alerts, below a heading that comes with the first.
#[derive(Debug)]
struct Table {
    has_heading: bool,
    /// Characters of the widest address so far: a MAC address at least.
    address_width: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { has_heading: false, address_width: 17 }
    }
}

impl Table {
    fn write(&mut self, alert: &Alert, out: &mut impl Write) -> io::Result<()> {
        let (source, destination) = Endpoint::of(&alert.record);
        let (source, destination) = (source.to_string(), destination.to_string());
        self.address_width = self.address_width.max(source.len()).max(destination.len());
        if !self.has_heading {
            self.has_heading = true;
            writeln!(out, "{}", heading(self.address_width))?;
        }
        writeln!(out, "{}", row(alert, &source, &destination, self.address_width))
    }
}

/// Prints a line, and writes it to the log as well.
///
/// # Errors
///
/// When standard output can't be written.
pub fn say(line: &str) -> Result<(), OutputError> {
    tracing::info!(target: SAID, "{line}");
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| OutputError::new(STANDARD_OUTPUT, error))
}

/// Target of log events that stand on the terminal already.
pub const SAID: &str = "nad::said";

const STANDARD_OUTPUT: &str = "standard output";

fn heading(width: usize) -> String {
    let rest = ["src_port", "dst_port", "length", "protocol", "score", "time", "reason"];
    columns("src_ip", "dst_ip", rest, width)
}

fn row(alert: &Alert, source: &str, destination: &str, width: usize) -> String {
    let record = &alert.record;
    let rest = [
        &record.source_port.to_string(),
        &record.destination_port.to_string(),
        &record.length.to_string(),
        &presentation::protocol(record),
        &format!("{:.3}", alert.score),
        &presentation::timestamp(alert.time_ns),
        alert.reason.as_str(),
    ];
    columns(source, destination, rest, width)
}

fn columns(source: &str, destination: &str, rest: [&str; 7], width: usize) -> String {
    let [source_port, destination_port, length, protocol, score, time, reason] = rest;
    format!(
        "{source:<width$} {destination:<width$} {source_port:>8} {destination_port:>8} {length:>6} {protocol:<8} \
         {score:>5} {time:<24} {reason}"
    )
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use nad_common::record::PacketRecord;

    use super::*;

    #[test]
    fn a_row_stands_under_its_heading() {
        let record =
            PacketRecord { length: 74, source_port: 40_000, destination_port: 22, ..PacketRecord::zeroed() };
        let reason = "TTL 255 (baseline: always 64)".into();
        let alert = Alert { time_ns: 0, index: 0, record, score: 0.7654, threshold: 0.5, reason };
        let (heading, row) = (heading(17), row(&alert, "-", "-", 17));
        assert_eq!(heading.find("reason"), row.find("TTL"), "\n{heading}\n{row}");
        assert_eq!(heading.find("protocol"), row.find("LLC"), "\n{heading}\n{row}");
        assert!(row.contains(" 0.765 1970-01-01T00:00:00.000Z "), "{row}");
    }
}
