use super::*;

const SECOND: u64 = 1_000_000_000;

fn key(last: u8) -> HostKey {
    HostKey::v4([10, 0, 0, last])
}

#[test]
fn a_sweep_shows_as_services_peers_and_failures() {
    let mut host = HostState::zeroed();
    let record = PacketRecord { protocol: 6, tcp_flags: 2, ..PacketRecord::zeroed() };
    for port in 1..=400_u16 {
        let opened = FlowStep { opened: true, ..FlowStep::NONE };
        host.send(key(1), &record, &opened, false, SECOND);
        let service = ServiceKey { server: key(2 + (port % 4) as u8), port, protocol: 6 };
        host.open(&service, Strangeness::NewEverything, 0, SECOND);
        let refused = FlowStep { from_initiator: false, refused: true, ..FlowStep::NONE };
        host.receive(key(1), &record, &refused, false, SECOND);
    }
    assert!((host.services_10() / 400.0 - 1.0).abs() < 0.1, "{}", host.services_10());
    assert!((host.peers_10() - 4.0).abs() < 0.1);
    assert_eq!((host.failed_10, host.waiting_10, host.unfamiliar_60), (400.0, 0.0, 400.0));
    assert!(!host.is_real());
}

#[test]
fn who_is_asked_by_one_client_most_of_the_time_has_an_admirer() {
    let mut host = HostState::zeroed();
    let service = ServiceKey { server: key(1), port: 443, protocol: 6 };
    for asked in 0..100 {
        host.fade((asked as u64 + 1) * 1_000_000);
        let client = if asked % 5 < 2 { key(100 + asked) } else { key(7) };
        host.be_asked(client, &service, 0, SECOND);
    }
    assert_eq!(host.admirer.winner().map(|(host, _)| host), None, "a lead below a third is no majority");
    for _ in 0..100 {
        host.be_asked(key(7), &service, 0, SECOND);
    }
    assert_eq!(host.admirer.winner(), Some((key(7), 443)));
}

#[test]
fn flags_that_no_stack_sends_are_malformed() {
    let tcp = |flags| PacketRecord {
        protocol: 6,
        tcp_flags: flags,
        source_port: 1,
        destination_port: 2,
        ..PacketRecord::zeroed()
    };
    for odd in [0x00, 0x03, 0x06, 0x01, 0x29, 0x08] {
        assert!(is_malformed(&tcp(odd)), "{odd:#x}");
    }
    for usual in [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0xc2] {
        assert!(!is_malformed(&tcp(usual)), "{usual:#x}");
    }
}
