use std::time::Duration;

use super::*;

fn surveyed(times_ns: impl IntoIterator<Item = u64>) -> Survey {
    let mut surveyor = Surveyor::default();
    times_ns.into_iter().for_each(|time_ns| surveyor.take(time_ns));
    surveyor.end()
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn half_of_the_time_is_told_in_packets_however_they_come() {
    let even = surveyed((0..=100).map(|second| second * SECOND));
    assert_eq!((even.packets, even.watched), (101, Duration::from_secs(100)));
    assert!((50..=52).contains(&even.first_half), "{even:?}");
    // A burst at the end is not most of the time.
    let burst = surveyed((0..100).map(|second| second * SECOND).chain((0..9000).map(|i| 99 * SECOND + i)));
    assert!((50..=52).contains(&burst.first_half), "{burst:?}");
}

#[test]
fn a_long_pause_counts_little_and_time_that_goes_back_nothing() {
    let hours = 3600 * SECOND;
    let pause = surveyed([0, SECOND, 2 * SECOND, 20 * hours, 20 * hours + SECOND]);
    assert_eq!(pause.watched, Duration::from_secs(2 + 60 + 1));
    let back = surveyed([10 * SECOND, 11 * SECOND, SECOND, 2 * SECOND]);
    assert_eq!(back.watched, Duration::from_secs(2));
}

#[test]
fn a_long_capture_takes_no_more_room_and_its_half_is_found_well_enough() {
    let mut surveyor = Surveyor::default();
    (0..1_000_000_u64).for_each(|i| surveyor.take(i * SECOND / 10));
    assert!(surveyor.marks.len() <= Surveyor::MOST_MARKS);
    let survey = surveyor.end();
    let off = survey.first_half.abs_diff(500_000);
    assert!(off < 5_000, "{survey:?}");
}

#[test]
fn captures_without_times_are_known() {
    for (times, expected) in
        [(&[][..], false), (&[0], true), (&[7], false), (&[7, 7], true), (&[0, 0, 1], false)]
    {
        assert_eq!(surveyed(times.iter().copied()).is_timeless, expected, "{times:?}");
    }
}
