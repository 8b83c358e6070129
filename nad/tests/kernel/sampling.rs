//! What the kernel programs leave out is what the same code leaves out in userspace, and the ledger balances.

use nad::source::xdp::XdpOptions;
use nad_common::{
    record::Direction,
    sampling::{PLACES, Place, Sampling, Table, WINDOW_SHIFT, Whole, admit},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    bench::{Bench, LOOPBACK, Pinned},
    userspace,
};

const SEED: u64 = 20_261;
const PACKETS: usize = 4000;

/// Tight enough that every way of leaving a packet out is taken.
const TIGHT: Sampling = Sampling {
    seed: 99,
    level: 3,
    first: 2,
    every: 8,
    flow: 3,
    service: 4,
    host: 12,
    sender: 2,
    flows: 20,
    beginnings: 20,
    senders: 3,
};

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_kernel_leaves_out_what_userspace_would() {
    for direction in Direction::ALL {
        for (level, every) in [(1, 8), (2, u32::MAX), (3, u32::MAX)] {
            compare(direction, Sampling { level, every, ..TIGHT }, XdpOptions::default().ring_bytes);
        }
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn counts_whose_record_finds_the_ring_full_are_told_later() {
    for direction in Direction::ALL {
        let lost = compare(direction, TIGHT, 4096);
        assert!(lost > 100, "the ring was full {lost} times");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn at_level_0_every_packet_is_recorded_also_after_others_were_left_out() {
    let _pinned = Pinned::anywhere();
    let mut bench = Bench::new();
    let mut random = SmallRng::seed_from_u64(SEED);
    for (level, whole) in [(0, true), (2, false), (0, true)] {
        bench.source.set_sampling(Sampling { level, ..TIGHT }).unwrap();
        for _ in 0..500 {
            bench.repeat(&frame(&mut random), 1, &[]);
        }
        let counted = bench.counted();
        assert_eq!((counted.seen, counted.ring_full), (500, 0));
        assert_eq!(counted.seen, counted.recorded + counted.sampled_out);
        assert_eq!(counted.sampled_out == 0, whole, "level {level}: {counted:?}");
        let records = bench.drain();
        assert!(records.iter().all(|record| u32::from(record.level()) == level));
        assert!(!whole || records.iter().all(|record| record.sampled_out().is_none()));
    }
}

/// Shows random packets to both and compares what becomes of each; how often the ring was full.
fn compare(direction: Direction, settings: Sampling, ring_bytes: u32) -> u64 {
    let _pinned = Pinned::anywhere();
    let mut bench = Bench::with(XdpOptions { ring_bytes, test_clock: true, ..XdpOptions::default() });
    bench.direction = direction;
    bench.source.set_sampling(settings).expect("the kernel takes it");
    let mut random = SmallRng::seed_from_u64(SEED);
    let mut places = Places(vec![Place::default(); PLACES as usize]);
    let mut whole = Whole::default();
    let (mut expected, mut records) = (Vec::new(), Vec::new());
    let (mut sampled_out, mut lost, mut lost_counts) = (0, 0, 0);
    let mut time_ns = 1 << 40;
    for number in 0..PACKETS {
        time_ns += random.random_range(0..(1 << WINDOW_SHIFT) / 50);
        bench.source.set_test_clock(time_ns).expect("the clock can be set");
        let frame = frame(&mut random);
        bench.repeat(&frame, 1, &[]);
        let counted = bench.counted();
        assert_eq!(counted.seen, counted.recorded + counted.sampled_out + counted.ring_full, "{counted:?}");

        let mut record = userspace::parse(&frame, direction, time_ns, LOOPBACK).expect("it has a record");
        let is_admitted = admit(&settings, &mut places, &mut whole, &mut record);
        assert_eq!(is_admitted, counted.sampled_out == 0, "packet {number}: {record:?}");
        sampled_out += counted.sampled_out;
        if counted.ring_full > 0 {
            lost += 1;
            lost_counts += u64::from(record.sampled_out_packets);
            whole.take_back(&record);
        }
        if counted.recorded > 0 {
            expected.push(record);
        }
        if number % 200 == 0 {
            records.extend(bench.drain());
        }
    }
    records.extend(bench.drain());
    assert!(records == expected, "what the records say, and what travels with them");
    let attributed: u64 = records.iter().map(|record| u64::from(record.sampled_out_packets)).sum();
    let unattributed: u64 =
        places.0.iter().map(|place| place.unattributed().0).sum::<u64>() + whole.unattributed().0;
    assert_eq!(sampled_out, attributed + unattributed);
    assert!(
        sampled_out > PACKETS as u64 / 10 && attributed > unattributed,
        "{sampled_out}, {attributed} attributed, {unattributed} not"
    );
    assert_eq!(lost == 0, lost_counts == 0, "{lost} records were lost, with counts of {lost_counts}");
    println!(
        "{direction:?}, level {}: {} recorded, {sampled_out} sampled_out ({unattributed} unattributed), {lost} lost",
        settings.level,
        records.len()
    );
    lost
}

/// The kernel's table in userspace.
struct Places(Vec<Place>);

impl Table for Places {
    fn place(&mut self, index: u32) -> Option<&mut Place> {
        self.0.get_mut(index as usize)
    }
}

/// A few busy flows, a flood from forged sources, a scan, name servers, IPv6 and ARP.
fn frame(random: &mut SmallRng) -> Vec<u8> {
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    let client = random.random_range(1..4);
    let any: u16 = random.random();
    match random.random_range(0..100) {
        0..30 => ipv4([10, 0, 0, client], [10, 0, 0, 9], TCP, &tcp(40_000, 443, 0x10)),
        30..35 => ipv4([10, 0, 0, client], [10, 0, 0, 9], TCP, &tcp(40_000, 443, 0x11)),
        35..65 => ipv4(random.random(), [10, 0, 0, 9], TCP, &tcp(any, 80, 2)),
        65..75 => ipv4([10, 0, 0, 9], random.random(), TCP, &tcp(80, any, 0x12)),
        75..80 => ipv4([10, 0, 0, 66], [10, 0, 0, 9], TCP, &tcp(50_000, any, 2)),
        80..90 => ipv4(random.random(), [10, 0, 0, client], UDP, &udp(any, any)),
        90..95 => ipv6(client, &udp(5353, 40_000)),
        _ => arp(client),
    }
}

fn ethernet(ether_type: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ether_type, payload].concat()
}

fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let header = [0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, protocol, 0, 0];
    ethernet([8, 0], &[&header[..], &source, &destination, payload].concat())
}

fn ipv6(client: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0, 0, payload.len() as u8, 17, 64];
    for last in [client, 9] {
        header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    ethernet([0x86, 0xdd], &[&header[..], payload].concat())
}

fn arp(last: u8) -> Vec<u8> {
    let header = [0, 1, 8, 0, 6, 4, 0, 1];
    ethernet(
        [8, 6],
        &[&header[..], &[2, 0, 0, 0, 0, 2, 10, 0, 0, last, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9]].concat(),
    )
}

fn tcp(source: u16, destination: u16, flags: u8) -> Vec<u8> {
    let ports = [source, destination].map(u16::to_be_bytes).concat();
    [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]].concat()
}

fn udp(source: u16, destination: u16) -> Vec<u8> {
    [source, destination, 8, 0].map(u16::to_be_bytes).concat()
}
