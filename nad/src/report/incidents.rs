//! The incidents of a page.

use super::{html::Html, scale};
use crate::{
    clock::local,
    history::{KeptIncident, Standing},
};

/// Incidents that a page tells of in full; more would make it unreadable, and slow.
const MOST_TOLD: usize = 300;

/// All of them, the worst first.
pub(super) fn section(incidents: &[KeptIncident], page: &mut Html) {
    page.add("<section>\n<h2>Incidents</h2>\n", &[]);
    if incidents.is_empty() {
        page.add("<p>None.</p>\n", &[]);
    }
    for (incident, number) in incidents.iter().zip(1..).take(MOST_TOLD) {
        article(incident, number, page);
    }
    if incidents.len() > MOST_TOLD {
        page.add(
            "<p>These are the worst {} of {}; <code>nad incidents list</code> names all.</p>\n",
            &[&MOST_TOLD, &incidents.len()],
        );
    }
    page.add("</section>\n", &[]);
}

fn article(incident: &KeptIncident, number: usize, page: &mut Html) {
    page.add(
        "<article id=\"incident-{}\">\n<h3><span class=\"number\">{}</span> {}",
        &[&number, &number, &incident.shape],
    );
    if let Some(technique) = &incident.technique {
        page.add(" <abbr title=\"MITRE ATT&amp;CK technique\">{}</abbr>", &[technique]);
    }
    let class = if incident.state == Standing::Closed { "state" } else { "state open" };
    page.add(
        " <span class=\"{}\">{}</span></h3>\n<p>{}</p>\n<dl>\n",
        &[&class, &incident.state.name(), &incident.reason],
    );
    let ports: Vec<String> = incident.ports.iter().map(ToString::to_string).collect();
    let facts = [
        ("From", listed(&incident.told_sources(), incident.more_sources)),
        ("To", listed(&incident.targets, incident.more_targets)),
        ("Ports", listed(&ports, incident.more_ports)),
        ("Protocols", listed(&incident.protocols, false)),
        ("Time", time(incident)),
        (
            "Traffic",
            format!("{} packets, {}", scale::grouped(incident.packets), scale::bytes(incident.bytes)),
        ),
        ("Looked at", format!("{} % of all packets meanwhile", incident.coverage)),
        (
            "Score",
            format!(
                "{:.3} at its peak (threshold {:.3}), {}",
                incident.peak_score,
                incident.threshold,
                alerts(incident.alerts)
            ),
        ),
        ("Severity", incident.severity.clone()),
        ("Name", incident.id.clone()),
    ];
    for (name, value) in facts.into_iter().chain(marked(incident)) {
        page.add("<div><dt>{}</dt><dd>{}</dd></div>\n", &[&name, &value]);
    }
    page.add("</dl>\n</article>\n", &[]);
}

/// What somebody said of it, and why.
fn marked(incident: &KeptIncident) -> Option<(&'static str, String)> {
    let mark = incident.mark?;
    let comment = incident.mark_comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
    Some(("Marked", format!("{mark}{comment}")))
}

fn listed(items: &[String], more: bool) -> String {
    match (items, more) {
        ([], _) => "none in particular".into(),
        (_, false) => items.join(", "),
        (_, true) => format!("{} and more", items.join(", ")),
    }
}

fn time(incident: &KeptIncident) -> String {
    let (start, end) =
        (scale::moment((incident.start * 1e9) as u64), scale::moment((incident.end * 1e9) as u64));
    // The day once, where it is one.
    let end = match (start.split_once(' '), end.split_once(' ')) {
        (Some((day, _)), Some((last_day, time))) if day == last_day => time.to_owned(),
        _ => end,
    };
    let from = local::beside_utc((incident.start * 1e9) as u64);
    // UTC beside it, where that is another time.
    let utc =
        from.split_once(" (").map(|(_, utc)| format!("{}; ", utc.trim_end_matches(')'))).unwrap_or_default();
    format!("{start} to {end} ({utc}{})", scale::length(incident.end - incident.start))
}

fn alerts(count: u64) -> String {
    nad_engine::presentation::counted(count, "alert")
}
