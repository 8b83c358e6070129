//! An incident as it was written down.

use serde::{Deserialize, Serialize};

/// Where a kept incident is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Standing {
    /// Further alerts are expected.
    #[default]
    #[serde(rename = "open")]
    Open,
    /// It was closed.
    #[serde(rename = "closed")]
    Closed,
    /// It was open when nad was killed: nobody knows what came of it.
    #[serde(rename = "open (run ended)")]
    CutOff,
}

impl Standing {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::CutOff => "open (run ended)",
        }
    }
}

/// See the module. The fields are those of `--incidents`, and which run it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `Incident`, which documents them")]
pub struct KeptIncident {
    /// The run's number in this history.
    #[serde(default)]
    pub run: i64,
    /// The run's interfaces or capture.
    #[serde(default)]
    pub source: String,
    pub id: String,
    pub state: Standing,
    pub shape: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// Seconds since the Unix epoch, as the other times.
    pub detected_at: f64,
    pub start: f64,
    pub end: f64,
    pub sources: Vec<String>,
    pub targets: Vec<String>,
    pub more_sources: bool,
    pub more_targets: bool,
    pub ports: Vec<u16>,
    pub more_ports: bool,
    pub protocols: Vec<String>,
    pub alerts: u64,
    pub packets: u64,
    pub bytes: u64,
    /// Percent of the packets that were looked at.
    pub coverage: f64,
    pub peak_score: f64,
    pub score: f64,
    pub probability: f64,
    pub threshold: f64,
    pub view: String,
    pub reason: String,
}
