//! An incident as it was written down.

use std::collections::BTreeMap;

use nad_engine::incident::shape::Shape;
use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer as _, value},
};

use super::Mark;
use crate::format::severity::Severity;

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

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSource {
    /// IP or MAC address.
    pub address: String,
    /// Whether it has shown that it receives what is sent to the address.
    pub verified: bool,
    /// The MAC address that its packets came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

impl KeptSource {
    /// The address, and in brackets what is known of it: `10.0.0.1 (not verified, from 02:00:00:00:00:01)`.
    fn described(&self) -> String {
        let verified = if self.verified { "verified" } else { "not verified" };
        match self.mac.as_ref().filter(|mac| **mac != self.address) {
            Some(mac) => format!("{} ({verified}, from {mac})", self.address),
            None => format!("{} ({verified})", self.address),
        }
    }
}

/// The shape that incidents name so.
pub(super) fn shape(name: &str) -> Option<Shape> {
    let as_a_setting = name.to_lowercase().replace(' ', "-");
    let deserializer: value::StrDeserializer<'_, value::Error> = as_a_setting.as_str().into_deserializer();
    Shape::deserialize(deserializer).ok()
}

/// How grave an incident is that was written when nobody noted that. What has no name of a shape any more is the least of them.
pub(super) fn severity(shape_name: &str, probability: f64) -> Severity {
    Severity::of(shape(shape_name).unwrap_or(Shape::Unusual), probability)
}

impl KeptIncident {
    /// Fills in what follows from the rest where an earlier build has not written it.
    pub(super) fn complete(&mut self) {
        if self.severity.is_empty() {
            self.severity = severity(&self.shape, self.probability).word().into();
        }
    }

    /// What it looks like, where that has a name still.
    pub fn kept_shape(&self) -> Option<Shape> {
        shape(&self.shape)
    }

    /// The sources, each with what is known of it.
    pub fn told_sources(&self) -> Vec<String> {
        let told = |source: &String| {
            let detail = self.source_details.iter().find(|detail| detail.address == *source);
            detail.map_or_else(|| source.clone(), KeptSource::described)
        };
        self.sources.iter().map(told).collect()
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
    /// Histories of earlier builds have neither a case nor related incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub related: BTreeMap<String, String>,
    /// Histories of earlier builds have no `uid`, no `sensor` and no place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensor: Option<String>,
    #[serde(default)]
    pub severity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    pub state: Standing,
    pub shape: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// Seconds since the Unix epoch, as the other times.
    pub detected_at: f64,
    pub start: f64,
    pub end: f64,
    pub sources: Vec<String>,
    /// What is known of each source, in their order; histories of earlier builds may have none of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_details: Vec<KeptSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forged_sources: Option<u32>,
    pub targets: Vec<String>,
    /// What hosts among them are called, by address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    pub more_sources: bool,
    pub more_targets: bool,
    pub ports: Vec<u16>,
    pub more_ports: bool,
    pub protocols: Vec<String>,
    pub alerts: u64,
    pub packets: u64,
    pub bytes: u64,
    /// Percent of the packets that were analysed.
    pub coverage: f64,
    pub peak_score: f64,
    pub score: f64,
    pub probability: f64,
    pub threshold: f64,
    pub view: String,
    pub reason: String,
    /// What views have seen; histories of earlier builds have none of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<KeptEvidence>,
    /// What somebody said of it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark_comment: Option<String>,
}

/// What a view has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `ViewEvidence`, which documents them")]
pub struct KeptEvidence {
    pub view: String,
    /// Seconds since the Unix epoch.
    pub time: f64,
    pub score: f64,
    pub threshold: f64,
    pub probability: f64,
    pub features: Vec<KeptFeature>,
}

/// A feature's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `FeatureEvidence`, which documents them")]
pub struct KeptFeature {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    pub value: f64,
    pub usual_least: f64,
    pub usual_most: f64,
}

/// What happened to an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptChange {
    /// `opened`, `changed`, `resumed` or `closed`.
    pub change: String,
    /// When, in nanoseconds since the Unix epoch by the packets' clock.
    pub time_ns: u64,
    /// What it looked like then.
    pub shape: String,
    /// How grave it was then: `low`, `medium` or `high`.
    pub severity: &'static str,
    /// Alerts until then.
    pub alerts: u64,
    /// Packets until then.
    pub packets: u64,
    /// Why, as of then.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_with_what_is_known_of_it() {
        let kept = |details: serde_json::Value| -> KeptIncident {
            serde_json::from_value(serde_json::json!({
                "id": "1-1", "state": "open", "shape": "port scan", "detected_at": 2.0, "start": 1.0, "end": 9.0,
                "sources": ["10.0.0.1", "02:00:00:00:00:07"], "targets": [], "more_sources": false,
                "more_targets": false, "ports": [], "more_ports": false, "protocols": [], "alerts": 1, "packets": 7,
                "bytes": 700, "coverage": 100.0, "peak_score": 0.9, "score": 0.9, "probability": 1e-9,
                "threshold": 0.5, "view": "scan", "reason": "r", "source_details": details
            }))
            .unwrap()
        };
        let known = kept(serde_json::json!([
            { "address": "10.0.0.1", "verified": false, "mac": "02:00:00:00:00:01" },
            { "address": "02:00:00:00:00:07", "verified": true, "mac": "02:00:00:00:00:07" },
        ]));
        let told = ["10.0.0.1 (not verified, from 02:00:00:00:00:01)", "02:00:00:00:00:07 (verified)"];
        assert_eq!(known.told_sources(), told);
        assert_eq!(kept(serde_json::json!([])).told_sources(), ["10.0.0.1", "02:00:00:00:00:07"]);
    }
}
