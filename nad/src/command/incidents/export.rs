//! Incidents for other programs.

use std::io::{self, Write};

use crate::{history::KeptIncident, presentation};

/// A JSON object a line.
pub(super) fn json_lines(incidents: &[KeptIncident], out: &mut impl Write) -> io::Result<()> {
    for incident in incidents {
        serde_json::to_writer(&mut *out, incident)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Comma-separated values with a heading.
pub(super) fn csv(incidents: &[KeptIncident], out: &mut impl Write) -> io::Result<()> {
    const HEADING: &str = "run,source,id,state,shape,technique,detected_at,start,end,sources,targets,more_sources,\
                           more_targets,ports,more_ports,protocols,alerts,packets,bytes,coverage,peak_score,score,\
                           probability,threshold,view,reason";
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
        ];
        write!(out, "{}\r\n", fields.map(|field| quoted(&field)).join(","))?;
    }
    Ok(())
}

/// A field as RFC 4180 wants it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_what_separates_fields_is_quoted() {
        assert_eq!(quoted("port scan"), "port scan");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("a\nb"), "\"a\nb\"");
    }
}
