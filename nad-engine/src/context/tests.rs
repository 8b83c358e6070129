mod forged;
mod heads;
mod hours;
mod outflow;
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
