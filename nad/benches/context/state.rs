//! What it costs to keep full tables for the next start: the detector's thread copies them at a second's end, another one puts
//! them into bytes.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use bytemuck::Zeroable;
use criterion::Criterion;
use nad_common::record::{AddressKind, PacketRecord};
use nad_engine::{
    batch::RecordBatch,
    context::{Sizes, Tables},
    detector::{Detector, DetectorOptions, Findings, Snapshot, Start},
    model::example,
    time::Timeline,
};

use crate::SECOND;

const FIRST: u64 = 1_700_000_000 * SECOND;
/// Hosts that use services, and hosts that try what is closed: each more than there is room for.
const USERS: u32 = 48_000;
const TRYING: u32 = 10_000;
const TRIES: u16 = 24;

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const RST_ACK: u8 = 0x14;

pub(super) fn state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state of full tables");
    let mut full = None;
    group.bench_function("copied at a second's end", |bencher| {
        let full = full.get_or_insert_with(Full::new);
        bencher.iter_custom(|times| (0..times).map(|_| full.copy().1).sum());
    });
    let mut snapshot = None;
    group.bench_function("put into bytes", |bencher| {
        let snapshot = snapshot.get_or_insert_with(|| Full::new().copy().0);
        bencher.iter(|| black_box(snapshot.to_bytes().expect("it can be put into bytes")));
    });
    let mut bytes = None;
    group.bench_function("read and checked", |bencher| {
        let bytes = bytes.get_or_insert_with(|| {
            let snapshot = Full::new().copy().0;
            let bytes = snapshot.to_bytes().expect("it can be put into bytes");
            println!("{:?} in {} bytes", snapshot.sizes(), bytes.len());
            bytes
        });
        bencher.iter(|| black_box(Snapshot::from_bytes(bytes).expect("it is whole")));
    });
}

/// A detector whose tables are full.
struct Full {
    detector: Detector,
    findings: Findings,
    now_ns: u64,
}

impl Full {
    fn new() -> Self {
        let options = DetectorOptions { relearn_every: None, ..DetectorOptions::default() };
        let tables = Tables::new(&Sizes::default()).expect("there is memory for them");
        let start = Start::Detect(Box::new(example::model(None)));
        let detector = Detector::new(start, tables, Timeline::capture(), Arc::default(), options);
        let mut full = Self { detector, findings: Findings::default(), now_ns: FIRST };
        for number in 0..USERS {
            let ends = (host(10, number), host(11, number));
            let port = if number % 4 == 0 { 22 } else { 8000 + (number % 2000) as u16 };
            full.send(ends, (40_000, port), [SYN, SYN_ACK, ACK]);
        }
        for port in 0..TRIES {
            for number in 0..TRYING {
                let ends = (host(12, number), host(13, number % 97));
                full.send(ends, (50_000, 20_000 + port), [SYN, RST_ACK, 0]);
            }
        }
        full
    }

    /// Sends what begins a connection, from either side in turn, each tenth of a millisecond.
    fn send(&mut self, ends: ([u8; 4], [u8; 4]), ports: (u16, u16), flags: [u8; 3]) {
        let mut batch = RecordBatch::default();
        for (place, flags) in flags.into_iter().enumerate().filter(|(_, flags)| *flags != 0) {
            let ((source, target), ports) =
                if place % 2 == 0 { (ends, ports) } else { ((ends.1, ends.0), (ports.1, ports.0)) };
            let mut record = PacketRecord {
                time_ns: self.now_ns,
                flags: AddressKind::V4 as u32,
                ether_type: 0x0800,
                protocol: 6,
                ttl: 64,
                length: 60,
                source_mac: [2, source[0], 0, source[1], source[2], source[3]],
                source_port: ports.0,
                destination_port: ports.1,
                tcp_flags: flags,
                tcp_sequence: place as u32,
                tcp_acknowledgement: 1,
                ..PacketRecord::zeroed()
            };
            record.address_bytes[..8].copy_from_slice(&[source, target].concat());
            batch.push(0, record);
            self.now_ns += SECOND / 5_000;
        }
        self.findings.clear();
        self.detector.process(&batch, &mut self.findings).expect("there is a model");
    }

    /// A snapshot, and how much longer a second's end takes with it than the next one's without.
    fn copy(&mut self) -> (Box<Snapshot>, Duration) {
        let mut end = |is_kept: bool| {
            // What is left of the second before is not measured.
            for _ in 0..2 {
                self.now_ns += SECOND;
                self.send((host(10, 1), host(11, 1)), (40_000, 22), [SYN, 0, 0]);
            }
            if is_kept {
                self.detector.keep();
            }
            self.now_ns += SECOND;
            let begun = Instant::now();
            self.send((host(10, 1), host(11, 1)), (40_000, 22), [SYN, 0, 0]);
            (self.findings.snapshot.take(), begun.elapsed())
        };
        let (snapshot, with) = end(true);
        let (_, without) = end(false);
        (snapshot.expect("it was asked for"), with.saturating_sub(without))
    }
}

fn host(network: u8, number: u32) -> [u8; 4] {
    let [_, a, b, c] = number.to_be_bytes();
    [network, a, b, c]
}
