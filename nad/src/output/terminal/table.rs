//! Packets above the threshold, a row each.

use std::io::{self, Write};

use nad_engine::{
    alert::Alert,
    presentation::{self, Endpoint},
};

use crate::text;

/// Rows of alerts, below a heading that comes with the first.
#[derive(Debug)]
pub(super) struct Table {
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
    /// Writes a row, cut at its end where the terminal is not as wide: the reason comes last.
    pub(super) fn write(
        &mut self,
        alert: &Alert,
        width: Option<usize>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let (source, destination) = Endpoint::of(&alert.record);
        let (source, destination) = (source.to_string(), destination.to_string());
        self.address_width = self.address_width.max(source.len()).max(destination.len());
        if !self.has_heading {
            self.has_heading = true;
            writeln!(out, "{}", cut(&heading(self.address_width), width))?;
        }
        writeln!(out, "{}", cut(&row(alert, &source, &destination, self.address_width), width))
    }
}

fn heading(width: usize) -> String {
    let rest = ["src_port", "dst_port", "length", "protocol", "score", "time", "reason"];
    columns("src_ip", "dst_ip", rest, width)
}

fn row(alert: &Alert, source: &str, destination: &str, width: usize) -> String {
    let record = &alert.record;
    let rest: [&str; 7] = [
        &record.source_port.to_string(),
        &record.destination_port.to_string(),
        &record.length.to_string(),
        &presentation::protocol(record),
        &format!("{:.3}", alert.score),
        &presentation::timestamp(alert.time_ns),
        &text::escaped(&alert.reason),
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

/// The line, or as much of it as fits, with a mark that something is missing.
fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if width > 0 && line.chars().count() > width => {
            line.chars().take(width - 1).chain(['…']).collect()
        }
        _ => line.to_owned(),
    }
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

    #[test]
    fn a_line_that_is_too_long_is_cut_and_says_so() {
        assert_eq!(cut("häuser", Some(6)), "häuser");
        assert_eq!(cut("häuser", Some(5)), "häus…");
        assert_eq!(cut("häuser", None), "häuser");
    }
}
