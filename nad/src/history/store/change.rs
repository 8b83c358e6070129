//! What an update of an incident changes: its row, and where more happened than further alerts, the list of its changes.

use nad_engine::{
    context::host_key::HostKey,
    incident::{Change, Incident, IncidentUpdate, State},
    presentation,
};
use rusqlite::{Transaction, params};

use super::{Moment, stored};
use crate::format::{native, severity::Severity};

/// Changes of an incident that are kept: the first, and the last ones.
pub(in crate::history) const MOST_CHANGES: i64 = 64;

pub(super) fn write(
    transaction: &Transaction<'_>,
    update: &IncidentUpdate,
    now: Moment,
) -> rusqlite::Result<()> {
    write_incident(transaction, &update.incident, now)?;
    if update.change == Change::Updated { Ok(()) } else { write_change(transaction, update, now) }
}

fn write_change(transaction: &Transaction<'_>, update: &IncidentUpdate, now: Moment) -> rusqlite::Result<()> {
    let IncidentUpdate { change, incident } = update;
    let time_ns = if *change == Change::Opened { incident.detected_ns } else { incident.end_ns };
    transaction
        .prepare_cached(
            "INSERT INTO changes (run, id, number, change, time_ns, shape, severity, alerts, packets, probability, reason)
             VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM changes WHERE run = ?1 AND id = ?2), ?3, ?4, ?5, ?6,
                 ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            now.run,
            incident.id,
            change.name(),
            stored(time_ns),
            incident.shape.name(),
            Severity::of_incident(incident).level(),
            stored(incident.alerts),
            stored(incident.packets),
            incident.probability,
            incident.reason,
        ])?;
    transaction
        .prepare_cached(
            "DELETE FROM changes WHERE run = ?1 AND id = ?2 AND number > 1 AND number <=
                 (SELECT max(number) FROM changes WHERE run = ?1 AND id = ?2) - ?3 + 1",
        )?
        .execute(params![now.run, incident.id, MOST_CHANGES])?;
    Ok(())
}

/// Writes the row, or what has changed in it: its changes refer to it.
fn write_incident(transaction: &Transaction<'_>, incident: &Incident, now: Moment) -> rusqlite::Result<()> {
    let list = |items: Vec<String>| items.join(" ");
    let hosts = |hosts: &[HostKey]| list(hosts.iter().map(ToString::to_string).collect());
    let state = match incident.state {
        State::Open => "open",
        State::Closed => "closed",
    };
    let names: serde_json::Map<String, serde_json::Value> =
        incident.names.iter().map(|(host, name)| (host.to_string(), name.as_str().into())).collect();
    let names = (!names.is_empty()).then(|| serde_json::Value::Object(names).to_string());
    transaction
        .prepare_cached(
            "INSERT INTO incidents (run, id, noted_ns, state, shape, technique, detected_ns, start_ns, end_ns,
                 sources, targets, ports, protocols, alerts, packets, bytes, coverage, peak_score, score, probability,
                 threshold, view, reason, json, kept_ns, severity, uid, sensor, names)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
                 ?23, ?24, ?25, ?26, ?27, ?28, ?29)
             ON CONFLICT (run, id) DO UPDATE SET
                 noted_ns = excluded.noted_ns, state = excluded.state, shape = excluded.shape,
                 technique = excluded.technique, detected_ns = excluded.detected_ns, start_ns = excluded.start_ns,
                 end_ns = excluded.end_ns, sources = excluded.sources, targets = excluded.targets,
                 ports = excluded.ports, protocols = excluded.protocols, alerts = excluded.alerts,
                 packets = excluded.packets, bytes = excluded.bytes, coverage = excluded.coverage,
                 peak_score = excluded.peak_score, score = excluded.score, probability = excluded.probability,
                 threshold = excluded.threshold, view = excluded.view, reason = excluded.reason, json = excluded.json,
                 kept_ns = excluded.kept_ns, severity = excluded.severity, uid = excluded.uid,
                 sensor = excluded.sensor, names = excluded.names",
        )?
        .execute(params![
            now.run,
            incident.id,
            now.wall_ns,
            state,
            incident.shape.name(),
            incident.shape.technique(),
            stored(incident.detected_ns),
            stored(incident.start_ns),
            stored(incident.end_ns),
            hosts(&incident.sources.items),
            hosts(&incident.targets.items),
            list(incident.ports.items.iter().map(ToString::to_string).collect()),
            list(incident.protocols.iter().map(|number| presentation::protocol_name(*number)).collect()),
            stored(incident.alerts),
            stored(incident.packets),
            stored(incident.bytes),
            incident.coverage.percent(),
            incident.peak_score,
            incident.score,
            incident.probability,
            incident.threshold,
            incident.view.name(),
            incident.reason,
            native::incident(incident),
            now.kept_ns,
            Severity::of_incident(incident).level(),
            incident.uid.to_string(),
            crate::sensor::name(),
            names
        ])?;
    Ok(())
}
