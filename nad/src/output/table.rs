//! Incidents, the table of packets and the lines around them, on standard output.

use std::io::{self, Write};

use super::{OutputError, Sink};
use crate::{
    alert::Alert,
    incident::{Change, IncidentUpdate},
    presentation::{self, Endpoint},
};

/// Prints a line for each incident that opens, changes or closes.
#[derive(Debug, Default)]
pub struct IncidentLines;

impl Sink for IncidentLines {
    fn name(&self) -> String {
        STANDARD_OUTPUT.into()
    }

    fn incident(&mut self, update: &IncidentUpdate) -> io::Result<()> {
        match line(update) {
            Some(line) => writeln!(io::stdout().lock(), "{line}"),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
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

/// Prints a row for each alert, below a heading that comes with the first.
#[derive(Debug)]
pub struct Table {
    has_heading: bool,
    /// Characters of the widest address so far: a MAC address at least.
    address_width: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { has_heading: false, address_width: 17 }
    }
}

impl Sink for Table {
    fn name(&self) -> String {
        STANDARD_OUTPUT.into()
    }

    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let (source, destination) = Endpoint::of(&alert.record);
        let (source, destination) = (source.to_string(), destination.to_string());
        self.address_width = self.address_width.max(source.len()).max(destination.len());
        if !self.has_heading {
            self.has_heading = true;
            writeln!(out, "{}", heading(self.address_width))?;
        }
        writeln!(out, "{}", row(alert, &source, &destination, self.address_width))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
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
