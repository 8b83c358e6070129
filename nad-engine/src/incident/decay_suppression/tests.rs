use super::*;
use crate::incident::example::{SECOND, of_service_pair, of_source, service_pair, source};

/// A source's scan with these features at a moment.
fn scan(services: f32, failures: f32, at_s: u64) -> Deviation {
    let values = [services, 1.0, failures];
    let vector = View::Scan.features().zip(values).map(|(feature, value)| feature.scaled(value)).collect();
    Deviation { vector, ..of_source(View::Scan, source(1, 2), at_s) }
}

fn is_decaying(suppression: &mut DecaySuppression, deviation: &Deviation) -> bool {
    suppression.is_decaying(deviation, &deviation.subject.borrowed().parties())
}

#[test]
fn a_count_that_only_fades_is_suppressed() {
    let mut suppression = DecaySuppression::default();
    assert!(!is_decaying(&mut suppression, &scan(400.0, 300.0, 100)), "the first is not");
    for after in 1..10 {
        let left = 300.0 * (-(after as f32) / 10.0).exp();
        assert!(is_decaying(&mut suppression, &scan(400.0, left, 100 + after)), "{after} s");
    }
}

#[test]
fn a_count_that_falls_slower_than_it_fades_or_grows_is_not() {
    let mut suppression = DecaySuppression::default();
    is_decaying(&mut suppression, &scan(400.0, 300.0, 100));
    assert!(
        !is_decaying(&mut suppression, &scan(400.0, 300.0, 101)),
        "some failed to make up for what faded"
    );
    assert!(!is_decaying(&mut suppression, &scan(500.0, 100.0, 102)), "further services");
}

#[test]
fn what_comes_back_after_a_pause_is_not() {
    let mut suppression = DecaySuppression::default();
    is_decaying(&mut suppression, &scan(400.0, 8.0, 100));
    assert!(!is_decaying(&mut suppression, &scan(400.0, 8.0, 120)), "the sketch holds no longer than 10 s");
}

#[test]
fn each_subject_decays_by_itself_and_a_source_is_one_whatever_its_favourite() {
    let mut suppression = DecaySuppression::default();
    is_decaying(&mut suppression, &scan(400.0, 8.0, 100));
    let of = |last, target| Deviation {
        vector: scan(400.0, 4.0, 101).vector,
        ..of_source(View::Scan, source(last, target), 101)
    };
    assert!(!is_decaying(&mut suppression, &of(3, 2)), "another source");
    assert!(is_decaying(&mut suppression, &of(1, 9)), "the same source at another target");
}

/// A pair that came back so many times at regular intervals.
fn beacon(intervals: f32, at_s: u64) -> Deviation {
    let values = [intervals, intervals];
    let features = View::Periodicity.features();
    let vector = features.zip(values).map(|(feature, value)| feature.scaled(value)).collect();
    Deviation { vector, ..of_service_pair(View::Periodicity, service_pair(443, 6), at_s) }
}

#[test]
fn a_beacon_is_reported_again_where_more_speaks_for_it_and_otherwise_once_a_day() {
    let mut suppression = DecaySuppression::default();
    assert!(!is_decaying(&mut suppression, &beacon(10.0, 100)));
    assert!(is_decaying(&mut suppression, &beacon(11.0, 110)));
    assert!(!is_decaying(&mut suppression, &beacon(30.0, 300)));
    suppression.forget(20 * 3600 * SECOND);
    assert!(is_decaying(&mut suppression, &beacon(30.0, 20 * 3600)), "it went on for hours");
    suppression.forget(25 * 3600 * SECOND);
    assert!(!is_decaying(&mut suppression, &beacon(30.0, 25 * 3600)), "another day");
}

#[test]
fn what_was_seen_long_ago_is_forgotten() {
    let mut suppression = DecaySuppression::default();
    is_decaying(&mut suppression, &scan(400.0, 8.0, 100));
    suppression.forget(3699 * SECOND);
    assert_eq!(suppression.last.len(), 1);
    suppression.forget(3700 * SECOND);
    assert!(suppression.last.is_empty());
}
