//! Incidents for people at a terminal.

use std::io::{self, Write};

use nad_engine::presentation;

use crate::{history::KeptIncident, output::terminal::columns, text};

/// Rows narrower than this are not made: a terminal that is as narrow breaks them.
const LEAST_WIDTH: usize = 60;

/// The width of the terminal that standard output is; `None` where it is none.
pub(super) fn terminal_width() -> Option<usize> {
    columns(io::stdout()).map(|columns| columns.max(LEAST_WIDTH))
}

/// A row each below a heading, cut to a width where there is one.
pub(super) fn list(incidents: &[KeptIncident], width: Option<usize>, out: &mut impl Write) -> io::Result<()> {
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
        writeln!(out, "{}", cut(line.trim_end(), width))?;
    }
    Ok(())
}

fn row(incident: &KeptIncident) -> [String; 9] {
    [
        printable(&incident.id),
        time(incident.start),
        length(incident),
        incident.state.name().into(),
        printable(&incident.shape),
        few(&incident.sources, incident.more_sources),
        few(&incident.targets, incident.more_targets),
        incident.packets.to_string(),
        printable(&incident.reason),
    ]
}

/// Everything that is known of an incident, a line for each field.
pub(super) fn show(incident: &KeptIncident, out: &mut impl Write) -> io::Result<()> {
    let all = |items: &[String], more: bool| {
        let more = if more { " and more" } else { "" };
        if items.is_empty() { "-".into() } else { printable(&(items.join(", ") + more)) }
    };
    let ports: Vec<String> = incident.ports.iter().map(ToString::to_string).collect();
    let technique = incident.technique.as_deref().unwrap_or("-");
    for (name, value) in [
        ("incident", printable(&incident.id)),
        ("uid", printable(incident.uid.as_deref().unwrap_or("-"))),
        ("sensor", printable(incident.sensor.as_deref().unwrap_or("-"))),
        ("severity", printable(&incident.severity)),
        ("state", incident.state.name().into()),
        ("shape", printable(&incident.shape)),
        ("technique", printable(technique)),
        ("reason", printable(&incident.reason)),
        ("detected", time(incident.detected_at)),
        ("start", time(incident.start)),
        ("end", time(incident.end)),
        ("length", length(incident)),
        ("sources", all(&incident.told_sources(), incident.more_sources)),
        ("targets", all(&incident.targets, incident.more_targets)),
        ("seen at", place(incident)),
        ("ports", all(&ports, incident.more_ports)),
        ("protocols", all(&incident.protocols, false)),
        ("alerts", incident.alerts.to_string()),
        ("packets", incident.packets.to_string()),
        ("bytes", incident.bytes.to_string()),
        ("coverage", format!("{} %", incident.coverage)),
        ("peak score", format!("{:.4}", incident.peak_score)),
        ("last score", format!("{:.4}", incident.score)),
        ("threshold", format!("{:.4}", incident.threshold)),
        ("probability", format!("{:e}", incident.probability)),
        ("view", printable(&incident.view)),
        ("run", format!("{} of {}", incident.run, printable(&incident.source))),
    ] {
        writeln!(out, "{name:<12} {value}")?;
    }
    writeln!(out)
}

/// Interface and VLAN, as far as they are known.
fn place(incident: &KeptIncident) -> String {
    let interface = incident.interface_name.as_deref().map(printable);
    let interface = interface.or(incident.interface.map(|index| format!("interface {index}")));
    let vlan = incident.vlan.map(|id| format!("VLAN {id}"));
    let known: Vec<String> = interface.into_iter().chain(vlan).collect();
    if known.is_empty() { "-".into() } else { known.join(", ") }
}

fn time(seconds: f64) -> String {
    presentation::timestamp((seconds * 1e9) as u64)
}

fn length(incident: &KeptIncident) -> String {
    format!("{:.0} s", incident.end - incident.start)
}

/// The first of several, and how many others there are.
fn few(items: &[String], more: bool) -> String {
    match items {
        [] => "-".into(),
        [one] if !more => printable(one),
        [first, rest @ ..] => {
            format!("{} and {}{} more", printable(first), rest.len(), if more { "+" } else { "" })
        }
    }
}

/// Without what a terminal would take for a command: a history may have come from elsewhere.
fn printable(text: &str) -> String {
    text::escaped(text).into_owned()
}

fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => line.chars().take(width - 1).chain(['…']).collect(),
        _ => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Standing;

    #[test]
    fn a_row_is_cut_to_the_terminal_and_whole_where_there_is_none() {
        let incident: KeptIncident = serde_json::from_value(serde_json::json!({
            "id": "1-1", "state": "open", "shape": "port scan", "detected_at": 2.0, "start": 1.0, "end": 9.0,
            "sources": ["10.0.0.1"], "targets": ["10.0.0.2", "10.0.0.3"], "more_sources": false,
            "more_targets": true, "ports": [], "more_ports": false, "protocols": [], "alerts": 1, "packets": 7,
            "bytes": 700, "coverage": 100.0, "peak_score": 0.9, "score": 0.9, "probability": 1e-9,
            "threshold": 0.5, "view": "scan", "reason": "many\u{1b}[31m ports of very many hosts were asked for"
        }))
        .unwrap();
        assert_eq!(incident.state, Standing::Open);
        let lines = |width| {
            let mut out = Vec::new();
            list(std::slice::from_ref(&incident), width, &mut out).unwrap();
            String::from_utf8(out).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let whole = lines(None);
        assert!(whole[1].ends_with("many\\u{1b}[31m ports of very many hosts were asked for"), "{whole:?}");
        assert!(whole[1].contains(" 10.0.0.2 and 1+ more "), "{whole:?}");
        assert_eq!(whole[0].find("reason"), whole[1].find("many"), "{whole:?}");
        let cut = lines(Some(70));
        assert!(cut.iter().all(|line| line.chars().count() <= 70) && cut[1].ends_with('…'), "{cut:?}");
    }
}
