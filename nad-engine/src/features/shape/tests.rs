use super::*;
use crate::{
    context::{
        host::HostState,
        known::{Novelty, ServiceKey},
        service_pair::ServicePairState,
    },
    features::View,
    incident::example::{
        key, of_service_pair, of_source, of_target, open, service_pair, source, target, with,
    },
};

#[test]
fn what_a_client_does_at_a_service_names_the_shape() {
    type Set = fn(&mut ServicePairState);
    let cases: [(View, u16, u8, Set, Shape); 20] = [
        (View::Names, 53, 17, |d| (d.queries_10, d.name_length) = (20.0, 80.0), Shape::DnsTunnel),
        (View::Names, 53, 17, |d| d.rare_types = 0.9, Shape::DnsTunnel),
        (View::Names, 53, 17, |d| (d.queries_10, d.name_length) = (20.0, 12.0), Shape::Unusual),
        (View::Names, 53, 17, |d| (d.missing_60, d.no_such_name) = (60.0, 0.8), Shape::GeneratedNames),
        (View::Names, 53, 17, |d| (d.name_length, d.long_names_60) = (30.0, 900.0), Shape::DnsTunnel),
        (View::Upload, 53, 17, |d| (d.queries_10, d.name_length) = (20.0, 80.0), Shape::DnsTunnel),
        (View::Upload, 4444, 6, |d| d.up_60 = 1e7, Shape::UnusualUpload),
        (View::Answers, 123, 17, |d| d.down_60 = 1e7, Shape::Amplification),
        (View::Periodicity, 443, 6, |d| d.regular_intervals = 9.0, Shape::Beacon),
        (View::Exchange, 22, 6, |d| d.turns_10 = 90.0, Shape::BruteForce),
        (View::Exchange, 80, 6, |d| d.turns_10 = 90.0, Shape::Enumeration),
        (View::Connections, 0, 1, |d| d.opened_10 = 90.0, Shape::Flood),
        (View::Connections, 0, 1, |d| d.opened_10 = 20.0, Shape::Unusual),
        (View::Exchange, 0, 1, |d| d.turns_10 = 900.0, Shape::Flood),
        (View::Exchange, 0, 1, |d| d.turns_10 = 60.0, Shape::Unusual),
        (View::Connections, 80, 6, |d| (d.opened_10, d.failed_10) = (90.0, 60.0), Shape::SynFlood),
        (View::Connections, 80, 6, |d| (d.opened_10, d.failed_10) = (9.0, 9.0), Shape::Unusual),
        (View::Connections, 22, 6, |d| d.opened_10 = 90.0, Shape::BruteForce),
        (
            View::Connections,
            80,
            6,
            |d| (d.open_now, d.opened_60, d.opened_10) = (40.0, 50.0, 9.0),
            Shape::SlowRequests,
        ),
        (View::Connections, 80, 6, |d| (d.opened_10, d.turns_10) = (50.0, 60.0), Shape::Enumeration),
    ];
    for (case, (view, port, protocol, set, shape)) in cases.into_iter().enumerate() {
        let mut state = service_pair(port, protocol);
        set(&mut state);
        assert_eq!(of_service_pair(view, state, 1).shape(), shape, "case {case}");
    }
}

#[test]
fn logins_at_one_server_beside_ordinary_new_services_are_no_scan() {
    let mut host = scan(1, 3);
    let smb = ServiceKey { server: key(200), port: 445, protocol: 6 };
    (0..30).for_each(|_| open(&mut host, &smb, Novelty::NewServer, 0));
    host.waiting_10 = 0.0;
    assert_eq!(of_source(View::SlowScan, host, 1).shape(), Shape::BruteForce);
    // A scan that takes several connections to each service stays one.
    let mut versions = source(1, 2);
    for port in 1..=20 {
        let service = ServiceKey { server: key(10), port, protocol: 6 };
        (0..4).for_each(|_| open(&mut versions, &service, Novelty::NewEverything, 0));
    }
    assert_eq!(of_source(View::SlowScan, versions, 1).shape(), Shape::PortScan);
}

#[test]
fn few_packets_are_no_flood() {
    let shape = |view, host| of_source(view, host, 1).shape();
    let pings = |number| with(scan(1, 1), |host| (host.opened_10, host.icmp_10) = (1.0, number));
    assert_eq!(shape(View::OutboundFlood, pings(60.0)), Shape::Unusual);
    assert_eq!(shape(View::OutboundFlood, pings(600.0)), Shape::Flood);
    let pressed = |number| of_target(with(target(1, []), |host| host.pressed_10 = number), 1).shape();
    assert_eq!([60.0, 600.0].map(pressed), [Shape::Unusual, Shape::Flood]);
}

/// A source that opened flows to ports of hosts.
fn scan(ports: u16, hosts: u8) -> HostState {
    let mut host = source(1, 2);
    for target in 0..hosts {
        for port in 1..=ports {
            let service = ServiceKey { server: key(10 + target), port, protocol: 6 };
            open(&mut host, &service, Novelty::NewEverything, 0);
        }
    }
    host
}

#[test]
fn a_sources_reach_tells_a_scan_from_a_sweep_and_a_flood() {
    let shape = |view, host| of_source(view, host, 1).shape();
    assert_eq!(shape(View::Scan, scan(100, 1)), Shape::PortScan);
    assert_eq!(shape(View::SlowScan, scan(1, 100)), Shape::HostSweep);
    assert_eq!(shape(View::Malformed, scan(100, 1)), Shape::MalformedPackets);
    let again = |protocol| {
        let service = ServiceKey { server: key(10), port: 1, protocol };
        with(scan(1, 1), |host| open(host, &service, Novelty::Known, 999))
    };
    let answered = with(again(6), |host| host.waiting_10 = 0.0);
    assert_eq!(shape(View::OutboundFlood, answered), Shape::Flood);
    assert_eq!(shape(View::OutboundFlood, with(answered, |host| host.failed_10 = 900.0)), Shape::SynFlood);
    assert_eq!(shape(View::SlowScan, again(6)), Shape::SynFlood, "no answer is none that came late");
    let refused = with(again(17), |host| (host.waiting_10, host.failed_10) = (100.0, 900.0));
    assert_eq!(shape(View::OutboundFlood, refused), Shape::Flood, "there are no connections");
    assert_eq!(shape(View::OutboundFlood, with(scan(1, 1), |host| host.icmp_10 = 900.0)), Shape::Flood);
    let pressing = with(scan(1, 1), |host| (host.opened_10, host.stray_10) = (1.0, 60.0));
    assert_eq!(
        shape(View::OutboundFlood, pressing),
        Shape::Flood,
        "packets to one service, though they open one flow"
    );
    let scan = with(scan(100, 1), |host| host.stray_10 = 300.0);
    assert_eq!(shape(View::OutboundFlood, scan), Shape::PortScan, "three to each port");
}

#[test]
fn what_comes_over_a_target_is_a_syn_flood_where_it_asks_for_connections() {
    let shape = |host| of_target(host, 1).shape();
    assert_eq!(shape(target(2, 10..200)), Shape::SynFlood);
    assert_eq!(shape(with(target(2, 10..200), |host| host.icmp_in_10 = 900.0)), Shape::Flood);
    assert_eq!(shape(with(target(2, 10..200), |host| host.pressed_10 = 9000.0)), Shape::Flood);
}
