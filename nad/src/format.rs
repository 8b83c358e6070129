//! What the files of alerts and incidents contain: nad's own JSON, or that which other systems expect.
//!
//! Every format is a struct that serde writes, in a file of its own; docs/formats.md says for users what is where.

pub mod native;

mod ecs;
mod eve;
mod evidence;
mod ocsf;
pub(crate) mod severity;
mod subject;
mod technique;

use nad_engine::{
    alert::Alert,
    incident::{Change, Incident},
};
use serde::{Deserialize, Serialize};

/// A format of JSON lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertFormat {
    /// nad's own, as schemas/ describes it.
    #[default]
    Native,
    /// Suricata's EVE (8.0).
    Eve,
    /// Elastic Common Schema (8.17.0).
    Ecs,
    /// OCSF Detection Finding (1.7.0).
    Ocsf,
}

impl AlertFormat {
    /// A packet as one line of JSON, without the line's end.
    pub fn alert(self, alert: &Alert) -> String {
        match self {
            Self::Native => native::alert(alert),
            Self::Eve => line(&eve::Eve::of_packet(alert)),
            Self::Ecs => line(&ecs::Ecs::of_packet(alert)),
            Self::Ocsf => line(&ocsf::Finding::of_packet(alert)),
        }
    }

    /// An incident as one line of JSON, without the line's end: what has just happened to it, or, with no change, all that
    /// is ever told of it.
    pub fn incident(self, incident: &Incident, change: Option<Change>) -> String {
        match self {
            Self::Native => native::incident(incident),
            Self::Eve => line(&eve::Eve::of_incident(incident, change)),
            Self::Ecs => line(&ecs::Ecs::of_incident(incident, change)),
            Self::Ocsf => line(&ocsf::Finding::of_incident(incident, change)),
        }
    }
}

/// Strings, numbers that are finite, and options and lists of them: serialising them can't fail.
fn line(event: &impl Serialize) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// nad's own objects, which the other formats carry under a name of their own.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Own<'a> {
    Packet(native::AlertLine<'a>),
    Incident(native::IncidentLine<'a>),
}

/// The moment of which an event tells, in nanoseconds since the Unix epoch.
fn moment(incident: &Incident, change: Option<Change>) -> u64 {
    match change {
        None | Some(Change::Opened) => incident.detected_ns,
        Some(Change::Changed | Change::Resumed | Change::Updated | Change::Closed) => incident.end_ns,
    }
}

#[cfg(test)]
mod tests;
