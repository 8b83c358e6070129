//! Incidents for other programs.

use std::io::{self, Write};

use nad_engine::presentation;

use crate::{
    history::{KeptIncident, KeptSource},
    text,
};

/// A JSON object a line.
pub(super) fn json_lines(incidents: &[KeptIncident], out: &mut impl Write) -> io::Result<()> {
    for incident in incidents {
        serde_json::to_writer(&mut *out, incident)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Comma-separated values with a heading. Text is a cell that no spreadsheet takes for a formula.
pub(super) fn csv(incidents: &[KeptIncident], out: &mut impl Write) -> io::Result<()> {
    const HEADING: &str = "run,source,id,state,shape,technique,detected_at,start,end,sources,targets,more_sources,\
                           more_targets,ports,more_ports,protocols,alerts,packets,bytes,coverage,peak_score,score,\
                           probability,threshold,view,reason,sources_verified,source_macs,uid,sensor,severity,\
                           interface,vlan,names,mark,mark_comment";
    write!(out, "{HEADING}\r\n")?;
    for incident in incidents {
        let time = |seconds: f64| presentation::timestamp((seconds * 1e9) as u64);
        let ports: Vec<String> = incident.ports.iter().map(ToString::to_string).collect();
        let fields = [
            incident.run.to_string(),
            incident.source.clone(),
            incident.id.clone(),
            incident.state.name().into(),
            incident.shape.clone(),
            incident.technique.clone().unwrap_or_default(),
            time(incident.detected_at),
            time(incident.start),
            time(incident.end),
            incident.sources.join(" "),
            incident.targets.join(" "),
            incident.more_sources.to_string(),
            incident.more_targets.to_string(),
            ports.join(" "),
            incident.more_ports.to_string(),
            incident.protocols.join(" "),
            incident.alerts.to_string(),
            incident.packets.to_string(),
            incident.bytes.to_string(),
            incident.coverage.to_string(),
            incident.peak_score.to_string(),
            incident.score.to_string(),
            incident.probability.to_string(),
            incident.threshold.to_string(),
            incident.view.clone(),
            incident.reason.clone(),
            details(incident, |detail| detail.verified.to_string()),
            details(incident, |detail| detail.mac.clone().unwrap_or_else(|| "-".into())),
            incident.uid.clone().unwrap_or_default(),
            incident.sensor.clone().unwrap_or_default(),
            incident.severity.clone(),
            incident.interface_name.clone().unwrap_or_default(),
            incident.vlan.map(|id| id.to_string()).unwrap_or_default(),
            incident.names.iter().map(|(host, name)| format!("{host}={name}")).collect::<Vec<_>>().join(" "),
            incident.mark.map(|mark| mark.to_string()).unwrap_or_default(),
            incident.mark_comment.clone().unwrap_or_default(),
        ];
        write!(out, "{}\r\n", fields.map(|field| text::csv_cell(&field).into_owned()).join(","))?;
    }
    Ok(())
}

/// Something of each source, in their order; nothing where the history has none of it.
fn details(incident: &KeptIncident, of: impl Fn(&KeptSource) -> String) -> String {
    incident.source_details.iter().map(of).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_history_says_stays_in_its_cell_and_is_no_formula() {
        let incident: KeptIncident = serde_json::from_value(serde_json::json!({
            "id": "=cmd|' /C calc'!A0", "state": "open", "shape": "@SUM(1)", "detected_at": 2.0, "start": 1.0,
            "end": 9.0, "sources": ["+1", "10.0.0.1"], "targets": ["-2"], "more_sources": false,
            "more_targets": true, "ports": [22, 80], "more_ports": false, "protocols": ["TCP"], "alerts": 1,
            "packets": 7, "bytes": 700, "coverage": 100.0, "peak_score": 0.9, "score": 0.5, "probability": 1e-9,
            "threshold": 0.5, "view": "\tscan", "reason": "one\r\n=two, \"three\"\u{202e}\u{1b}[2J",
            "source_details": [{ "address": "+1", "verified": true, "mac": "=3" }, { "address": "10.0.0.1", "verified": false }]
        }))
        .unwrap();
        let mut out = Vec::new();
        csv(std::slice::from_ref(&incident), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<&str> = text.split("\r\n").collect();
        assert_eq!((rows.len(), rows[2]), (3, ""), "a row an incident: {text:?}");
        assert!(!rows[1].contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        for cell in [
            "'=cmd|' /C calc'!A0",
            "'@SUM(1)",
            "'+1 10.0.0.1",
            "'-2",
            "'\\tscan",
            "\"one\\r\\n=two, \"\"three\"\"\\u{202e}\\u{1b}[2J\"",
            "22 80",
            "true false,'=3 -",
        ] {
            assert!(rows[1].contains(&format!(",{cell}")), "{cell} is not in {}", rows[1]);
        }
        let mut out = Vec::new();
        json_lines(std::slice::from_ref(&incident), &mut out).unwrap();
        let again: KeptIncident = serde_json::from_slice(&out).unwrap();
        assert_eq!((again.reason, again.id), (incident.reason, incident.id), "JSON keeps what there is");
    }
}
