//! Incidents for people at a terminal.

use std::io::{self, Write};

use nad_engine::presentation::{self, counted};

use crate::{
    clock,
    history::KeptIncident,
    output::terminal::columns,
    text::{
        self,
        human::{grouped, length, wrapped},
    },
};

/// Entries narrower than this are not made: a terminal that is as narrow breaks them.
const LEAST_WIDTH: usize = 60;
/// Where lines after an entry's first begin.
const INDENT: usize = 4;

/// The width of the terminal that standard output is; `None` where it is none.
pub(super) fn terminal_width() -> Option<usize> {
    columns(io::stdout()).map(|columns| columns.max(LEAST_WIDTH))
}

/// Each incident, in lines of a terminal's width: when, how grave, what, and who to whom first, and nothing cut. Where there is no
/// terminal, a row each below a heading, as programs read it: with times in UTC.
pub(super) fn list(incidents: &[KeptIncident], width: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    match width {
        Some(width) => incidents.iter().try_for_each(|incident| write!(out, "{}", entry(incident, width))),
        None => rows(incidents, out),
    }
}

fn entry(incident: &KeptIncident, width: usize) -> String {
    let KeptIncident { id, severity, shape, state, reason, .. } = incident;
    let started = clock::local::local(nanoseconds(incident.start));
    let (from, to) = (
        few(incident, &incident.sources, incident.more_sources),
        few(incident, &incident.targets, incident.more_targets),
    );
    let first = printable(&format!("{started}  {severity:<6}  {shape} from {from} to {to}"));
    let (lasted, packets) = (length(incident.end - incident.start), counted_packets(incident.packets));
    let mark = incident.mark.map(|mark| format!(", {mark}")).unwrap_or_default();
    let second = printable(&format!("{id}, {}{mark}, {lasted}, {packets}: {reason}", state.name()));
    let second = format!("{:INDENT$}{second}", "");
    format!("{}\n{}\n", wrapped(&first, Some(width), INDENT), wrapped(&second, Some(width), INDENT))
}

fn rows(incidents: &[KeptIncident], out: &mut impl Write) -> io::Result<()> {
    let heading = ["id", "start", "length", "state", "shape", "from", "to", "packets", "reason"];
    let rows: Vec<[String; 9]> =
        std::iter::once(heading.map(str::to_owned)).chain(incidents.iter().map(row)).collect();
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (text, width)) in row.iter().zip(&widths).enumerate() {
            let text = match heading[column] {
                "packets" | "length" => format!("{text:>width$}  "),
                "reason" => text.clone(),
                _ => format!("{text:<width$}  "),
            };
            line.push_str(&text);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(incident: &KeptIncident) -> [String; 9] {
    [
        printable(&incident.id),
        presentation::timestamp(nanoseconds(incident.start)),
        format!("{:.0} s", incident.end - incident.start),
        incident.state.name().into(),
        printable(&incident.shape),
        printable(&first(&incident.sources, incident.more_sources, String::clone)),
        printable(&first(&incident.targets, incident.more_targets, String::clone)),
        incident.packets.to_string(),
        printable(&incident.reason),
    ]
}

pub(super) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

fn counted_packets(packets: u64) -> String {
    if packets == 1 { counted(1, "packet") } else { format!("{} packets", grouped(packets)) }
}

/// The first of several hosts, with its name, and how many others there are.
fn few(incident: &KeptIncident, hosts: &[String], more: bool) -> String {
    first(hosts, more, |host| match incident.names.get(host) {
        Some(name) => format!("{host} ({name})"),
        None => host.clone(),
    })
}

fn first(hosts: &[String], more: bool, told: impl Fn(&String) -> String) -> String {
    match hosts {
        [] => "-".into(),
        [one] if !more => told(one),
        [first, rest @ ..] => {
            format!("{} and {}{} more", told(first), rest.len(), if more { "+" } else { "" })
        }
    }
}

/// Without what a terminal would take for a command: a history may have come from elsewhere.
pub(super) fn printable(text: &str) -> String {
    text::escaped(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Standing;

    fn incident() -> KeptIncident {
        serde_json::from_value(serde_json::json!({
            "id": "1-1", "state": "open", "shape": "port scan", "detected_at": 2.0, "start": 1.0, "end": 9.0,
            "severity": "medium", "sources": ["2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"],
            "targets": ["10.0.0.2", "10.0.0.3"], "more_sources": false, "names": { "10.0.0.2": "printer.local" },
            "more_targets": true, "ports": [], "more_ports": false, "protocols": [], "alerts": 1, "packets": 7,
            "bytes": 700, "coverage": 100.0, "peak_score": 0.9, "score": 0.9, "probability": 1e-9,
            "threshold": 0.5, "view": "scan", "reason": "many\u{1b}[31m ports of very many hosts were asked for"
        }))
        .unwrap()
    }

    fn lines(incident: &KeptIncident, width: Option<usize>) -> Vec<String> {
        let mut out = Vec::new();
        list(std::slice::from_ref(incident), width, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_program_gets_a_whole_row_below_a_heading() {
        let incident = incident();
        assert_eq!(incident.state, Standing::Open);
        let rows = lines(&incident, None);
        assert!(rows[1].ends_with("many\\u{1b}[31m ports of very many hosts were asked for"), "{rows:?}");
        assert!(
            rows[1].contains(" 10.0.0.2 and 1+ more ") && rows[1].contains("1970-01-01T00:00:01.000Z"),
            "{rows:?}"
        );
        assert_eq!(rows[0].find("reason"), rows[1].find("many"), "{rows:?}");
    }

    #[test]
    fn a_terminal_of_80_columns_cuts_nothing_of_who_what_and_when() {
        let told = lines(&incident(), Some(80));
        assert!(told.iter().all(|line| line.chars().count() <= 80), "{told:#?}");
        let whole = told.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        for part in [
            "medium  port scan from 2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff to 10.0.0.2 (printer.local) and 1+ more",
            "1-1, open, 8 s, 7 packets: many\\u{1b}[31m ports of very many hosts were asked for",
        ] {
            assert!(whole.contains(part), "{part} is not in {whole}");
        }
        assert!(told[0].starts_with("19") && told[1].starts_with("    "), "{told:#?}");
    }
}
