use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_790_000_000 * SECOND;

/// Everything that was placed, in order.
fn placed(times: &[u64]) -> Vec<Placed<u64>> {
    let mut order = Order::default();
    let mut all = Vec::new();
    for (index, time_ns) in times.iter().enumerate() {
        match order.at_once(*time_ns) {
            Some(sensor_ns) => {
                all.push(Placed { item: *time_ns, index: index as u64, sensor_ns, shift: None, stray: None });
            }
            None => order.push(index as u64, *time_ns, *time_ns),
        }
        all.extend(std::iter::from_fn(|| order.next(false)));
        assert!(order.waiting.len() <= NEIGHBOURS, "what is known is handed on");
    }
    all.extend(std::iter::from_fn(|| order.next(true)));
    assert!(order.is_empty());
    all
}

/// Unix time as it follows from sensor time and the shifts.
fn unix(placed: &[Placed<u64>]) -> Vec<u64> {
    let mut by_ns = 0_i128;
    let unix_of = |placed: &Placed<u64>| {
        by_ns += placed.shift.map_or(0, |shift| shift.by_ns);
        (i128::from(placed.sensor_ns) + by_ns) as u64
    };
    placed.iter().map(unix_of).collect()
}

fn shifts(placed: &[Placed<u64>]) -> Vec<(u64, Cause)> {
    placed.iter().filter_map(|it| it.shift).map(|shift| (shift.index, shift.cause)).collect()
}

fn strays(placed: &[Placed<u64>]) -> Vec<(u64, i64)> {
    placed
        .iter()
        .filter_map(|it| it.stray)
        .map(|stray| (stray.index, stray.distance_ns / SECOND as i64))
        .collect()
}

/// Ten packets a second for so many seconds.
fn steady(from_ns: u64, seconds: u64) -> Vec<u64> {
    (0..seconds * 10).map(|number| from_ns + number * SECOND / 10).collect()
}

#[test]
fn ordinary_times_are_taken_at_once_and_as_they_are() {
    let times = steady(START, 20);
    let placed = placed(&times);
    assert_eq!(placed.iter().map(|it| it.sensor_ns).collect::<Vec<_>>(), times);
    assert_eq!((shifts(&placed), strays(&placed)), (vec![], vec![]));
}

#[test]
fn a_packet_far_from_its_neighbours_moves_no_clock() {
    for distance in [2, 60, 3600, 86_400 * 365] {
        for is_ahead in [true, false] {
            let mut times = steady(START, 20);
            times[70] = if is_ahead { times[70] + distance * SECOND } else { times[70] - distance * SECOND };
            let placed = placed(&times);
            let distance = if is_ahead { distance as i64 } else { -(distance as i64) };
            let [(70, found)] = strays(&placed)[..] else { panic!("{:?}", strays(&placed)) };
            assert!((found - distance).abs() <= 1, "{found} and {distance}");
            assert_eq!(shifts(&placed), []);
            assert_eq!(placed[70].sensor_ns, times[69], "it has its neighbours' time");
            assert_eq!(placed[199].sensor_ns, times[199]);
        }
    }
}

#[test]
fn extreme_times_are_strays_too() {
    for extreme in [0, 1, u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        for place in [0, 1, 50, 199] {
            let mut times = steady(START, 20);
            times[place] = extreme;
            let placed = placed(&times);
            assert_eq!(strays(&placed).len(), 1, "{extreme} at {place}: {:?}", shifts(&placed));
            assert_eq!(shifts(&placed), [], "{extreme} at {place}");
            assert!(placed.iter().all(|it| (START..=START + 20 * SECOND).contains(&it.sensor_ns)));
        }
    }
}

#[test]
fn a_clock_that_is_set_goes_on_from_where_it_was_and_unix_time_is_the_captures() {
    for by in [-3600_i64, -5, 7200, 86_400 * 30] {
        let mut times = steady(START, 10);
        times.extend(steady((START + 10 * SECOND).saturating_add_signed(by * SECOND as i64), 10));
        let placed = placed(&times);
        let [(100, Cause::Step(step))] = shifts(&placed)[..] else { panic!("{by}: {:?}", shifts(&placed)) };
        assert!((step / SECOND as i64 - by).abs() <= 1, "{step} and {by}");
        assert_eq!(strays(&placed), []);
        assert_eq!(unix(&placed), times);
        let passed = placed[199].sensor_ns - placed[0].sensor_ns;
        assert!((19 * SECOND..=80 * SECOND).contains(&passed), "{by}: {passed}");
    }
}

#[test]
fn silence_passes_and_beyond_a_minute_nobody_knows_who_watched() {
    let mut times = steady(START, 10);
    times.extend(steady(START + 40 * SECOND, 10));
    times.extend(steady(START + 1000 * SECOND, 10));
    let placed = placed(&times);
    assert_eq!(placed.iter().map(|it| it.sensor_ns).collect::<Vec<_>>(), times);
    let [shift] = placed.iter().filter_map(|it| it.shift).collect::<Vec<_>>()[..] else {
        panic!("{:?}", shifts(&placed))
    };
    assert_eq!((shift.index, shift.by_ns), (200, 0));
    assert!(matches!(shift.cause, Cause::Gap(ns) if ns / SECOND == 950), "{shift:?}");
    assert_eq!(shift.unwatched_ns / SECOND, 890);
}

#[test]
fn packets_that_come_seldom_are_no_strays() {
    let times: Vec<u64> = (0..40).map(|number| START + number * 300 * SECOND).collect();
    let placed = placed(&times);
    assert_eq!(strays(&placed), []);
    assert_eq!(placed.iter().map(|it| it.sensor_ns).collect::<Vec<_>>(), times);
}

#[test]
fn a_later_part_that_comes_first_is_a_step_back() {
    let mut times = steady(START + 100 * SECOND, 10);
    times.extend(steady(START, 10));
    let placed = placed(&times);
    assert!(matches!(shifts(&placed)[..], [(100, Cause::Step(ns))] if ns < -100 * SECOND as i64));
    assert_eq!(unix(&placed), times);
    assert!(placed[199].sensor_ns - placed[0].sensor_ns < 21 * SECOND);
}

#[test]
fn two_clocks_in_turn_make_no_time() {
    let mut times = Vec::new();
    for turn in 0..20 {
        let other = (turn % 2) * 600 * SECOND;
        times.extend(steady(START + turn * 3 * SECOND + other, 3));
    }
    let placed = placed(&times);
    let passed = (placed[placed.len() - 1].sensor_ns - placed[0].sensor_ns) / SECOND;
    assert!(passed < 60 + 600 + 60, "{passed} s, where 60 and the first jump have passed");
}

#[test]
fn a_counter_of_32_bits_wraps_and_time_goes_on() {
    let end = (1 << 32) * SECOND;
    let mut times = steady(end - 10 * SECOND, 10);
    times.extend(steady(0, 10));
    let placed = placed(&times);
    assert_eq!(shifts(&placed), [(100, Cause::Wrap)]);
    assert_eq!(strays(&placed), []);
    let unix = unix(&placed);
    assert!(unix.is_sorted(), "no date in 1970");
    assert_eq!(unix[199], end + 9 * SECOND + 9 * SECOND / 10);
}

proptest! {
    /// Whatever the times: sensor time is monotonic, nothing is lost or reordered, and what isn't a stray keeps its
    /// time within the slack.
    #[test]
    fn any_times_at_all(
        parts in prop::collection::vec((any::<u64>(), 1_u64..40, 0_u64..4 * SECOND), 0..8),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..6),
    ) {
        let mut times: Vec<u64> = parts
            .iter()
            .flat_map(|(from, count, step)| (0..*count).map(move |number| from.saturating_add(number * step)))
            .collect();
        if !times.is_empty() {
            for (index, time) in &noise {
                let place = index.index(times.len());
                times[place] = *time;
            }
        }
        let placed = placed(&times);
        prop_assert_eq!(placed.iter().map(|it| it.item).collect::<Vec<_>>(), times);
        prop_assert!(placed.is_sorted_by_key(|it| it.sensor_ns));
        for (it, unix_ns) in placed.iter().zip(unix(&placed)) {
            let wrapped = 1_u64 << 32;
            let is_near = unix_ns.abs_diff(it.item) <= SECOND
                || unix_ns.saturating_sub(it.item).is_multiple_of(wrapped * SECOND)
                || unix_ns == u64::MAX || it.sensor_ns == u64::MAX;
            prop_assert!(it.stray.is_some() || is_near || unix_ns / SECOND >= wrapped, "{} and {}", unix_ns, it.item);
        }
    }

    /// Ordinary traffic with disorder below a second and strays that are alone: every other packet keeps its time.
    #[test]
    fn strays_among_ordinary_packets(
        gaps in prop::collection::vec(0_u64..SECOND / 2, 60..200),
        jitter in prop::collection::vec(0_u64..SECOND / 3, 200),
        places in prop::collection::btree_set(0_usize..12, 0..6),
        far in prop::collection::vec((any::<bool>(), 5_u64..1_000_000), 12),
    ) {
        let mut time = START;
        let mut times: Vec<u64> = gaps.iter().zip(&jitter).map(|(gap, jitter)| { time += gap; time + jitter }).collect();
        // At most one of any 17.
        let alone: Vec<usize> = places.iter().map(|place| place * 17 + 3).filter(|place| *place < times.len()).collect();
        for (place, (is_ahead, seconds)) in alone.iter().zip(&far) {
            let far_ns = (seconds + gaps.len() as u64) * SECOND;
            times[*place] = if *is_ahead { times[*place] + far_ns } else { times[*place] - far_ns };
        }
        let placed = placed(&times);
        let found: Vec<usize> = strays(&placed).iter().map(|(index, _)| *index as usize).collect();
        prop_assert_eq!(&found, &alone);
        prop_assert_eq!(shifts(&placed), vec![]);
        for (place, it) in placed.iter().enumerate().filter(|(place, _)| !alone.contains(place)) {
            prop_assert!(it.sensor_ns.abs_diff(times[place]) <= SECOND, "{} and {}", it.sensor_ns, times[place]);
        }
    }
}
