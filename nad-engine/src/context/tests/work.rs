//! Clients whose work it is to meet new servers.

use super::*;

const PROBER: [u8; 4] = [10, 0, 0, 1];

/// Its packets up to the server's answer's, over as many connections at the same time.
fn meet(context: &mut Context, server: u8, connections: u16, now_ns: u64) {
    let server = ([10, 1, 0, server], 443);
    for step in 0..3 {
        for port in 1000..1000 + connections {
            let client = (PROBER, port);
            let packet = match step {
                0 => from(CLIENT_MAC, tcp(client, server, SYN)),
                1 => from(SERVER_MAC, tcp(server, client, SYN | ACK)),
                _ => from(CLIENT_MAC, tcp(client, server, ACK)),
            };
            observe(context, &packet, now_ns);
        }
    }
}

/// After a baseline in which the prober met a new server each five seconds.
fn prober() -> Context {
    let mut context = context();
    for round in 0..12 {
        meet(&mut context, round, 1, (100 + 5 * u64::from(round)) * SECOND);
    }
    context.end_baseline();
    context.close_tick(ordinary);
    context
}

#[test]
fn connections_to_a_new_server_at_the_same_time_are_one_meeting() {
    let mut context = prober();
    for server in 100..110 {
        meet(&mut context, server, 8, (200 + 5 * u64::from(server - 100)) * SECOND);
        assert_eq!(sources(&mut context), [("10.0.0.1".to_owned(), 0.0)], "{server}");
    }
}

#[test]
fn a_sweep_of_servers_that_answer_within_a_second_is_no_work() {
    let mut context = prober();
    for server in 0..50 {
        meet(&mut context, 100 + server, 1, 200 * SECOND + u64::from(server) * 10_000_000);
    }
    let mut found = None;
    context.close_tick(|subject| {
        if let Subject::Source(host) = subject {
            found = Some((host.services_10(), host.unsuccessful_10(), host.opened_10));
        }
        ordinary(subject)
    });
    let (services, unsuccessful, opened) = found.expect("it was active");
    assert!(services > 40.0, "{services} services beyond its work");
    assert!(unsuccessful < 1.0 && opened > 40.0, "all were answered: {unsuccessful} of {opened}");
}

#[test]
fn a_sender_in_a_probers_name_does_not_pass_for_it_and_takes_nothing_from_it() {
    let mut context = prober();
    for server in 1..=50 {
        let syn = tcp((PROBER, 5000), ([10, 2, 0, server], 443), SYN);
        observe(&mut context, &from(OTHER_MAC, syn), 200 * SECOND);
    }
    meet(&mut context, 100, 1, 200 * SECOND + 1);
    let found = sources(&mut context);
    let services = |wanted: &str| found.iter().find(|(name, _)| name == wanted).unwrap().1;
    assert!((services("02:00:00:00:00:bb") / 50.0 - 1.0).abs() < 0.05, "{found:?}");
    assert_eq!(services("10.0.0.1"), 0.0);
}
