//! What is sampled out under load, and that nothing of it gets lost.

use nad_common::{
    record::{LONG_RECORD, PacketRecord, flag},
    sampling::{PLACES, Place, SampledOut, Sampling, Scope, Table, WINDOW_SHIFT, Whole, admit},
};
use proptest::{collection::vec, prelude::*};

const WINDOW_NS: u64 = 1 << WINDOW_SHIFT;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 1;

/// One record a flow and window, after its first two packets.
const STRICT: Sampling = Sampling {
    seed: 7,
    level: 2,
    first: 2,
    every: u32::MAX,
    flow: 1,
    service: 8,
    host: 32,
    sender: 4,
    flows: 64,
    beginnings: 64,
    senders: 8,
};

/// A CPU's table.
struct Places(Vec<Place>);

impl Table for Places {
    fn place(&mut self, index: u32) -> Option<&mut Place> {
        self.0.get_mut(index as usize)
    }
}

/// A CPU that samples, and what came of the packets that it was shown.
struct Cpu {
    settings: Sampling,
    places: Places,
    whole: Whole,
    seen: (u64, u64),
    attributed: (u64, u64),
}

impl Cpu {
    fn new(settings: Sampling) -> Self {
        let places = Places(vec![Place::default(); PLACES as usize]);
        Self { settings, places, whole: Whole::default(), seen: (0, 0), attributed: (0, 0) }
    }

    /// The record, where it is made.
    fn show(&mut self, packet: PacketRecord) -> Option<PacketRecord> {
        self.show_with(packet, true)
    }

    /// The same where the ring may be full.
    fn show_with(&mut self, mut packet: PacketRecord, has_room: bool) -> Option<PacketRecord> {
        add(&mut self.seen, 1, packet.length.into());
        if !admit(&self.settings, &mut self.places, &mut self.whole, &mut packet) {
            return None;
        }
        if !has_room {
            self.whole.take_back(&packet);
            add(&mut self.attributed, 1, packet.length.into());
            return None;
        }
        assert_eq!(u32::from(packet.level()), self.settings.level);
        add(&mut self.attributed, 1 + u64::from(packet.sampled_out_packets), u64::from(packet.length));
        self.attributed.1 += u64::from(packet.sampled_out_bytes);
        Some(packet)
    }

    /// Packets and bytes: what came was recorded, is attributed, was lost for want of room, or still waits.
    #[track_caller]
    fn balances(&self) {
        let mut sum = self.attributed;
        let whole = self.whole.unattributed();
        add(&mut sum, whole.0, whole.1);
        for place in &self.places.0 {
            let (packets, bytes) = place.unattributed();
            add(&mut sum, packets, bytes);
        }
        assert_eq!(sum, self.seen);
    }
}

fn add(sum: &mut (u64, u64), packets: u64, bytes: u64) {
    sum.0 += packets;
    sum.1 += bytes;
}

fn packet(window: u64, source: u32, destination: u32, ports: (u16, u16), protocol: u8) -> PacketRecord {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    record.time_ns = window * WINDOW_NS;
    record.length = 60;
    record.flags = 1;
    record.protocol = protocol;
    (record.source_port, record.destination_port) = ports;
    record.address_bytes[..4].copy_from_slice(&source.to_be_bytes());
    record.address_bytes[4..8].copy_from_slice(&destination.to_be_bytes());
    record
}

fn tcp(window: u64, source: u32, destination: u32, ports: (u16, u16), flags: u8) -> PacketRecord {
    PacketRecord { tcp_flags: flags, ..packet(window, source, destination, ports, TCP) }
}

const VICTIM: u32 = 0x0a00_0001;
const CLIENT: u32 = 0x0a00_0002;
const SCANNER: u32 = 0x0a00_0003;

/// An address that was never used before.
fn forged(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1) | 0x4000_0000
}

#[test]
fn a_flow_is_recorded_for_its_first_packets_and_then_once_a_window_with_the_rest_beside() {
    let mut cpu = Cpu::new(STRICT);
    let data = |window| tcp(window, CLIENT, VICTIM, (40_000, 443), ACK);
    let recorded: Vec<_> = (0..100).map(|_| cpu.show(data(10)).is_some()).collect();
    assert_eq!(recorded.iter().filter(|is| **is).count(), 2, "{recorded:?}");
    assert!(recorded[0] && recorded[1]);
    let next = cpu.show(data(11)).expect("the first one in a window");
    assert_eq!(next.sampled_out(), Some(SampledOut { scope: Scope::Flow, packets: 98, bytes: 98 * 60 }));
    assert_eq!(cpu.show(data(11)), None);
    cpu.balances();
}

#[test]
fn a_tail_is_recorded_every_so_many_packets_within_the_flows_budget() {
    let mut cpu = Cpu::new(Sampling { level: 1, every: 16, flow: 4, ..STRICT });
    let data = |window| tcp(window, CLIENT, VICTIM, (40_000, 443), ACK);
    let records: Vec<_> = (0..200).filter_map(|_| cpu.show(data(10))).collect();
    let attributed: Vec<_> = records.iter().map(|record| record.sampled_out_packets).collect();
    assert_eq!(attributed, [0, 0, 15, 15], "two, and every sixteenth up to four in all");
    cpu.balances();
}

#[test]
fn what_ends_a_flow_is_recorded_and_tells_of_the_rest() {
    let mut cpu = Cpu::new(STRICT);
    for _ in 0..50 {
        cpu.show(tcp(10, CLIENT, VICTIM, (40_000, 443), ACK));
    }
    let last = cpu.show(tcp(10, CLIENT, VICTIM, (40_000, 443), FIN | ACK)).expect("seldom");
    assert_eq!(last.sampled_out(), Some(SampledOut { scope: Scope::Flow, packets: 48, bytes: 48 * 60 }));
    let piece = PacketRecord { flags: 1 | flag::FRAGMENT, ..tcp(10, CLIENT, VICTIM, (40_000, 443), ACK) };
    assert!(cpu.show(piece).is_some(), "fragments as well");
    cpu.balances();
}

#[test]
fn a_flood_from_forged_sources_is_bounded_and_does_not_hide_a_scan_or_a_client() {
    let mut cpu = Cpu::new(STRICT);
    // Known before the flood.
    cpu.show(tcp(9, CLIENT, VICTIM, (40_000, 80), ACK));
    let (mut flood, mut attributed, mut scan, mut client) = (0, 0, 0, 0);
    for number in 0..200_000_u32 {
        let window = 10 + u64::from(number / 20_000);
        if let Some(record) = cpu.show(tcp(window, forged(number), VICTIM, (1024, 80), SYN)) {
            flood += 1;
            if let Some(sampled_out) = record.sampled_out() {
                assert_eq!(sampled_out.scope, Scope::ToService);
                attributed += sampled_out.packets;
            }
        }
        if number % 4000 == 0 {
            scan += u32::from(cpu.show(tcp(window, SCANNER, VICTIM, (50_000, number as u16), SYN)).is_some());
        }
        if number % 10_000 == 0 {
            client += u32::from(cpu.show(tcp(window, CLIENT, VICTIM, (40_000, 80), ACK)).is_some());
        }
    }
    assert_eq!(flood, 10 * STRICT.service, "its budget in each window");
    assert_eq!(scan, 50, "every port of the scan");
    assert!(client >= 10, "the known client once a window: {client}");
    assert!(
        attributed > 170_000,
        "what was sampled out is attributed by the flood's own records: {attributed}"
    );
    cpu.balances();
}

#[test]
fn answers_to_forged_sources_are_bounded_as_well() {
    let mut cpu = Cpu::new(STRICT);
    let answers = (0..20_000)
        .filter_map(|number| cpu.show(tcp(10, VICTIM, forged(number), (80, 1024), SYN | ACK)))
        .count();
    // Its service's budget, and what a sender has beyond that.
    assert!(answers <= (STRICT.service + STRICT.sender) as usize, "{answers}");
    cpu.balances();
}

#[test]
fn a_flood_over_all_ports_of_a_host_leaves_a_source_that_comes_again_its_own_budget() {
    let mut cpu = Cpu::new(STRICT);
    let (mut flood, mut scan) = (0, 0);
    for number in 0..40_000_u32 {
        let window = 10 + u64::from(number / 4000);
        flood +=
            u32::from(cpu.show(packet(window, forged(number), VICTIM, (9, number as u16), UDP)).is_some());
        if number % 400 == 0 {
            scan += u32::from(cpu.show(tcp(window, SCANNER, VICTIM, (50_000, number as u16), SYN)).is_some());
        }
    }
    assert!(flood <= 10 * (STRICT.host + STRICT.senders), "{flood}");
    assert!(scan >= 10, "{scan} of 100 packets of the scan");
    cpu.balances();
}

#[test]
fn a_flood_to_everywhere_is_bounded_by_the_cpus_budget() {
    let mut cpu = Cpu::new(STRICT);
    let count = (0..100_000_u32)
        .filter_map(|number| cpu.show(packet(10, forged(number), forged(!number), (9, number as u16), UDP)))
        .count();
    assert!(count <= (STRICT.beginnings + STRICT.senders) as usize, "{count}");
    cpu.balances();
}

#[test]
fn the_counts_of_who_lost_its_place_travel_with_another_record() {
    let mut cpu = Cpu::new(STRICT);
    for number in 0..100 {
        cpu.show(tcp(10, forged(number), VICTIM, (1024, 80), SYN));
    }
    let waiting = cpu.seen.0 - cpu.attributed.0;
    assert!(waiting > 80, "{waiting}");
    // Long after, so that nobody keeps a place: enough newcomers take all of them.
    let others: u64 = (0..400_000_u32)
        .filter_map(|n| cpu.show(packet(100 + u64::from(n / 40), forged(n), forged(!n), (9, n as u16), UDP)))
        .filter_map(|record| record.sampled_out())
        .filter(|sampled_out| sampled_out.scope == Scope::Others)
        .map(|sampled_out| u64::from(sampled_out.packets))
        .sum();
    assert_eq!(others, waiting);
    cpu.balances();
}

#[test]
fn counts_whose_record_found_the_ring_full_go_with_the_next() {
    let mut cpu = Cpu::new(STRICT);
    let data = |window| tcp(window, CLIENT, VICTIM, (40_000, 443), ACK);
    for _ in 0..10 {
        cpu.show(data(10));
    }
    assert_eq!(cpu.show_with(data(11), false), None);
    let next = cpu.show(data(12)).expect("due");
    assert_eq!(next.sampled_out(), Some(SampledOut { scope: Scope::Others, packets: 8, bytes: 480 }));
    cpu.balances();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_recorded_attributed_lost_or_waiting(
        level in 1_u32..4,
        budgets in vec(0_u32..12, 9),
        packets in vec((0_u64..3, 0_u32..6, 0_u32..6, 0_u16..4, 0_u8..64, 14_u32..70_000, prop::bool::weighted(0.9)), 1..600),
    ) {
        let [first, every, flow, service, host, sender, flows, beginnings, senders] = budgets[..] else { unreachable!() };
        let mut cpu = Cpu::new(Sampling {
            seed: 1, level, first, every, flow, service, host, sender, flows, beginnings, senders,
        });
        let mut window = 0;
        for (step, source, destination, port, flags, length, has_room) in packets {
            window += step / 2;
            let protocol = if flags % 3 == 0 { UDP } else { TCP };
            let mut record = packet(window, source, destination, (1000 + port, port), protocol);
            record.tcp_flags = flags;
            record.length = length;
            // Also IPv6 and what has no IP.
            record.flags = u32::from(flags % 5 % 3);
            cpu.show_with(record, has_room);
            cpu.balances();
        }
    }
}
