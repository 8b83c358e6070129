//! Full rings, rings that go round, and rings of several CPUs.

use nad::source::xdp::XdpOptions;
use nad_common::record::{Direction, LONG_RECORD, PacketRecord, SHORT_RECORD};

use crate::{
    bench::{Bench, LOOPBACK, Pinned, cpus},
    frames::cases,
    userspace,
};

/// The smallest ring that there is.
const RING_BYTES: u32 = 4096;
const HEADER: usize = 8;

/// Records of one length that a ring has room for: the kernel leaves at least one byte free.
const fn room(record: usize) -> u64 {
    (RING_BYTES as u64 - 1) / (record + HEADER) as u64
}

fn small() -> Bench {
    Bench::with(XdpOptions { ring_bytes: RING_BYTES, test_clock: true, ..XdpOptions::default() })
}

/// One frame whose record is short, and one whose record is long.
fn frames() -> [Vec<u8>; 2] {
    [SHORT_RECORD, LONG_RECORD].map(|length| {
        let is_it = |record: &PacketRecord| record.wire_length() == length;
        let case = cases().into_iter().find(|case| case.expected.outcome().is_ok_and(is_it));
        case.expect("the table has both").frame
    })
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_a_full_ring_has_no_room_for_is_counted() {
    let _pinned = Pinned::anywhere();
    let mut bench = small();
    for (frame, length) in frames().iter().zip([SHORT_RECORD, LONG_RECORD]) {
        // Twice: a ring that was full and drained is as good as before.
        for _ in 0..2 {
            bench.repeat(frame, 100, &[]);
            let counted = bench.counted();
            assert_eq!((counted.seen, counted.recorded), (100, room(length)));
            assert_eq!(
                counted.seen,
                counted.recorded + counted.sampled_out + counted.ring_full + counted.unparsed_total()
            );
            let records = bench.drain();
            let expected = userspace::parse(frame, Direction::Ingress, 0, LOOPBACK).unwrap();
            assert_eq!(records, vec![expected; room(length) as usize]);
        }
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn records_stay_whole_and_in_order_while_the_ring_goes_round() {
    let _pinned = Pinned::anywhere();
    let mut bench = small();
    let frames = frames();
    let mut bytes = 0;
    let mut expected = Vec::new();
    for round in 0..150_usize {
        // Never more than there is room for, and never as many as the last time, so that records lie across
        // the ring's end at every place where they can.
        for number in 0..1 + round % 29 {
            let frame = &frames[(round + number) % 2];
            let time_ns = (round << 32 | number) as u64;
            bench.source.set_test_clock(time_ns).unwrap();
            bench.repeat(frame, 1, &[]);
            let record = userspace::parse(frame, Direction::Ingress, time_ns, LOOPBACK).unwrap();
            bytes += record.wire_length() + HEADER;
            expected.push(record);
        }
        assert_eq!(bench.drain(), expected, "round {round}");
        expected.clear();
    }
    let counted = bench.counted();
    assert_eq!((counted.ring_full, counted.unparsed_total()), (0, 0));
    assert_eq!(counted.seen, counted.recorded);
    assert!(bytes > 30 * RING_BYTES as usize, "{bytes} bytes");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn every_cpu_has_a_ring_and_counters_of_its_own() {
    let mut bench = small();
    let [frame, _] = frames();
    let cpus = cpus();
    for cpu in &cpus {
        let _pinned = Pinned::to(*cpu);
        bench.source.set_test_clock(*cpu as u64).unwrap();
        bench.repeat(&frame, 100, &[]);
    }
    let counted = bench.counted();
    let count = cpus.len() as u64;
    assert_eq!((counted.seen, counted.recorded), (100 * count, room(SHORT_RECORD) * count));
    assert_eq!(counted.ring_full, counted.seen - counted.recorded);
    let records = bench.drain();
    for cpu in cpus {
        let own = records.iter().filter(|record| record.time_ns == cpu as u64).count();
        assert_eq!(own as u64, room(SHORT_RECORD), "CPU {cpu}");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn both_programs_of_a_cpu_share_its_ring_and_add_up() {
    let _pinned = Pinned::anywhere();
    let mut bench = small();
    let [frame, _] = frames();
    for direction in [Direction::Egress, Direction::Ingress, Direction::Egress] {
        bench.direction = direction;
        bench.repeat(&frame, 30, &[]);
    }
    let counted = bench.counted();
    assert_eq!((counted.seen, counted.egress, counted.recorded), (90, 60, room(SHORT_RECORD)));
    assert_eq!(counted.ring_full, counted.seen - counted.recorded);
    let sent: Vec<_> = bench.drain().iter().map(|record| record.direction() == Direction::Egress).collect();
    let expected: Vec<_> = (0..room(SHORT_RECORD)).map(|number| !(30..60).contains(&number)).collect();
    assert_eq!(sent, expected);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_impossible_ring_size_is_refused_with_the_possible_ones() {
    for bytes in [0, 2048, 4097, 5000, (1 << 30) + 1, 1 << 31] {
        let options = XdpOptions { ring_bytes: bytes, ..XdpOptions::default() };
        let error = nad::source::xdp::XdpSource::load(&options).err().expect("not usable").to_string();
        assert!(error.contains(&bytes.to_string()) && error.contains("power of two from 4096"), "{error}");
    }
}
