//! What packets in the name of others do to what is known.

use super::*;

#[test]
fn forged_packets_make_nobody_a_client_and_nothing_known() {
    let mut context = context();
    let silent = [10, 0, 0, 9];
    // Long after the start, when packets outside of any flow count.
    observe(&mut context, &tcp(([10, 0, 0, 1], 1000), ([10, 0, 0, 2], 443), SYN), SECOND);
    for forged in 1..=24 {
        let from = ([198, 18, 60, forged], 443);
        observe(&mut context, &tcp(from, (silent, 40_000), ACK), 100 * SECOND);
        observe(&mut context, &tcp((silent, 40_000), from, RST), 100 * SECOND);
    }
    let (mut as_source, mut service_pairs) = (None, 0);
    context.close_tick(|subject| {
        match subject {
            Subject::Source(host) if host.key == HostKey::v4(silent) => as_source = Some(*host),
            Subject::ServicePair(pair) if pair.client == HostKey::v4(silent) => service_pairs += 1,
            _ => {}
        }
        ordinary(subject)
    });
    assert_eq!((as_source.map(|host| (host.opened_10, host.stray_10)), service_pairs), (None, 0));
    let origin = |address| context.origin(HostKey::v4(address));
    assert!(!origin(silent).is_verified && !origin([198, 18, 60, 1]).is_verified);
    let knows = |address| context.network.0.known.knows_host(HostKey::v4(address), 90_000 * SECOND);
    assert!(!knows(silent) && !knows([198, 18, 60, 1]));
}

#[test]
fn a_machine_that_forges_both_sides_of_a_flow_makes_nothing_known() {
    let mut context = context();
    let (victim, server, third) = ([10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]);
    let exchange = |context: &mut Context, client: [u8; 4], macs: [[u8; 6]; 2], port, now_ns| {
        let (client, server) = ((client, port), (server, 443));
        observe(context, &from(macs[0], tcp(client, server, SYN)), now_ns);
        observe(context, &from(macs[1], tcp(server, client, SYN | ACK)), now_ns);
        observe(context, &from(macs[0], tcp(client, server, ACK)), now_ns);
        for port in [5353, 443] {
            let udp = |record| PacketRecord { protocol: 17, tcp_flags: 0, ..record };
            observe(context, &from(macs[0], udp(tcp(client, (server.0, port), 0))), now_ns);
            observe(context, &from(macs[1], udp(tcp((server.0, port), client, 0))), now_ns);
            observe(context, &from(macs[0], udp(tcp(client, (server.0, port), 0))), now_ns);
        }
        context.close_tick(ordinary);
    };
    let knows = |context: &Context, address| {
        let known = &context.network.0.known;
        let is_verified = context.origin(HostKey::v4(address)).is_verified;
        (is_verified, known.knows_host(HostKey::v4(address), 90_000 * SECOND))
    };
    // Of nobody anything is known yet.
    exchange(&mut context, victim, [OTHER_MAC; 2], 1000, 100 * SECOND);
    assert_eq!([victim, server].map(|address| knows(&context, address)), [(false, false); 2]);
    // Both are there, each with its MAC address; the forger's is none of theirs, nor does it become one.
    exchange(&mut context, victim, [CLIENT_MAC, SERVER_MAC], 2000, 200 * SECOND);
    assert_eq!([victim, server].map(|address| knows(&context, address).0), [true; 2]);
    context.end_baseline();
    for port in 3000..3050 {
        exchange(&mut context, victim, [OTHER_MAC; 2], port, 300 * SECOND);
        exchange(&mut context, third, [OTHER_MAC; 2], port, 300 * SECOND);
    }
    let mac = |address| context.origin(HostKey::v4(address)).mac;
    assert_eq!([victim, server].map(mac), [Some(CLIENT_MAC), Some(SERVER_MAC)]);
    assert_eq!(knows(&context, third), (false, false));
    for address in [victim, server] {
        assert!(
            context.network.0.is_foreign(&HostKey::v4(address).hashed(&HashKey::from_seed(0)), OTHER_MAC)
        );
    }
}

#[test]
fn where_one_mac_address_sends_both_sides_connections_are_real_all_the_same() {
    let mut context = context();
    for connection in 0..32_u16 {
        let (client, server) = (([198, 51, 100, connection as u8], 1000), ([10, 0, 0, 2], 443));
        for record in [
            tcp(client, server, SYN),
            tcp(server, client, SYN | ACK),
            tcp(client, server, ACK),
            tcp(server, client, ACK),
        ] {
            observe(&mut context, &from(OTHER_MAC, record), (100 + u64::from(connection)) * SECOND);
        }
        context.close_tick(ordinary);
        assert_eq!(context.is_of_one_mac(), connection >= 15, "{connection}");
    }
    assert!(context.origin(HostKey::v4([198, 51, 100, 31])).is_verified);
    context.end_baseline();
    assert!(context.known_services().trust().one_mac);
}

#[test]
fn a_sender_in_the_name_of_another_is_judged_by_its_mac_address_and_the_other_is_not() {
    let mut context = context();
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    for (mac, source, destination, flags) in [
        (CLIENT_MAC, (client, 1000), (server, 443), SYN),
        (SERVER_MAC, (server, 443), (client, 1000), SYN | ACK),
        (CLIENT_MAC, (client, 1000), (server, 443), ACK),
    ] {
        observe(&mut context, &from(mac, tcp(source, destination, flags)), 100 * SECOND);
    }
    context.close_tick(ordinary);
    assert_eq!(context.origin(HostKey::v4(client)), Origin { is_verified: true, mac: Some(CLIENT_MAC) });
    for port in 1..=50 {
        let syn = tcp((client, 5000), ([10, 0, 0, 7], port), SYN);
        observe(&mut context, &from(OTHER_MAC, syn), 102 * SECOND);
    }
    let found = sources(&mut context);
    let [(name, services)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(name, "02:00:00:00:00:bb");
    assert!((services / 50.0 - 1.0).abs() < 0.2, "{services}");
}

#[test]
fn where_one_side_is_never_seen_connections_are_real_without_it() {
    let mut context = context();
    let now = |connection: u16| (100 + u64::from(connection)) * SECOND;
    for connection in 0..32_u16 {
        let (client, server) = (([198, 51, 100, connection as u8], 1000), ([10, 0, 0, 2], 443));
        observe(&mut context, &tcp(client, server, SYN), now(connection));
        for received in [0, 1000] {
            let mut ack = tcp(client, server, ACK);
            ack.tcp_acknowledgement += received;
            observe(&mut context, &ack, now(connection));
        }
        context.close_tick(ordinary);
        assert_eq!(context.is_one_way(), connection >= 15, "{connection}");
    }
    assert!(context.origin(HostKey::v4([198, 51, 100, 31])).is_verified);
    context.end_baseline();
    assert!(context.known_services().trust().one_side);
}

#[test]
fn forged_requests_that_are_answered_do_not_take_a_silent_hosts_mac_address() {
    let mut context = context();
    let (client, server) = (([10, 0, 0, 1], 5000), ([10, 0, 0, 2], 53));
    let udp =
        |mac, source, destination| from(mac, PacketRecord { protocol: 17, ..tcp(source, destination, 0) });
    let mut ask = |mac, port, now_ns| {
        let client = (client.0, port);
        for _ in 0..3 {
            observe(&mut context, &udp(mac, client, server), now_ns);
            observe(&mut context, &udp(SERVER_MAC, server, client), now_ns);
        }
        let judged: Vec<String> = sources(&mut context).into_iter().map(|(name, _)| name).collect();
        (context.origin(HostKey::v4(client.0)).mac, judged)
    };
    let owner = (Some(CLIENT_MAC), vec!["10.0.0.1".to_owned()]);
    assert_eq!(ask(CLIENT_MAC, 5000, 100 * SECOND), owner);
    let (mac, judged) = ask(OTHER_MAC, 5001, 300 * SECOND);
    assert_eq!(mac, Some(CLIENT_MAC), "the answers went to the owner");
    assert!(judged.contains(&"02:00:00:00:00:bb".to_owned()), "the forger is judged by its own: {judged:?}");
    assert_eq!(ask(CLIENT_MAC, 5002, 301 * SECOND), owner);
}

#[test]
fn scanners_for_whom_there_is_no_room_show_together() {
    let sizes = Sizes { hosts: 8, links: 64, ..Sizes::all(4096) };
    let mut context = Context::new(Tables::new(&sizes).unwrap(), HashKey::from_seed(0), 60);
    for host in 0..500_u16 {
        // Of as many networks, each with a MAC address of its own: there is room for some in every partition.
        let [high, low] = host.to_be_bytes();
        let (client, server) = ([10 + high, low, 0, 1], [10 + high, low, 0, 2]);
        let now = 100 * SECOND + u64::from(host);
        let (of_client, of_server) = ([2, 0, 0, 1, high, low], [2, 0, 0, 2, high, low]);
        observe(&mut context, &from(of_client, tcp((client, 1000), (server, 443), SYN)), now);
        observe(&mut context, &from(of_server, tcp((server, 443), (client, 1000), SYN | ACK)), now);
        observe(&mut context, &from(of_client, tcp((client, 1000), (server, 443), ACK)), now);
    }
    let before = context.counts().hosts.overruns();
    context.close_tick(ordinary);
    for port in 1..=50_u16 {
        // Each probe from another address of one machine.
        let syn = tcp(([10, 77, 0, port as u8], 5000), ([10, 0, 0, 2], port), SYN);
        observe(&mut context, &from(OTHER_MAC, syn), 102 * SECOND);
    }
    let found = sources(&mut context);
    let together = found.iter().find(|(name, _)| name == "02:00:00:00:00:bb");
    assert!(together.is_some_and(|(_, services)| *services > 30.0), "{found:?}");
    assert!(context.counts().hosts.overruns() - before > 30);
}

#[test]
fn a_million_forged_sources_leave_those_that_were_there_in_place() {
    const HOSTS: u8 = 200;
    let mut context = Context::new(Tables::new(&Sizes::default()).unwrap(), HashKey::from_seed(0), 60);
    for host in 0..HOSTS {
        let (client, server) = ([10, 0, 0, host], [10, 0, 1, host % 8]);
        connect(&mut context, client, server, 1000, 100 * SECOND);
        // A server that has said nothing since the connection is real does not count as real yet.
        observe(&mut context, &tcp((server, 443), (client, 1000), ACK), 100 * SECOND);
    }
    let before = context.counts();
    let bytes = context.bytes();
    let (mut batch, mut ahead) = (Vec::new(), Ahead::default());
    for forged in 0..1_000_000_u32 {
        let [a, b, c, d] = (forged.wrapping_mul(0x9e37_79b1) | 0x4000_0000).to_be_bytes();
        batch.push(tcp(([a, b, c, d], forged as u16), ([10, 0, 1, 0], 443), SYN));
        if batch.len() == 4000 {
            for prepared in context.prepare(&batch, &mut ahead) {
                context.observe(&prepared, HeadFacts::default(), 101 * SECOND + u64::from(forged));
            }
            batch.clear();
        }
    }
    for host in 0..HOSTS {
        let record = tcp(([10, 0, 0, host], 1000), ([10, 0, 1, host % 8], 443), ACK);
        let seen = context.observe_one(&record, 103 * SECOND);
        assert!(!seen.step.opened && seen.flow.packets_total() == 5, "the flow of {host} is still there");
        assert_eq!((seen.source.first_ns, seen.target.first_ns), (100 * SECOND, 100 * SECOND));
        assert_eq!(seen.service_pair.first_ns, 100 * SECOND);
    }
    let after = context.counts();
    for (name, before, after, room) in [
        ("flows", before.flows, after.flows, Sizes::default().flows),
        // One has a state in each partition where it has peers.
        ("hosts", before.hosts, after.hosts, 2 * Sizes::default().hosts),
        ("service_pairs", before.service_pairs, after.service_pairs, Sizes::default().service_pairs),
    ] {
        assert!(after.entered - after.evicted <= room as u64, "{name} stay within their room: {after:?}");
        assert!(after.evicted > 100_000, "{name}: {after:?}");
        assert!(after.entered + after.refused > before.entered + 700_000, "{name}: {after:?}");
    }
    assert_eq!(context.bytes(), bytes);
}

#[test]
fn scanners_without_mac_addresses_for_whom_there_is_no_room_show_by_their_network() {
    let sizes = Sizes { hosts: 8, links: 64, ..Sizes::all(4096) };
    let mut context = Context::new(Tables::new(&sizes).unwrap(), HashKey::from_seed(0), 60);
    for host in 0..500_u16 {
        let [high, low] = host.to_be_bytes();
        connect(&mut context, [10 + high, low, 0, 1], [10 + high, low, 0, 2], 1000, 100 * SECOND);
    }
    context.close_tick(ordinary);
    for port in 1..=50_u16 {
        let syn = tcp(([10, 77, 0, port as u8], 5000), ([10, 0, 0, 2], port), SYN);
        observe(&mut context, &syn, 102 * SECOND);
    }
    let found = sources(&mut context);
    let of_network = found.iter().filter(|(name, _)| name.starts_with("10.77.0.0"));
    let services: f32 = of_network.map(|(_, services)| services).sum();
    assert!(services > 30.0, "{found:?}");
}

#[test]
fn packets_of_flows_for_which_there_is_no_room_open_nothing() {
    let sizes = Sizes { flows: 128, links: 64, ..Sizes::all(4096) };
    let mut context = Context::new(Tables::new(&sizes).unwrap(), HashKey::from_seed(0), 60);
    for number in 0..4000_u16 {
        let [high, low] = number.to_be_bytes();
        connect(&mut context, [10, 1, high, low], [10, 9, 0, low % 7], 1000, 100 * SECOND);
    }
    context.close_tick(ordinary);
    let (busy, before) = ([10, 7, 7, 7], context.counts().flows.refused);
    for port in 2000..2200 {
        observe(&mut context, &tcp((busy, port), ([10, 9, 0, 1], 443), ACK), 102 * SECOND);
    }
    let refused = context.counts().flows.refused - before;
    assert!(refused > 190, "{refused} of 200 flows");
    let mut as_source = None;
    context.close_tick(|subject| {
        match subject {
            Subject::Source(host) if host.key == HostKey::v4(busy) => as_source = Some(*host),
            _ => {}
        }
        ordinary(subject)
    });
    let host = as_source.map(|host| (host.opened_10, host.stray_10));
    assert!(host.is_none_or(|(opened, stray)| opened == 0.0 && stray <= 10.0), "{host:?}");
}
