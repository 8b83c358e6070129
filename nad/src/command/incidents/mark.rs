//! `nad incidents mark`: what somebody says of an incident, and what follows from it.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use nad_engine::presentation::{self, counted};

use crate::{
    clock,
    config::AllowSection,
    history::{self, KeptIncident, Mark},
    known::{self, Known, KnownFile},
    text::human::length,
};

/// For how long what is normal is allowed, and what is noise, unless something else is said.
const NORMAL_FOR: Duration = Duration::from_secs(90 * 86_400);
const NOISE_FOR: Duration = Duration::from_secs(7 * 86_400);

/// What is said.
#[derive(Debug)]
pub struct Marking {
    /// The incident's `uid`, or its `id`.
    pub id: String,
    /// What it is.
    pub mark: Mark,
    /// Why.
    pub comment: Option<String>,
    /// For how long its rule holds.
    pub lasts: Option<Duration>,
}

/// Notes it of an incident, in each run that has it, and gives the lines that tell what was done.
pub(super) fn mark(path: &Path, incidents: &[KeptIncident], marking: &Marking) -> Result<Vec<String>> {
    let Some(incident) = incidents.last() else { return Ok(Vec::new()) };
    let mut known = KnownFile::beside(path)?;
    let name = name(incident);
    let lasts = match marking.mark {
        Mark::Confirmed => None,
        Mark::Normal => Some(marking.lasts.unwrap_or(NORMAL_FOR)),
        Mark::Noise => Some(marking.lasts.unwrap_or(NOISE_FOR)),
    };
    let now_ns = clock::unix_now_ns();
    let mut told = vec![format!("Incident {} is marked as {}.", incident.id, marking.mark)];
    // The rules first: what has none is not to look as if it had.
    if let Some(lasts) = lasts {
        let comment = match &marking.comment {
            Some(comment) => format!("{}: {comment} (incident {})", marking.mark, incident.id),
            None => format!("{} (incident {})", marking.mark, incident.id),
        };
        let expires_ns = now_ns.saturating_add(lasts.as_nanos() as u64);
        let rules = known::rules_of(incident, &comment, expires_ns).map_err(anyhow::Error::msg);
        let rules =
            rules.with_context(|| format!("incident {} can't be marked as {}", incident.id, marking.mark))?;
        let allow: Vec<AllowSection> = rules.iter().map(AllowSection::from).collect();
        let since = presentation::timestamp(now_ns);
        told.push(format!(
            "{} it for {}, until {}: nad known list shows what is allowed, nad known forget {name} takes it back. A running sensor \
             takes it up at SIGHUP.",
            if allow.len() == 1 { "A rule allows".to_owned() } else { format!("{} allow", counted(allow.len() as u64, "rule")) },
            length(lasts.as_secs_f64()),
            clock::local::local(expires_ns),
        ));
        known.put(Known { incident: name, mark: marking.mark, since, allow }, now_ns)?;
    } else if known.forget(&name)? {
        told.push("What was allowed for it is so no more. A running sensor takes that up at SIGHUP.".into());
    }
    history::mark(path, incidents, marking.mark, marking.comment.as_deref())?;
    Ok(told)
}

/// What an incident is called in the file of what is known.
fn name(incident: &KeptIncident) -> String {
    incident.uid.clone().unwrap_or_else(|| incident.id.clone())
}
