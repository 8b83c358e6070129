//! Judging subjects at the end of a tick.

use std::cell::OnceCell;

use super::{Scratch, relearning::Relearning};
use crate::{
    context::{Origin, Subject, Verdict},
    features::View,
    incident::{Deviation, SubjectState},
    model::Model,
};

/// Below this probability a subject's vectors are not learnt from.
const ORDINARY: f64 = 1e-3;
/// What belongs to an open incident counts as an alert at a probability this many times as high.
const HYSTERESIS: f64 = 100.0;

/// What subjects are judged by in one tick.
pub(super) struct Judge<'a> {
    model: &'a Model,
    /// Below it a decision is an alert.
    probability: f64,
    /// The scores that it means, by view, as far as they were asked for.
    thresholds: [OnceCell<f64>; View::ALL.len()],
    end_ns: u64,
}

impl<'a> Judge<'a> {
    pub(super) fn new(model: &'a Model, probability: f64, end_ns: u64) -> Self {
        Self { model, probability, thresholds: Default::default(), end_ns }
    }

    /// What a subject is, and the least probability of what it did lately in any view.
    pub(super) fn judge(
        &self,
        subject: &Subject<'_>,
        is_suspect: bool,
        scratch: &mut Scratch,
        relearning: &mut Relearning,
    ) -> (Verdict, f64) {
        let limit = if is_suspect { self.probability * HYSTERESIS } else { self.probability };
        let mut least: f64 = 1.0;
        let mut lately: f64 = 1.0;
        let mut views = 0.0;
        let Scratch { vectors, judgements, deviations, decisions } = scratch;
        vectors.read(subject);
        for (view, vector) in vectors.iter() {
            let part = self.model.view(view);
            let judgement = judgements.judge(view, part, vector);
            decisions[view as usize] += 1;
            least = least.min(judgement.probability);
            if view.row().tells_of_now {
                views += 1.0;
                lately = lately.min(judgement.probability);
            }
            if judgement.probability < limit {
                deviations.add(view, subject, judgement.probability, || Deviation {
                    time_ns: self.end_ns,
                    view,
                    subject: SubjectState::of(subject),
                    judgement,
                    vector: vector.to_vec(),
                    threshold: *self.thresholds[view as usize]
                        .get_or_init(|| part.threshold(self.probability)),
                    // Looked up for those that are kept.
                    origin: Origin::default(),
                });
            }
        }
        let is_ordinary = least > ORDINARY && !is_suspect;
        if is_ordinary {
            relearning.add_subject(vectors);
        }
        // What is ordinary for a host says nothing about its packets.
        let anomaly_level = if lately * views < ORDINARY { -(lately * views).log10() as f32 } else { 0.0 };
        (Verdict { anomaly_level, is_ordinary }, lately)
    }
}
