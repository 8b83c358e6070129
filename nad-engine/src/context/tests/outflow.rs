//! What leaves in slices, over hours.

use super::*;

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 7], 50_000);
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// Bytes of a slice, in four packets.
const SLICE: u64 = 100_000;

/// KiB of ten minutes, an hour and eight hours that a client has sent, as of the tick that ends.
fn outflow(context: &mut Context) -> Option<[f32; 3]> {
    let mut found = None;
    context.close_tick(|subject| {
        if let Subject::LongOutflow(source) = subject {
            found = Some([0, 1, 2].map(|horizon| source.kib(horizon).round()));
        }
        ordinary(subject)
    });
    found
}

/// A slice a minute for two hours, to `server`, after eight hours of watching and `before` of connections to it; as many times as
/// much comes back. The most that is seen, and the bytes that were sent.
fn slices(server: [u8; 4], before: u64, comes_back: u64) -> (Option<[f32; 3]>, u64) {
    let mut context = Context::new(Tables::new(&Sizes::all(4096)).unwrap(), HashKey::from_seed(0), 60);
    connect(&mut context, [10, 0, 0, 1], [10, 0, 0, 2], 1000, SECOND);
    context.end_baseline();
    let began = 8 * HOUR;
    for hour in 0..before {
        connect(&mut context, CLIENT.0, server, 20_000 + hour as u16, began + hour * HOUR);
    }
    let began = began + before * HOUR;
    connect(&mut context, CLIENT.0, server, CLIENT.1, began);
    let mut most: Option<[f32; 3]> = None;
    for minute in 1..=120 {
        let now_ns = began + minute * MINUTE;
        let server = (server, 443);
        for (from, to, bytes) in [(CLIENT, server, SLICE / 4), (server, CLIENT, SLICE * comes_back / 4)] {
            for _ in 0..4 {
                let mut record = tcp(from, to, ACK);
                record.payload_length = bytes as u16;
                if bytes > 0 {
                    observe(&mut context, &record, now_ns);
                }
            }
        }
        if let Some(kib) = outflow(&mut context) {
            let before = most.unwrap_or_default();
            most = Some([0, 1, 2].map(|horizon| kib[horizon].max(before[horizon])));
        }
    }
    (most, 120 * SLICE)
}

#[test]
fn what_leaves_in_slices_adds_up_over_hours() {
    let (found, sent) = slices([198, 51, 100, 9], 0, 0);
    let [ten_minutes, hour, eight_hours] = found.expect("it has sent much");
    let sent = sent as f32 / 1_024.0;
    assert!(ten_minutes < 0.1 * sent, "{ten_minutes} of {sent} KiB");
    assert!((0.2..0.5).contains(&(hour / sent)), "{hour} of {sent} KiB");
    assert!((0.8..=1.0).contains(&(eight_hours / sent)), "{eight_hours} of {sent} KiB");
}

#[test]
fn what_comes_back_what_stays_inside_and_what_was_used_before_counts_as_nothing() {
    let quiet = |found: Option<[f32; 3]>| found.is_none_or(|kib| kib[2] < 1_024.0);
    assert!(quiet(slices([198, 51, 100, 9], 0, 1).0), "a call");
    assert!(quiet(slices([10, 0, 0, 99], 0, 0).0), "inside");
    assert!(quiet(slices([198, 51, 100, 9], 24, 0).0), "a service that it is known to use");
}
