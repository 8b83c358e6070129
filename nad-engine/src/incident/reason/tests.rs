use super::*;
use crate::{
    context::{host::HostState, host_key::HostKey, known::Novelty},
    features::View,
    incident::example::{
        SECOND, VERIFIED, evidence, of_service_pair, of_source, of_target, service_pair, source, target, with,
    },
    incident::{allow::AllowRules, coverage::Coverage, tracker::Tracker},
};

#[test]
fn a_source_is_said_with_its_favourite_and_two_features_beyond_the_baseline() {
    let evidence = [
        evidence(View::Scan, "peers", 1.0, 6.0),
        evidence(View::Scan, "services", 442.0, 8.0),
        evidence(View::Scan, "failures", 300.0, 4.2),
    ];
    let deviation = of_source(View::Scan, source(1, 2), 100);
    assert_eq!(
        reason(&deviation, &evidence),
        "10.0.0.1 opened flows to 442 services in 10 s that it is not known to use, mostly at 10.0.0.2 (baseline: at most 8), \
         and had 300 connections refused, given up or unreachable in 10 s (baseline: at most 4.2)"
    );
}

#[test]
fn a_target_of_many_is_said_to_have_many_sources() {
    let evidence = [evidence(View::InboundFlood, "half-open flows", 800.0, 32.0)];
    let deviation = of_target(target(2, 10..200), 100);
    assert_eq!(
        reason(&deviation, &evidence),
        "10.0.0.2 was asked for 800 flows in 10 s that nobody went on with, from many sources \
         (baseline: at most 32)"
    );
}

#[test]
fn a_service_pair_is_reported_with_its_service_what_is_usual_there_and_its_novelty() {
    let mut state = service_pair(4444, 6);
    state.set_novelty(Novelty::NewEverything);
    let evidence = [evidence(View::Upload, "bytes uploaded", 8_388_607.0, 90_000.0)];
    let deviation = of_service_pair(View::Upload, state, 100);
    assert_eq!(
        reason(&deviation, &evidence),
        "10.0.0.1 uploaded 8388607 bytes in a minute at 10.0.0.2 port 4444 (TCP) \
         (usual there: at most 100000 bytes); neither that server nor that port had been used before"
    );
}

#[test]
fn without_a_feature_that_can_be_said_it_is_an_unusual_combination() {
    let deviation = of_service_pair(View::Periodicity, service_pair(80, 6), 100);
    assert_eq!(reason(&deviation, &[]), "an unusual combination of features");
}

#[test]
fn a_source_that_is_not_verified_may_be_forged_and_its_mac_address_is_said_where_that_says_more() {
    let evidence = [evidence(View::OutboundFlood, "flows opened", 800.0, 32.0)];
    let said = |deviation: &Deviation| reason(deviation, &evidence);
    let of = |host: HostState, origin| Deviation { origin, ..of_source(View::OutboundFlood, host, 100) };
    let unverified = Origin { is_verified: false, mac: Some([2, 0, 0, 0, 0, 7]) };
    let local = source(1, 2);
    assert!(!said(&of(local, VERIFIED)).contains("forged"));
    let forged = said(&of(local, unverified));
    assert!(
        forged.ends_with("; 10.0.0.1 may be forged, its packets came from 02:00:00:00:00:07"),
        "{forged}"
    );
    let outside = with(local, |host| host.key = HostKey::v4([198, 51, 100, 7]));
    let forged = said(&of(outside, unverified));
    assert!(forged.ends_with("; 198.51.100.7 may be forged"), "its router's says nothing: {forged}");
    let shared = with(local, |host| host.key = HostKey::mac([2, 0, 0, 0, 0, 7]));
    let reason = said(&of(shared, unverified));
    assert!(
        reason.starts_with("02:00:00:00:00:07 opened 800 flows") && reason.contains("addresses of others")
    );
}

#[test]
fn an_incident_tells_what_each_view_has_seen_that_said_what_it_is_and_keeps_its_name() {
    let mut tracker = Tracker::new(AllowRules::default(), 60 * SECOND);
    let mut second = |last, peer, at| {
        let mut updates = Vec::new();
        let deviation = of_source(View::Scan, source(last, peer), at);
        tracker.end_tick(&[deviation], Coverage::default(), at * SECOND, &|_| Vec::new(), &mut updates);
        updates
    };
    let first = second(1, 200, 5).remove(0).incident;
    let views: Vec<View> = first.evidence.iter().map(|seen| seen.view).collect();
    assert_eq!(views, [View::Scan]);
    let later = second(1, 201, 6).remove(0).incident;
    assert_eq!((later.evidence.len(), later.uid), (1, first.uid));
    let other = second(9, 200, 7);
    assert!(other.iter().any(|update| update.incident.uid != first.uid), "{other:?}");
}
