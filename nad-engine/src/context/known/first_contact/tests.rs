use super::*;
use crate::context::hash::HashKey;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;

fn known() -> KnownServices {
    let mut known = KnownServices::new(KnownServices::table(1024).unwrap(), HashKey::from_seed(0), 60);
    known.begin(SECOND);
    known
}

fn inside(last: u8) -> HostKey {
    HostKey::v4([10, 0, 0, last])
}

fn outside(last: u8) -> HostKey {
    HostKey::v4([198, 51, 100, last])
}

fn tcp(server: HostKey, port: u16) -> ServiceKey {
    ServiceKey { server, port, protocol: TCP }
}

/// How rare a contact is.
fn contact(known: &mut KnownServices, client: HostKey, service: ServiceKey, now_ns: u64) -> FirstContact {
    let novelty = known.novelty(client, &service, now_ns);
    let contact = known.contact(client, [0; 6], &service, novelty, now_ns);
    known.remember(client, [0; 6], &service, now_ns);
    contact
}

#[test]
fn who_calls_back_at_a_port_of_its_own_is_rare_and_who_browses_is_not() {
    let mut known = known();
    let now = 300 * SECOND;
    assert!(contact(&mut known, inside(1), tcp(outside(1), 443), now).hours < 1.0);
    let exploit = contact(&mut known, inside(1), tcp(inside(2), 445), now);
    assert!(!exploit.calls_back && exploit.hours < 24.0, "{exploit:?}");
    let shell = contact(&mut known, inside(2), tcp(inside(1), 4444), now + 20 * SECOND);
    assert!(shell.calls_back && shell.hours > 72.0, "{shell:?}");
    let later = contact(&mut known, inside(2), tcp(inside(1), 4445), now + HOUR + SECOND);
    assert!(!later.calls_back, "that was long ago");
}

#[test]
fn an_outsider_at_a_service_of_ones_own_is_rare_until_others_came_too() {
    let mut known = known();
    let service = tcp(inside(2), 22);
    let mut hours = Vec::new();
    for last in 1..40 {
        hours.push(contact(&mut known, outside(last), service, 300 * SECOND).hours);
    }
    assert!(hours[0] >= 24.0 && hours[38] < 2.0, "{hours:?}");
    assert!(hours.is_sorted_by(|a, b| a >= b));
}

#[test]
fn a_host_counts_once_an_hour_and_its_next_contact_of_a_kind_is_nothing_new() {
    let mut known = known();
    contact(&mut known, inside(1), tcp(outside(1), 443), 300 * SECOND);
    let first = contact(&mut known, inside(1), tcp(inside(2), 9000), 300 * SECOND);
    let second = contact(&mut known, inside(1), tcp(inside(3), 9001), 301 * SECOND);
    assert!(first.hours > 1.0, "{first:?}");
    assert_eq!(second.hours, 0.0);
    assert!(contact(&mut known, inside(1), tcp(inside(4), 9002), 2 * HOUR).hours > 0.5);
}

#[test]
fn what_was_watched_takes_the_place_of_the_guess() {
    let quiet = contact(&mut known(), inside(1), tcp(inside(2), 9000), 30 * 24 * HOUR).hours;
    assert!(quiet > 200.0, "a month without any: {quiet}");
    let mut busy = known();
    let mut last = 0.0;
    for hour in 1..100 {
        last = contact(&mut busy, inside(1), tcp(inside(2), 9000 + hour as u16), hour * HOUR + HOUR).hours;
    }
    assert!(last < 2.0, "one each hour: {last}");
}

#[test]
fn a_server_that_turns_to_others_is_rarer_than_a_client_that_does() {
    let server_first = |watched: u64| {
        let mut known = known();
        contact(&mut known, inside(1), tcp(inside(2), 80), 100 * SECOND);
        contact(&mut known, inside(2), tcp(outside(9), 9001), watched).hours
    };
    assert!(
        server_first(HOUR + 200 * SECOND) > 4.0 * server_first(200 * SECOND),
        "it was watched for long enough"
    );
}

#[test]
fn rare_contacts_of_several_kinds_are_rarer_together_and_frequent_ones_change_nothing() {
    let mut others = 0.0;
    let mut join = |hours, apart_s: u64| {
        let mut contact = FirstContact { hours, hours_together: hours, spreads: false, calls_back: false };
        contact.join(&mut others, apart_s * SECOND);
        contact.hours_together
    };
    assert_eq!(join(24.0, 1_000_000), 24.0);
    assert_eq!(join(0.1, 60), 0.1, "it is frequent");
    assert_eq!(join(24.0, 600), 96.0);
    assert_eq!(join(24.0, 601), 24.0, "that was long ago");
    assert_eq!(join(MOST_HOURS, 1), MOST_HOURS);
}

#[test]
fn one_host_after_the_other_at_a_service_that_nobody_used_is_rarer_each_time() {
    let together = |known: &mut KnownServices, port: fn(u8) -> (u8, u16)| {
        let mut others = 0.0;
        let contacts = (0..12).map(|number| {
            let (server, port) = port(number);
            let now = (300 + u64::from(number)) * SECOND;
            let mut contact = contact(known, inside(1), tcp(inside(10 + server), port), now);
            contact.join(&mut others, SECOND);
            contact.hours_together
        });
        contacts.fold(0.0, f32::max)
    };
    let spread = together(&mut known(), |number| (number, 445));
    assert!(spread > 48.0, "{spread}");
    let ports = together(&mut known(), |number| (0, 9000 + u16::from(number)));
    assert!(ports < 12.0, "one host: {ports}");
    let web = together(&mut known(), |number| (number, 443));
    assert!(web < 12.0, "what any desk does: {web}");
    let few = together(&mut known(), |number| (number % 4, 445));
    assert!(few < 12.0, "four hosts: {few}");
    let mut busy = known();
    for last in 30..60 {
        contact(&mut busy, inside(last), tcp(inside(last + 100), 445), 200 * SECOND);
    }
    let usual = together(&mut busy, |number| (number, 445));
    assert!(usual < 12.0, "where many do so: {usual}");
}

#[test]
fn each_kind_has_a_code_of_its_own() {
    use Novelty::{Exposed, NewClient, NewEverything, NewPort, NewServer};
    let mut codes = std::collections::HashSet::new();
    let mut kinds = 0;
    for novelty in [NewClient, NewPort, NewServer, NewEverything, Exposed] {
        for direction in [Direction::Inside, Direction::Outbound, Direction::Inbound] {
            for role in [Role::Client, Role::Server, Role::Unknown] {
                for flags in 0..8 {
                    let [is_tcp, is_common_port, calls_back] = [1, 2, 4].map(|bit| flags & bit != 0);
                    let by_address = false;
                    let kind = ContactKind {
                        novelty,
                        direction,
                        role,
                        is_tcp,
                        is_common_port,
                        calls_back,
                        by_address,
                    };
                    codes.insert(kind.code());
                    kinds += 1;
                    assert!(kind.guess_h() > 0.0);
                }
            }
        }
    }
    assert_eq!(codes.len(), kinds);
}

#[test]
fn who_asks_a_new_server_outside_by_its_address_is_rare_until_others_do_so_and_counts_once_an_hour() {
    let mut known = known();
    let mut ask = |client: u8, server: u8, now_ns: u64| {
        let service = tcp(outside(server), 80);
        known.remember(inside(client), [0; 6], &service, now_ns);
        let (client, novelty) = (inside(client), Novelty::NewServer);
        known.addressed(&Addressed { client, mac: [0; 6], service, novelty, time_ns: now_ns }).hours
    };
    let now = 300 * SECOND;
    assert!(ask(1, 1, now) >= 7.0);
    assert_eq!((ask(1, 1, now + SECOND), ask(1, 2, now + 2 * SECOND)), (0.0, 0.0), "of the same cause");
    let of_others: Vec<f32> = (2..30).map(|client| ask(client, 3, now + 60 * SECOND)).collect();
    assert!(of_others.is_sorted_by(|a, b| a >= b) && of_others[27] < 2.0, "{of_others:?}");
}
