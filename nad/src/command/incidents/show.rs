//! One incident, as a person at a terminal reads it.

use std::io::{self, Write};

use super::table::{nanoseconds, printable};
use crate::{
    clock,
    history::{KeptChange, KeptEvidence, KeptFeature, KeptIncident},
    text::human::{grouped, length, wrapped},
};

/// Everything that is known of an incident, a line for each field.
pub(super) fn show(
    incident: &KeptIncident,
    changes: &[KeptChange],
    width: Option<usize>,
    out: &mut impl Write,
) -> io::Result<()> {
    let all = |items: &[String], more: bool| {
        let more = if more { " and more" } else { "" };
        if items.is_empty() { "-".into() } else { items.join(", ") + more }
    };
    let ports: Vec<String> = incident.ports.iter().map(ToString::to_string).collect();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    for (name, value) in [
        ("incident", incident.id.clone()),
        ("uid", text(&incident.uid)),
        ("sensor", text(&incident.sensor)),
        ("severity", incident.severity.clone()),
        ("state", incident.state.name().into()),
        ("mark", marked(incident)),
        ("shape", incident.shape.clone()),
        ("technique", text(&incident.technique)),
        ("reason", incident.reason.clone()),
        ("detected", moment(incident.detected_at)),
        ("start", moment(incident.start)),
        ("end", moment(incident.end)),
        ("length", length(incident.end - incident.start)),
        (
            "sources",
            all(&with_names(incident, incident.told_sources(), &incident.sources), incident.more_sources),
        ),
        (
            "targets",
            all(&with_names(incident, incident.targets.clone(), &incident.targets), incident.more_targets),
        ),
        ("seen at", place(incident)),
        ("also behind", all(&also_behind(incident), false)),
        ("ports", all(&ports, incident.more_ports)),
        ("protocols", all(&incident.protocols, false)),
        ("alerts", grouped(incident.alerts)),
        ("packets", grouped(incident.packets)),
        ("bytes", grouped(incident.bytes)),
        ("coverage", format!("{} % of all packets meanwhile were analysed", incident.coverage)),
        ("peak score", format!("{:.4}", incident.peak_score)),
        ("last score", format!("{:.4}", incident.score)),
        ("threshold", format!("{:.4}", incident.threshold)),
        ("probability", format!("{:e}", incident.probability)),
        ("view", incident.view.clone()),
        ("run", format!("{} of {}", incident.run, incident.source)),
    ] {
        line(name, &value, width, out)?;
    }
    for (place, seen) in incident.evidence.iter().enumerate() {
        line(if place == 0 { "evidence" } else { "" }, &evidence(seen), width, out)?;
    }
    for (place, then) in changes.iter().enumerate() {
        line(if place == 0 { "changes" } else { "" }, &change(then), width, out)?;
    }
    writeln!(out)
}

fn line(name: &str, value: &str, width: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    let line = format!("{name:<COLUMN$}{}", printable(value));
    writeln!(out, "{}", wrapped(&line, width, COLUMN))
}

/// `scan: services 293 (usually at most 8); score 0.769 (threshold 0.512), probability 1e-12`
fn evidence(seen: &KeptEvidence) -> String {
    let number = |value: f64| {
        let digits = usize::from(value.abs() < 9.95 && (value - value.round()).abs() > 0.05);
        format!("{value:.digits$}")
    };
    let feature = |feature: &KeptFeature| {
        let KeptFeature { name, unit, value, usual_least, usual_most } = feature;
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let usually = if value > usual_most {
            format!("at most {}", number(*usual_most))
        } else if value < usual_least {
            format!("at least {}", number(*usual_least))
        } else {
            format!("{} to {}", number(*usual_least), number(*usual_most))
        };
        format!("{name} {}{unit} (usually {usually}{unit})", number(*value))
    };
    let features: Vec<String> = seen.features.iter().map(feature).collect();
    let KeptEvidence { view, score, threshold, probability, .. } = seen;
    format!(
        "{view}: {}; score {score:.3} (threshold {threshold:.3}), probability {probability:.0e}",
        features.join(", ")
    )
}

fn change(then: &KeptChange) -> String {
    let KeptChange { change, time_ns, shape, severity, packets, reason, .. } = then;
    let moment = clock::local::local(*time_ns);
    format!("{moment} {change}: {shape}, {severity}, {} packets: {reason}", grouped(*packets))
}

/// What somebody said of it, and why.
fn marked(incident: &KeptIncident) -> String {
    match (incident.mark, &incident.mark_comment) {
        (None, _) => "-".into(),
        (Some(mark), None) => mark.to_string(),
        (Some(mark), Some(comment)) => format!("{mark}: {comment}"),
    }
}

/// Where values begin.
const COLUMN: usize = 13;

/// Hosts as they are told, each with its name where it has one that it is not told with.
fn with_names(incident: &KeptIncident, told: Vec<String>, hosts: &[String]) -> Vec<String> {
    let name = |(told, host): (String, &String)| match incident.names.get(host) {
        Some(name) => format!("{told} {name}"),
        None => told,
    };
    told.into_iter().zip(hosts).map(name).collect()
}

/// Other incidents of the same host that were open meanwhile.
fn also_behind(incident: &KeptIncident) -> Vec<String> {
    incident.related.iter().map(|(id, shape)| format!("{shape} ({id})")).collect()
}

/// Interface and VLAN, as far as they are known.
fn place(incident: &KeptIncident) -> String {
    let interface = incident.interface_name.clone();
    let interface = interface.or(incident.interface.map(|index| format!("interface {index}")));
    let vlan = incident.vlan.map(|id| format!("VLAN {id}"));
    let known: Vec<String> = interface.into_iter().chain(vlan).collect();
    if known.is_empty() { "-".into() } else { known.join(", ") }
}

fn moment(seconds: f64) -> String {
    clock::local::beside_utc(nanoseconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told_with_names_evidence_and_changes_in_lines_of_the_terminal() {
        let incident: KeptIncident = serde_json::from_str(
            r#"{
            "id": "1-1", "uid": "01990000-0000-7000-8000-000000000001", "sensor": "dmz-1", "severity": "medium",
            "state": "closed", "shape": "port scan", "technique": "T1046", "detected_at": 2.0, "start": 1.0, "end": 9.0,
            "sources": ["10.0.0.1"], "source_details": [{ "address": "10.0.0.1", "verified": true }],
            "targets": ["10.0.0.2"], "names": { "10.0.0.1": "printer.local" }, "more_sources": false,
            "more_targets": true, "ports": [80], "more_ports": false, "protocols": ["TCP"], "alerts": 1, "packets": 1234,
            "bytes": 700, "coverage": 100.0, "peak_score": 0.9, "score": 0.9, "probability": 1e-9, "threshold": 0.5,
            "view": "scan", "reason": "many services", "interface_name": "eth0", "vlan": 7,
            "evidence": [{ "view": "scan", "time": 2.0, "score": 0.769, "threshold": 0.512, "probability": 1e-12,
                "features": [{ "name": "services 10 s", "value": 293.4, "usual_least": 0.0, "usual_most": 8.0 },
                    { "name": "bytes", "unit": "bytes", "value": 1.5, "usual_least": 1.0, "usual_most": 2.0 }] }]
        }"#,
        )
        .unwrap();
        let opened = KeptChange {
            change: "opened".into(),
            time_ns: 2_000_000_000,
            shape: "host sweep".into(),
            severity: "low",
            alerts: 1,
            packets: 12,
            reason: "two\u{1b}[2J hosts".into(),
        };
        let told = |width| {
            let mut out = Vec::new();
            show(&incident, std::slice::from_ref(&opened), width, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let whole = told(None);
        for part in [
            "uid          01990000-0000-7000-8000-000000000001\n",
            "sources      10.0.0.1 (verified) printer.local\n",
            "targets      10.0.0.2 and more\n",
            "seen at      eth0, VLAN 7\n",
            "packets      1,234\n",
            "evidence     scan: services 10 s 293 (usually at most 8), bytes 1.5 bytes (usually 1 to 2 bytes); score 0.769 \
             (threshold 0.512), probability 1e-12\n",
            " opened: host sweep, low, 12 packets: two\\u{1b}[2J hosts\n",
        ] {
            assert!(whole.contains(part), "{part} is not in\n{whole}");
        }
        assert!(told(Some(80)).lines().all(|line| line.chars().count() <= 80), "{}", told(Some(80)));
    }
}
