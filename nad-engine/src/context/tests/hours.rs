//! What takes hours, and who is new on the network.

use super::*;
use crate::context::{horizon::LongSourceState, segment::SegmentState};

const SCANNER: [u8; 4] = [10, 0, 0, 66];
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// One of the network that was watched for a day, by one connection an hour.
fn watched() -> Context {
    watched_by(HashKey::from_seed(0))
}

fn watched_by(hash_key: HashKey) -> Context {
    let sizes = Sizes { links: 64, ..Sizes::all(4096) };
    let mut context = Context::new(Tables::new(&sizes).unwrap(), hash_key, 60);
    for hour in 0..24 {
        connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000 + hour as u16, SECOND + hour * HOUR);
    }
    context.end_baseline();
    context.close_tick(ordinary);
    context
}

const WATCHED: u64 = 24 * HOUR;

/// Ends the tick, and returns what was seen of sources over hours.
fn long_sources(context: &mut Context) -> Vec<LongSourceState> {
    let mut found = Vec::new();
    context.close_tick(|subject| {
        if let Subject::LongSource(source) = subject {
            found.push(*source);
        }
        ordinary(subject)
    });
    found
}

/// An attempt at a service, which is refused.
fn try_in_vain(context: &mut Context, server: ([u8; 4], u16), port: u16, now_ns: u64) {
    observe(context, &tcp((SCANNER, port), server, SYN), now_ns);
    observe(context, &tcp(server, (SCANNER, port), RST | ACK), now_ns);
}

/// Attempts of the last one, over ten minutes, an hour and eight hours.
fn attempts(context: &mut Context) -> [f32; 3] {
    let sources = long_sources(context);
    assert_eq!(sources.len(), 1, "{sources:?}");
    [0, 1, 2].map(|horizon| sources[0].attempts(horizon).round())
}

#[test]
fn a_port_each_half_a_minute_shows_over_hours() {
    let mut context = watched();
    for step in 0..120 {
        try_in_vain(
            &mut context,
            ([10, 0, 0, 2], 1 + step),
            40_000 + step,
            WATCHED + u64::from(step) * 30 * SECOND,
        );
        if step == 19 {
            let [short, ..] = attempts(&mut context);
            assert!((18.0..=21.0).contains(&short), "{short} in ten minutes");
        }
    }
    let [_, hour, long] = attempts(&mut context);
    assert!((110.0..=130.0).contains(&hour), "{hour} in an hour");
    assert!((110.0..=130.0).contains(&long), "{long} in eight hours");
}

#[test]
fn retries_at_what_is_down_are_one_attempt_and_what_is_answered_is_none() {
    let mut context = watched();
    for step in 0..240 {
        let now_ns = WATCHED + u64::from(step) * 30 * SECOND;
        try_in_vain(&mut context, ([10, 0, 0, 2], 5432), 40_000 + step, now_ns);
        connect(&mut context, SCANNER, [10, 0, 1, step as u8], 50_000 + step, now_ns);
    }
    let [short, hour, long] = attempts(&mut context);
    assert!(short <= 1.0 && hour <= 1.0 && long <= 2.0, "{short}, {hour}, {long}");
}

#[test]
fn servers_that_answer_hide_no_scan() {
    // Where they fall in a sketch is chance.
    let mut hours = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|seed| {
        let mut context = watched_by(HashKey::from_seed(seed));
        for step in 0..60 {
            let now_ns = WATCHED + u64::from(step) * MINUTE / 2;
            try_in_vain(&mut context, ([10, 0, 0, 2], 1 + step), 40_000 + step, now_ns);
            for server in 0..20 {
                let (high, low) = (step as u8, server as u8);
                connect(&mut context, SCANNER, [10, 3, high, low], 50_000 + server, now_ns + SECOND);
            }
        }
        let [_, hour, _] = attempts(&mut context);
        hour
    });
    hours.sort_by(f32::total_cmp);
    assert!(hours[0] > 20.0 && hours[4] > 40.0 && hours[8] < 140.0, "{hours:?}");
}

#[test]
fn a_horizon_says_nothing_before_so_much_was_watched() {
    let mut context = context();
    connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000, SECOND);
    for step in 0..18 {
        let now_ns = 9 * MINUTE + u64::from(step) * 11 * SECOND;
        try_in_vain(&mut context, ([10, 0, 0, 2], 1 + step), 40_000 + step, now_ns);
    }
    let [short, hour, long] = attempts(&mut context);
    assert!(short > 10.0 && hour == 0.0 && long == 0.0, "{short}, {hour}, {long}");
}

#[test]
fn a_fast_scan_is_no_matter_of_hours() {
    let mut context = watched();
    for step in 0..2000 {
        // Ten seconds in each of two minutes.
        let now_ns = WATCHED + u64::from(step / 1000) * MINUTE + u64::from(step % 1000) * 10_000_000;
        try_in_vain(&mut context, ([10, 0, 0, 2], 1 + step), 40_000 + step, now_ns);
    }
    let counts = attempts(&mut context);
    assert!(counts.iter().all(|count| *count <= 12.0), "{counts:?}");
}

#[test]
fn who_always_tried_as_much_goes_on_without_a_word() {
    let mut context = watched();
    let mut last = [0.0; 3];
    for hour in 0..30_u64 {
        for step in 0..60_u64 {
            let now_ns = WATCHED + hour * HOUR + step * MINUTE;
            let service = ([10, 0, hour as u8, 2], 1 + step as u16);
            try_in_vain(&mut context, service, 40_000 + step as u16, now_ns);
        }
        last = attempts(&mut context);
        if hour == 0 {
            assert!(last[1] > 40.0, "its first hour is new: {last:?}");
        }
    }
    assert_eq!(last, [0.0; 3]);
}

#[test]
fn a_sweep_is_told_from_a_scan_by_its_hosts() {
    for (is_sweep, service) in [
        (true, (|step| ([10, 0, 1, step as u8], 445)) as fn(u16) -> ([u8; 4], u16)),
        (false, |step| ([10, 0, 1, 1], step + 1)),
    ] {
        let mut context = watched();
        for step in 0..100 {
            try_in_vain(&mut context, service(step), 40_000 + step, WATCHED + u64::from(step) * MINUTE);
        }
        assert_eq!(long_sources(&mut context)[0].is_sweep(), is_sweep);
    }
}

/// Minutes and clients of a service that is logged in to, as of the last tick.
fn logins(context: &mut Context) -> Option<(f32, f32)> {
    let mut found = None;
    context.close_tick(|subject| {
        if let Subject::Logins(service) = subject {
            found = Some((service.minutes(), service.clients().round()));
        }
        ordinary(subject)
    });
    found
}

fn log_in(context: &mut Context, client: [u8; 4], port: u16, now_ns: u64) {
    let (client, server) = ((client, port), ([10, 0, 0, 2], 22));
    observe(context, &tcp(client, server, SYN), now_ns);
    observe(context, &tcp(server, client, SYN | ACK), now_ns);
    observe(context, &tcp(client, server, ACK), now_ns);
}

#[test]
fn a_login_each_twenty_seconds_fills_the_minutes_of_an_hour() {
    let mut context = watched();
    for step in 0..=120 {
        log_in(&mut context, SCANNER, 40_000 + step, WATCHED + u64::from(step) * 20 * SECOND);
    }
    let (minutes, clients) = logins(&mut context).unwrap();
    assert!((40.0..=42.0).contains(&minutes) && clients == 1.0, "{minutes}, {clients}");
}

#[test]
fn a_client_that_is_known_there_counts_no_more() {
    let mut context = watched();
    for step in 0..200 {
        log_in(&mut context, SCANNER, 40_000 + step, WATCHED + u64::from(step) * 60 * SECOND);
    }
    assert_eq!(logins(&mut context), None, "it has been one for hours");
}

#[test]
fn logins_from_ever_new_clients_show_as_clients() {
    let mut context = watched();
    for step in 0..100_u8 {
        log_in(&mut context, [10, 0, 3, step], 40_000, WATCHED + u64::from(step) * 15 * SECOND);
    }
    let (_, clients) = logins(&mut context).unwrap();
    assert!((85.0..=115.0).contains(&clients), "{clients}");
}

#[test]
fn logins_from_many_clients_within_a_minute_show_at_once_and_are_usual_where_they_always_come() {
    let mut context = context();
    let mut crowd = |from_ns: u64, network: u8| {
        for step in 0..100_u8 {
            let now_ns = from_ns + u64::from(step) * SECOND / 2;
            log_in(&mut context, [10, network, 3, step], 40_000, now_ns);
        }
        let mut last = (0.0, 0.0);
        context.close_tick(|subject| {
            if let Subject::Logins(service) = subject {
                last = (service.clients_120(), service.connections_60());
            }
            ordinary(subject)
        });
        last
    };
    let (clients, connections) = crowd(MINUTE, 1);
    assert!((85.0..=115.0).contains(&clients), "{clients}");
    assert!((60.0..=80.0).contains(&connections), "{connections}");
    let mut last = (clients, connections);
    for network in 2..6 {
        last = crowd(u64::from(network) * 5 * MINUTE, network);
    }
    assert!(last.0 < 12.0 && last.1 < 32.0, "{last:?}");
}

/// What was seen of the network in the tick that ends.
fn segment(context: &mut Context) -> Option<SegmentState> {
    let mut found = None;
    context.close_tick(|subject| {
        if let Subject::Segment(segment) = subject {
            found = Some(*segment);
        }
        ordinary(subject)
    });
    found
}

/// A packet from a MAC address with this number.
fn of_sender(number: u32) -> PacketRecord {
    let [a, b, c, d] = number.to_be_bytes();
    let mut record = tcp(([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], 443), ACK);
    record.source_mac = [2, 0, a, b, c, d];
    record
}

#[test]
fn senders_are_new_once_and_not_while_everything_is() {
    let mut context = context();
    for number in 1..=500 {
        observe(&mut context, &of_sender(number), SECOND);
    }
    assert!(segment(&mut context).is_none());
    for number in 1..=1500 {
        observe(&mut context, &of_sender(number), 100 * SECOND);
    }
    let new = segment(&mut context).unwrap().new_10;
    assert!((850.0..=1000.0).contains(&new), "{new}");
    for number in 1..=1500 {
        observe(&mut context, &of_sender(number), 200 * SECOND);
    }
    assert!(segment(&mut context).is_none());
}

#[test]
fn a_flood_of_senders_does_not_fill_what_is_known_of_them() {
    let mut context = context();
    observe(&mut context, &of_sender(1), SECOND);
    let mut number = 1 << 20;
    for second in 100..130 {
        for _ in 0..20_000 {
            number += 1;
            observe(&mut context, &of_sender(number), second * SECOND);
        }
        let new = segment(&mut context).unwrap().new_10;
        assert!(new > 10_000.0, "{new} in second {second}");
    }
}

/// Attempts of many sources at port 23, as of the tick that ends.
fn attempts_of_many(context: &mut Context) -> f32 {
    let mut found = 0.0;
    context.close_tick(|subject| {
        if let Subject::TriedPort(port) = subject {
            found = port.attempts(0).round();
        }
        ordinary(subject)
    });
    found
}

/// What `tries` in a minute show, each of a source at a host, refused or answered.
fn tried_by_many(tries: impl Iterator<Item = ([u8; 4], [u8; 4])>, is_answered: bool) -> f32 {
    let mut context = watched();
    for (number, (source, host)) in tries.enumerate() {
        let (client, server) = ((source, 30_000 + number as u16), (host, 23));
        let now_ns = WATCHED + MINUTE + number as u64 * SECOND / 4;
        observe(&mut context, &tcp(client, server, SYN), now_ns);
        if is_answered {
            observe(&mut context, &tcp(server, client, SYN | ACK), now_ns);
            observe(&mut context, &tcp(client, server, ACK), now_ns);
        } else {
            observe(&mut context, &tcp(server, client, RST | ACK), now_ns);
        }
    }
    attempts_of_many(&mut context)
}

#[test]
fn what_many_sources_try_at_many_hosts_is_seen_together() {
    let source = |number: u8| [198, 51, 100, 1 + number % 50];
    let host = |number: u8| [10, 0, 2, number];
    let tries = || (0..150).map(|number| (source(number), host(number)));
    let together = tried_by_many(tries(), false);
    assert!((125.0..=175.0).contains(&together), "{together}");
    assert_eq!(tried_by_many(tries(), true), 0.0, "what is answered is no scan");
    let one_host = (0..150).map(|number| (source(number), host(1)));
    assert_eq!(tried_by_many(one_host, false), 0.0, "a service that is down");
    let one_source = (0..150).map(|number| (source(0), host(number)));
    assert_eq!(tried_by_many(one_source, false), 0.0, "a sweep, which is its source's");
    let mostly_one = (0..150).map(|number| (source(if number < 8 { number } else { 0 }), host(number)));
    assert_eq!(tried_by_many(mostly_one, false), 0.0, "the same beside others");
}
