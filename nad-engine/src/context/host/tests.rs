use super::*;
use crate::context::{Place, hash::HashKey, known::Novelty, network::HostSummary};

const SECOND: u64 = 1_000_000_000;
const NEW: Exploration = Exploration { novelty: Novelty::NewEverything, is_browsing: false };

fn key(last: u8) -> HostKey {
    HostKey::v4([10, 0, 0, last])
}

#[test]
fn a_sweep_shows_as_services_peers_and_failures() {
    let hash_key = HashKey::from_seed(0);
    let mut host = HostState::zeroed();
    let record = PacketRecord { protocol: 6, tcp_flags: 2, ..PacketRecord::zeroed() };
    for port in 1..=400_u16 {
        let opened = FlowStep { opened: true, ..FlowStep::NONE };
        host.send(key(2), &record, &opened, false, SECOND);
        let service = ServiceKey { server: key(2 + (port % 4) as u8), port, protocol: 6 };
        let hashes = [service.hash(&hash_key), service.server.hashed(&hash_key).hash];
        host.open(&service, 0, SECOND);
        host.explore(hashes, NEW, 0, SECOND);
        let refused = FlowStep { from_initiator: false, refused: true, ..FlowStep::NONE };
        host.receive(key(2), &record, &refused, false, SECOND);
    }
    assert!((host.services_10() / 400.0 - 1.0).abs() < 0.1, "{}", host.services_10());
    assert!((host.peers_10() - 4.0).abs() < 0.1);
    assert_eq!((host.failed_10, host.waiting_10, host.unfamiliar_60), (400.0, 0.0, 400.0));
    assert!(!host.is_real());
}

/// A client opens so many connections to a service of the host with the last byte 1, and completes them or does not.
fn ask(host: &mut HostState, client: HostKey, connections: u32, completes: bool) {
    let service = ServiceKey { server: key(1), port: 443, protocol: 6 };
    let record = PacketRecord { protocol: 6, ..PacketRecord::zeroed() };
    for _ in 0..connections {
        host.be_asked(client, &service, 0, SECOND);
        if completes {
            let established = FlowStep { established: true, from_initiator: true, ..FlowStep::NONE };
            host.receive(client, &record, &established, true, SECOND);
        }
    }
}

#[test]
fn who_presses_most_is_named_where_it_leads_by_a_third() {
    let mut host = HostState::zeroed();
    for asked in 0..100 {
        let client = if asked % 5 < 2 { key(100 + asked) } else { key(7) };
        ask(&mut host, client, 1, false);
    }
    assert_eq!(host.presser(), None, "a lead below a third is no majority");
    ask(&mut host, key(7), 100, false);
    assert_eq!(host.presser(), Some(key(7)));
}

#[test]
fn who_completes_its_connections_does_not_press_however_many_there_are() {
    let mut host = HostState::zeroed();
    ask(&mut host, key(5), 200, true);
    assert_eq!(host.presser(), None);
    for _ in 0..10 {
        ask(&mut host, key(5), 20, true);
        ask(&mut host, key(7), 4, false);
    }
    assert_eq!(host.presser(), Some(key(7)));
}

#[test]
fn a_ping_flood_is_its_senders_and_not_that_of_who_opens_more_flows() {
    let mut host = HostState::zeroed();
    ask(&mut host, key(5), 20, false);
    let ping = PacketRecord { protocol: 1, message_type: 8, ..PacketRecord::zeroed() };
    let step = FlowStep { from_initiator: true, ..FlowStep::NONE };
    (0..500).for_each(|_| host.receive(key(7), &ping, &step, true, SECOND));
    assert!(host.is_pressed_by_pings());
    assert_eq!(host.presser(), Some(key(7)));
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

#[test]
fn states_of_one_host_add_up_to_what_one_state_would_have() {
    let (mut parts, mut whole) = ([HostState::begin(key(9)); 3], HostState::begin(key(9)));
    let hash_key = HashKey::from_seed(0);
    let record =
        PacketRecord { protocol: 6, tcp_flags: 2, source_mac: MACS[0], length: 60, ..PacketRecord::zeroed() };
    for number in 0..90_u8 {
        let now_ns = SECOND + u64::from(number) * 10_000_000;
        let service = ServiceKey { server: key(100 + number % 30), port: 80, protocol: 6 };
        for host in [&mut parts[usize::from(number % 3)], &mut whole] {
            host.send(service.server, &record, &FlowStep { opened: true, ..FlowStep::NONE }, false, now_ns);
            host.open(&service, 0, now_ns);
            host.explore(service.hashes(&hash_key), NEW, 0, now_ns);
            host.begun.count(1, record.length, Volume::default());
        }
    }
    let end_ns = 2 * SECOND;
    let sum_of = |parts: &[HostState]| {
        let mut sum = HostState::zeroed();
        sum.begin_sum(&parts[0], end_ns);
        parts[1..].iter().for_each(|part| sum.add(part, end_ns, 1));
        sum
    };
    let sum = sum_of(&parts);
    for state in parts.iter_mut().chain([&mut whole]) {
        state.fade(end_ns);
    }
    let of_faded = sum_of(&parts);
    assert_eq!(
        bytemuck::bytes_of(&sum),
        bytemuck::bytes_of(&of_faded),
        "whether parts have faded before or not"
    );
    for (of_sum, of_whole) in [
        (sum.opened_10, whole.opened_10),
        (sum.sent_1, whole.sent_1),
        (sum.unfamiliar_60, whole.unfamiliar_60),
        (sum.unsuccessful_10(), whole.unsuccessful_10()),
        (sum.services_10(), whole.services_10()),
        (sum.services_120(), whole.services_120()),
        (sum.peers_10(), whole.peers_10()),
    ] {
        assert!((of_sum / of_whole - 1.0).abs() < 1e-3, "{of_sum} {of_whole}");
    }
    assert_eq!((sum.begun, sum.first_ns), (whole.begun, whole.first_ns));
    let summary = {
        let mut summary = HostSummary::begin(key(9));
        summary.take(&sum);
        summary
    };
    for part in &mut parts {
        part.share(&sum, &summary);
        let everywhere = part.opened_everywhere_10();
        assert!((everywhere / whole.opened_10 - 1.0).abs() < 1e-3, "{everywhere} {}", whole.opened_10);
    }
    parts[0].fade(end_ns + 10 * SECOND);
    let ratio = parts[0].opened_everywhere_10() / whole.opened_10;
    assert!((ratio - 0.3679).abs() < 1e-3, "what others counted fades, too: {ratio}");
}

#[test]
fn votes_of_several_partitions_name_whom_all_of_them_name() {
    let mut parts = [HostState::zeroed(); 3];
    for part in &mut parts {
        ask(part, key(7), 60, false);
        (0..20).for_each(|number| ask(part, key(100 + number), 1, false));
    }
    let mut sum = HostState::zeroed();
    sum.begin_sum(&parts[0], SECOND);
    parts[1..].iter().for_each(|part| sum.add(part, SECOND, 0));
    assert_eq!(sum.presser(), Some(key(7)));
}

const MACS: [[u8; 6]; 3] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]];

#[test]
fn a_mac_address_that_no_packet_proved_is_foreign() {
    let mut macs = Macs::zeroed();
    assert!(!macs.is_foreign(MACS[1]), "nothing is known yet");
    macs.learn(MACS[1], MacProof::Nothing, SECOND);
    assert!(!macs.is_foreign(MACS[2]), "one packet shows nothing");
    macs.learn(MACS[0], MacProof::Answered, SECOND);
    assert!(macs.is_foreign(MACS[1]) && !macs.is_foreign(MACS[0]) && !macs.is_foreign([0; 6]));
    macs.learn(MACS[1], MacProof::Answered, 30 * SECOND);
    assert!(macs.is_foreign(MACS[1]), "an answer goes to the address's owner, who was heard lately");
    macs.learn(MACS[1], MacProof::Proven, 30 * SECOND);
    assert!(!macs.is_foreign(MACS[1]) && !macs.is_foreign(MACS[0]), "a second card, or a second router");
    macs.learn(MACS[2], MacProof::Answered, 130 * SECOND);
    assert!(macs.is_foreign(MACS[2]), "also where the owner has been silent for long");
    macs.learn(MACS[2], MacProof::Proven, 130 * SECOND);
    assert_eq!(macs.first(), Some(MACS[2]), "the address has moved");
    assert!(!macs.is_foreign(MACS[0]), "who had it before may come back");
}

#[test]
fn a_server_that_answers_from_another_card_has_moved_once_the_first_is_silent() {
    let mut macs = Macs::zeroed();
    macs.learn(MACS[0], MacProof::Answering, SECOND);
    macs.learn(MACS[1], MacProof::Answering, 30 * SECOND);
    assert!(macs.is_foreign(MACS[1]), "an answer may be guessed while the owner is there");
    macs.learn(MACS[1], MacProof::Answering, 130 * SECOND);
    assert!(!macs.is_foreign(MACS[1]) && !macs.is_foreign(MACS[0]));
    // Back and forth fills no places.
    for turn in 2..10 {
        macs.learn(MACS[turn as usize % 2], MacProof::Answering, turn * 130 * SECOND);
    }
    assert_eq!((macs.first(), macs.is_foreign(MACS[0])), (Some(MACS[1]), false));
}

#[test]
fn fragments_and_options_are_unusual_but_for_the_router_alert_of_group_management() {
    let step = FlowStep::NONE;
    let unusual = |protocol, message_type, flags| {
        let mut host = HostState::zeroed();
        host.send(
            key(2),
            &PacketRecord { protocol, message_type, flags, ..PacketRecord::zeroed() },
            &step,
            false,
            SECOND,
        );
        host.unusual_headers_10
    };
    assert_eq!(unusual(1, 8, flag::FRAGMENT), 1.0);
    assert_eq!(unusual(58, 128, flag::FRAGMENT), 1.0, "a ping of IPv6 as one of IPv4");
    assert_eq!(unusual(2, 0, flag::IP_OPTIONS), 0.0);
    assert_eq!(unusual(58, 143, flag::IP_OPTIONS), 0.0);
    assert_eq!(unusual(58, 128, 0), 0.0);
}

#[test]
fn a_host_is_where_its_last_packet_was_seen() {
    let mut macs = Macs::zeroed();
    let record = |interface, flags, vlan_outer| PacketRecord {
        interface,
        flags,
        vlan_outer,
        ..PacketRecord::zeroed()
    };
    let mut place = |record: PacketRecord| {
        macs.note(&record);
        let Place { interface, vlan } = macs.place();
        (interface, vlan)
    };
    assert_eq!(place(record(7, 0, 0)), (7, None));
    // Priority and drop eligibility are above the id.
    assert_eq!(place(record(0xf_ffff, flag::VLAN, 0xffff)), (0xf_ffff, Some(0x0fff)));
    assert_eq!(place(record(3, flag::VLAN, 0x6000)), (3, None), "a tag of priority alone");
    assert_eq!(
        place(record(0x10_0000, flag::VLAN, 5)),
        (0, Some(5)),
        "an index that has no room is not known"
    );
}
