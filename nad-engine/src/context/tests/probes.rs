//! What counts as looking for what there is, and what only looks like it.

use nad_common::record::flag;

use super::*;
use crate::context::host::HostState;

const SCANNER: [u8; 4] = [10, 0, 0, 9];
const TARGET: [u8; 4] = [10, 0, 0, 2];
/// After the time in which a context does not know yet what goes on.
const SETTLED: u64 = 100 * SECOND + SETTLING_NS;

/// A context that has settled.
fn settled() -> Context {
    let mut context = context();
    connect(&mut context, [10, 0, 0, 7], [10, 0, 0, 8], 1000, 100 * SECOND);
    context.close_tick(ordinary);
    context
}

/// A host as the one who begins, at the end of the tick.
fn source(context: &mut Context, address: [u8; 4]) -> HostState {
    let mut found = None;
    context.close_tick(|subject| {
        if let Subject::Source(host) = subject
            && host.key == HostKey::v4(address)
        {
            found = Some(*host);
        }
        ordinary(subject)
    });
    found.expect("it began something")
}

fn icmp(source: [u8; 4], destination: [u8; 4], message_type: u8) -> PacketRecord {
    PacketRecord { protocol: 1, message_type, tcp_flags: 0, ..tcp((source, 0), (destination, 0), 0) }
}

#[test]
fn packets_outside_of_any_connection_to_many_ports_are_a_scan_whatever_their_flags() {
    const FIN: u8 = 0x01;
    const XMAS: u8 = 0x29;
    for flags in [ACK, FIN, 0, XMAS] {
        let mut context = settled();
        for port in 1..=200 {
            observe(&mut context, &tcp((SCANNER, 40_000), (TARGET, port), flags), SETTLED);
        }
        let host = source(&mut context, SCANNER);
        assert!((host.services_10() / 200.0 - 1.0).abs() < 0.15, "{flags:#x}: {}", host.services_10());
        assert_eq!(host.favourite.winner().map(|(host, _)| host), Some(HostKey::v4(TARGET)));
        assert!(host.peers_10() < 1.5 && host.peers_120() < 1.5);
    }
}

#[test]
fn answers_that_nobody_waits_for_and_old_connections_of_a_server_are_no_scan() {
    for (flags, own_port) in [(SYN | ACK, 443), (RST, 443), (RST | ACK, 50_000), (ACK, 443)] {
        let mut context = settled();
        for port in 40_000..40_200 {
            observe(&mut context, &tcp((TARGET, own_port), (SCANNER, port), flags), SETTLED);
        }
        assert_eq!(source(&mut context, TARGET).services_10(), 0.0, "{flags:#x} from {own_port}");
    }
}

#[test]
fn icmp_errors_are_about_what_their_receiver_sent_and_otherwise_their_senders_own() {
    const UNREACHABLE: u8 = 3;
    let mut context = settled();
    for port in 1..=100 {
        let probe = PacketRecord { protocol: 17, tcp_flags: 0, ..tcp((SCANNER, 40_000), (TARGET, port), 0) };
        observe(&mut context, &probe, SETTLED);
        observe(&mut context, &icmp(TARGET, SCANNER, UNREACHABLE), SETTLED);
    }
    assert!(source(&mut context, SCANNER).failed_10 > 85.0);

    let errors = |context: &mut Context| {
        (0..100).for_each(|_| {
            observe(context, &icmp(TARGET, [10, 0, 0, 5], UNREACHABLE), SETTLED);
        });
        source(context, TARGET).icmp_10
    };
    assert!(errors(&mut context) > 85.0, "that host had sent nothing");
    let mut context = settled();
    for port in 1..=100 {
        let probe =
            PacketRecord { protocol: 17, tcp_flags: 0, ..tcp(([10, 0, 0, 5], 40_000), (TARGET, port), 0) };
        observe(&mut context, &probe, SETTLED);
    }
    assert_eq!(errors(&mut context), 0.0);
}

#[test]
fn what_is_announced_to_a_group_counts_little_and_group_management_not_at_all() {
    let mut context = settled();
    let to_group = PacketRecord {
        protocol: 17,
        flags: AddressKind::V4 as u32 | flag::LINK_MULTICAST,
        ..tcp(([10, 0, 0, 5], 1900), ([239, 255, 255, 250], 1900), 0)
    };
    for _ in 0..160 {
        observe(&mut context, &to_group, SETTLED);
    }
    let host = source(&mut context, [10, 0, 0, 5]);
    assert!((8.5..=10.0).contains(&host.stray_10), "{}", host.stray_10);

    let report = PacketRecord { protocol: 2, ..tcp(([10, 0, 0, 6], 0), ([224, 0, 0, 22], 0), 0) };
    observe(&mut context, &report, SETTLED + SECOND);
    assert_eq!(visited(&mut context)[0], 0, "it is no service");
}

#[test]
fn new_servers_outside_at_known_ports_are_browsing_and_those_inside_are_not() {
    let mut context = settled();
    context.end_baseline();
    for last in 0..60 {
        connect(&mut context, [10, 0, 0, 3], [198, 51, 100, last], 1000, SETTLED);
    }
    let host = source(&mut context, [10, 0, 0, 3]);
    assert!((host.outside_120() / 60.0 - 1.0).abs() < 0.15, "{}", host.outside_120());
    assert_eq!((host.services_10(), host.peers_120(), host.unfamiliar_60), (0.0, 0.0, 0.0));
    for last in 100..160 {
        connect(&mut context, [10, 0, 0, 3], [10, 0, 0, last], 1000, SETTLED + SECOND);
    }
    let host = source(&mut context, [10, 0, 0, 3]);
    assert!((host.services_10() / 60.0 - 1.0).abs() < 0.15, "{}", host.services_10());
}
