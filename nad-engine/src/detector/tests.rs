//! How records are cut into batches is an accident of the source, and nothing may depend on it.

use bytemuck::Zeroable;
use nad_common::record::AddressKind;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::{
    condition::Stage,
    context::Tables,
    model::{
        Training,
        trainer::{Growth, TrainerKind},
    },
};

mod sampling;

pub(super) const MILLISECOND: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MILLISECOND;
pub(super) const START: u64 = 1_700_000_000 * SECOND;

/// Seconds of the baseline, of the scan after it, and of everything; a model is trained anew in between.
pub(super) const BASELINE: u64 = 40;
pub(super) const SCAN: u64 = 50;
pub(super) const END: u64 = 80;
const RELEARN_EVERY: u64 = 15;

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;
const PSH_ACK: u8 = 0x18;

/// What a run leaves behind.
#[derive(Debug, PartialEq)]
struct Left {
    scores: Vec<(u64, f64)>,
    alerts: Vec<(u64, String)>,
    incidents: Vec<(&'static str, String)>,
    /// The one in force at the end.
    model: Option<Arc<Model>>,
}

#[test]
fn batches_of_any_length_give_the_same_scores_incidents_and_models() {
    let records = records();
    let whole = run(&records, 4096, 1);
    assert!(whole.scores.len() > 1000, "{}", whole.scores.len());
    assert!(
        whole.incidents.iter().any(|(_, line)| line.contains("shape: PortScan")),
        "{:?}",
        whole.incidents
    );
    let window = whole.model.as_ref().unwrap().window();
    assert!(window.first_ns >= START + BASELINE * SECOND, "it was trained anew on the way: {window:?}");
    for length in [1, 7] {
        let left = run(&records, length, 1);
        assert!(left.model == whole.model, "models in batches of {length}");
        assert_eq!(left.incidents, whole.incidents, "incidents in batches of {length}");
        let other = left.scores.iter().zip(&whole.scores).find(|(one, other)| one != other);
        assert_eq!((left.scores.len(), other), (whole.scores.len(), None), "scores in batches of {length}");
        assert_eq!(left.alerts, whole.alerts, "alerts in batches of {length}");
    }
}

#[test]
fn any_number_of_shards_gives_the_same_scores_incidents_and_models() {
    let records = records();
    let whole = run(&records, 4096, 1);
    for (shards, length) in [(2, 4096), (3, 4096), (8, 700), (16, 4096), (3, 1)] {
        let left = run(&records, length, shards);
        assert!(left.model == whole.model, "models with {shards} shards");
        assert_eq!(left.incidents, whole.incidents, "incidents with {shards} shards");
        let other = left.scores.iter().zip(&whole.scores).find(|(one, other)| one != other);
        assert_eq!((left.scores.len(), other), (whole.scores.len(), None), "scores with {shards} shards");
        assert_eq!(left.alerts, whole.alerts, "alerts with {shards} shards");
    }
}

#[test]
fn packets_without_times_are_shared_as_well() {
    let records: Vec<PacketRecord> =
        records().iter().map(|record| PacketRecord { time_ns: 0, ..*record }).collect();
    let scores = |shards| {
        let options = DetectorOptions { shards, shared_from: 0, ..DetectorOptions::default() };
        let Start::Learn { training, source, .. } = learn(None, 0.01) else { unreachable!() };
        let start = Start::Learn { baseline: BaselineLength::Packets(1000), training, source };
        let mut detector = detector(start, Arc::default(), options);
        let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
        for (number, part) in records.chunks(500).enumerate() {
            batch.clear();
            let index = |place: usize| (500 * number + place) as u64;
            part.iter().enumerate().for_each(|(place, record)| batch.push(index(place), *record));
            detector.process(&batch, &mut findings).unwrap();
        }
        detector.finish(&mut findings);
        findings.scores
    };
    assert!(scores(3) == scores(1));
}

#[test]
fn as_many_packets_are_anomalous_whether_or_not_their_scores_are_wanted() {
    let records = records();
    let anomalies = |extension_level, contamination, wanted| {
        let options = DetectorOptions { wanted, ..DetectorOptions::default() };
        let tally = Arc::new(Tally::default());
        let mut detector = detector(learn(extension_level, contamination), Arc::clone(&tally), options);
        let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
        records.iter().enumerate().for_each(|(index, record)| batch.push(index as u64, *record));
        detector.process(&batch, &mut findings).unwrap();
        (tally.anomalies.load(Relaxed), findings.scores.len(), findings.alerts.len())
    };
    for (extension_level, contamination) in [(None, 0.01), (Some(3), 0.01), (Some(3), 0.3)] {
        let (all, scores, alerts) = anomalies(extension_level, contamination, Wanted::ALL);
        assert!(all > 300 && scores > 1000, "{all} of {scores}");
        assert_eq!(alerts as u64, all);
        let counted = anomalies(extension_level, contamination, Wanted::NOTHING);
        assert_eq!(counted, (all, 0, 0), "level {extension_level:?}, contamination {contamination}");
    }
}

#[test]
fn what_the_detector_lets_others_know_is_what_it_does() {
    let options = DetectorOptions {
        relearn_every: Some(Duration::from_secs(RELEARN_EVERY)),
        ..DetectorOptions::default()
    };
    let tally = Arc::new(Tally::default());
    let mut detector = detector(learn(None, 0.01), Arc::clone(&tally), options);
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    let (mut stages, mut models, mut most_open) = (vec![tally.condition.judging().stage], vec![0], 0);
    for record in &records() {
        batch.clear();
        batch.push(0, *record);
        detector.process(&batch, &mut findings).unwrap();
        let judging = tally.condition.judging();
        let model_ns = detector.model().map_or(0, |model| model.window().last_ns);
        let probability = detector.policy().map_or(0.0, Policy::probability);
        assert_eq!((judging.model_ns, judging.threshold_probability), (model_ns, probability));
        (stages, models) =
            ([stages, vec![judging.stage]].concat(), [models, vec![judging.model_ns]].concat());
        stages.dedup();
        models.dedup();
        most_open = most_open.max(judging.open_incidents);
    }
    assert_eq!(stages, [Stage::Learning, Stage::Detecting]);
    assert!(models.len() > 2 && models.is_sorted(), "one was trained anew: {models:?}");
    assert!(most_open > 0);
    detector.finish(&mut findings);
    assert_eq!(tally.condition.judging().open_incidents, 0);
}

pub(super) fn detector(start: Start, tally: Arc<Tally>, options: DetectorOptions) -> Detector {
    Detector::new(start, Tables::new(&options.sizes).unwrap(), Timeline::capture(), tally, options)
}

pub(super) fn learn(extension_level: Option<usize>, contamination: f64) -> Start {
    let training = Training {
        growth: Growth { trees: 10, ..Growth::default() },
        extension_level,
        trainer: TrainerKind::Seeded,
        contamination,
        without: Vec::new(),
    };
    let baseline = BaselineLength::Time(Duration::from_secs(BASELINE));
    Start::Learn { baseline, training, source: "records".into() }
}

fn run(records: &[PacketRecord], length: usize, shards: usize) -> Left {
    let options = DetectorOptions {
        shards,
        shared_from: 0,
        relearn_every: Some(Duration::from_secs(RELEARN_EVERY)),
        ..DetectorOptions::default()
    };
    let mut detector = detector(learn(None, 0.01), Arc::default(), options);
    let mut left = Left { scores: Vec::new(), alerts: Vec::new(), incidents: Vec::new(), model: None };
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    let mut index = 0;
    for part in records.chunks(length) {
        batch.clear();
        for record in part {
            batch.push(index, *record);
            index += 1;
        }
        findings.clear();
        detector.process(&batch, &mut findings).unwrap();
        left.add(&findings);
    }
    findings.clear();
    detector.finish(&mut findings);
    left.add(&findings);
    left.model = detector.model();
    if let Some(shards) = &detector.shards {
        assert!(shards.handed_out() > 10, "the work was shared");
    }
    left
}

impl Left {
    fn add(&mut self, findings: &Findings) {
        self.scores.extend(&findings.scores);
        self.alerts.extend(findings.alerts.iter().map(|alert| (alert.index, alert.reason.clone())));
        let reported = findings.incidents.iter();
        self.incidents
            .extend(reported.map(|update| (update.change.name(), format!("{:?}", update.incident))));
    }
}

/// Clients of one service, and a scan of it.
pub(super) fn records() -> Vec<PacketRecord> {
    let mut random = SmallRng::seed_from_u64(5);
    let mut records = Vec::new();
    for client in 20..26 {
        let mut at = random.random_range(0..1000) * MILLISECOND;
        while at < END * SECOND {
            let port = random.random_range(40_000..60_000);
            for (step, from_client, flags, payload) in
                [(0, true, SYN, 0), (1, false, 0x12, 0), (2, true, PSH_ACK, 300), (3, false, PSH_ACK, 1448)]
            {
                records.push(segment(
                    at + step * MILLISECOND,
                    client,
                    from_client,
                    (port, 443),
                    flags,
                    payload,
                ));
            }
            at += random.random_range(500..2000) * MILLISECOND;
        }
    }
    for number in 0..300 {
        let at = SCAN * SECOND + u64::from(number) * 20 * MILLISECOND;
        records.push(segment(at, 66, true, (50_000, 1 + number), SYN, 0));
        records.push(segment(at + MILLISECOND / 2, 66, false, (50_000, 1 + number), RST_ACK, 0));
    }
    records.sort_by_key(|record| record.time_ns);
    records
}

/// A segment between a host of 10.0.0.0/24 and the server, whose port is the second.
pub(super) fn segment(
    at: u64,
    host: u8,
    is_from_host: bool,
    ports: (u16, u16),
    flags: u8,
    payload: u16,
) -> PacketRecord {
    let (own, server) = ([10, 0, 0, host], [10, 0, 0, 1]);
    let (ends, ports) =
        if is_from_host { ([own, server], ports) } else { ([server, own], (ports.1, ports.0)) };
    let mut record = PacketRecord {
        time_ns: START + at,
        flags: AddressKind::V4 as u32,
        ether_type: 0x0800,
        protocol: 6,
        ttl: 64,
        length: 54 + u32::from(payload),
        payload_length: payload,
        source_port: ports.0,
        destination_port: ports.1,
        tcp_flags: flags,
        // Both sides begin a connection with its millisecond, so that the next one's number is the one after it.
        tcp_sequence: (at / MILLISECOND) as u32,
        tcp_acknowledgement: (at / MILLISECOND) as u32,
        ..PacketRecord::zeroed()
    };
    record.address_bytes[..8].copy_from_slice(&ends.concat());
    record
}
