//! Learning in the wild: what is ordinary goes into the next baseline, and now and then a model is trained on it,
//! off the packets' way, and takes the old one's place.

use std::{
    sync::{
        Arc,
        mpsc::{self, TryRecvError},
    },
    time::Duration,
};

use super::{background, judgement_cache::JudgementCache};
use crate::{
    context::Context,
    features::{Vectors, View},
    model::{Model, TrainingWindow, baseline::Baseline, forest::ForestError},
    time::Now,
};

/// See the module.
pub(super) struct Relearning {
    every_ns: Option<u64>,
    in_background: bool,
    baseline: Baseline,
    since_ns: u64,
    packets: u64,
    training: Option<mpsc::Receiver<Result<Retrained, ForestError>>>,
}

/// A model, and the drift: by how much more often than before its baseline lies beyond what 1 % of the old one did, as a
/// factor.
pub(super) struct Retrained {
    pub(super) model: Model,
    pub(super) drift: f64,
}

impl Relearning {
    pub(super) fn new(every: Option<Duration>, in_background: bool, seed: u64) -> Self {
        Self {
            every_ns: every.map(|every| every.as_nanos() as u64),
            in_background,
            baseline: Baseline::new(seed),
            since_ns: 0,
            packets: 0,
            training: None,
        }
    }

    /// Goes on from a baseline that was just learnt.
    pub(super) fn begin(&mut self, baseline: &Baseline) {
        if self.every_ns.is_some() {
            self.baseline = baseline.clone();
            self.baseline.halve();
        }
    }

    /// Whether packets are learnt from.
    pub(super) fn is_wanted(&self) -> bool {
        self.every_ns.is_some()
    }

    /// Counts a packet.
    #[inline]
    pub(super) fn count(&mut self) {
        self.packets += 1;
    }

    /// Adds the vector of a packet.
    pub(super) fn add_packet(&mut self, vector: &[f32]) {
        self.baseline.add(View::Packet, vector);
    }

    /// Adds what the views see of an ordinary subject.
    pub(super) fn add_subject(&mut self, vectors: &Vectors) {
        if self.is_wanted() {
            self.baseline.add_all(vectors);
        }
    }

    /// Begins to train when it is time, and returns a model once there is one.
    pub(super) fn advance(&mut self, model: &Arc<Model>, context: &Context, now: Now) -> Option<Retrained> {
        let (every_ns, now_ns) = (self.every_ns?, now.sensor_ns);
        if self.since_ns == 0 {
            self.since_ns = now_ns;
        }
        if self.training.is_none() && now_ns.saturating_sub(self.since_ns) >= every_ns {
            self.start(model, context, now);
        }
        let trained = answer(self.training.as_ref()?, !self.in_background)?;
        self.training = None;
        match trained {
            Ok(retrained) => {
                self.baseline.halve();
                Some(retrained)
            }
            Err(error) => {
                tracing::warn!("the model could not be trained anew, so the old one stays: {error}");
                None
            }
        }
    }

    fn start(&mut self, model: &Arc<Model>, context: &Context, now: Now) {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (baseline, model) = (self.baseline.clone(), Arc::clone(model));
        let known = context.known_services();
        let first_ns = now.unix_ns.saturating_sub(now.sensor_ns - self.since_ns);
        let window = TrainingWindow {
            source: model.window().source.clone(),
            first_ns,
            settled_ns: first_ns,
            last_ns: now.unix_ns,
            packets: self.packets,
        };
        self.since_ns = now.sensor_ns;
        self.packets = 0;
        self.training = Some(receiver);
        let started = background::train(!self.in_background, move || {
            let retrained = Model::train(&baseline, model.training(), window, known).map(|new| Retrained {
                drift: drift(&model, &baseline),
                model: new.with_decisions_per_second(model.decisions_per_second()),
            });
            // Nobody waits for it any more when nad is ending.
            let _ = sender.send(retrained);
        });
        if let Err(error) = started {
            // It is tried again next time; what is waited for has ended without an answer.
            tracing::warn!("no thread can be started to train the model anew: {error}");
        }
    }
}

/// What the training thread answered, if it has; one that ends without an answer has panicked.
fn answer<T>(
    training: &mpsc::Receiver<Result<T, ForestError>>,
    is_awaited: bool,
) -> Option<Result<T, ForestError>> {
    let received = if is_awaited {
        training.recv().map_err(|_| TryRecvError::Disconnected)
    } else {
        training.try_recv()
    };
    match received {
        Ok(answer) => Some(answer),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => {
            Some(Err(ForestError::Training("the training thread failed".into())))
        }
    }
}

fn drift(model: &Model, baseline: &Baseline) -> f64 {
    const SHARE: f64 = 0.01;
    let mut recent = JudgementCache::default();
    let (mut seen, mut beyond) = (0_u32, 0_u32);
    for view in View::ALL.into_iter().filter(|view| *view != View::Packet) {
        for vector in baseline.sample(view).vectors.rows() {
            seen += 1;
            beyond += u32::from(recent.judge(view, model.view(view), vector).probability < SHARE);
        }
    }
    f64::from(beyond) / f64::from(seen.max(1)) / SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_thread_that_ends_without_an_answer_is_a_failure_and_not_waited_for() {
        for is_awaited in [false, true] {
            let (sender, training) = mpsc::sync_channel::<Result<u8, ForestError>>(1);
            sender.send(Ok(7)).unwrap();
            assert!(matches!(answer(&training, is_awaited), Some(Ok(7))));
            assert!(is_awaited || answer(&training, is_awaited).is_none(), "it is still at work");
            drop(sender);
            assert!(matches!(answer(&training, is_awaited), Some(Err(ForestError::Training(_)))));
        }
    }
}
