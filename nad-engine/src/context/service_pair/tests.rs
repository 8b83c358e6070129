use super::*;

const SECOND: u64 = 1_000_000_000;

fn step(from_initiator: bool, opened: bool) -> FlowStep {
    FlowStep { from_initiator, opened, ..FlowStep::NONE }
}

fn send(state: &mut ServicePairState, payload: u16, step: &FlowStep, now_ns: u64) {
    state.protocol = 6;
    let record = PacketRecord { payload_length: payload, protocol: 6, ..PacketRecord::zeroed() };
    state.update(&record, step, now_ns);
}

#[test]
fn regular_intervals_add_up_and_others_do_not() {
    let mut regular = ServicePairState::zeroed();
    let mut moody = ServicePairState::zeroed();
    let mut moody_at = 0;
    for number in 1..=20_u64 {
        send(&mut regular, 100, &step(true, true), number * 5 * SECOND);
        moody_at += [3, 11, 4, 30, 7][number as usize % 5] * SECOND;
        send(&mut moody, 100, &step(true, true), moody_at);
    }
    assert_eq!(regular.regular_intervals, 18.0);
    assert!((regular.interval_mean - 5.0).abs() < 1e-3);
    assert!((regular.interval_bytes_mean - 100.0).abs() < 1.0);
    assert!(moody.regular_intervals < 3.0, "{}", moody.regular_intervals);
}

#[test]
fn a_turn_is_a_request_after_an_answer_and_an_upload_has_one() {
    let mut requests = ServicePairState::zeroed();
    let mut upload = ServicePairState::zeroed();
    for i in 0..50 {
        send(&mut requests, 100, &step(true, i == 0), SECOND);
        send(&mut requests, 1400, &step(false, false), SECOND);
        send(&mut upload, 1400, &step(true, i == 0), SECOND);
    }
    assert_eq!((requests.turns_10, upload.turns_10), (50.0, 1.0));
    assert_eq!(upload.up_60, 70_000.0);
}

#[test]
fn flows_without_answer_are_unsuccessful_until_they_have_one() {
    let mut state = ServicePairState::zeroed();
    send(&mut state, 0, &step(true, true), SECOND);
    send(&mut state, 0, &step(true, true), SECOND);
    assert_eq!((state.unsuccessful_10(), state.successful_10()), (2.0, 0.0));
    send(&mut state, 0, &FlowStep { answered: true, ..step(false, false) }, SECOND);
    assert_eq!((state.unsuccessful_10(), state.successful_10()), (1.0, 1.0));
    send(&mut state, 0, &FlowStep { refused: true, ..step(false, false) }, SECOND);
    assert_eq!(state.unsuccessful_10(), 1.0, "a refusal is an answer and a failure");
    assert!(state.is_answered());
}

#[test]
fn counts_fade_with_time() {
    let mut state = ServicePairState::zeroed();
    send(&mut state, 100, &step(true, true), SECOND);
    state.fade(11 * SECOND);
    assert!((state.opened_10 - 0.3679).abs() < 1e-3);
    assert!((state.up_60 - 84.65).abs() < 0.1);
}

/// Bits for a clock after so many intervals, each of `interval` seconds.
fn bits(intervals: impl IntoIterator<Item = f64>) -> f32 {
    let mut state = ServicePairState::zeroed();
    let mut now = 100.0;
    for interval in intervals {
        now += interval;
        send(&mut state, 100, &step(true, true), (now * 1e9) as u64);
    }
    state.regularity_bits
}

/// Numbers from 0 to 1 without order.
fn scattered() -> impl Iterator<Item = f64> {
    (1_u32..).map(|number| f64::from(number.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24))
}

#[test]
fn intervals_of_a_clock_speak_for_it_also_with_jitter_and_those_by_chance_against_it() {
    for interval in [2.0, 10.0, 60.0] {
        assert!(bits([interval; 20]) > 64.0, "each {interval} s");
    }
    let jitter: Vec<f64> = scattered().map(|part| 10.0 * (1.0 + 0.66 * (part - 0.5))).take(60).collect();
    assert!(bits(jitter.clone()) > 48.0, "{}", bits(jitter));
    let chance: Vec<f64> = scattered().map(|part| 1.5 - 10.0 * part.max(1e-6).ln()).take(60).collect();
    assert!(bits(chance.clone()) < 12.0, "{}", bits(chance));
}

#[test]
fn a_first_contact_fades_within_minutes_and_who_calls_back_is_remembered() {
    let mut state = ServicePairState::zeroed();
    send(&mut state, 0, &step(true, true), SECOND);
    state.set_contact(&FirstContact { hours: 48.0, hours_together: 96.0, spreads: false, calls_back: true });
    state.fade(61 * SECOND);
    assert!(
        (state.contact_60 / 48.0 - 0.3679).abs() < 1e-3 && (state.contacts_60 / 96.0 - 0.3679).abs() < 1e-3
    );
    assert!(state.calls_back() && !state.has_usual_pace());
    state.set_usual_pace(true);
    assert!(state.has_usual_pace() && state.calls_back());
    state.set_usual_pace(false);
    assert!(!state.has_usual_pace());
}

#[test]
fn bytes_of_long_names_count_but_for_reverse_look_ups() {
    let mut state = ServicePairState::zeroed();
    for (name, query_type) in [(30, 1), (78, 16), (58, 1), (72, 12)] {
        let flags = flag::DNS;
        let query =
            PacketRecord { protocol: 17, flags, dns_query_type: query_type, ..PacketRecord::zeroed() };
        state.update(&PacketRecord { dns_name_length: name, ..query }, &step(true, false), SECOND);
    }
    assert_eq!(state.long_names_60, 30.0 + 10.0);
    state.fade(SECOND + 60 * SECOND);
    assert!((state.long_names_60 - 40.0 / std::f32::consts::E).abs() < 0.1);
}

#[test]
fn failed_look_ups_count_but_for_reverse_ones() {
    const POINTER: u16 = 12;
    let mut state = ServicePairState::zeroed();
    for number in 0..40 {
        let is_reverse = number % 4 == 0;
        let query = PacketRecord {
            protocol: 17,
            flags: flag::DNS,
            dns_query_type: if is_reverse { POINTER } else { 1 },
            ..PacketRecord::zeroed()
        };
        let answer = PacketRecord { flags: flag::DNS | flag::DNS_RESPONSE, message_code: 3, ..query };
        state.update(&query, &step(true, number == 0), SECOND);
        state.update(&answer, &step(false, false), SECOND);
    }
    assert_eq!(state.missing_60, 30.0);
    state.fade(SECOND + 60 * SECOND);
    assert!((state.missing_60 - 30.0 / std::f32::consts::E).abs() < 0.1);
}
