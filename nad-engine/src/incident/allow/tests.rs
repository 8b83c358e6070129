use super::*;
use crate::{
    features::View,
    incident::{State, coverage::Coverage, example::VERIFIED},
};

const TCP: u8 = 6;
const UDP: u8 = 17;

fn key(text: &str) -> HostKey {
    match text.parse().unwrap() {
        AddressRange::Mac(address) => address,
        AddressRange::Network(network) => HostKey::ip(network.addr()),
    }
}

fn range(text: &str) -> Option<AddressRange> {
    Some(text.parse().unwrap())
}

fn rules(criteria: Criteria) -> AllowRules {
    AllowRules::new([criteria])
}

/// What a client does at a service.
fn service_pair() -> Parties {
    Parties {
        source: Some(key("10.0.0.7")),
        target: Some(key("fd00::22")),
        port: Some(22),
        protocol: Some(TCP),
        origin: VERIFIED,
        ..Parties::default()
    }
}

/// What a machine claims by ARP.
fn claim() -> Parties {
    Parties {
        source: Some(key("10.0.0.7")),
        alias: Some(key("02:00:00:00:00:07")),
        target: Some(key("10.0.0.1")),
        other_sources: Vec::new(),
        other_targets: vec![key("10.0.0.9")],
        origin: VERIFIED,
        ..Parties::default()
    }
}

#[test]
fn a_rule_allows_what_fits_all_that_it_says() {
    let none = Criteria::default;
    let (flood, scan) = (Shape::Flood, Shape::PortScan);
    let nobody = Parties { target: Some(key("10.0.0.1")), ..Parties::default() };
    let without_target = Parties { target: None, ..claim() };
    let source = |text| Criteria { source: range(text), ..none() };
    let destination = |text| Criteria { destination: range(text), ..none() };
    let cases = [
        // Addresses and prefixes of both families, and MAC addresses.
        (source("10.0.0.7"), service_pair(), flood, true),
        (source("10.0.0.8"), service_pair(), flood, false),
        (source("10.0.0.0/29"), service_pair(), flood, true),
        (source("10.0.0.8/29"), service_pair(), flood, false),
        (source("::ffff:10.0.0.0/125"), service_pair(), flood, true),
        (source("0.0.0.0/0"), service_pair(), flood, true),
        (source("::/0"), service_pair(), flood, false),
        (destination("fd00::22"), service_pair(), flood, true),
        (destination("fd00::/16"), service_pair(), flood, true),
        (destination("fd01::/16"), service_pair(), flood, false),
        (destination("0.0.0.0/0"), service_pair(), flood, false),
        // The other way round is something else.
        (destination("10.0.0.7"), service_pair(), flood, false),
        (source("fd00::22"), service_pair(), flood, false),
        // Every name of the source counts, of the targets the one that is meant.
        (source("02:00:00:00:00:07"), claim(), flood, true),
        (source("10.0.0.7"), claim(), flood, true),
        (source("02-00-00-00-00-08"), claim(), flood, false),
        (source("02:00:00:00:00:07"), service_pair(), flood, false),
        (destination("10.0.0.1"), claim(), flood, true),
        (destination("10.0.0.9"), claim(), flood, false),
        (destination("10.0.0.9"), without_target, flood, true),
        // What is not known does not fit.
        (source("0.0.0.0/0"), nobody.clone(), flood, false),
        (destination("10.0.0.1"), nobody.clone(), flood, true),
        (Criteria { port: Some(22), ..none() }, nobody.clone(), flood, false),
        (Criteria { protocol: Some(TCP), ..none() }, nobody, flood, false),
        // The rest, alone and together.
        (Criteria { port: Some(22), ..none() }, service_pair(), flood, true),
        (Criteria { port: Some(23), ..none() }, service_pair(), flood, false),
        (Criteria { protocol: Some(TCP), ..none() }, service_pair(), flood, true),
        (Criteria { protocol: Some(UDP), ..none() }, service_pair(), flood, false),
        (Criteria { shape: Some(flood), ..none() }, service_pair(), flood, true),
        (Criteria { shape: Some(flood), ..none() }, service_pair(), scan, false),
        (Criteria { port: Some(22), protocol: Some(TCP), ..source("10.0.0.7") }, service_pair(), flood, true),
        (
            Criteria { port: Some(22), protocol: Some(UDP), ..source("10.0.0.7") },
            service_pair(),
            flood,
            false,
        ),
        (Criteria { shape: Some(scan), ..source("10.0.0.7") }, service_pair(), flood, false),
        (Criteria { destination: range("10.0.0.9"), ..source("10.0.0.7") }, service_pair(), flood, false),
        (Criteria { destination: range("fd00::22"), ..source("10.0.0.7") }, service_pair(), flood, true),
    ];
    for (criteria, parties, shape, is_allowed) in cases {
        let rules = rules(criteria.clone());
        assert_eq!(rules.suppress(&parties, shape, 0), is_allowed, "{criteria:?}, {parties:?}, {shape:?}");
        assert_eq!(rules.suppressed(), u64::from(is_allowed));
    }
}

#[test]
fn a_rule_ends_by_the_clock_of_the_packets() {
    let rules = rules(Criteria { port: Some(22), expires_ns: Some(1_000), ..Criteria::default() });
    let suppress = |now_ns| rules.suppress(&service_pair(), Shape::Flood, now_ns);
    assert_eq!([0, 999, 1_000, 1_001].map(suppress), [true, true, false, false]);
    assert_eq!([999, 1_000].map(|now_ns| rules.rules()[0].is_expired(now_ns)), [false, true]);
    assert_eq!(rules.suppressed(), 2);
}

#[test]
fn a_suppression_counts_once_with_the_first_rule_that_fits_and_clones_share_it() {
    let port = |port| Criteria { port: Some(port), ..Criteria::default() };
    let expired = Criteria { expires_ns: Some(1), ..port(22) };
    let rules = AllowRules::new([expired, port(23), port(22), port(22)]);
    let clone = rules.clone();
    assert!(
        clone.suppress(&service_pair(), Shape::Flood, 5) && clone.suppress(&service_pair(), Shape::Flood, 5)
    );
    let counts: Vec<u64> = rules.rules().iter().map(AllowRule::suppressed).collect();
    assert_eq!((counts, rules.suppressed()), (vec![0, 0, 2, 0], 2));
    assert!(!AllowRules::default().suppress(&service_pair(), Shape::Flood, 0));
}

fn listed<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Listed<T> {
    let mut listed = Listed::new();
    for item in items {
        listed.add(item);
    }
    listed
}

fn incident() -> Incident {
    Incident {
        id: "1-1".into(),
        case: "99-1".into(),
        related: Vec::new(),
        uid: Default::default(),
        place: Default::default(),
        detected_ns: 2,
        start_ns: 1,
        end_ns: 2,
        sources: listed([key("10.0.0.7"), key("02:00:00:00:00:07")]),
        origins: vec![VERIFIED; 2],
        forged_sources: 0,
        targets: listed([key("10.0.0.1"), key("10.0.0.2")]),
        names: Vec::new(),
        ports: listed([22]),
        protocols: vec![TCP],
        shape: Shape::BruteForce,
        alerts: 1,
        packets: 1,
        bytes: 60,
        peak_score: 1.0,
        score: 1.0,
        probability: 1e-9,
        threshold: 0.5,
        coverage: Coverage::default(),
        view: View::Connections,
        state: State::Open,
        reason: String::new(),
        evidence: Vec::new(),
    }
}

#[test]
fn an_incident_is_allowed_where_all_of_it_is() {
    let none = Criteria::default;
    let allows = |criteria: Criteria, incident: &Incident| rules(criteria).allow_incident(incident, 5);
    let whole = Criteria {
        source: range("10.0.0.7"),
        destination: range("10.0.0.0/30"),
        port: Some(22),
        protocol: Some(TCP),
        shape: Some(Shape::BruteForce),
        ..none()
    };
    assert!(allows(whole.clone(), &incident()));
    assert!(allows(Criteria { source: range("02:00:00:00:00:07"), ..whole.clone() }, &incident()));
    for other in [
        Criteria { source: range("10.0.0.8"), ..whole.clone() },
        Criteria { destination: range("10.0.0.1"), ..whole.clone() },
        Criteria { destination: range("02:00:00:00:00:01"), ..whole.clone() },
        Criteria { port: Some(23), ..whole.clone() },
        Criteria { protocol: Some(UDP), ..whole.clone() },
        Criteria { shape: Some(Shape::PortScan), ..whole.clone() },
        Criteria { expires_ns: Some(5), ..whole.clone() },
    ] {
        assert!(!allows(other.clone(), &incident()), "{other:?}");
    }
    let more_ports = Incident { ports: listed([22, 23]), ..incident() };
    assert!(!allows(whole.clone(), &more_ports));
    let mut more_targets = incident();
    more_targets.targets.more = true;
    assert!(!allows(whole, &more_targets), "the others may be somebody else's");
}

#[test]
fn addresses_are_written_as_people_write_them() {
    let shown = |text: &str| text.parse::<AddressRange>().map(|range| range.to_string());
    for text in ["10.0.0.7", "10.0.0.0/8", "fd00::1", "2001:db8::/32", "02:00:00:00:00:0a"] {
        assert_eq!(shown(text).as_deref(), Ok(text));
    }
    assert_eq!(shown("02-00-00-00-00-0A").as_deref(), Ok("02:00:00:00:00:0a"));
    assert_eq!(shown("::ffff:10.0.0.7").as_deref(), Ok("10.0.0.7"));
    assert_eq!(
        shown("10.0.0.7/24").unwrap_err(),
        "\"10.0.0.7/24\" is an address in a prefix: give 10.0.0.7 for the one or 10.0.0.0/24 for all"
    );
    for bad in [
        "",
        "10.0.0",
        "10.0.0.0/33",
        "10.0.0.0/",
        "host",
        "02:00:00:00:00",
        "2:0:0:0:0:1",
        "02:00-00:00:00:01",
    ] {
        let error = shown(bad).unwrap_err();
        assert!(error.starts_with(&format!("\"{bad}\" is no address: give ")), "{error}");
    }
}

#[test]
fn a_rule_by_address_holds_for_a_verified_source_or_the_mac_address_that_it_says() {
    let source = Some("10.0.0.7".parse().unwrap());
    let forged = |mac| Parties { origin: Origin { is_verified: false, mac }, ..service_pair() };
    let (own, other) = (VERIFIED.mac, Some([2, 0, 0, 0, 0, 0xbb]));
    let by_address = || Criteria { source, ..Criteria::default() };
    let by_mac = || Criteria { mac: own, ..by_address() };
    let allows =
        |criteria: Criteria, parties: &Parties| rules(criteria).suppress(parties, Shape::BruteForce, 1);
    assert!(allows(by_address(), &service_pair()) && !allows(by_address(), &forged(own)));
    assert!(allows(by_mac(), &forged(own)) && !allows(by_mac(), &forged(other)));
    assert!(!allows(by_mac(), &forged(None)), "a link without MAC addresses shows none");
    let at_a_port = Criteria { port: Some(22), ..Criteria::default() };
    assert!(allows(at_a_port, &forged(other)), "a rule that names no source holds for anybody");
    let of = |origin| Incident { origins: vec![VERIFIED, origin], ..incident() };
    let of_network = Criteria { source: Some("10.0.0.0/24".parse().unwrap()), ..Criteria::default() };
    let of_network = rules(of_network);
    assert!(
        of_network.allow_incident(&of(VERIFIED), 1) && !of_network.allow_incident(&of(Origin::default()), 1)
    );
}
