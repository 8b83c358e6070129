//! Settings of detection.

use std::time::Duration;

use crate::{
    context::{Sizes, hash::HashKey},
    incident::{allow::AllowRules, tracker::Tracker},
    policy::AlertBudget,
};

/// How it detects.
#[derive(Debug, Clone)]
pub struct DetectorOptions {
    /// How large the tables are.
    pub sizes: Sizes,
    /// How many false alerts a person accepts.
    pub budget: AlertBudget,
    /// Silence after which an incident is closed.
    pub silence: Duration,
    /// What is not reported.
    pub rules: AllowRules,
    /// How often the model is trained anew on what was ordinary since; never, where there is none.
    pub relearn_every: Option<Duration>,
    /// Train while further packets come in, as a live source needs; otherwise packets wait for the model.
    pub in_background: bool,
    /// What of packets is reported.
    pub wanted: Wanted,
    /// Threads that share the packets' work, 1 to [`PARTITIONS`](crate::context::PARTITIONS); with 1, it is done by the
    /// caller's thread alone. What is found does not depend on it.
    pub shards: usize,
    /// Records of a second from which on they do: handing out work and waiting for it wakes every thread.
    pub shared_from: u64,
    /// CPUs that these threads are bound to, in turn; none where the kernel chooses.
    pub cpus: Vec<usize>,
}

/// What of single packets is reported; how many are above the threshold is always counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the score of each is.
    pub scores: bool,
    /// The most above the threshold that are reported with their reasons, of every 512 packets that a thread scores; further ones are only
    /// counted. A reason costs as much as some hundred scores, and in a flood every packet has one.
    pub alerts: usize,
}

impl Wanted {
    /// Everything.
    pub const ALL: Self = Self { scores: true, alerts: usize::MAX };
    /// Counts only.
    pub const NOTHING: Self = Self { scores: false, alerts: 0 };
}

impl DetectorOptions {
    /// What joins deviations to incidents, which get names that come from this key.
    pub(super) fn tracker(&self, hash_key: HashKey) -> Tracker {
        Tracker::new(self.rules.clone(), self.silence.as_nanos() as u64).with_hash_key(hash_key)
    }
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self {
            sizes: Sizes::default(),
            budget: AlertBudget::default(),
            silence: Duration::from_secs(60),
            rules: AllowRules::default(),
            relearn_every: Some(Duration::from_secs(6 * 3600)),
            in_background: false,
            wanted: Wanted::ALL,
            shards: 1,
            shared_from: 16_384,
            cpus: Vec::new(),
        }
    }
}
