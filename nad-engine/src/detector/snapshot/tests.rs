//! A run that is cut in two finds what one finds that is not.

use std::time::Duration;

use nad_common::record::PacketRecord;
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    batch::RecordBatch,
    detector::{
        DetectorOptions, Start,
        tests::{BASELINE, SCAN, SECOND, START, detector, learn, records, segment},
    },
    incident::Change,
    sealed::{CHECKSUM, PREAMBLE},
};

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;

/// What was said of an incident: what happened to it, its name, what it looks like and whose it is.
type Said = (Change, String, &'static str, String);

/// A run, in order.
struct Run {
    said: Vec<Said>,
    snapshot: Option<Box<Snapshot>>,
}

fn options(shards: usize) -> DetectorOptions {
    DetectorOptions {
        shards,
        shared_from: 0,
        relearn_every: None,
        silence: Duration::from_secs(20),
        ..DetectorOptions::default()
    }
}

/// Runs on records, and asks for a snapshot after a moment; `is_killed` where that is the end of it.
fn run(start: Start, records: &[PacketRecord], shards: usize, keep_ns: u64, is_killed: bool) -> Run {
    let mut detector = detector(start, Arc::default(), options(shards));
    let mut run = Run { said: Vec::new(), snapshot: None };
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    for (index, record) in records.iter().enumerate() {
        if record.time_ns >= keep_ns && run.snapshot.is_none() {
            detector.keep();
        }
        batch.clear();
        batch.push(index as u64, *record);
        findings.clear();
        detector.process(&batch, &mut findings).unwrap();
        run.take(&mut findings);
        if is_killed && run.snapshot.is_some() {
            return run;
        }
    }
    detector.keep();
    findings.clear();
    detector.finish(&mut findings);
    run.take(&mut findings);
    run
}

impl Run {
    fn take(&mut self, findings: &mut Findings) {
        let said = |update: &crate::incident::IncidentUpdate| {
            let incident = &update.incident;
            let sources = incident.sources.to_string();
            (update.change, incident.id.clone(), incident.shape.name(), sources)
        };
        self.said.extend(findings.incidents.iter().map(said));
        self.snapshot = findings.snapshot.take().or(self.snapshot.take());
    }

    /// The incidents that there were, each once.
    fn incidents(&self) -> Vec<(&str, &str, &str)> {
        let mut incidents: Vec<_> =
            self.said.iter().map(|(_, id, shape, whose)| (id.as_str(), *shape, whose.as_str())).collect();
        incidents.sort_unstable();
        incidents.dedup();
        incidents
    }
}

fn again(snapshot: &Snapshot) -> Box<Snapshot> {
    Box::new(Snapshot::from_bytes(&snapshot.to_bytes().unwrap()).unwrap())
}

/// The records that come after the second that a snapshot is of.
fn rest(records: &[PacketRecord], snapshot: &Snapshot) -> Vec<PacketRecord> {
    let end_ns = snapshot.taken().sensor_ns;
    records.iter().filter(|record| record.time_ns >= end_ns).copied().collect()
}

#[test]
fn a_run_that_is_cut_in_two_has_the_same_incidents() {
    let records = records();
    let whole = run(learn(None, 0.01), &records, 1, u64::MAX, false);
    assert_eq!(whole.incidents().len(), 1, "{:?}", whole.said);
    for second in [BASELINE + 5, SCAN + 2, SCAN + 15] {
        let first = run(learn(None, 0.01), &records, 1, START + second * SECOND, true);
        let snapshot = first.snapshot.as_ref().unwrap();
        let mut later = run(Start::Resume(again(snapshot)), &rest(&records, snapshot), 1, u64::MAX, false);
        let resumed = later.said.first().map(|(change, ..)| *change);
        let expected = match second {
            _ if second < SCAN => Change::Opened,
            _ if second < SCAN + 6 => Change::Resumed,
            _ => Change::Closed,
        };
        assert_eq!(resumed, Some(expected), "cut at {second} s: {:?}", later.said);
        later.said.extend(first.said.iter().cloned());
        assert_eq!(later.incidents(), whole.incidents(), "cut at {second} s");
    }
}

#[test]
fn what_was_said_to_be_closed_at_the_end_is_said_to_go_on_or_not_mentioned_again() {
    let records = records();
    let until = |second: u64| {
        let records = records.iter().filter(|record| record.time_ns < START + second * SECOND);
        records.copied().collect::<Vec<_>>()
    };
    for (second, expected) in [(SCAN + 3, vec![Change::Resumed, Change::Closed]), (SCAN + 15, vec![])] {
        let first = run(learn(None, 0.01), &until(second), 1, u64::MAX, false);
        assert_eq!(first.said.last().unwrap().0, Change::Closed);
        let snapshot = first.snapshot.as_ref().unwrap();
        let later = run(Start::Resume(again(snapshot)), &rest(&records, snapshot), 1, u64::MAX, false);
        let mut changes: Vec<Change> = later.said.iter().map(|(change, ..)| *change).collect();
        changes.retain(|change| *change != Change::Updated);
        assert_eq!(changes, expected, "ended at {second} s");
        assert!(later.said.iter().all(|said| said.1 == first.said[0].1), "it has the same name");
    }
}

#[test]
fn a_run_without_packets_leaves_what_it_went_on_from() {
    let first = run(learn(None, 0.01), &records(), 1, START + (SCAN + 2) * SECOND, true);
    let later = run(Start::Resume(again(first.snapshot.as_ref().unwrap())), &[], 1, u64::MAX, false);
    assert!(later.snapshot.is_none());
    assert_eq!(later.said.iter().map(|(change, ..)| *change).collect::<Vec<_>>(), [Change::Closed]);
}

#[test]
fn a_snapshot_is_the_same_for_any_number_of_shards_and_after_it_was_read() {
    let records = records();
    let bytes = |shards| {
        let run = run(learn(None, 0.01), &records, shards, START + (SCAN + 3) * SECOND, true);
        run.snapshot.unwrap().to_bytes().unwrap()
    };
    let whole = bytes(1);
    for shards in [2, 3] {
        assert!(bytes(shards) == whole, "{shards} shards");
    }
    let read = Snapshot::from_bytes(&whole).unwrap();
    assert!(read.to_bytes().unwrap() == whole);
    assert_eq!(read.open_incidents(), 1);
    assert!((SCAN..=SCAN + 4).contains(&read.watched().as_secs()), "{:?}", read.watched());
    assert!(read.sizes().known > 10 && read.sizes().sources >= 1, "{:?}", read.sizes());
}

/// A scan of a port each half a minute for three hours, while clients use a service.
fn hours() -> Vec<PacketRecord> {
    let mut records = records();
    records.retain(|record| record.time_ns < START + SCAN * SECOND);
    for round in 0..400_u64 {
        let at = (60 + round * 30) * SECOND;
        let port = 1 + round as u16;
        records.push(segment(at, 66, true, (50_000, port), SYN, 0));
        records.push(segment(at + SECOND / 2, 66, false, (50_000, port), RST_ACK, 0));
        let (own, other) = (40_000 + port, 20 + round as u8 % 6);
        for (step, from_client, flags) in
            [(0, true, SYN), (1, false, 0x12), (2, true, 0x18), (3, false, 0x18)]
        {
            let payload = if step < 2 { 0 } else { 300 };
            records.push(segment(at + step * SECOND / 8, other, from_client, (own, 443), flags, payload));
        }
    }
    records.sort_by_key(|record| record.time_ns);
    records
}

#[test]
fn what_takes_hours_is_found_across_a_restart_as_it_is_without_one() {
    let records = hours();
    let whole = run(learn(None, 0.01), &records, 1, u64::MAX, false);
    let opened = |said: &[Said]| said.iter().filter(|(change, ..)| *change == Change::Opened).count();
    assert_eq!(opened(&whole.said), 1, "{:?}", whole.incidents());
    for minutes in [2, 20, 100] {
        let first = run(learn(None, 0.01), &records, 1, START + minutes * 60 * SECOND, true);
        let snapshot = first.snapshot.as_ref().unwrap();
        let mut later = run(Start::Resume(again(snapshot)), &rest(&records, snapshot), 1, u64::MAX, false);
        later.said.extend(first.said.iter().cloned());
        assert_eq!(opened(&later.said), 1, "cut at {minutes} min: {:?}", later.incidents());
        let of = |run: &Run| {
            run.incidents().iter().map(|(_, shape, whose)| format!("{shape} {whose}")).collect::<Vec<_>>()
        };
        assert_eq!(of(&later), of(&whole), "cut at {minutes} min");
    }
    let first = run(learn(None, 0.01), &records, 1, START + 100 * 60 * SECOND, true);
    let model = Start::Detect(Box::new(first.snapshot.as_ref().unwrap().model().clone()));
    let later = run(model, &rest(&records, first.snapshot.as_ref().unwrap()), 1, u64::MAX, false);
    assert_ne!(later.incidents(), whole.incidents(), "a model alone does not remember it");
}

fn snapshot() -> Vec<u8> {
    let run = run(learn(None, 0.01), &records(), 1, START + (SCAN + 3) * SECOND, true);
    run.snapshot.unwrap().to_bytes().unwrap()
}

#[test]
fn a_changed_byte_and_a_cut_are_refused_with_the_reason() {
    let bytes = snapshot();
    for at in (0..bytes.len()).step_by(bytes.len() / 300).chain(0..PREAMBLE) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        let error = Snapshot::from_bytes(&damaged).unwrap_err();
        assert!(at < PREAMBLE || error == "its checksum is wrong, so it is damaged", "byte {at}: {error}");
    }
    for length in (0..bytes.len()).step_by(bytes.len() / 100).chain(0..=PREAMBLE) {
        assert!(Snapshot::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut other = bytes.clone();
    other[8] = 99;
    let error = Snapshot::from_bytes(&other).unwrap_err();
    assert!(error.contains("it is of version 99") && error.contains("learnt anew"), "{error}");
}

#[test]
fn a_changed_byte_under_a_right_checksum_is_refused_or_does_no_harm() {
    let whole = snapshot();
    let read = Snapshot::from_bytes(&whole).unwrap();
    let records = rest(&records(), &read);
    let records: Vec<_> =
        records.into_iter().filter(|record| record.time_ns < START + (SCAN + 8) * SECOND).collect();
    let model = read.model.to_bytes_without_known().unwrap().len();
    // The model's bytes come last, and have tests of their own.
    let end = whole.len() - CHECKSUM - model;
    let (mut refused, mut taken) = (0, 0);
    for at in (PREAMBLE..end).step_by((end - PREAMBLE) / 400) {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x41, 0x80, 0xff][at % 4];
        let content = bytes.len() - CHECKSUM;
        let checksum = Sha256::digest(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum);
        match Snapshot::from_bytes(&bytes) {
            Err(reason) => {
                assert!(!reason.contains('\n') && reason.len() < 300, "{reason}");
                refused += 1;
            }
            Ok(snapshot) if taken % 8 == 0 => {
                taken += 1;
                run(Start::Resume(Box::new(snapshot)), &records, 1, u64::MAX, false);
            }
            Ok(_) => taken += 1,
        }
    }
    assert!(refused > 20 && taken > 20, "{refused} refused, {taken} taken");
}

#[test]
fn another_layout_is_another_version() {
    let layout: Vec<usize> = crate::incident::SubjectState::sizes().collect();
    // Where this fails, what is kept has changed: raise the version in `bytes.rs`.
    assert_eq!(layout, [320, 1152, 1152, 248, 1152, 520, 200, 1312, 32]);
}
