//! Records to incidents: whatever comes in, every record is accounted for, every number is finite, and neither where
//! batches end nor how many threads share the work decides anything.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use nad::format::{AlertFormat, native};
use nad_common::{counters::KernelCounters, record::PacketRecord};
use nad_engine::{
    batch::{BATCH_RECORDS, RecordBatch},
    context::{Sizes, Tables},
    detector::Event,
    detector::{BaselineLength, Detector, DetectorOptions, Findings, Snapshot, Start},
    ledger::Tally,
    model::{
        Model, Training,
        trainer::{Growth, TrainerKind},
    },
    time::Timeline,
};

use crate::traffic::{self, Bytes, Step};

/// Incidents that may be open at once: docs/limits.md.
const MOST_OPEN: u64 = 256;
/// Alerts and incidents of one run that are written in every format: those of one input are alike, and reading all of them back
/// would take most of the time.
const MOST_WRITTEN: usize = 64;
const FORMATS: [AlertFormat; 4] =
    [AlertFormat::Native, AlertFormat::Eve, AlertFormat::Ecs, AlertFormat::Ocsf];

const LEARN: u8 = 1;
const RELEARN: u8 = 2;
const EXTENDED: u8 = 4;
const CUT_ANYWHERE: u8 = 8;
const SHARE: u8 = 16;

pub(crate) fn run(input: &[u8]) {
    let mut bytes = Bytes(input);
    let how = bytes.u8();
    let steps = traffic::steps(&mut bytes);
    let records: Vec<PacketRecord> = steps
        .iter()
        .filter_map(|step| if let Step::Packet(record) = step { Some(*record) } else { None })
        .collect();
    let whole = judge(how, 1, records.chunks(BATCH_RECORDS));
    if how & SHARE != 0 {
        assert!(
            judge(how, 3, records.chunks(BATCH_RECORDS)) == whole,
            "how many threads share the work decides nothing"
        );
    }
    if how & CUT_ANYWHERE != 0 {
        let mut parts = vec![Vec::new()];
        for step in steps {
            match step {
                Step::Packet(record) => parts.last_mut().expect("there is one").push(record),
                Step::Cut => parts.push(Vec::new()),
            }
        }
        let parts = parts.iter().flat_map(|part| part.chunks(BATCH_RECORDS));
        assert!(judge(how, 1, parts) == whole, "where batches end decides nothing");
    }
}

/// What a detector has said.
#[derive(Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) scores: Vec<(u64, f64)>,
    pub(crate) alerts: Vec<String>,
    pub(crate) incidents: Vec<String>,
}

fn judge<'a>(how: u8, shards: usize, batches: impl Iterator<Item = &'a [PacketRecord]>) -> Said {
    let start = if how & LEARN != 0 {
        learn(Duration::from_secs(10), how & EXTENDED != 0)
    } else {
        start(how & EXTENDED != 0)
    };
    detect(start, how & RELEARN != 0, shards, batches)
}

/// Lets a detector judge, and holds it to what always holds.
pub(crate) fn detect<'a>(
    start: Start,
    relearns: bool,
    shards: usize,
    batches: impl Iterator<Item = &'a [PacketRecord]>,
) -> Said {
    let options = DetectorOptions {
        // As small as to be full soon.
        sizes: Sizes { flows: 256, ..Sizes::all(64) },
        relearn_every: relearns.then_some(Duration::from_secs(20)),
        shards,
        shared_from: 0,
        ..DetectorOptions::default()
    };
    let tally = Arc::new(Tally::default());
    let tables = Tables::new(&options.sizes).expect("small tables");
    let mut detector = Detector::new(start, tables, Timeline::capture(), Arc::clone(&tally), options);
    let (mut batch, mut findings, mut said) = (RecordBatch::default(), Findings::default(), Said::default());
    let mut count = 0;
    // Several threads may give what they find of a batch later.
    let most = |batch: &RecordBatch| if shards == 1 { batch.len() } else { usize::MAX };
    for records in batches {
        batch.clear();
        for record in records {
            batch.push(count, *record);
            count += 1;
        }
        findings.clear();
        // A baseline of nothing but hostile or equal packets may be no baseline; then the rest is counted as discarded.
        let _ = detector.process(&batch, &mut findings);
        said.take(&findings, most(&batch));
        assert_eq!(tally.judged(), count, "every record is judged by the end of its batch");
        let open = tally.condition.judging().open_incidents;
        assert!(open <= MOST_OPEN, "{open} open incidents");
    }
    findings.clear();
    let _ = detector.finish_learning(&mut findings);
    detector.finish(&mut findings);
    said.take(&findings, most(&RecordBatch::none()));
    let source = KernelCounters { seen: count, recorded: count, ..KernelCounters::default() };
    tally.drained.store(count, std::sync::atomic::Ordering::Relaxed);
    let ledger = tally.read().with_source(source);
    assert!(ledger.balances(), "{ledger}");
    assert_eq!(tally.condition.judging().open_incidents, 0, "every incident is closed at the end");
    said
}

impl Said {
    fn take(&mut self, findings: &Findings, records: usize) {
        assert!(findings.scores.len() <= records, "{} scores of {records} records", findings.scores.len());
        assert!(findings.alerts.len() <= records);
        for (index, score) in &findings.scores {
            assert!((0.0..=1.0).contains(score), "packet {index} has a score of {score}");
        }
        for alert in &findings.alerts {
            assert!((0.0..=1.0).contains(&alert.score) && alert.threshold.is_finite(), "{alert:?}");
            if self.alerts.len() < MOST_WRITTEN {
                FORMATS.iter().for_each(|format| is_json(&format.alert(alert)));
            }
            self.alerts.push(native::alert(alert));
        }
        for update in &findings.incidents {
            let incident = &update.incident;
            let numbers = [incident.peak_score, incident.score, incident.probability, incident.threshold];
            assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)), "{incident:?}");
            assert!(incident.start_ns <= incident.end_ns && !incident.reason.is_empty(), "{incident:?}");
            if self.incidents.len() < MOST_WRITTEN {
                FORMATS.iter().for_each(|format| is_json(&format.incident(incident, Some(update.change))));
            }
            self.incidents.push(format!("{} {}", update.change.name(), native::incident(incident)));
        }
        self.scores.extend(&findings.scores);
    }
}

fn is_json(line: &str) {
    assert!(!line.contains('\n'), "{line}");
    let value: Result<serde_json::Value, _> = serde_json::from_str(line);
    assert!(value.is_ok_and(|value| value.is_object()), "no object of JSON: {line}");
}

/// A baseline to learn.
fn learn(length: Duration, is_extended: bool) -> Start {
    let training = Training {
        growth: Growth { trees: 4, samples_per_tree: 32, ..Growth::default() },
        extension_level: is_extended.then_some(3),
        trainer: TrainerKind::Seeded,
        contamination: 0.05,
        without: Vec::new(),
    };
    Start::Learn { baseline: BaselineLength::Time(length), training, source: "records".into() }
}

/// A model of ordinary traffic.
fn start(is_extended: bool) -> Start {
    static MODELS: [OnceLock<Model>; 2] = [const { OnceLock::new() }; 2];
    let model = MODELS[usize::from(is_extended)].get_or_init(|| model(is_extended));
    Start::Detect(Box::new(model.clone()))
}

/// Trains a small one.
pub(crate) fn model(is_extended: bool) -> Model {
    let options = DetectorOptions { relearn_every: None, ..DetectorOptions::default() };
    let sizes = Sizes { flows: 256, ..Sizes::all(64) };
    let tables = Tables::new(&sizes).expect("small tables");
    let start = learn(Duration::from_secs(25), is_extended);
    let mut detector = Detector::new(start, tables, Timeline::capture(), Arc::default(), options);
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    for records in traffic::ordinary(1000).chunks(BATCH_RECORDS) {
        batch.clear();
        records.iter().for_each(|record| batch.push(0, *record));
        detector.process(&batch, &mut findings).expect("ordinary traffic is a baseline");
    }
    let model = detector.model().expect("40 seconds are more than 25");
    Model::clone(&model)
}

/// What a detector knows after a scan of 20 seconds.
pub(crate) fn snapshot() -> Snapshot {
    let scan = traffic::scan(traffic::START + 10 * traffic::SECOND, 400);
    let mut records = [traffic::ordinary(500), scan].concat();
    records.sort_by_key(|record| record.time_ns);
    let sizes = Sizes { flows: 256, ..Sizes::all(64) };
    let tables = Tables::new(&sizes).expect("small tables");
    let options = DetectorOptions::default();
    let mut detector = Detector::new(start(false), tables, Timeline::capture(), Arc::default(), options);
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    records.iter().for_each(|record| batch.push(0, *record));
    detector.process(&batch, &mut findings).expect("there is a model");
    detector.keep();
    detector.finish(&mut findings);
    *findings.snapshot.expect("there is a model")
}

/// What outputs get of a scan.
pub(crate) fn events() -> Vec<Event> {
    let scan = traffic::scan(traffic::START + 10 * traffic::SECOND, 2000);
    let mut records = [traffic::ordinary(750), scan].concat();
    records.sort_by_key(|record| record.time_ns);
    let options = DetectorOptions::default();
    let sizes = Sizes { flows: 256, ..Sizes::all(64) };
    let tables = Tables::new(&sizes).expect("small tables");
    let mut detector = Detector::new(start(false), tables, Timeline::capture(), Arc::default(), options);
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    let mut events = Vec::new();
    for records in records.chunks(BATCH_RECORDS) {
        batch.clear();
        records.iter().for_each(|record| batch.push(0, *record));
        detector.process(&batch, &mut findings).expect("there is a model");
        events.extend(findings.take_events());
    }
    detector.finish(&mut findings);
    events.extend(findings.take_events());
    assert!(events.iter().any(|event| matches!(event, Event::Incident(_))), "a scan is an incident");
    events
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    // A service, a scan of ports and of hosts, a flood of forged sources, an ARP answer, DNS, jumps of the clock.
    let talk = [0x21, 8, 0, 2, 0, 100, 100, 160, 200, 0];
    let lines: [&[u8]; 7] = [
        &talk,
        &[0x51, 8, 0, 2, 0, 130, 255, 4, 40, 180, 20],
        &[0x61, 8, 0, 2, 0, 140, 255, 5, 20, 180, 20],
        &[0x71, 8, 0, 2, 0, 150, 255, 2, 1, 180, 9],
        &[0x12, 8, 64, 1, 0, 180, 3],
        &[0x13, 1, 36, 2, 200, 160, 50, 0],
        &[
            0x13, 1, 2, 2, 9, 195, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x21, 8, 0, 2, 0, 195, 255, 255, 255, 255, 255,
            255, 255, 255,
        ],
    ];
    let mut seeds = Vec::new();
    for how in 0..32_u8 {
        let mut seed = vec![how];
        for (number, line) in lines.iter().enumerate() {
            for _ in 0..4 {
                seed.push(number as u8);
                seed.extend(*line);
                seed.push(255);
            }
        }
        seeds.push((format!("all-{how}"), seed));
    }
    for (number, line) in lines.iter().enumerate() {
        let mut seed = vec![8 + number as u8 % 2];
        (0..20).for_each(|_| {
            seed.push(1);
            seed.extend(*line);
        });
        seeds.push((format!("line-{number}"), seed));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_scored_and_a_scan_is_an_incident() {
        let mut scores = 0;
        for (_, seed) in seeds() {
            let mut bytes = Bytes(&seed);
            let how = bytes.u8();
            let steps = traffic::steps(&mut bytes);
            let packet = |step| if let Step::Packet(record) = step { Some(record) } else { None };
            let records: Vec<PacketRecord> = steps.into_iter().filter_map(packet).collect();
            scores += judge(how, 1, records.chunks(BATCH_RECORDS)).scores.len();
        }
        assert!(scores > 10_000, "{scores} scores");
        assert!(events().iter().any(|event| matches!(event, Event::Incident(_))));
    }
}
