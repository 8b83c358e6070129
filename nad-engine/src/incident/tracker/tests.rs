use super::*;
use crate::{
    context::known::{Novelty, ServiceKey},
    features::View,
    incident::SubjectState,
    incident::allow::Criteria,
    incident::example::{
        SECOND, between, key, of_logins, of_long_source, of_service_pair, of_source, of_target, open,
        service_pair, source, target, with,
    },
};

const SILENCE: u64 = 60 * SECOND;

pub(super) fn tracker() -> Tracker {
    Tracker::new(AllowRules::default(), SILENCE)
}

/// Takes the deviations of one second and ends it.
pub(super) fn second(tracker: &mut Tracker, deviations: &[Deviation], at: u64) -> Vec<IncidentUpdate> {
    let mut updates = Vec::new();
    tracker.end_tick(deviations, Coverage::default(), at * SECOND, &|_| Vec::new(), &mut updates);
    updates
}

pub(super) fn changes(updates: &[IncidentUpdate]) -> Vec<Change> {
    updates.iter().map(|update| update.change).collect()
}

#[test]
fn a_scan_that_several_views_see_for_a_while_is_one_incident() {
    let mut tracker = tracker();
    let mut updates = Vec::new();
    for at in 100..110 {
        let scan = of_source(View::Scan, source(1, 2), at);
        let slow = of_source(View::SlowScan, source(1, 2), at);
        let refused = of_service_pair(View::Connections, service_pair(80, 6), at);
        updates.extend(second(&mut tracker, &[scan, slow, refused], at));
    }
    assert_eq!(tracker.opened(), 1);
    assert_eq!(updates[0].change, Change::Opened);
    assert!(updates[1..].iter().all(|update| update.change == Change::Updated));
    let incident = &updates.last().unwrap().incident;
    assert_eq!(incident.id, "99-1");
    assert_eq!((incident.alerts, incident.start_ns, incident.end_ns), (30, 99 * SECOND, 109 * SECOND));
    assert_eq!((&incident.sources.items, &incident.targets.items), (&vec![key(1)], &vec![key(2)]));
    assert_eq!((incident.ports.items.as_slice(), incident.protocols.as_slice()), (&[80][..], &[6][..]));
    // Of a second's deviations the largest volume counts, so that packets are not counted twice.
    assert_eq!((incident.packets, incident.bytes), (100, 10_000));
    assert_eq!(tracker.suspects(), HashSet::from([key(1)]));
}

#[test]
fn an_incident_says_how_much_was_looked_at_from_its_first_alert_to_its_last() {
    let mut tracker = tracker();
    let mut second = |at, is_alert: bool, packets| {
        let deviations = if is_alert { vec![of_source(View::Scan, source(1, 2), at)] } else { Vec::new() };
        let mut updates = Vec::new();
        let coverage = Coverage { records: 1, packets, lost_states: 0 };
        tracker.end_tick(&deviations, coverage, at * SECOND, &|_| Vec::new(), &mut updates);
        updates
    };
    second(99, false, 1001);
    let updates = second(100, true, 10);
    assert_eq!(updates[0].incident.coverage.percent(), 10.0, "what came before it is no part of it");
    second(101, false, 30);
    let updates = second(102, true, 10);
    assert_eq!(updates[0].incident.coverage, Coverage { records: 3, packets: 50, lost_states: 0 });
    let mut updates = second(103, false, 1001);
    tracker.finish(&mut updates);
    assert_eq!(updates[0].incident.coverage.percent(), 6.0, "nor what came after it");
}

#[test]
fn a_target_of_many_sources_is_an_incident_without_a_source() {
    let mut tracker = tracker();
    let updates = second(&mut tracker, &[of_target(target(2, 10..200), 100)], 100);
    assert_eq!(changes(&updates), [Change::Opened]);
    assert!(updates[0].incident.sources.items.is_empty());
    assert_eq!(updates[0].incident.targets.items, [key(2)]);
    assert_eq!(tracker.suspects(), HashSet::from([key(2)]), "whom it is against stands for nobody");
}

#[test]
fn a_flood_of_many_sources_is_updates_by_what_comes_over_its_target() {
    let mut tracker = tracker();
    let service = ServiceKey { server: key(2), port: 80, protocol: 6 };
    let forged = |last| with(source(last, 2), |host| open(host, &service, Novelty::NewClient, 99));
    for at in 100..105 {
        let mut deviations: Vec<Deviation> =
            (10..200).map(|last| of_source(View::SlowScan, forged(last), at)).collect();
        deviations.iter_mut().for_each(|deviation| deviation.judgement.probability = 1e-12);
        deviations.push(of_target(target(2, 10..200), at));
        let updates = second(&mut tracker, &deviations, at);
        let [IncidentUpdate { incident, .. }] = &updates[..] else { panic!("one incident: {updates:?}") };
        assert_eq!(incident.shape, Shape::SynFlood);
        assert!(incident.sources.more);
        let best = &tracker.open[0].winner().expect("something speaks for it").best;
        assert!(matches!(best.subject, SubjectState::Target(_)), "{best:?}");
    }
}

#[test]
fn what_comes_over_a_target_while_a_source_floods_it_belongs_to_the_source() {
    let mut tracker = tracker();
    let service = ServiceKey { server: key(2), port: 80, protocol: 6 };
    let pressing = with(source(1, 2), |host| open(host, &service, Novelty::Known, 99));
    second(&mut tracker, &[of_source(View::OutboundFlood, pressing, 100)], 100);
    let updates = second(&mut tracker, &[of_target(target(2, 10..200), 101)], 101);
    assert_eq!(tracker.opened(), 1);
    assert_eq!(updates[0].incident.sources.items, [key(1)]);
    let best = &tracker.open[0].winner().expect("something speaks for it").best;
    assert!(matches!(best.subject, SubjectState::Source(_)), "it is no flood from many: {best:?}");
}

#[test]
fn what_a_target_sends_back_belongs_to_the_same_incident() {
    let mut tracker = tracker();
    second(&mut tracker, &[of_service_pair(View::Connections, service_pair(80, 6), 100)], 100);
    second(&mut tracker, &[of_service_pair(View::Upload, between(key(2), key(1), 9000, 6), 101)], 101);
    assert_eq!(tracker.opened(), 1);
    second(&mut tracker, &[of_service_pair(View::Upload, between(key(3), key(1), 9000, 6), 102)], 102);
    assert_eq!(tracker.opened(), 2, "a third party has nothing to do with it");
}

#[test]
fn sources_that_guess_passwords_of_one_server_join_and_others_do_not() {
    let mut tracker = tracker();
    let guess = |client, server| {
        let mut pair = between(key(client), key(server), 22, 6);
        pair.opened_10 = 20.0;
        pair
    };
    for (client, server) in [(1, 9), (2, 9), (3, 9)] {
        second(&mut tracker, &[of_service_pair(View::Connections, guess(client, server), 100)], 100);
    }
    assert_eq!(tracker.opened(), 1);
    second(&mut tracker, &[of_service_pair(View::Connections, guess(4, 8), 100)], 100);
    assert_eq!(tracker.opened(), 2, "another server");
    second(&mut tracker, &[of_service_pair(View::Periodicity, guess(5, 9), 100)], 100);
    assert_eq!(tracker.opened(), 3, "another shape");
}

#[test]
fn what_many_do_to_one_service_without_a_name_for_it_is_one_incident() {
    let mut tracker = tracker();
    let contact = |client, port| of_service_pair(View::Contact, between(key(client), key(9), port, 6), 100);
    second(&mut tracker, &[contact(1, 22), contact(2, 22), contact(3, 22)], 100);
    assert_eq!(tracker.opened(), 1);
    second(&mut tracker, &[contact(4, 445)], 100);
    assert_eq!(tracker.opened(), 2, "another service");
}

#[test]
fn silence_closes_and_what_comes_after_it_is_another_incident() {
    let mut tracker = tracker();
    second(&mut tracker, &[of_source(View::Scan, source(1, 2), 100)], 100);
    assert_eq!(changes(&second(&mut tracker, &[], 160)), [], "60 s are not more than 60 s");
    let updates = second(&mut tracker, &[], 161);
    assert_eq!(changes(&updates), [Change::Closed]);
    assert_eq!(updates[0].incident.state, State::Closed);
    assert_eq!(tracker.open_count(), 0);
    let again = second(&mut tracker, &[of_source(View::Scan, source(1, 2), 500)], 500);
    assert_eq!(changes(&again), [Change::Opened]);
    assert_eq!(again[0].incident.id, "499-2");
}

/// An upload of a client's own to a server of its own.
fn upload(number: u64, at: u64) -> Deviation {
    let client = HostKey::v4([10, 1, (number >> 8) as u8, number as u8]);
    let server = HostKey::v4([10, 2, (number >> 8) as u8, number as u8]);
    of_service_pair(View::Upload, between(client, server, 80, 6), at)
}

#[test]
fn no_more_than_a_bound_are_open_and_the_one_silent_for_longest_makes_room() {
    let mut tracker = Tracker::new(AllowRules::default(), 1000 * SECOND);
    let mut updates = Vec::new();
    for number in 0..=MOST_OPEN as u64 {
        updates = second(&mut tracker, &[upload(number, 100 + number)], 100 + number);
    }
    assert_eq!((tracker.open_count(), tracker.refused()), (MOST_OPEN, 0));
    assert_eq!(changes(&updates), [Change::Closed, Change::Opened]);
    assert_eq!((updates[0].incident.id.as_str(), updates[1].incident.id.as_str()), ("99-1", "355-257"));
}

#[test]
fn where_all_of_them_go_on_one_more_is_refused_and_counted() {
    let mut tracker = tracker();
    let at_once = |at| (0..MOST_OPEN as u64 + 10).map(|number| upload(number, at)).collect::<Vec<_>>();
    for at in 100..103 {
        second(&mut tracker, &at_once(at), at);
    }
    assert_eq!(
        (tracker.open_count(), tracker.opened(), tracker.refused()),
        (MOST_OPEN, MOST_OPEN as u64, 30)
    );
}

#[test]
fn bots_that_press_on_one_target_are_one_flood_and_a_scan_beside_it_is_none_of_it() {
    let mut tracker = tracker();
    let bot = |last| {
        // A SYN and what is sent after it without waiting for an answer.
        let mut host = source(last, 2);
        (host.opened_10, host.stray_10) = (1.0, 60.0);
        host
    };
    let scanner = {
        let mut host = source(9, 2);
        for port in 1..=60 {
            let service = ServiceKey { server: key(2), port, protocol: 6 };
            open(&mut host, &service, Novelty::NewEverything, 0);
        }
        (host.opened_10, host.stray_10) = (60.0, 60.0);
        host
    };
    for at in 100..103 {
        let mut deviations: Vec<_> =
            (20..120).map(|last| of_source(View::OutboundFlood, bot(last), at)).collect();
        deviations.push(of_source(View::Scan, scanner, at));
        deviations.push(of_target(target(2, 20..120), at));
        second(&mut tracker, &deviations, at);
    }
    assert_eq!(tracker.opened(), 2);
    let mut updates = Vec::new();
    tracker.finish(&mut updates);
    let [flood, scan] = &updates[..] else { panic!("{updates:?}") };
    assert_eq!((flood.incident.targets.items.as_slice(), flood.incident.sources.more), (&[key(2)][..], true));
    assert_eq!(
        (scan.incident.shape, scan.incident.sources.items.as_slice()),
        (Shape::PortScan, &[key(9)][..])
    );
}

#[test]
fn a_client_that_a_flood_shuts_out_is_neither_behind_it_nor_an_incident() {
    let tries = |client, opened, at| {
        let mut pair = between(key(client), key(2), 443, 6);
        (pair.opened_10, pair.failed_10) = (opened, opened);
        of_service_pair(View::Connections, pair, at)
    };
    let fails = |client, at| {
        let mut host = source(client, 2);
        (host.opened_10, host.failed_10) = (6.0, 6.0);
        of_source(View::Scan, host, at)
    };
    let mut tracker = tracker();
    second(&mut tracker, &[tries(1, 900.0, 100), tries(5, 8.0, 100), fails(5, 100)], 100);
    second(&mut tracker, &[tries(6, 300.0, 101), tries(7, 6.0, 101)], 101);
    second(&mut tracker, &[tries(8, 6.0, 105)], 105);
    let mut updates = Vec::new();
    tracker.finish(&mut updates);
    let [flood] = &updates[..] else { panic!("{updates:?}") };
    assert_eq!(flood.incident.sources.items, [key(1), key(6)], "those that ask for more than is usual");
    assert_eq!(flood.incident.end_ns, 101 * SECOND);

    assert_eq!(second(&mut tracker, &[tries(5, 8.0, 300)], 300).len(), 1, "without a flood it is reported");
}

#[test]
fn another_kind_of_flood_after_the_first_one_is_an_incident_of_its_own() {
    let mut tracker = tracker();
    let flood = |client, protocol, at| {
        let mut pair = between(key(client), key(9), if protocol == 6 { 443 } else { 0 }, protocol);
        (pair.opened_10, pair.failed_10) = (90.0, 80.0);
        of_service_pair(View::Connections, pair, at)
    };
    second(&mut tracker, &[flood(1, 6, 100)], 100);
    second(&mut tracker, &[flood(2, 1, 130)], 130);
    assert_eq!(tracker.opened(), 2);
}

#[test]
fn only_what_is_said_is_explained() {
    let mut tracker = tracker();
    let asked = std::cell::Cell::new(0);
    let explain = |_: &Deviation| {
        asked.set(asked.get() + 1);
        Vec::new()
    };
    for at in 100..103 {
        let deviations: Vec<_> =
            (20..120).map(|last| of_source(View::OutboundFlood, source(last, 2), at)).collect();
        let flood = [of_target(target(2, 20..120), at)];
        let all = [&flood[..], &deviations].concat();
        tracker.end_tick(&all, Coverage::default(), at * SECOND, &explain, &mut Vec::new());
        assert_eq!(tracker.opened() as usize, tracker.open_count());
    }
    assert!(asked.get() <= 3 * tracker.open_count(), "{} explanations", asked.get());
}

#[test]
fn a_plainer_shape_changes_the_incident_and_is_updates() {
    let mut tracker = tracker();
    second(&mut tracker, &[of_service_pair(View::Periodicity, service_pair(80, 6), 100)], 100);
    let mut upload = of_service_pair(View::Upload, service_pair(80, 6), 101);
    upload.judgement.probability = 1e-12;
    let updates = second(&mut tracker, &[upload], 101);
    assert_eq!(changes(&updates), [Change::Changed]);
    assert_eq!(updates[0].incident.shape, Shape::UnusualUpload);
    assert_eq!(updates[0].incident.probability, 1e-12);
}

#[test]
fn the_end_closes_everything() {
    let mut tracker = tracker();
    let mut updates = second(&mut tracker, &[of_source(View::Scan, source(1, 2), 100)], 100);
    tracker.finish(&mut updates);
    assert_eq!(changes(&updates), [Change::Opened, Change::Closed]);
}

#[test]
fn rules_that_allow_nothing_close_nothing_and_others_what_they_allow() {
    let mut tracker = tracker();
    second(&mut tracker, &[of_source(View::Scan, source(1, 2), 100)], 100);
    let mut updates = Vec::new();
    tracker.set_rules(AllowRules::default(), 101 * SECOND, &mut updates);
    assert_eq!((tracker.open_count(), updates.len()), (1, 0));
    let allowed = Criteria { source: "10.0.0.1".parse().ok(), ..Criteria::default() };
    tracker.set_rules(AllowRules::new([allowed]), 101 * SECOND, &mut updates);
    assert_eq!(changes(&updates), [Change::Closed]);
}

#[test]
fn what_clients_of_a_service_under_a_brute_force_of_many_do_belongs_to_it() {
    let mut tracker = tracker();
    second(&mut tracker, &[of_logins(key(2), 22, 100)], 100);
    let contact = |client, port| of_service_pair(View::Contact, between(key(client), key(2), port, 6), 101);
    second(&mut tracker, &[contact(7, 22), contact(8, 22)], 101);
    assert_eq!(tracker.opened(), 1);
    assert_eq!(tracker.open[0].incident.shape, Shape::BruteForce);
    second(&mut tracker, &[contact(9, 445)], 102);
    assert_eq!(tracker.opened(), 2, "another service");
}

#[test]
fn what_only_long_horizons_see_is_closed_after_an_hour_and_resumes_within_eight() {
    const HOUR: u64 = 3600;
    let mut tracker = tracker();
    let scan = |at, doublings| of_long_source(key(1), doublings, at);
    second(&mut tracker, &[scan(100, 10.0)], 100);
    assert!(second(&mut tracker, &[], 100 + HOUR).is_empty());
    assert_eq!(changes(&second(&mut tracker, &[], 101 + HOUR)), [Change::Closed]);
    let updates = second(&mut tracker, &[scan(5 * HOUR, 11.0)], 5 * HOUR);
    assert_eq!(changes(&updates), [Change::Resumed]);
    let incident = &updates[0].incident;
    assert_eq!((incident.id.as_str(), incident.state, incident.alerts), ("99-1", State::Open, 2));
    assert_eq!((incident.start_ns, incident.end_ns), (99 * SECOND, 5 * HOUR * SECOND));
    assert_eq!(changes(&second(&mut tracker, &[scan(5 * HOUR + 1, 12.0)], 5 * HOUR + 1)), [Change::Updated]);
    assert_eq!(changes(&second(&mut tracker, &[], 7 * HOUR)), [Change::Closed]);
    assert_eq!(tracker.opened(), 1, "it costs the budget once");
    let updates = second(&mut tracker, &[scan(14 * HOUR, 13.0)], 14 * HOUR);
    assert_eq!(changes(&updates), [Change::Opened]);
}

#[test]
fn a_slow_scan_that_goes_on_without_more_than_before_stays_open() {
    const HOUR: u64 = 3600;
    let mut tracker = tracker();
    let mut scan = of_long_source(key(1), 10.0, 100);
    // It shows in eight hours only.
    scan.vector[..2].fill(0.0);
    second(&mut tracker, std::slice::from_ref(&scan), 100);
    for half in 1..10 {
        scan.time_ns = (100 + half * HOUR / 2) * SECOND;
        assert!(second(&mut tracker, std::slice::from_ref(&scan), 100 + half * HOUR / 2).is_empty());
    }
    assert_eq!(tracker.open_count(), 1);
}

#[test]
fn what_shows_within_seconds_is_another_incident_each_time() {
    let mut tracker = tracker();
    second(&mut tracker, &[of_source(View::Scan, source(1, 2), 100), of_long_source(key(1), 10.0, 100)], 100);
    assert_eq!(changes(&second(&mut tracker, &[], 161)), [Change::Closed]);
    let updates = second(&mut tracker, &[of_source(View::Scan, source(1, 2), 300)], 300);
    assert_eq!(changes(&updates), [Change::Opened]);
    assert_eq!(tracker.opened(), 2);
}

#[test]
fn a_beacon_that_goes_on_is_one_incident_and_an_attack_meanwhile_another() {
    let mut tracker = tracker();
    let beacon = |at| of_service_pair(View::Periodicity, service_pair(80, 6), at);
    let opened = second(&mut tracker, &[beacon(100)], 100);
    assert_eq!(tracker.active(120 * SECOND), tracker.suspects());
    assert!(changes(&second(&mut tracker, &[], 200)).is_empty(), "a beacon is silent most of the time");
    assert!(tracker.active(200 * SECOND).is_empty() && tracker.suspects().len() == 1);
    second(&mut tracker, &[beacon(700)], 700);
    assert_eq!(tracker.opened(), 1);
    let client = opened[0].incident.sources.items[0];
    let scan = |at| of_source(View::Scan, with(source(1, 2), |host| host.key = client), at);
    second(&mut tracker, &[scan(710)], 710);
    assert_eq!(tracker.opened(), 1, "at the same time");
    let mut tracker = self::tracker();
    second(&mut tracker, &[beacon(100)], 100);
    assert_eq!(changes(&second(&mut tracker, &[scan(400)], 400)), [Change::Opened]);
    assert_eq!((tracker.opened(), tracker.open_count()), (2, 2));
}
