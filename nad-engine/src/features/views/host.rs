//! Features of a host: as the one who begins, and as the one who is asked.

use super::service_pair::LOGIN_PORTS;
use crate::{
    context::host::HostState,
    features::{
        Column, Feature, Persistence,
        shape::{FEWEST_CONNECTIONS, FEWEST_PACKETS, Shape, if_many},
    },
};

pub(super) type Read = fn(&HostState) -> f32;

/// A scan of ports is services without peers, a sweep of hosts both; a busy client has few failures, a monitor that
/// pings everyone has peers, but the same ones as ever.
pub(super) static SCAN: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("services", "")
            .persistence(Persistence::Holds(10.0))
            .ordinary(8.0)
            .hostile(100.0)
            .phrase("opened flows to {} services in 10 s that it is not known to use"),
        read: HostState::services_10,
    },
    Column {
        feature: Feature::logarithmic("peers", "")
            .persistence(Persistence::Holds(10.0))
            .ordinary(6.0)
            .hostile(100.0)
            .phrase("opened flows to {} hosts in 10 s for what it is not known to use"),
        read: HostState::peers_10,
    },
    Column {
        feature: Feature::logarithmic("failures", "")
            .ordinary(4.0)
            .hostile(100.0)
            .phrase("had {} connections refused, given up or unreachable in 10 s"),
        read: |host| host.failed_10,
    },
];

/// The same over minutes, for whoever takes the time.
pub(super) static SLOW_SCAN: [Column<Read>; 4] = [
    Column {
        feature: Feature::logarithmic("services 120 s", "")
            .persistence(Persistence::Holds(120.0))
            .ordinary(16.0)
            .hostile(400.0)
            .phrase("opened flows to {} services in two minutes that it is not known to use"),
        read: HostState::services_120,
    },
    Column {
        feature: Feature::logarithmic("failures 60 s", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(12.0)
            .hostile(400.0)
            .phrase("had {} connections refused, given up or unreachable in a minute"),
        read: |host| host.failed_60,
    },
    Column {
        feature: Feature::logarithmic("unfamiliar services", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(16.0)
            .phrase("opened {} flows in a minute to services that nobody had used"),
        read: |host| host.unfamiliar_60,
    },
    Column {
        // A browser turns to dozens of servers within seconds, and to hundreds with many pages.
        feature: Feature::logarithmic("servers outside", "")
            .persistence(Persistence::Holds(120.0))
            .ordinary(160.0)
            .phrase("opened flows to {} servers outside in two minutes that it is not known to use, at known ports"),
        read: HostState::outside_120,
    },
];

/// A flood does not wait for answers; a busy server's packets belong to established flows.
pub(super) static OUTBOUND_FLOOD: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("flows opened", "").ordinary(16.0).phrase("opened {} flows in 10 s"),
        read: |host| host.opened_10,
    },
    Column {
        feature: Feature::logarithmic("unanswered packets", "")
            .ordinary(16.0)
            .phrase("sent {} packets in 10 s outside of any established flow"),
        read: |host| host.stray_10,
    },
    Column {
        feature: Feature::logarithmic("ICMP packets", "")
            .ordinary(16.0)
            .hostile(2_000.0)
            .phrase("sent {} ICMP packets in 10 s"),
        read: |host| host.icmp_10,
    },
];

/// Evasion, fingerprinting and broken or hostile stacks.
pub(super) static MALFORMED: [Column<Read>; 2] = [
    Column {
        feature: Feature::logarithmic("malformed packets", "")
            .ordinary(1.0)
            .hostile(50.0)
            .phrase("sent {} malformed packets in 10 s"),
        read: |host| host.malformed_10,
    },
    Column {
        feature: Feature::logarithmic("fragments and options", "")
            .ordinary(4.0)
            .phrase("sent {} fragments or packets with IP options in 10 s"),
        read: |host| host.unusual_headers_10,
    },
];

/// A flash crowd completes its handshakes; a flood from many or forged sources does not.
pub(super) static INBOUND_FLOOD: [Column<Read>; 4] = [
    Column {
        feature: Feature::logarithmic("half-open flows", "")
            .ordinary(32.0)
            .hostile(2_000.0)
            .phrase("was asked for {} flows in 10 s that nobody went on with"),
        read: |host| host.half_open_10,
    },
    Column {
        feature: Feature::logarithmic("flows turned away", "")
            .ordinary(8.0)
            .hostile(400.0)
            .phrase("saw {} flows refused or given up in 10 s"),
        read: |host| host.turned_away_10,
    },
    Column {
        feature: Feature::logarithmic("packets without flow", "")
            .ordinary(16.0)
            .phrase("received {} packets in 10 s outside of any established flow"),
        read: |host| host.pressed_10,
    },
    Column {
        feature: Feature::logarithmic("ICMP received", "")
            .ordinary(16.0)
            .hostile(2_000.0)
            .phrase("received {} ICMP packets in 10 s"),
        read: |host| host.icmp_in_10,
    },
];

/// What a source's attempts look like.
pub(super) fn shape_of_attempts(host: &HostState) -> Shape {
    of_tried(host, host.opened_10)
}

/// What all that a source sends looks like: unanswered packets count even where they open no flow.
pub(super) fn shape_of_sent(host: &HostState) -> Shape {
    let tried = host.opened_10.max(host.stray_10);
    if host.icmp_10 > 0.5 * tried && host.peers_10() < 4.0 {
        if_many(host.icmp_10, FEWEST_PACKETS, Shape::Flood)
    } else {
        of_tried(host, tried)
    }
}

/// What comes over a target looks like.
pub(super) fn shape_of_received(host: &HostState) -> Shape {
    let connections = host.half_open_10 + host.turned_away_10;
    let is_syns = connections > 0.25 * host.pressed_10 && host.is_asked_mostly_tcp();
    let shape = if is_syns && !host.is_pressed_by_pings() { Shape::SynFlood } else { Shape::Flood };
    let packets = host.pressed_10.max(host.icmp_in_10);
    let is_many = connections >= FEWEST_CONNECTIONS || packets >= FEWEST_PACKETS;
    if is_many { shape } else { Shape::Unusual }
}

/// Services of a scan, at least.
const FEWEST_SERVICES: f32 = 4.0;

fn of_tried(host: &HostState, tried: f32) -> Shape {
    if is_repeated(host, tried) {
        return of_repeated(host, tried);
    }
    // Hosts and services of the same time.
    let (peers, services) = (host.peers_120(), host.services_120());
    if services.max(host.outside_120()) < FEWEST_SERVICES {
        return Shape::Unusual;
    }
    let is_sweep = peers > 0.5 * services && peers > 4.0 || host.outside_120() > services;
    if is_sweep { Shape::HostSweep } else { Shape::PortScan }
}

/// Whether it is the same few services again and again. Versions of services take several connections to each.
fn is_repeated(host: &HostState, tried: f32) -> bool {
    /// Attempts in 10 s by which that can be told.
    const FEWEST: f32 = 4.0;
    let lately = host.services_10().max(host.outside_120());
    let has_favourite = tried >= FEWEST && host.favourite.winner().is_some() && lately < 0.2 * tried;
    has_favourite || lately.max(host.services_120()) < 0.1 * tried
}

fn of_repeated(host: &HostState, tried: f32) -> Shape {
    if !host.opens_mostly_tcp() {
        return if_many(tried, FEWEST_CONNECTIONS, Shape::Flood);
    }
    let asks_for_passwords = host.favourite.winner().is_some_and(|(_, port)| LOGIN_PORTS.contains(&port));
    if host.unsuccessful_10() > 0.25 * tried {
        if_many(tried, FEWEST_CONNECTIONS, Shape::SynFlood)
    } else if asks_for_passwords && host.opened_10 > 0.1 * tried {
        Shape::BruteForce
    } else {
        if_many(tried, FEWEST_CONNECTIONS, Shape::Flood)
    }
}
