//! An incident in the words of a message to people.

use std::fmt;

use nad_engine::{
    incident::{Change, Incident, IncidentUpdate, Listed, State},
    presentation,
};

use crate::{sensor, text};

/// What a message says of an incident.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    /// What it is, in a few words: `port scan from 10.0.0.5`.
    pub(super) title: String,
    /// Why, in one sentence.
    pub(super) reason: String,
    /// What else is known: names and values.
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Summary {
    /// Of an incident as an update tells it.
    pub(super) fn of(update: &IncidentUpdate) -> Self {
        let incident = &update.incident;
        let mark = match update.change {
            Change::Opened | Change::Updated => "",
            Change::Changed => " (changed)",
            Change::Resumed => " (resumed)",
            Change::Closed => " (closed)",
        };
        let title = text::printable(&format!("{}{mark}", title(incident)), usize::MAX);
        let reason = text::printable(&incident.reason, usize::MAX);
        let escaped = |(name, value): (_, String)| (name, text::escaped(&value).into_owned());
        Self { title, reason, facts: facts(incident).into_iter().map(escaped).collect() }
    }

    /// One that says that messages arrive.
    pub(super) fn of_test() -> Self {
        Self {
            title: "test message".into(),
            reason: "This is a test of nad's settings: no incident is behind it.".into(),
            facts: vec![("Version", env!("CARGO_PKG_VERSION").into())],
        }
    }
}

fn title(incident: &Incident) -> String {
    let shape = incident.shape.name();
    let sources = incident.told_sources();
    let may_be_forged = incident.origins.first().is_some_and(|origin| !origin.is_verified);
    match (first(&sources), first(&incident.targets)) {
        // What is claimed is not all that is said.
        (Some(source), Some(target)) if may_be_forged => format!("{shape} against {target} from {source}"),
        (Some(source), _) => format!("{shape} from {source}"),
        (None, Some(target)) => format!("{shape} against {target}"),
        (None, None) => shape.into(),
    }
}

/// The first of them, and whether there are others.
fn first<T: fmt::Display>(hosts: &Listed<T>) -> Option<String> {
    let more = hosts.items.len() > 1 || hosts.more;
    hosts.items.first().map(|host| format!("{host}{}", if more { " and others" } else { "" }))
}

fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let protocols: Vec<String> =
        incident.protocols.iter().map(|number| presentation::protocol_name(*number)).collect();
    let mut facts = vec![
        ("Sources", all(&incident.told_sources())),
        ("Targets", all(&incident.targets)),
        ("Ports", all(&incident.ports)),
        ("Protocols", protocols.join(", ")),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    if let Some(technique) = incident.shape.technique() {
        facts.push(("MITRE ATT&CK", technique.into()));
    }
    facts.push(("Start", presentation::timestamp(incident.start_ns)));
    let end = match incident.state {
        State::Open => "Until now",
        State::Closed => "End",
    };
    facts.extend([
        (end, presentation::timestamp(incident.end_ns)),
        ("Packets", format!("{} ({} bytes)", incident.packets, incident.bytes)),
        ("Coverage", format!("{} % of all packets analysed", incident.coverage.percent())),
        ("Incident", format!("{} ({})", incident.id, incident.uid)),
    ]);
    facts
}

/// All that is listed, and whether there is more.
fn all<T: fmt::Display>(listed: &Listed<T>) -> String {
    let mut names: Vec<String> = listed.items.iter().map(ToString::to_string).collect();
    if listed.more {
        names.push("more".into());
    }
    names.join(", ")
}

/// The sensor's name as a message has it.
pub(super) fn sensor_name() -> String {
    text::printable(sensor::name(), 64)
}

#[cfg(test)]
mod tests {
    use nad_engine::{
        context::Origin,
        incident::example::{key, update},
    };

    use super::*;
    #[test]
    fn a_title_names_who_did_it_or_else_to_whom() {
        let mut update = update("i-1", Change::Opened);
        assert_eq!(Summary::of(&update).title, "port scan from 10.0.0.1");
        update.incident.sources.add(key(9));
        update.change = Change::Closed;
        assert_eq!(Summary::of(&update).title, "port scan from 10.0.0.1 and others (closed)");
        update.incident.sources = Listed::new();
        update.change = Change::Changed;
        assert_eq!(Summary::of(&update).title, "port scan against 10.0.0.2 (changed)");
    }

    #[test]
    fn a_source_that_may_be_forged_is_never_the_only_name() {
        let mut update = update("i-1", Change::Opened);
        let mac = Some([2, 0, 0, 0, 0, 7]);
        update.incident.origins = vec![Origin { is_verified: false, mac }];
        let summary = Summary::of(&update);
        let source = "10.0.0.1 (may be forged, MAC 02:00:00:00:00:07)";
        assert_eq!(summary.title, format!("port scan against 10.0.0.2 from {source}"));
        assert!(summary.facts.contains(&("Sources", source.to_owned())), "{:?}", summary.facts);
        update.incident.targets = Listed::new();
        assert_eq!(Summary::of(&update).title, format!("port scan from {source}"));
    }

    #[test]
    fn the_facts_are_those_that_are_known() {
        let mut update = update("i-1", Change::Opened);
        let facts = |update: &IncidentUpdate| Summary::of(update).facts;
        let value = |facts: &[(&str, String)], wanted: &str| {
            facts.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
        };
        let open = facts(&update);
        for (name, expected) in [
            ("Sources", "10.0.0.1"),
            ("Targets", "10.0.0.2"),
            ("Ports", "80"),
            ("Protocols", "TCP"),
            ("MITRE ATT&CK", "T1046"),
            ("Start", "1970-01-01T00:00:01.000Z"),
            ("Until now", "1970-01-01T00:00:03.000Z"),
            ("Packets", "1000 (60000 bytes)"),
            ("Coverage", "50 % of all packets analysed"),
            ("Incident", "i-1 (01990000-0000-7000-8000-000000000001)"),
        ] {
            assert_eq!(value(&open, name).as_deref(), Some(expected), "{name}");
        }
        update.incident.state = State::Closed;
        update.incident.ports = Listed::new();
        let closed = facts(&update);
        assert_eq!((value(&closed, "Ports"), value(&closed, "Until now")), (None, None));
        assert!(value(&closed, "End").is_some());
    }
}
