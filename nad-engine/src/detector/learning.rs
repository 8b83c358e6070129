//! A baseline being learnt.

use std::{collections::HashMap, fmt, time::Duration};

use super::Notice;
use crate::{
    context::{Subject, host_key::HostKey, known::KnownSnapshot},
    features::{Vectors, View},
    model::{Model, Training, TrainingWindow, baseline::Baseline, forest::ForestError},
};

/// A baseline measured by time goes on until it has this many packets.
pub const LEAST_BASELINE: u64 = 256;

/// The first part of a baseline, in which everything is new: services become known, but no vectors of subjects are
/// learnt from it.
const SETTLING: f64 = 0.5;

/// How long a baseline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaselineLength {
    /// This much watched time from the first packet on, and at least [`LEAST_BASELINE`] packets.
    Time(Duration),
    /// This many packets.
    Packets(u64),
    /// All that captures hold, which is known beforehand.
    Whole {
        /// Packets.
        packets: u64,
        /// Those of the first half of the time.
        first_half: u64,
        /// The time, in seconds.
        seconds: u64,
    },
}

impl BaselineLength {
    /// How many seconds it takes, as far as that is known.
    pub fn seconds(&self) -> u64 {
        match self {
            Self::Time(length) => length.as_secs(),
            Self::Packets(_) => 0,
            Self::Whole { seconds, .. } => *seconds,
        }
    }
}

impl fmt::Display for BaselineLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(length) => write!(f, "{length:?}"),
            Self::Packets(packets) => write!(f, "{packets} packets"),
            Self::Whole { packets, seconds, .. } => write!(f, "all {packets} packets of {seconds} s"),
        }
    }
}

/// See the module.
pub(super) struct Learning {
    length: BaselineLength,
    training: Training,
    source: String,
    baseline: Baseline,
    packets: u64,
    /// Of sensor time.
    first_ns: u64,
    last_ns: u64,
    /// When subjects' vectors began to be learnt from.
    settled_ns: Option<u64>,
    /// Watched time at the first packet, and from there to the last one.
    watched_from_ns: u64,
    watched_ns: u64,
    /// Whether it was said that packets are missing.
    is_waiting: bool,
    /// Until when hosts that did something hostile are not learnt from: its traces take time to fade.
    quarantine: HashMap<HostKey, u64>,
}

/// How long a host is not learnt from after something hostile.
const QUARANTINE_NS: u64 = 120_000_000_000;
/// Hosts that are in quarantine at most; more are learnt from once what they do is not hostile any more.
const MOST_QUARANTINED: usize = 4_096;

impl Learning {
    pub(super) fn new(length: BaselineLength, training: Training, source: String) -> Self {
        let baseline = Baseline::new(training.seed());
        Self {
            length,
            training,
            source,
            baseline,
            packets: 0,
            first_ns: 0,
            last_ns: 0,
            settled_ns: None,
            watched_from_ns: 0,
            watched_ns: 0,
            is_waiting: false,
            quarantine: HashMap::new(),
        }
    }

    /// Whether what comes after so much watched time comes after the baseline.
    pub(super) fn is_over(&self, watched_ns: u64) -> bool {
        match self.length {
            BaselineLength::Packets(wanted) | BaselineLength::Whole { packets: wanted, .. } => {
                self.packets >= wanted
            }
            BaselineLength::Time(_) => self.packets >= LEAST_BASELINE && self.is_time_over(watched_ns),
        }
    }

    /// What was watched after the last packet, up to a moment of sensor time, belongs to it, too.
    pub(super) fn extend(&mut self, now_ns: u64) {
        let BaselineLength::Time(length) = self.length else { return };
        let missing_ns = (length.as_nanos() as u64).saturating_sub(self.watched_ns);
        let silent_ns = missing_ns.min(now_ns.saturating_sub(self.last_ns));
        self.watched_ns += silent_ns;
        self.last_ns += silent_ns;
    }

    /// Says once that its time is over and packets are missing.
    pub(super) fn is_waiting(&mut self, watched_ns: u64) -> Option<Notice> {
        let BaselineLength::Time(length) = self.length else { return None };
        if self.is_waiting || !self.is_time_over(watched_ns) {
            return None;
        }
        self.is_waiting = true;
        Some(Notice::FewPackets { packets: self.packets, length })
    }

    fn is_time_over(&self, watched_ns: u64) -> bool {
        let age_ns = u128::from(watched_ns.saturating_sub(self.watched_from_ns));
        matches!(self.length, BaselineLength::Time(length) if age_ns >= length.as_nanos())
    }

    /// Whether the baseline is known to be over without another packet.
    pub(super) fn is_complete(&self) -> bool {
        match self.length {
            BaselineLength::Packets(wanted) | BaselineLength::Whole { packets: wanted, .. } => {
                self.packets >= wanted
            }
            BaselineLength::Time(_) => false,
        }
    }

    /// Counts a packet, after so much watched time.
    pub(super) fn count(&mut self, watched_ns: u64, now_ns: u64) {
        if self.packets == 0 {
            (self.first_ns, self.last_ns) = (now_ns, now_ns);
            self.watched_from_ns = watched_ns;
        }
        self.last_ns = self.last_ns.max(now_ns);
        self.watched_ns = watched_ns.saturating_sub(self.watched_from_ns);
        self.packets += 1;
        if self.settled_ns.is_none()
            && let Some(since_ns) = self.settled_since()
        {
            self.settled_ns = Some(now_ns.saturating_sub(since_ns).max(self.first_ns));
        }
    }

    /// Adds the vector of a packet that was counted.
    pub(super) fn add_packet(&mut self, vector: &[f32]) {
        self.baseline.add(View::Packet, vector);
    }

    /// Adds what the views see of a subject at the end of a tick; whether it may be learnt from. What is hostile on any
    /// network is not, nor what the same host does for a while after: a baseline that contains an attack must not
    /// make that kind of attack ordinary.
    pub(super) fn take_subject(&mut self, subject: &Subject<'_>, vectors: &mut Vectors, end_ns: u64) -> bool {
        let principal = subject.principal();
        vectors.read(subject);
        let is_hostile = vectors.iter().any(|(view, vector)| view.is_hostile(vector));
        if is_hostile && self.quarantine.len() < MOST_QUARANTINED {
            self.quarantine.insert(principal, end_ns.saturating_add(QUARANTINE_NS));
        }
        if is_hostile || self.quarantine.get(&principal).is_some_and(|until_ns| end_ns < *until_ns) {
            self.baseline.set_aside();
            return false;
        }
        if self.settled_ns.is_some() {
            self.baseline.add_all(vectors);
        }
        true
    }

    /// Sensor time of its end.
    pub(super) fn last_ns(&self) -> u64 {
        self.last_ns
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// How long was watched for it.
    pub(super) fn span(&self) -> Duration {
        Duration::from_nanos(self.watched_ns)
    }

    pub(super) fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Trains; it ended at `last_ns` of Unix time.
    pub(super) fn train(self, known: KnownSnapshot, last_ns: u64) -> Result<Model, ForestError> {
        // The clock may have been set meanwhile: what counts is how long before the end something was.
        let before = |sensor_ns: u64| last_ns.saturating_sub(self.last_ns - sensor_ns);
        let window = TrainingWindow {
            source: self.source,
            first_ns: before(self.first_ns),
            settled_ns: before(self.settled_ns.unwrap_or(self.first_ns)),
            last_ns,
            packets: self.packets,
        };
        Model::train(&self.baseline, &self.training, window, known)
    }

    /// For how many nanoseconds everything has no longer been new.
    fn settled_since(&self) -> Option<u64> {
        match self.length {
            BaselineLength::Time(length) => {
                self.watched_ns.checked_sub(length.mul_f64(SETTLING).as_nanos() as u64)
            }
            BaselineLength::Packets(wanted) => (self.packets as f64 >= wanted as f64 * SETTLING).then_some(0),
            BaselineLength::Whole { first_half, .. } => (self.packets >= first_half).then_some(0),
        }
    }
}
