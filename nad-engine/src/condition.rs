//! What the sensor is like at this moment: what is no count, and so not in the ledger.
//!
//! Set by the threads that do the work, in a few relaxed stores a batch, and read by whoever is asked how it goes.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// What the detector does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Stage {
    /// It learns a baseline.
    #[default]
    Learning,
    /// A model is being trained on the baseline.
    Training,
    /// A model is in force.
    Detecting,
    /// There is no model, and there will be none.
    Failed,
}

impl Stage {
    /// Every stage, in the order in which they come.
    pub const ALL: [Self; 4] = [Self::Learning, Self::Training, Self::Detecting, Self::Failed];

    /// Its name in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Training => "training",
            Self::Detecting => "detecting",
            Self::Failed => "failed",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Condition {
    stage: AtomicU8,
    open_incidents: AtomicU64,
    /// The bits of a float.
    threshold_probability: AtomicU64,
    model_ns: AtomicU64,
    /// Seconds that earlier runs have watched.
    watched_before_s: AtomicU64,
    sampling_level: AtomicU8,
    interfaces: Mutex<Option<Vec<(String, bool)>>>,
    /// The detector's signs of life: one a batch, and there is one twice a second at least.
    pub detector: Pulse,
    /// The drain's: one each time that it reads the rings, or waits for room to put records.
    pub drain: Pulse,
}

/// What the detector knows of a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Judging {
    /// What it does.
    pub stage: Stage,
    /// Incidents that are open.
    pub open_incidents: u64,
    /// The probability below which a subject is reported, 0 to 1; 0 as long as there is no model.
    pub threshold_probability: f64,
    /// Time of the last packet that the model in force was trained on, in nanoseconds since the Unix epoch; 0 as long as
    /// there is none.
    pub model_ns: u64,
}

impl Condition {
    /// Notes what the detector knows.
    pub fn set_judging(&self, judging: Judging) {
        self.stage.store(judging.stage as u8, Relaxed);
        self.open_incidents.store(judging.open_incidents, Relaxed);
        self.threshold_probability.store(judging.threshold_probability.to_bits(), Relaxed);
        self.model_ns.store(judging.model_ns, Relaxed);
    }

    /// What the detector noted last. Read piece by piece, so pieces may be those of two batches.
    pub fn judging(&self) -> Judging {
        Judging {
            stage: Stage::ALL.get(usize::from(self.stage.load(Relaxed))).copied().unwrap_or_default(),
            open_incidents: self.open_incidents.load(Relaxed),
            threshold_probability: f64::from_bits(self.threshold_probability.load(Relaxed)),
            model_ns: self.model_ns.load(Relaxed),
        }
    }

    /// Notes for how long earlier runs have watched, from whose state this one goes on.
    pub fn set_watched_before(&self, watched: Duration) {
        self.watched_before_s.store(watched.as_secs(), Relaxed);
    }

    /// For how long earlier runs have watched, to the second; none where this one has begun anew.
    pub fn watched_before(&self) -> Duration {
        Duration::from_secs(self.watched_before_s.load(Relaxed))
    }

    /// Notes the sampling level under load, see [`sampling`](nad_common::sampling).
    pub fn set_sampling_level(&self, level: u8) {
        self.sampling_level.store(level, Relaxed);
    }

    /// Notes which interfaces are watched, or were, each with whether packets can come there.
    pub fn set_interfaces(&self, interfaces: Vec<(String, bool)>) {
        *self.interfaces.lock().unwrap_or_else(PoisonError::into_inner) = Some(interfaces);
    }

    /// The interfaces; nothing where packets don't come from any.
    pub fn interfaces(&self) -> Option<Vec<(String, bool)>> {
        self.interfaces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much is left out: 0 is nothing.
    pub fn sampling_level(&self) -> u8 {
        self.sampling_level.load(Relaxed)
    }
}

/// When a thread last gave a sign of life.
#[derive(Debug)]
pub struct Pulse {
    begun: Instant,
    /// Milliseconds since `begun`, plus 1; 0 stands for no sign so far.
    last_ms: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { begun: Instant::now(), last_ms: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// Gives a sign of life.
    pub fn beat(&self) {
        self.last_ms.store(self.begun.elapsed().as_millis() as u64 + 1, Relaxed);
    }

    /// For how long there has been none; from its making on where there was none at all.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Relaxed).saturating_sub(1));
        self.begun.elapsed().saturating_sub(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_detector_noted_is_what_is_read() {
        let condition = Condition::default();
        assert_eq!(condition.judging(), Judging::default());
        for stage in Stage::ALL {
            let judging =
                Judging { stage, open_incidents: 3, threshold_probability: 1e-7, model_ns: u64::MAX };
            condition.set_judging(judging);
            assert_eq!(condition.judging(), judging);
        }
    }

    #[test]
    fn a_sign_of_life_ends_the_silence() {
        let pulse = Pulse::default();
        std::thread::sleep(Duration::from_millis(30));
        assert!(pulse.silence() >= Duration::from_millis(30));
        pulse.beat();
        assert!(pulse.silence() < Duration::from_millis(30));
    }
}
