//! What views have seen of an incident, in nad's own format.

use nad_engine::incident::{FeatureEvidence, ViewEvidence};
use schemars::JsonSchema;
use serde::Serialize;

/// What a view has seen of an incident, when it last said best what the incident looks like.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct EvidenceLine {
    /// The view; `nad features --list` lists them.
    view: &'static str,
    /// The end of the second, in seconds since the Unix epoch.
    time: f64,
    /// The score, 0 to 1.
    score: f64,
    /// The score from which on it was reported, 0 to 1.
    threshold: f64,
    /// The probability that an ordinary subject is as far out, 0 to 1.
    probability: f64,
    /// What isolates it most, the most important first, at most 3.
    features: Vec<FeatureLine>,
}

/// A feature's value.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct FeatureLine {
    /// Its name.
    name: &'static str,
    /// Its unit; absent for counts and parts.
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'static str,
    /// Its value.
    value: f32,
    /// The lowest value of the baseline.
    usual_least: f32,
    /// The highest value of the baseline.
    usual_most: f32,
}

impl From<&ViewEvidence> for EvidenceLine {
    fn from(seen: &ViewEvidence) -> Self {
        Self {
            view: seen.view.name(),
            time: seen.time_ns as f64 / 1e9,
            score: seen.score,
            threshold: seen.threshold,
            probability: seen.probability,
            features: seen.features.iter().map(FeatureLine::from).collect(),
        }
    }
}

impl From<&FeatureEvidence> for FeatureLine {
    fn from(feature: &FeatureEvidence) -> Self {
        let FeatureEvidence { name, unit, value, usual: (usual_least, usual_most) } = *feature;
        Self { name, unit, value, usual_least, usual_most }
    }
}
