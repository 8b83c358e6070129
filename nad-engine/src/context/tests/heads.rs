//! What is said in the clear.

use super::*;
use crate::{
    context::{horizon::LoginsState, service_pair::SaidCounts},
    payload::Refused,
};

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 21);

fn refused(what: Refused) -> HeadFacts {
    HeadFacts { refused: Some(what), ..HeadFacts::default() }
}

/// A record with what its head says.
fn hear(context: &mut Context, record: &PacketRecord, facts: HeadFacts, now_ns: u64) {
    let mut ahead = Ahead::default();
    let prepared = context.prepare(std::slice::from_ref(record), &mut ahead).next().unwrap();
    context.observe(&prepared, facts, now_ns);
}

/// A client connects to a server and is refused a login, if that is said.
fn log_in(context: &mut Context, client: [u8; 4], port: u16, facts: HeadFacts, now_ns: u64) {
    let client = (client, port);
    for (record, facts) in [
        (tcp(client, SERVER, SYN), HeadFacts::default()),
        (tcp(SERVER, client, SYN | ACK), HeadFacts::default()),
        (tcp(client, SERVER, ACK), HeadFacts::default()),
        (PacketRecord { payload_length: 22, ..tcp(SERVER, client, ACK) }, facts),
    ] {
        hear(context, &record, facts, now_ns);
    }
}

/// Ends the tick, and returns what was seen of service pairs and of login services.
fn seen(context: &mut Context) -> (Vec<SaidCounts>, Vec<LoginsState>) {
    let (mut said, mut logins) = (Vec::new(), Vec::new());
    context.close_tick(|subject| {
        match subject {
            Subject::ServicePair(pair) => said.push(pair.said),
            Subject::Logins(service) => logins.push(*service),
            _ => {}
        }
        ordinary(subject)
    });
    (said, logins)
}

#[test]
fn refused_logins_count_with_the_client_and_of_all_clients_with_the_service() {
    let mut context = context();
    for client in 0..20 {
        let now_ns = 100 * SECOND + u64::from(client) * SECOND / 32;
        log_in(&mut context, [10, 0, 1, client], 40_000, refused(Refused::Login), now_ns);
        log_in(&mut context, [10, 0, 1, client], 40_001, HeadFacts::default(), now_ns);
    }
    let (said, logins) = seen(&mut context);
    assert_eq!(said.len(), 20);
    assert!(said.iter().all(|said| (0.95..1.0).contains(&said.refused_logins_60) && said.refused_60 == 0.0));
    assert_eq!(logins.len(), 1);
    assert!((19.9..=20.0).contains(&logins[0].refused_3600()), "{}", logins[0].refused_3600());
}

#[test]
fn a_client_that_is_known_is_refused_as_well_and_other_refusals_are_no_logins() {
    let mut context = context();
    for number in 0..100 {
        let now_ns = SECOND + number * SECOND;
        if context.is_tick_over(now_ns) {
            context.close_tick(ordinary);
        }
        log_in(&mut context, [10, 0, 0, 1], 30_000 + number as u16, HeadFacts::default(), now_ns);
    }
    context.end_baseline();
    seen(&mut context);
    let now_ns = 200 * SECOND;
    log_in(&mut context, [10, 0, 0, 1], 50_000, refused(Refused::Login), now_ns);
    log_in(&mut context, [10, 0, 0, 1], 50_001, refused(Refused::Error), now_ns);
    log_in(&mut context, [10, 0, 0, 1], 50_002, refused(Refused::Access), now_ns);
    let (said, logins) = seen(&mut context);
    let [said] = said[..] else { panic!("{said:?}") };
    assert_eq!((said.refused_logins_60.round(), said.refused_60.round()), (1.0, 2.0));
    assert_eq!(logins.iter().map(|service| service.refused_3600().round()).sum::<f32>(), 1.0);
}

#[test]
fn what_a_client_refuses_is_not_the_services_and_a_segment_counts_once() {
    let mut context = context();
    let (client, now_ns) = (([10, 0, 0, 1], 40_000), 100 * SECOND);
    log_in(&mut context, client.0, client.1, refused(Refused::Login), now_ns);
    let again = PacketRecord { payload_length: 22, ..tcp(SERVER, client, ACK) };
    hear(&mut context, &again, refused(Refused::Login), now_ns + SECOND / 4);
    let of_client = PacketRecord { payload_length: 22, ..tcp(client, SERVER, ACK) };
    hear(&mut context, &of_client, refused(Refused::Login), now_ns + SECOND / 2);
    let (said, _) = seen(&mut context);
    assert_eq!(said[0].refused_logins_60.round(), 1.0);
}

#[test]
fn a_request_by_address_makes_the_contact_with_a_new_server_outside_rarer() {
    let asked = HeadFacts { by_address: true, ..HeadFacts::default() };
    let contact = |server: [u8; 4], facts| {
        let mut context = context();
        // The client is watched browsing elsewhere.
        connect(&mut context, [10, 0, 0, 1], [198, 51, 100, 1], 999, SECOND);
        context.close_tick(ordinary);
        let (client, server) = (([10, 0, 0, 1], 1000), (server, 80));
        for (record, facts) in [
            (tcp(client, server, SYN), HeadFacts::default()),
            (tcp(server, client, SYN | ACK), HeadFacts::default()),
            (tcp(client, server, ACK), HeadFacts::default()),
            (PacketRecord { payload_length: 80, ..tcp(client, server, ACK) }, facts),
        ] {
            hear(&mut context, &record, facts, 100 * SECOND);
        }
        let mut hours = 0.0;
        context.close_tick(|subject| {
            if let Subject::ServicePair(pair) = subject {
                hours = pair.contact_60;
            }
            ordinary(subject)
        });
        hours
    };
    let (named, by_address) =
        (contact([203, 0, 113, 9], HeadFacts::default()), contact([203, 0, 113, 9], asked));
    assert!(named < 1.0 && by_address > 12.0, "{named} and {by_address} h");
    assert!(contact([10, 0, 0, 9], asked) < 4.0, "servers of one's own network have addresses");
}
