//! Decay suppression: telling what goes on from what only fades.
//!
//! Counts fade over seconds to minutes, so a subject stays out of the ordinary for a while after it has stopped doing
//! what made it so. As long as each of a view's features is about what the last alert's has faded to, and what came
//! to it since is unremarkable, a deviation is only such decay.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Deviation, Parties};
use crate::{
    context::Identity,
    features::{Feature, Persistence, View},
};

/// What was seen last is kept for this long; a day for views that judge what lasts, or what goes on over hours.
const KEPT_NS: u64 = 3_600_000_000_000;
const LASTING_KEPT_NS: u64 = 24 * KEPT_NS;
/// Subjects that are kept; when there are more, those that fade are taken for new.
const MOST: usize = 8_192;
/// The part of a count, and of what is unremarkable, that does not count as growth.
const TOLERANCE: f32 = 0.02;
const UNREMARKABLE: f32 = 1.0;

/// What views saw of subjects at their last alerts.
#[derive(Debug, Default)]
pub(super) struct DecaySuppression {
    last: HashMap<Key, (Vec<f32>, u64)>,
}

type Key = (View, Identity);

/// What is kept of it beyond a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Suppressed(Vec<(Key, Vec<f32>, u64)>);

impl DecaySuppression {
    /// Whether a deviation only decays from an earlier one; one that does not is kept.
    pub(super) fn is_decaying(&mut self, deviation: &Deviation, parties: &Parties) -> bool {
        let key = (deviation.view, deviation.subject.borrowed().identity(parties));
        let is_full = self.last.len() >= MOST;
        match self.last.get_mut(&key) {
            Some((vector, time_ns)) => {
                let elapsed_s = deviation.time_ns.saturating_sub(*time_ns) as f32 * 1e-9;
                let mut features = deviation.view.features().zip(vector.iter().zip(&deviation.vector));
                let grows = features
                    .any(|(feature, (before, now))| grows(deviation.view, feature, *before, *now, elapsed_s));
                if grows {
                    vector.clone_from(&deviation.vector);
                    *time_ns = deviation.time_ns;
                }
                !grows
            }
            None => {
                if !is_full {
                    self.last.insert(key, (deviation.vector.clone(), deviation.time_ns));
                }
                false
            }
        }
    }

    /// What is kept beyond a run, in an order of its own.
    pub(super) fn state(&self) -> Suppressed {
        let mut last: Vec<_> =
            self.last.iter().map(|(key, (vector, time_ns))| (*key, vector.clone(), *time_ns)).collect();
        last.sort_unstable_by_key(|(key, ..)| *key);
        Suppressed(last)
    }

    /// One that goes on from there.
    pub(super) fn resume(Suppressed(last): &Suppressed) -> Self {
        let entry = |(key, vector, time_ns): &(Key, Vec<f32>, u64)| (*key, (vector.clone(), *time_ns));
        Self { last: last.iter().map(entry).collect() }
    }

    /// Forgets what was seen long ago.
    pub(super) fn forget(&mut self, now_ns: u64) {
        self.last.retain(|(view, ..), (_, time_ns)| {
            let kept_ns = if view.is_lasting() { LASTING_KEPT_NS } else { KEPT_NS };
            now_ns.saturating_sub(*time_ns) < kept_ns
        });
    }
}

impl Suppressed {
    /// Why it can't be gone on with at a moment of sensor time.
    pub(super) fn check(&self, now_ns: u64) -> Result<(), String> {
        let is_sound = |((view, _), vector, time_ns): &(Key, Vec<f32>, u64)| {
            vector.len() == view.features().len()
                && vector.iter().all(|value| value.is_finite())
                && *time_ns <= now_ns
        };
        let is_one = self.0.len() <= MOST && self.0.iter().all(is_sound);
        is_one.then_some(()).ok_or_else(|| "of what only fades it has what no sensor has".into())
    }
}

/// Whether more has come to a feature of a view than is unremarkable. What lasts shows nothing beside what fades unless it is said,
/// and that is new each time; where all lasts, it is what it was before.
fn grows(view: View, feature: &Feature, before: f32, now: f32, elapsed_s: f32) -> bool {
    let (before, now) = (feature.unscaled(before), feature.unscaled(now));
    let left = match feature.persistence {
        Persistence::Fades(scale_s) => before * libm::expf(-elapsed_s / scale_s),
        Persistence::Holds(window_s) if elapsed_s < window_s => before,
        Persistence::Holds(_) => 0.0,
        Persistence::Lasts if feature.phrase.is_empty() => return false,
        Persistence::Lasts if view.judges_a_trait() => before,
        Persistence::Lasts => 0.0,
    };
    let margin = (TOLERANCE * left).max(UNREMARKABLE * feature.ordinary);
    now > left.max(feature.ordinary) + margin
}

#[cfg(test)]
mod tests;
