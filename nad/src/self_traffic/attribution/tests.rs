use std::net::SocketAddr;

use bytemuck::Zeroable;
use nad_common::record::Defect;
use nad_engine::detector::SelfTraffic as _;

use super::*;
use crate::self_traffic::Registration;

const LOCAL: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:587";
/// Initial sequence numbers of both sides.
const OURS: u32 = 0xffff_fff0;
const THEIRS: u32 = 7_000_000;
const SYN_ACK: u8 = SYN | ACK;
const FIN_ACK: u8 = FIN | ACK;

struct Setting {
    registry: &'static Registry,
    traffic: SelfTraffic,
}

impl Setting {
    fn new() -> Self {
        let registry: &'static Registry = Box::leak(Box::new(Registry::new()));
        Self { registry, traffic: SelfTraffic::new(registry) }
    }

    fn open(&mut self, local: &str, server: &str) -> Registration<'static> {
        let registration = self.registry.register(local.parse().unwrap(), server.parse().unwrap());
        self.traffic.refresh();
        registration
    }

    fn opened() -> (Self, Registration<'static>) {
        let mut setting = Self::new();
        let registration = setting.open(LOCAL, SERVER);
        (setting, registration)
    }

    fn has(&mut self, record: &PacketRecord) -> bool {
        self.traffic.refresh();
        self.traffic.has(record)
    }

    /// The opening of a connection, and an exchange over it.
    fn converse(&mut self) {
        for record in [
            sent(SYN, OURS, 0, 0),
            answer(SYN_ACK, THEIRS, OURS.wrapping_add(1), 0),
            sent(ACK, OURS.wrapping_add(1), THEIRS + 1, 0),
            answer(ACK, THEIRS + 1, OURS.wrapping_add(1), 300),
            sent(ACK, OURS.wrapping_add(1), THEIRS + 301, 500),
            answer(ACK, THEIRS + 301, OURS.wrapping_add(501), 0),
        ] {
            assert!(self.has(&record), "{record:?}");
        }
    }
}

fn sent(flags: u8, sequence: u32, acknowledgement: u32, payload: u16) -> PacketRecord {
    packet(LOCAL, SERVER, flags, sequence, acknowledgement, payload)
}

fn answer(flags: u8, sequence: u32, acknowledgement: u32, payload: u16) -> PacketRecord {
    packet(SERVER, LOCAL, flags, sequence, acknowledgement, payload)
}

/// A TCP packet of this moment.
fn packet(
    from: &str,
    to: &str,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    payload: u16,
) -> PacketRecord {
    const KINDS: [u32; 2] = [1, 2];
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let mut record = PacketRecord { protocol: 6, tcp_flags: flags, ..PacketRecord::zeroed() };
    record.flags = KINDS[usize::from(from.is_ipv6())];
    match (from.ip(), to.ip()) {
        (std::net::IpAddr::V4(from), std::net::IpAddr::V4(to)) => {
            record.address_bytes[..4].copy_from_slice(&from.octets());
            record.address_bytes[4..8].copy_from_slice(&to.octets());
        }
        (std::net::IpAddr::V6(from), std::net::IpAddr::V6(to)) => {
            record.address_bytes[..16].copy_from_slice(&from.octets());
            record.address_bytes[16..].copy_from_slice(&to.octets());
        }
        _ => unreachable!("both are of one family"),
    }
    (record.source_port, record.destination_port) = (from.port(), to.port());
    (record.tcp_sequence, record.tcp_acknowledgement) = (sequence, acknowledgement);
    record.payload_length = payload;
    record.time_ns = kernel_ns();
    record
}

#[test]
fn a_registered_connection_is_self_traffic_in_both_directions_and_to_its_end() {
    let (mut setting, registration) = Setting::opened();
    setting.converse();
    drop(registration);
    let (ours, theirs) = (OURS.wrapping_add(501), THEIRS + 301);
    assert!(setting.has(&sent(FIN_ACK, ours, theirs, 0)), "its end, which is sent after it was closed");
    assert!(setting.has(&answer(FIN_ACK, theirs, ours.wrapping_add(1), 0)));
    assert!(setting.has(&sent(ACK, ours.wrapping_add(1), theirs + 1, 0)));
}

#[test]
fn another_programs_connection_to_the_same_server_at_the_same_moment_is_judged() {
    let (mut setting, registration) = Setting::opened();
    let others = |from_port: u16| {
        let other = format!("10.0.0.1:{from_port}");
        [
            packet(&other, SERVER, SYN, 5, 0, 0),
            packet(SERVER, &other, SYN_ACK, 9, 6, 0),
            packet(&other, SERVER, ACK, 6, 10, 400),
        ]
    };
    // The second port has the same place in the filter of ports as nad's.
    for port in [40_001, 40_000 - 1024] {
        assert!(others(port).iter().all(|record| !setting.has(record)), "{port}");
    }
    setting.converse();
    assert!(others(40_001).iter().all(|record| !setting.has(record)));
    drop(registration);
}

#[test]
fn nothing_is_attributed_without_both_addresses_and_both_ports() {
    let (mut setting, _registration) = Setting::opened();
    for (from, to) in [
        ("10.0.0.9:40000", SERVER),
        (LOCAL, "10.0.0.9:587"),
        (LOCAL, "10.0.0.2:25"),
        ("10.0.0.2:40000", "10.0.0.1:587"),
        ("[fd00::1]:40000", "[fd00::2]:587"),
    ] {
        assert!(!setting.has(&packet(from, to, SYN, 5, 0, 0)), "{from} to {to}");
    }
    let udp = PacketRecord { protocol: 17, ..sent(SYN, OURS, 0, 0) };
    assert!(!setting.has(&udp));
    let mut malformed = sent(SYN, OURS, 0, 0);
    malformed.flags |= (Defect::TcpHeaderLength as u32) << 24;
    assert!(!setting.has(&malformed));
    assert!(setting.has(&sent(SYN, OURS, 0, 0)));
}

#[test]
fn ipv6_connections_are_told_apart_as_ipv4_ones_are() {
    let mut setting = Setting::new();
    let (local, server) = ("[fd00::1]:40000", "[fd00::2]:443");
    let _registration = setting.open(local, server);
    assert!(setting.has(&packet(local, server, SYN, 5, 0, 0)));
    assert!(setting.has(&packet(server, local, SYN_ACK, 9, 6, 0)));
    assert!(!setting.has(&packet("[fd00::1]:40001", server, SYN, 5, 0, 0)));
    assert!(!setting.has(&packet("[fd00::3]:40000", server, SYN, 5, 0, 0)));
}

#[test]
fn a_later_connection_of_another_program_with_the_same_ports_is_judged() {
    let (mut setting, registration) = Setting::opened();
    setting.converse();
    drop(registration);
    let later = [
        sent(SYN, 0x1234_5678, 0, 0),
        answer(SYN_ACK, 0x4321_0000, 0x1234_5679, 0),
        sent(ACK, 0x1234_5679, 0x4321_0001, 100),
    ];
    assert!(
        later[1..].iter().all(|record| !setting.has(record)),
        "also where the record of its SYN was lost"
    );
    assert!(later.iter().all(|record| !setting.has(record)));
    let number = OURS.wrapping_add(501);
    assert!(!setting.has(&sent(ACK, number, THEIRS + 301, 0)), "the ports are another connection's now");
}

#[test]
fn a_syn_with_another_number_is_no_self_traffic_and_ends_none_that_is_open() {
    let (mut setting, _registration) = Setting::opened();
    setting.converse();
    assert!(!setting.has(&sent(SYN, 1, 0, 0)), "forged: no other socket has this port");
    assert!(!setting.has(&answer(SYN, 1, 0, 0)));
    assert!(!setting.has(&answer(SYN_ACK, 1, 2, 0)));
    assert!(!setting.has(&answer(ACK, THEIRS.wrapping_add(1 << 30), OURS, 0)), "out of sequence");
    assert!(!setting.has(&answer(RST, 1 << 30, 0, 0)));
    assert!(setting.has(&sent(ACK, OURS.wrapping_add(501), THEIRS + 301, 10)));
    assert!(setting.has(&sent(SYN, OURS, 0, 0)), "sent again");
}

#[test]
fn a_refused_connection_and_both_kinds_of_reset_are_self_traffic() {
    let (mut setting, _registration) = Setting::opened();
    assert!(setting.has(&sent(SYN, OURS, 0, 0)));
    assert!(setting.has(&answer(RST | ACK, 0, OURS.wrapping_add(1), 0)));

    let (mut setting, _registration) = Setting::opened();
    setting.converse();
    assert!(setting.has(&answer(RST, THEIRS + 301, 0, 0)));
    assert!(setting.has(&sent(RST, OURS.wrapping_add(501), 0, 0)));
}

#[test]
fn where_only_one_direction_is_seen_it_is_attributed() {
    let (mut setting, _registration) = Setting::opened();
    for (flags, sequence, payload) in
        [(SYN_ACK, THEIRS, 0), (ACK, THEIRS + 1, 300), (FIN_ACK, THEIRS + 301, 0)]
    {
        assert!(setting.has(&answer(flags, sequence, OURS.wrapping_add(1), payload)));
    }
    assert!(!setting.has(&sent(SYN, 5, 0, 0)), "the answer told the number");
}

#[test]
fn a_record_that_comes_after_the_connection_was_closed_is_attributed() {
    let (mut setting, registration) = Setting::opened();
    let late = sent(SYN, OURS, 0, 0);
    drop(registration);
    drop(setting.open("10.0.0.1:40007", SERVER));
    assert!(setting.has(&late));
    assert!(setting.has(&answer(SYN_ACK, THEIRS, OURS.wrapping_add(1), 0)));
}

#[test]
fn what_was_sent_before_nad_had_the_port_is_judged() {
    let mut setting = Setting::new();
    let early = PacketRecord { time_ns: kernel_ns() - 2 * TICK_NS, ..sent(SYN, 5, 0, 0) };
    let _registration = setting.open(LOCAL, SERVER);
    assert!(!setting.has(&early));
    setting.converse();
}

#[test]
fn a_server_can_not_hide_a_flood_in_nads_connection() {
    let (mut setting, _registration) = Setting::opened();
    setting.converse();
    let number = OURS.wrapping_add(501);
    let flood = answer(ACK, THEIRS + 301, number, 0);
    let attributed = (0..20_000).filter(|_| setting.has(&flood)).count() as u32;
    assert!(attributed <= MAX_RECORDS_PER_SECOND && attributed > MAX_RECORDS_PER_SECOND / 2, "{attributed}");
    let later = PacketRecord { time_ns: flood.time_ns + 1_000_000_000, ..flood };
    assert!(setting.has(&later), "the next second has its own");
}

#[test]
fn a_long_conversation_is_followed_through_all_sequence_numbers() {
    let (mut setting, _registration) = Setting::opened();
    setting.converse();
    let mut number = OURS.wrapping_add(501);
    for step in 0..9000_u64 {
        let mut record = sent(ACK, number, THEIRS + 301, 65_000);
        record.length = 65_066;
        record.time_ns += step * 1_000_000;
        // Every second is sampled out.
        assert!(setting.has(&record), "step {step}");
        number = number.wrapping_add(2 * 65_000);
    }
}

#[test]
fn a_closed_connection_is_forgotten_after_its_silence_and_an_open_one_is_not() {
    let (mut setting, registration) = Setting::opened();
    setting.converse();
    let again = |time_ns| PacketRecord { time_ns, ..sent(ACK, OURS.wrapping_add(501), THEIRS + 301, 0) };
    let later_ns = kernel_ns() + 10 * FORGOTTEN_AFTER_NS;
    setting.traffic.forget(later_ns);
    assert!(setting.traffic.has(&again(later_ns)), "a connection that is kept for the next message");
    drop(registration);
    setting.traffic.refresh();
    setting.traffic.forget(later_ns + FORGOTTEN_AFTER_NS - 1);
    assert!(setting.traffic.has(&again(later_ns)));
    setting.traffic.forget(later_ns + FORGOTTEN_AFTER_NS);
    assert!(!setting.traffic.has(&again(later_ns)));
    assert!(setting.traffic.conversations.is_empty());
    assert!(!setting.traffic.local_ports.may_have(40_000));
}

#[test]
fn the_registry_is_bounded_and_drops_what_was_closed_first() {
    let mut setting = Setting::new();
    let kept = setting.open(LOCAL, SERVER);
    for port in 0..2000 {
        drop(setting.open(&format!("10.0.0.1:{}", 41_000 + port), SERVER));
    }
    assert_eq!(setting.registry.lock().len(), super::super::MAX_REGISTERED);
    setting.converse();
    assert!(!setting.has(&packet("10.0.0.1:30000", SERVER, SYN, 5, 0, 0)));
    drop(kept);
}
