//! What each view has seen of an incident: values, and what is usual.

use super::Deviation;
use crate::{features::View, model::Evidence};

/// Features of a view that are told.
const MOST_FEATURES: usize = 3;

/// What a view has seen of an incident, when it last said best what the incident looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewEvidence {
    /// The view.
    pub view: View,
    /// The end of the second, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The score, 0 to 1.
    pub score: f64,
    /// The score from which on it was reported.
    pub threshold: f64,
    /// The probability that an ordinary subject is as far out.
    pub probability: f64,
    /// What isolates it most, the most important first.
    pub features: Vec<FeatureEvidence>,
}

/// A feature's value, in its own unit.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureEvidence {
    /// Its name.
    pub name: &'static str,
    /// Its unit; empty for counts.
    pub unit: &'static str,
    /// Its value.
    pub value: f32,
    /// The lowest and the highest value of the baseline.
    pub usual: (f32, f32),
}

impl ViewEvidence {
    /// Of a deviation, and what isolates it.
    pub fn of(deviation: &Deviation, evidence: &[Evidence]) -> Self {
        let feature = |evidence: &Evidence| FeatureEvidence {
            name: evidence.feature.name,
            unit: evidence.feature.unit,
            value: evidence.value,
            usual: evidence.baseline,
        };
        Self {
            view: deviation.view,
            time_ns: deviation.time_ns,
            score: deviation.judgement.score,
            threshold: deviation.threshold,
            probability: deviation.judgement.probability,
            features: evidence.iter().take(MOST_FEATURES).map(feature).collect(),
        }
    }

    /// Puts it in the place of what was known of its view.
    pub(super) fn note(self, known: &mut Vec<Self>) {
        match known.iter_mut().find(|other| other.view == self.view) {
            Some(other) => *other = self,
            None => known.push(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::example::{evidence, of_source, source};

    #[test]
    fn a_view_is_there_once_with_what_isolates_it_most() {
        let deviation = of_source(View::Scan, source(1, 200), 5);
        let names: Vec<&str> = View::Scan.features().map(|feature| feature.name).collect();
        let seen: Vec<Evidence> = names.iter().map(|name| evidence(View::Scan, name, 7.0, 3.0)).collect();
        let mut known = Vec::new();
        for _ in 0..2 {
            ViewEvidence::of(&deviation, &seen).note(&mut known);
        }
        assert_eq!((known.len(), known[0].features.len()), (1, names.len().min(MOST_FEATURES)));
        let FeatureEvidence { name, value, usual, .. } = known[0].features[0];
        assert_eq!((name, value, usual), (names[0], 7.0, (0.0, 3.0)));
        ViewEvidence { view: View::LongScan, ..known[0].clone() }.note(&mut known);
        assert_eq!(known.len(), 2);
    }
}
