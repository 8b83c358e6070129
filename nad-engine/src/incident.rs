//! Incidents: alerts of one cause, reported once.
//!
//! A [`Deviation`] is one view's decision on one subject in one second. The [`Tracker`](tracker::Tracker) joins
//! those of one cause: opened with the first, updated quietly, closed after a silence.

pub mod allow;
pub mod coverage;
mod decay_suppression;
mod evidence;
pub mod reason;
pub mod tracker;
mod uid;

#[cfg(any(test, feature = "examples"))]
pub mod example;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    context::{Origin, host_key::HostKey},
    features::View,
    model::Judgement,
    presentation,
};
pub use crate::{
    context::{Parties, Place, SubjectState},
    features::shape,
};
use coverage::Coverage;
pub use evidence::{FeatureEvidence, ViewEvidence};
use shape::Shape;
pub use uuid::Uuid;

/// Addresses and ports that an incident lists; of more it only says how many.
pub const MOST_LISTED: usize = 16;

/// One view's decision that a subject was out of the ordinary in one second.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deviation {
    /// The end of the second, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The view.
    pub view: View,
    /// What was judged.
    pub subject: SubjectState,
    /// What the model says.
    pub judgement: Judgement,
    /// Its features.
    pub vector: Vec<f32>,
    /// The score from which on it is reported.
    pub threshold: f64,
    /// What is known of its source, where it has one.
    pub origin: Origin,
}

/// Where an incident is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Further alerts are expected.
    Open,
    /// Nothing more came, or nad ended.
    Closed,
}

/// A list of the first few of what all are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// The first ones.
    pub items: Vec<T>,
    /// Whether there were more.
    pub more: bool,
}

/// Alerts of one cause.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Incident {
    /// Its name: unique in a run, the same whenever the same packets come.
    pub id: String,
    /// The case that it belongs to: the name of the first of the incidents of one host that were open at a time.
    pub case: String,
    /// What else the host was behind meanwhile: names and shapes of its incidents that were open at the same time, up to 8.
    pub related: Vec<(String, Shape)>,
    /// Its name everywhere (UUIDv7): the same in all its changes, and whenever the same packets come with the same hash key.
    #[serde(with = "uid::number")]
    pub uid: Uuid,
    /// Where its first source's packets are seen; where that is not known, its targets'.
    pub place: Place,
    /// When it was opened, in nanoseconds since the Unix epoch, by the packets' clock as all times here.
    pub detected_ns: u64,
    /// The beginning of the first second with an alert.
    pub start_ns: u64,
    /// The end of the last one.
    pub end_ns: u64,
    /// Who did it.
    pub sources: Listed<HostKey>,
    /// What is known of each of the sources that are listed, in their order.
    pub origins: Vec<Origin>,
    /// Sources that may be forged and did the same as the first one, listed or not, up to 4,096.
    pub forged_sources: u32,
    /// To whom.
    pub targets: Listed<HostKey>,
    /// What sources and targets that are listed are called, where that was said in the clear: by DNS, TLS or themselves.
    pub names: Vec<(HostKey, String)>,
    /// At which ports.
    pub ports: Listed<u16>,
    /// IP protocols.
    pub protocols: Vec<u8>,
    /// What it looks like.
    pub shape: Shape,
    /// Alerts so far.
    pub alerts: u64,
    /// Packets in the seconds with alerts.
    pub packets: u64,
    /// Bytes on the wire, likewise.
    pub bytes: u64,
    /// The highest score, and the last.
    pub peak_score: f64,
    /// See `peak_score`.
    pub score: f64,
    /// The least probability that an ordinary subject is as far out.
    pub probability: f64,
    /// The threshold in force at the peak.
    pub threshold: f64,
    /// The view that saw the peak.
    pub view: View,
    /// The part of all packets meanwhile, of any host, that was analysed.
    pub coverage: Coverage,
    /// Where it is in its life.
    pub state: State,
    /// Why, in one sentence.
    pub reason: String,
    /// What views have seen of it, the first one first.
    #[serde(skip)]
    pub evidence: Vec<ViewEvidence>,
}

/// What became of an incident.
#[derive(Debug, Clone)]
pub struct IncidentUpdate {
    /// What happened to it.
    pub change: Change,
    /// The incident as it is now.
    pub incident: Incident,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was opened.
    Opened,
    /// Its shape has changed.
    Changed,
    /// It was closed, and goes on: the same cause has come back.
    Resumed,
    /// There were further alerts.
    Updated,
    /// It was closed.
    Closed,
}

impl Change {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Resumed => "resumed",
            Self::Updated => "updated",
            Self::Closed => "closed",
        }
    }
}

impl Deviation {
    /// Who did what to whom.
    pub fn parties(&self) -> Parties {
        Parties { origin: self.origin, ..self.subject.borrowed().parties() }
    }

    /// What it looks like.
    pub fn shape(&self) -> Shape {
        self.view.shape(&self.subject.borrowed())
    }
}

impl Incident {
    /// The sources; of each that has not shown that it receives what is sent to it, that it may be forged, and where its
    /// packets came from: `10.0.0.1 (may be forged, MAC 02:00:00:00:00:07)`.
    pub fn told_sources(&self) -> Listed<String> {
        let told = |(place, source): (usize, &HostKey)| match self.origins.get(place) {
            // A MAC address is where packets came from.
            Some(Origin { is_verified: false, mac }) if !source.is_mac() => {
                // A router's says nothing of who is behind it.
                let mac = mac.filter(|_| !source.is_global());
                let of = mac.map(|mac| format!(", MAC {}", presentation::mac(mac))).unwrap_or_default();
                format!("{source} (may be forged{of})")
            }
            _ => source.to_string(),
        };
        Listed { items: self.sources.items.iter().enumerate().map(told).collect(), more: self.sources.more }
    }
}

impl<T: PartialEq> Listed<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { items: Vec::new(), more: false }
    }

    /// Adds what is not there yet; whether it was added.
    pub fn add(&mut self, item: T) -> bool {
        if self.items.contains(&item) {
            return false;
        }
        if self.items.len() >= MOST_LISTED {
            self.more = true;
            return false;
        }
        self.items.push(item);
        true
    }
}

impl<T: PartialEq> Default for Listed<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Display> fmt::Display for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        for (place, item) in self.items.iter().take(SHOWN).enumerate() {
            write!(f, "{}{item}", if place == 0 { "" } else { ", " })?;
        }
        match self.items.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => write!(f, " and {rest}{} more", if self.more { " or" } else { "" }),
        }
    }
}
