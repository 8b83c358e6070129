//! Learning, then detecting.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};

use nad_common::record::PacketRecord;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    alert::Alert,
    batch::RecordBatch,
    clock::Clock,
    features::{self, FeatureVector},
    ledger::Tally,
    model::{Model, Training, TrainingWindow, forest::ForestError},
};

/// Vectors that a baseline keeps: a uniform sample of it where it is longer (20 MiB).
pub const BASELINE_VECTORS: usize = 1 << 18;

/// A baseline measured by time goes on until it has this many packets.
pub const LEAST_BASELINE: u64 = 256;

/// How long a baseline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// This much time from the first packet on, by the packets' clock, and at least [`LEAST_BASELINE`] packets.
    Time(Duration),
    /// This many packets.
    Packets(u64),
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(length) => write!(f, "{length:?}"),
            Self::Packets(packets) => write!(f, "{packets} packets"),
        }
    }
}

/// What the detector starts with.
#[derive(Debug)]
pub enum Start {
    /// A baseline to learn; the source's name goes into the model.
    Learn {
        /// How long it is.
        baseline: Baseline,
        /// How the model is trained on it.
        training: Training,
        /// The capture file or the interfaces.
        source: String,
    },
    /// A model.
    Detect(Model),
}

/// What a batch gave.
#[derive(Debug, Default)]
pub struct Findings {
    /// Index and score of every packet that was scored.
    pub scores: Vec<(u64, f64)>,
    /// The packets above the threshold.
    pub alerts: Vec<Alert>,
    /// A model that was just trained and is in force from now on.
    pub trained: Option<Arc<Model>>,
}

impl Findings {
    /// Empties them and keeps their memory.
    pub fn clear(&mut self) {
        self.scores.clear();
        self.alerts.clear();
        self.trained = None;
    }
}

/// Turns batches of records into findings, and accounts for each record.
pub struct Detector {
    state: State,
    clock: Clock,
    tally: Arc<Tally>,
    /// Train while further packets come in, as a live source needs; otherwise packets wait for the model.
    in_background: bool,
    vectors: Vec<FeatureVector>,
    scores: Vec<f64>,
}

enum State {
    Learning(Learning),
    /// Records that come in are neither part of the baseline's sample nor scored; they count as learned.
    Training(JoinHandle<Result<Model, ForestError>>),
    Detecting(Arc<Model>),
    /// Training failed, and the failure was reported.
    Failed,
}

impl Detector {
    /// A detector that learns or detects from the first record on.
    pub fn new(start: Start, clock: Clock, tally: Arc<Tally>, in_background: bool) -> Self {
        let state = match start {
            Start::Learn { baseline, training, source } => {
                State::Learning(Learning::new(baseline, training, source))
            }
            Start::Detect(model) => State::Detecting(Arc::new(model)),
        };
        Self { state, clock, tally, in_background, vectors: Vec::new(), scores: Vec::new() }
    }

    /// Takes one batch and adds to `findings`.
    ///
    /// # Errors
    ///
    /// When the baseline can't be trained on. The batch is then counted as discarded, as are later ones.
    pub fn process(&mut self, batch: &RecordBatch, findings: &mut Findings) -> Result<(), ForestError> {
        let learned = self.learn(batch.records());
        self.tally.learned.fetch_add(learned as u64, Relaxed);
        let result = self.advance(learned < batch.len(), findings);
        let rest = batch.len() - learned;
        match &self.state {
            State::Detecting(model) => {
                let model = Arc::clone(model);
                self.detect(&model, &batch.records()[learned..], &batch.indices()[learned..], findings);
                self.tally.scored.fetch_add(rest as u64, Relaxed);
            }
            State::Training(_) => {
                self.tally.learned.fetch_add(rest as u64, Relaxed);
            }
            State::Learning(_) | State::Failed => {
                self.tally.discarded.fetch_add(rest as u64, Relaxed);
            }
        }
        result
    }

    /// The baseline learnt so far, trained on at once: for a source that ends before its baseline does.
    ///
    /// # Errors
    ///
    /// When it can't be trained on.
    pub fn finish_learning(&mut self) -> Result<Option<Arc<Model>>, ForestError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Learning(learning) => self.state = State::Detecting(Arc::new(learning.train()?)),
            State::Training(handle) => self.state = State::Detecting(Arc::new(join(handle)?)),
            other => self.state = other,
        }
        Ok(self.model())
    }

    /// The model in force.
    pub fn model(&self) -> Option<Arc<Model>> {
        match &self.state {
            State::Detecting(model) => Some(Arc::clone(model)),
            _ => None,
        }
    }

    /// How many packets the baseline has, while it is being learnt, and the time it spans.
    pub fn learning(&self) -> Option<(u64, Duration)> {
        match &self.state {
            State::Learning(learning) => Some((learning.packets, learning.span())),
            _ => None,
        }
    }

    /// Scores records without deciding the detector's state: for packets that are their own baseline.
    pub fn detect(
        &mut self,
        model: &Model,
        records: &[PacketRecord],
        indices: &[u64],
        findings: &mut Findings,
    ) {
        self.vectors.clear();
        self.vectors.extend(records.iter().map(features::extract));
        self.scores.clear();
        model.score_batch(&self.vectors, &mut self.scores);
        let mut anomalies = 0;
        for (place, &score) in self.scores.iter().enumerate() {
            findings.scores.push((indices[place], score));
            if score > model.threshold() {
                anomalies += 1;
                findings.alerts.push(Alert {
                    time_ns: self.clock.unix_ns(records[place].time_ns),
                    index: indices[place],
                    record: records[place],
                    score,
                    threshold: model.threshold(),
                    reason: model.explain(&self.vectors[place]),
                });
            }
        }
        self.tally.anomalies.fetch_add(anomalies, Relaxed);
    }

    /// Adds records to the baseline; returns how many still belonged to it.
    fn learn(&mut self, records: &[PacketRecord]) -> usize {
        let State::Learning(learning) = &mut self.state else { return 0 };
        records.iter().take_while(|record| learning.take(record, &self.clock)).count()
    }

    /// Moves from learning to training and on to detecting, where it is time.
    fn advance(&mut self, baseline_is_over: bool, findings: &mut Findings) -> Result<(), ForestError> {
        if let State::Learning(learning) = &self.state
            && (baseline_is_over || learning.is_complete())
        {
            let State::Learning(learning) = std::mem::replace(&mut self.state, State::Failed) else {
                return Ok(());
            };
            self.state = State::Training(std::thread::spawn(move || learning.train()));
        }
        if let State::Training(handle) = &self.state
            && (!self.in_background || handle.is_finished())
        {
            let State::Training(handle) = std::mem::replace(&mut self.state, State::Failed) else {
                return Ok(());
            };
            let model = Arc::new(join(handle)?);
            findings.trained = Some(Arc::clone(&model));
            self.state = State::Detecting(model);
        }
        Ok(())
    }
}

fn join(handle: JoinHandle<Result<Model, ForestError>>) -> Result<Model, ForestError> {
    handle.join().unwrap_or_else(|_| Err(ForestError::Training("the training thread failed".into())))
}

/// A baseline being learnt: a uniform sample of its packets (Vitter's algorithm R).
struct Learning {
    baseline: Baseline,
    training: Training,
    source: String,
    sample: Vec<FeatureVector>,
    packets: u64,
    first_ns: u64,
    last_ns: u64,
    random: SmallRng,
}

impl Learning {
    fn new(baseline: Baseline, training: Training, source: String) -> Self {
        Self {
            baseline,
            training,
            source,
            sample: Vec::new(),
            packets: 0,
            first_ns: 0,
            last_ns: 0,
            random: SmallRng::seed_from_u64(0),
        }
    }

    /// Adds a packet, unless the baseline ended before it.
    fn take(&mut self, record: &PacketRecord, clock: &Clock) -> bool {
        let time_ns = clock.unix_ns(record.time_ns);
        if self.packets == 0 {
            (self.first_ns, self.last_ns) = (time_ns, time_ns);
        }
        let ended = match self.baseline {
            Baseline::Packets(wanted) => self.packets >= wanted,
            Baseline::Time(length) => {
                let age = Duration::from_nanos(time_ns.saturating_sub(self.first_ns));
                age >= length && self.packets >= LEAST_BASELINE
            }
        };
        if ended {
            return false;
        }
        self.last_ns = self.last_ns.max(time_ns);
        self.packets += 1;
        if self.sample.len() < BASELINE_VECTORS {
            self.sample.push(features::extract(record));
        } else {
            let place = self.random.random_range(0..self.packets);
            if let Some(kept) = self.sample.get_mut(place as usize) {
                *kept = features::extract(record);
            }
        }
        true
    }

    /// Whether the baseline is known to be over without another packet.
    fn is_complete(&self) -> bool {
        matches!(self.baseline, Baseline::Packets(wanted) if self.packets >= wanted)
    }

    fn span(&self) -> Duration {
        Duration::from_nanos(self.last_ns - self.first_ns)
    }

    fn train(self) -> Result<Model, ForestError> {
        let window = TrainingWindow {
            source: self.source,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            packets: self.packets,
        };
        Model::train(&self.sample, &self.training, window)
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::model::trainer::{Growth, TrainerKind};

    const SECOND: u64 = 1_000_000_000;

    fn batch(times: impl Iterator<Item = u64>) -> RecordBatch {
        let mut batch = RecordBatch::default();
        for (index, time_ns) in times.enumerate() {
            let length = 60 + (index as u32 * 37) % 1400;
            batch.push(index as u64, PacketRecord { time_ns, length, ..PacketRecord::zeroed() });
        }
        batch
    }

    fn detector(baseline: Baseline) -> (Detector, Arc<Tally>) {
        let growth = Growth { trees: 20, ..Growth::default() };
        let training = Training { growth, trainer: TrainerKind::default(), contamination: 0.01 };
        let tally = Arc::new(Tally::default());
        let start = Start::Learn { baseline, training, source: "test".into() };
        (Detector::new(start, Clock::Unix, Arc::clone(&tally), false), tally)
    }

    #[test]
    fn a_baseline_of_packets_ends_with_exactly_that_many() {
        let (mut detector, tally) = detector(Baseline::Packets(300));
        let mut findings = Findings::default();
        detector.process(&batch((0..1000).map(|i| i * SECOND)), &mut findings).unwrap();
        assert_eq!((tally.read().learned, tally.read().scored), (300, 700));
        let indices: Vec<u64> = findings.scores.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, (300..1000).collect::<Vec<_>>());
        assert_eq!(findings.trained.unwrap().window().packets, 300);
    }

    #[test]
    fn a_baseline_of_time_ends_before_the_first_packet_past_it() {
        let (mut detector, tally) = detector(Baseline::Time(Duration::from_secs(400)));
        let mut findings = Findings::default();
        detector.process(&batch((0..1000).map(|i| i * SECOND)), &mut findings).unwrap();
        assert_eq!((tally.read().learned, tally.read().scored), (400, 600));
    }

    #[test]
    fn a_baseline_of_time_goes_on_until_it_has_enough_packets() {
        let (mut detector, tally) = detector(Baseline::Time(Duration::from_secs(1)));
        detector.process(&batch((0..1000).map(|i| i * SECOND)), &mut Findings::default()).unwrap();
        assert_eq!(tally.read().learned, LEAST_BASELINE);
    }

    #[test]
    fn a_packet_unlike_the_baseline_is_an_alert_with_its_reason() {
        let (mut detector, tally) = detector(Baseline::Packets(1000));
        let mut findings = Findings::default();
        detector.process(&batch((0..1000).map(|i| i * SECOND)), &mut findings).unwrap();
        let mut odd = RecordBatch::default();
        let record = PacketRecord { length: 65_000, ttl: 255, tcp_flags: 0x29, ..PacketRecord::zeroed() };
        odd.push(1000, PacketRecord { time_ns: 1001 * SECOND, ..record });
        findings.clear();
        detector.process(&odd, &mut findings).unwrap();
        let alert = &findings.alerts[0];
        assert!(alert.score > alert.threshold);
        assert!(alert.reason.contains("TTL 255 (baseline: always 0)"), "{}", alert.reason);
        assert_eq!(tally.read().anomalies, 1);
    }

    #[test]
    fn one_packet_is_no_baseline_and_the_rest_is_accounted_for() {
        let (mut detector, tally) = detector(Baseline::Packets(1));
        let error =
            detector.process(&batch((0..10).map(|i| i * SECOND)), &mut Findings::default()).unwrap_err();
        assert!(matches!(error, ForestError::TooFewSamples { found: 1 }));
        let ledger = tally.read();
        assert_eq!((ledger.learned, ledger.scored, ledger.discarded), (1, 0, 9));
    }
}
