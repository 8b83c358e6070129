//! A host that has peers in several partitions.

use super::*;
use crate::context::{flow::FlowStep, table::Entry as _};

/// Addresses that lie in one partition with the host, for each partition.
fn peers(host: [u8; 4]) -> Vec<[u8; 4]> {
    let hash = |address| HostKey::v4(address).hashed(&HashKey::from_seed(0)).hash;
    let peer = |partition| {
        let mut addresses = (0..=u16::MAX).map(|number| [10, 5, (number >> 8) as u8, number as u8]);
        addresses.find(|peer| partition::of_pair(hash(host), hash(*peer)) == partition).unwrap()
    };
    (0..PARTITIONS).map(peer).collect()
}

#[test]
fn of_mac_addresses_that_partitions_learn_in_one_second_a_handshake_proves_its_own_and_a_forged_request_none()
{
    let mut context = context();
    let owner = [10, 0, 0, 1];
    let [first, last] = [peers(owner)[0], peers(owner)[PARTITIONS - 1]];
    let udp =
        |mac, source, destination| from(mac, PacketRecord { protocol: 17, ..tcp(source, destination, 0) });
    // The answer to a forged request is the owner's; the request came from the forger.
    observe(&mut context, &udp(OTHER_MAC, (owner, 5000), (first, 53)), 100 * SECOND);
    observe(&mut context, &udp(SERVER_MAC, (first, 53), (owner, 5000)), 100 * SECOND);
    observe(&mut context, &udp(OTHER_MAC, (owner, 5000), (first, 53)), 100 * SECOND + 1);
    for (mac, source, destination, flags) in [
        (CLIENT_MAC, (owner, 1000), (last, 443), SYN),
        (SERVER_MAC, (last, 443), (owner, 1000), SYN | ACK),
        (CLIENT_MAC, (owner, 1000), (last, 443), ACK),
    ] {
        observe(&mut context, &from(mac, tcp(source, destination, flags)), 100 * SECOND + 2);
    }
    context.close_tick(ordinary);
    for peer in peers(owner) {
        observe(&mut context, &from(CLIENT_MAC, tcp((owner, 1001), (peer, 443), SYN)), 101 * SECOND);
    }
    let judged: Vec<String> = sources(&mut context).into_iter().map(|(name, _)| name).collect();
    assert_eq!(judged, ["10.0.0.1"], "its packets are its own in every partition");
}

#[test]
fn those_who_are_judged_together_are_never_verified() {
    let mut context = context();
    connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000, 100 * SECOND);
    let mac = HostKey::mac(OTHER_MAC);
    let hashed = mac.hashed(&HashKey::from_seed(0));
    let mut state = host::HostState::begin(mac);
    let answer = FlowStep { from_initiator: false, ..FlowStep::NONE };
    state.receive(
        HostKey::v4([10, 0, 0, 2]),
        &tcp(([10, 0, 0, 1], 1), ([10, 0, 0, 2], 2), ACK),
        &answer,
        true,
        SECOND,
    );
    let network = context.network.get_mut();
    let slot = network.enter(&hashed, OTHER_MAC, SECOND).unwrap();
    network.hosts.get_mut(slot).take(&state);
    assert_eq!(context.origin(mac), Origin { is_verified: false, mac: Some(OTHER_MAC) });
}

#[test]
fn a_fast_host_shows_at_the_end_of_a_window_as_at_any_other_second() {
    let mut context = context();
    let host = [10, 0, 0, 1];
    for second in 100..112_u64 {
        for (number, peer) in peers(host).into_iter().enumerate() {
            for port in 0..4 {
                // Up to the last moment, so that nothing has to fade.
                let now_ns = (second + 1) * SECOND - 1_000_000 + number as u64;
                let syn = tcp((host, 5000), (peer, second as u16 * 10 + port), SYN);
                observe(&mut context, &syn, now_ns);
            }
        }
        let found = sources(&mut context);
        let services =
            found.iter().find(|(name, _)| name == "10.0.0.1").map_or(0.0, |(_, services)| *services);
        assert!(services > 50.0, "{services} in second {second}");
    }
}

#[test]
fn where_nothing_is_shown_the_last_packet_says_where_a_host_is_whatever_its_partition() {
    for place in [0, PARTITIONS - 1] {
        let mut context = context();
        let host = [10, 0, 0, 1];
        let peers = peers(host);
        for (number, peer) in peers.iter().enumerate().filter(|(number, _)| *number != place) {
            let syn = tcp((host, 1000), (*peer, 443), SYN);
            observe(&mut context, &from(OTHER_MAC, syn), 100 * SECOND + number as u64);
        }
        let syn = tcp((host, 1000), (peers[place], 443), SYN);
        observe(&mut context, &from(CLIENT_MAC, syn), 100 * SECOND + SECOND / 2);
        context.close_tick(ordinary);
        assert_eq!(context.origin(HostKey::v4(host)).mac, Some(CLIENT_MAC), "{place}");
    }
}

#[test]
fn shards_have_the_memory_of_their_partitions() {
    let context = context();
    let all = context.shard_bytes(1);
    assert!(all > 0 && all < context.bytes().by_name().iter().map(|(_, bytes)| bytes).sum());
    assert_eq!([2, 4, 16].map(|shards| shards * context.shard_bytes(shards)), [all; 3]);
    // Of three, one has six of the sixteen.
    assert_eq!(16 * context.shard_bytes(3), 6 * all);
}

#[test]
fn the_states_of_more_hosts_than_one_thread_takes_at_a_time_add_up_alike_however_many_threads_there_are() {
    let sums = |threads| {
        let tables = Tables::new(&Sizes::all(1 << 16)).unwrap();
        let mut context = Context::new(tables, HashKey::from_seed(0), 60).with_threads(threads);
        let mut sums: Vec<u8> = Vec::new();
        for second in 100..103 {
            for number in 0..3_000_u16 {
                let [high, low] = number.to_be_bytes();
                for server in 0..3 {
                    let (client, service) = (([10, 6, high, low], 1000), ([10, 7, low % 9, server], 443));
                    let now_ns = second * SECOND + u64::from(number) * 100_000;
                    context.observe_one(&tcp(client, service, SYN), now_ns);
                }
            }
            context.close_tick(|subject| {
                if let Subject::Source(host) | Subject::Target(host) = subject {
                    sums.extend(host.key.to_string().bytes());
                    let (opened, asked) = (host.opened_10, host.asked_10);
                    let counts = [opened, asked, host.services_10(), host.peers_120(), host.sent_1];
                    sums.extend_from_slice(bytemuck::bytes_of(&counts));
                }
                ordinary(subject)
            });
        }
        sums
    };
    let one = sums(1);
    assert!(one.len() > 3 * 3_000 * 20);
    assert!([2, 3, 8].into_iter().all(|threads| sums(threads) == one));
}
