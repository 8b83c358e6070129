mod hours;
mod partitions;
mod probes;
mod work;

use bytemuck::Zeroable;

use super::{known::Novelty, *};

const SECOND: u64 = 1_000_000_000;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;

fn context() -> Context {
    let sizes = Sizes { links: 64, ..Sizes::all(4096) };
    Context::new(Tables::new(&sizes).unwrap(), HashKey::from_seed(0), 60)
}

fn tcp(source: ([u8; 4], u16), destination: ([u8; 4], u16), flags: u8) -> PacketRecord {
    // What both ends say next once they have spoken, where the service has the lower port.
    let is_server = source.1 < destination.1;
    let (own, other) = if is_server { (900, 100) } else { (100, 900) };
    let sequence = if flags & SYN != 0 { own } else { own + 1 };
    let acknowledgement = if flags & ACK != 0 { other + 1 } else { 0 };
    let mut record = PacketRecord {
        length: 60,
        flags: AddressKind::V4 as u32,
        ether_type: 0x0800,
        source_port: source.1,
        destination_port: destination.1,
        protocol: 6,
        ttl: 64,
        tcp_flags: flags,
        tcp_sequence: sequence,
        tcp_acknowledgement: acknowledgement,
        ..PacketRecord::zeroed()
    };
    record.address_bytes[..4].copy_from_slice(&source.0);
    record.address_bytes[4..8].copy_from_slice(&destination.0);
    record
}

/// Its service pair's novelty. Seconds that are over by then end first.
fn observe(context: &mut Context, record: &PacketRecord, now_ns: u64) -> f32 {
    if context.is_tick_over(now_ns) {
        context.close_tick(ordinary);
    }
    context.observe_one(record, now_ns).service_pair.novelty()
}

/// A whole handshake of a client with a server's port 443.
fn connect(context: &mut Context, client: [u8; 4], server: [u8; 4], port: u16, now_ns: u64) -> f32 {
    let (client, server) = ((client, port), (server, 443));
    observe(context, &tcp(client, server, SYN), now_ns);
    observe(context, &tcp(server, client, SYN | ACK), now_ns);
    observe(context, &tcp(client, server, ACK), now_ns)
}

fn ordinary(_: Subject<'_>) -> Verdict {
    Verdict { anomaly_level: 0.0, is_ordinary: true }
}

/// Ends the tick; how many subjects of each kind were visited: service pairs, sources, targets, links.
fn visited(context: &mut Context) -> [usize; 4] {
    let mut counts = [0; 4];
    context.close_tick(|subject| {
        let kinds = [
            matches!(subject, Subject::ServicePair(_)),
            matches!(subject, Subject::Source(_)),
            matches!(subject, Subject::Target(_)),
            matches!(subject, Subject::Link(_)),
        ];
        counts.iter_mut().zip(kinds).for_each(|(count, is_it)| *count += usize::from(is_it));
        ordinary(subject)
    });
    counts
}

#[test]
fn each_subject_that_was_active_is_visited_once_and_no_other() {
    let mut context = context();
    for port in 1000..1010 {
        connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], port, 100 * SECOND);
    }
    assert_eq!(visited(&mut context), [1, 1, 1, 0]);
    assert_eq!(visited(&mut context), [0; 4], "nothing happened since");
    connect(&mut context, [10, 0, 0, 3], [10, 0, 0, 2], 1000, 101 * SECOND);
    assert_eq!(visited(&mut context), [1, 1, 1, 0]);
}

#[test]
fn a_verdict_stays_with_its_subject_until_the_next() {
    let mut context = context();
    connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000, 100 * SECOND);
    context.close_tick(|subject| Verdict {
        anomaly_level: if matches!(subject, Subject::ServicePair(..)) { 5.0 } else { 0.0 },
        is_ordinary: false,
    });
    let record = tcp(([10, 0, 0, 1], 1000), ([10, 0, 0, 2], 443), ACK);
    assert_eq!(context.observe_one(&record, 101 * SECOND).inherited_level, 5.0);
    context.close_tick(ordinary);
    assert_eq!(context.observe_one(&record, 102 * SECOND).inherited_level, 0.0);
}

#[test]
fn a_service_pair_that_goes_on_becomes_known_by_the_ticks() {
    let mut context = context();
    let first = connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000, 100 * SECOND);
    assert_eq!(first, f32::from(Novelty::NewEverything as u8));
    context.close_tick(ordinary);
    let record = tcp(([10, 0, 0, 1], 1000), ([10, 0, 0, 2], 443), ACK);
    observe(&mut context, &record, 150 * SECOND);
    context.close_tick(ordinary);
    assert_eq!(observe(&mut context, &record, 151 * SECOND), f32::from(Novelty::Known as u8));
}

#[test]
fn what_suspects_do_makes_nothing_known() {
    let mut context = context();
    let suspect = HostKey::v4([10, 0, 0, 1]);
    context.set_suspects(HashSet::from([suspect]));
    connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000, 100 * SECOND);
    connect(&mut context, [10, 0, 0, 3], [10, 0, 0, 4], 1000, 100 * SECOND);
    context.close_tick(ordinary);
    let knows = |context: &Context, last| {
        context.network.0.known.knows_host(HostKey::v4([10, 0, 0, last]), 200 * SECOND)
    };
    assert!(!knows(&context, 1) && !knows(&context, 2));
    assert!(knows(&context, 3) && knows(&context, 4));
}

#[test]
fn a_group_address_is_no_host_but_one_may_deal_with_it() {
    let mut context = context();
    let to_group = PacketRecord { protocol: 17, ..tcp(([10, 0, 0, 1], 5353), ([224, 0, 0, 251], 5353), 0) };
    observe(&mut context, &to_group, 100 * SECOND);
    assert_eq!(context.counts().hosts.entered, 1);
    assert_eq!(visited(&mut context), [1, 1, 0, 0]);
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
                context.observe(&prepared, 101 * SECOND + u64::from(forged));
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
fn a_flood_of_which_most_was_left_out_counts_with_its_target_in_its_true_size() {
    const EVERY: u32 = 100;
    let (mut whole, mut sampled_out) = (context(), context());
    for number in 0..2000_u32 {
        let [.., high, low] = number.to_be_bytes();
        let mut record = tcp(([203, 0, high, low], 1024), ([10, 0, 0, 1], 80), SYN);
        let now = 100 * SECOND + u64::from(number) * 400_000;
        observe(&mut whole, &record, now);
        if number % EVERY == EVERY - 1 {
            // To the same service.
            record.flags |= 1 << 29;
            (record.sampled_out_packets, record.sampled_out_bytes) = (EVERY - 1, (EVERY - 1) * record.length);
            observe(&mut sampled_out, &record, now);
        }
    }
    let target = |context: &mut Context| {
        let mut found = None;
        context.close_tick(|subject| {
            if let Subject::Target(host) = subject {
                found = Some((host.asked_10, host.half_open_10, host.received_10, host.asked));
            }
            ordinary(subject)
        });
        found.unwrap()
    };
    let (whole, sampled_out) = (target(&mut whole), target(&mut sampled_out));
    assert_eq!(whole.3, sampled_out.3);
    for (whole, sampled_out) in [(whole.0, sampled_out.0), (whole.1, sampled_out.1), (whole.2, sampled_out.2)]
    {
        assert!((whole / sampled_out - 1.0).abs() < 5e-3, "{whole} {sampled_out}");
    }
}

const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xc];
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x5];
const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xbb];

fn from(mac: [u8; 6], record: PacketRecord) -> PacketRecord {
    PacketRecord { source_mac: mac, ..record }
}

/// The sources that a tick's end visits, each with how many services it tried.
fn sources(context: &mut Context) -> Vec<(String, f32)> {
    let mut found = Vec::new();
    context.close_tick(|subject| {
        if let Subject::Source(host) = subject {
            found.push((host.key.to_string(), host.services_10()));
        }
        ordinary(subject)
    });
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

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
fn addresses_that_collide_are_hosts_of_their_own() {
    // As an attacker who knew the key would look for them: all in the bucket of the first.
    let hash_key = HashKey::from_seed(0);
    let bucket = |address: u32| HostKey::v4(address.to_be_bytes()).hashed(&hash_key).hash >> 32 & 511;
    let (victim, scanned, peer) = (0x0a00_0001, [10, 0, 0, 7], [10, 9, 9, 9]);
    let partition = |address: u32, peer| {
        let hash = |address| HostKey::v4(address).hashed(&hash_key).hash;
        partition::of_pair(hash(address.to_be_bytes()), hash(peer))
    };
    let collides = |address: &u32| {
        bucket(*address) == bucket(victim) && partition(*address, peer) == partition(victim, scanned)
    };
    let colliding: Vec<u32> = (0x0a00_0002..).filter(collides).take(16).collect();
    let mut context = context();
    for (number, address) in colliding.iter().enumerate() {
        let ack = tcp((address.to_be_bytes(), 443), (peer, 40_000), ACK);
        observe(&mut context, &ack, 100 * SECOND + number as u64);
    }
    for port in 1..=50 {
        let syn = tcp((u32::to_be_bytes(victim), 5000), (scanned, port), SYN);
        observe(&mut context, &syn, 101 * SECOND);
    }
    let found = sources(&mut context);
    let scanner = found.iter().find(|(name, _)| name == "10.0.0.1");
    assert!(scanner.is_some_and(|(_, services)| *services > 40.0), "{found:?}");
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
