use super::*;

const STEP: Duration = Duration::from_micros(500);
/// Records that the simulated detector judges in a second, and that its ring has room for.
const CAPACITY: f64 = 200_000.0;
const ROOM: f64 = 116_000.0;
/// Records that the queue has room for.
const QUEUE: f64 = 262_144.0;

/// A sensor under a load: packets come, are sampled by the level's factor, wait, and are judged.
struct Sensor {
    /// Records that its detector judges in a second.
    capacity: f64,
    /// Until when it judges nothing, as at a second's end.
    held_up_until: Duration,
    control: LevelControl,
    now: Duration,
    waiting: f64,
    judged: f64,
    seen: f64,
    lost: f64,
    changes: Vec<(Duration, u8)>,
}

impl Sensor {
    fn new() -> Self {
        Self {
            capacity: CAPACITY,
            held_up_until: Duration::ZERO,
            control: LevelControl::default(),
            now: Duration::ZERO,
            waiting: 0.0,
            judged: 0.0,
            seen: 0.0,
            lost: 0.0,
            changes: Vec::new(),
        }
    }

    /// Packets a second, for a time; of them each level lets a part through.
    fn run(&mut self, rate: f64, seconds: f64, parts: [f64; 4]) -> &mut Self {
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.now < end {
            self.now += STEP;
            let packets = rate * STEP.as_secs_f64();
            self.seen += packets;
            self.waiting += packets * parts[usize::from(self.control.level())];
            let capacity = if self.now < self.held_up_until { 0.0 } else { self.capacity };
            let judged = self.waiting.min(capacity * STEP.as_secs_f64());
            self.waiting -= judged;
            self.judged += judged;
            let most = QUEUE + ROOM;
            self.lost += (self.waiting - most).max(0.0);
            self.waiting = self.waiting.min(most);
            let behind = self.waiting.min(QUEUE);
            let reading = Reading {
                ring: ((self.waiting - behind) / ROOM) as f32,
                behind: behind as u64,
                judged: self.judged as u64,
                seen: self.seen as u64,
            };
            if let Some(level) = self.control.advance(self.now, &reading) {
                self.changes.push((self.now, level));
            }
        }
        self
    }

    /// Holds the detector up from now on.
    fn hold_up(&mut self, seconds: f64) -> &mut Self {
        self.held_up_until = self.now + Duration::from_secs_f64(seconds);
        self
    }

    /// Changes since a moment.
    fn changes_since(&self, then: Duration) -> usize {
        self.changes.iter().filter(|(when, _)| *when > then).count()
    }
}

const FLOOD: [f64; 4] = [1.0, 0.05, 0.01, 0.002];
/// Many small flows, of which little can be left out.
const SMALL_FLOWS: [f64; 4] = [1.0, 0.6, 0.3, 0.02];

#[test]
fn a_load_that_can_be_judged_is_recorded_whole() {
    let mut sensor = Sensor::new();
    sensor.run(0.9 * CAPACITY, 20.0, FLOOD);
    assert_eq!(sensor.changes, []);
}

#[test]
fn a_burst_that_fits_into_a_quarter_of_the_room_changes_nothing() {
    let mut sensor = Sensor::new();
    sensor.run(1e5, 1.0, FLOOD).run(6e5, 0.03, FLOOD).run(1e5, 2.0, FLOOD);
    assert_eq!(sensor.changes, []);
}

#[test]
fn ten_times_too_much_is_met_within_milliseconds_and_loses_nothing() {
    let mut sensor = Sensor::new();
    sensor.run(1e5, 1.0, FLOOD);
    let begun = sensor.now;
    sensor.run(10.0 * CAPACITY, 5.0, FLOOD);
    let (when, level) = sensor.changes[0];
    assert_eq!(level, 1);
    assert!(when - begun < Duration::from_millis(50), "{:?}", when - begun);
    assert_eq!(sensor.lost, 0.0);
}

#[test]
fn full_coverage_is_back_within_two_seconds_of_the_loads_end() {
    for parts in [FLOOD, SMALL_FLOWS] {
        for seconds in [0.2, 5.0, 60.0] {
            let mut sensor = Sensor::new();
            sensor.run(1e5, 1.0, parts).run(10.0 * CAPACITY, seconds, parts);
            let ended = sensor.now;
            sensor.run(1e5, 4.0, parts);
            let (when, level) = *sensor.changes.last().unwrap();
            assert_eq!(level, 0);
            assert!(when - ended < Duration::from_secs(2), "{:?} after {seconds} s", when - ended);
        }
    }
}

#[test]
fn a_slow_detector_is_not_left_with_more_than_it_can_judge_in_a_second() {
    for capacity in [10_000.0, 30_000.0] {
        let mut sensor = Sensor { capacity, ..Sensor::new() };
        let lot = 40.0 * capacity;
        sensor.run(0.5 * capacity, 1.0, FLOOD).run(lot, 1.0, FLOOD).run(0.5 * capacity, 10.0, FLOOD);
        sensor.run(lot, 5.0, SMALL_FLOWS);
        let ended = sensor.now;
        sensor.run(0.5 * capacity, 4.0, SMALL_FLOWS);
        let (when, level) = *sensor.changes.last().unwrap();
        assert_eq!(level, 0);
        assert!(when - ended < Duration::from_secs(2), "{:?} at {capacity}/s", when - ended);
    }
}

#[test]
fn what_holds_the_detector_up_for_a_moment_does_not_make_it_a_slow_one() {
    let mut sensor = Sensor { capacity: 2e6, ..Sensor::new() };
    // Few packets wait for a model that is put in force, and later many for each second's end.
    sensor.run(5e4, 5.0, FLOOD).hold_up(0.25).run(5e4, 2.0, FLOOD);
    for _ in 0..10 {
        sensor.hold_up(0.08).run(3e5, 1.0, FLOOD);
    }
    assert_eq!(sensor.changes, []);
}

#[test]
fn what_makes_the_detector_slow_for_a_second_is_forgotten_once_it_is_fast_again() {
    let mut sensor = Sensor { capacity: 5e4, ..Sensor::new() };
    // A model is trained beside it.
    sensor.run(6e4, 1.2, FLOOD);
    sensor.capacity = 2e6;
    sensor.run(2e5, 3.0, FLOOD);
    for _ in 0..10 {
        sensor.hold_up(0.08).run(3e5, 1.0, FLOOD);
    }
    assert_eq!(sensor.changes, []);
}

#[test]
fn what_one_level_can_not_relieve_the_next_one_does() {
    let mut sensor = Sensor::new();
    sensor.run(10.0 * CAPACITY, 2.0, SMALL_FLOWS);
    let levels: Vec<_> = sensor.changes.iter().map(|(_, level)| *level).take(3).collect();
    assert_eq!(levels, [1, 2, 3]);
    assert_eq!(sensor.lost, 0.0);
}

#[test]
fn a_level_too_high_is_left_when_the_load_changes_its_kind() {
    let mut sensor = Sensor::new();
    sensor.run(10.0 * CAPACITY, 2.0, SMALL_FLOWS).run(10.0 * CAPACITY, 10.0, FLOOD);
    assert_eq!(sensor.control.level(), 1, "that is enough for the flood: {:?}", sensor.changes);
}

#[test]
fn a_steady_overload_does_not_make_the_level_flap() {
    for parts in [FLOOD, SMALL_FLOWS] {
        let mut sensor = Sensor::new();
        sensor.run(10.0 * CAPACITY, 10.0, parts);
        let settled = sensor.now;
        sensor.run(10.0 * CAPACITY, 120.0, parts);
        let changes = sensor.changes_since(settled);
        assert!(changes <= 16, "{changes} changes in two minutes: {:?}", sensor.changes);
        assert_eq!(sensor.lost, 0.0);
    }
}

#[test]
fn a_load_around_what_can_be_judged_changes_the_level_seldom() {
    let mut sensor = Sensor::new();
    for _ in 0..60 {
        sensor.run(1.3 * CAPACITY, 1.0, FLOOD).run(0.9 * CAPACITY, 1.0, FLOOD);
    }
    // The load itself changes 120 times.
    assert!(sensor.changes.len() <= 80, "{} changes in two minutes", sensor.changes.len());
    assert_eq!(sensor.lost, 0.0);
}

#[test]
fn a_ring_that_fills_while_the_detector_has_caught_up_counts_as_well() {
    let mut control = LevelControl::default();
    let reading = Reading { ring: 0.3, behind: 0, judged: 0, seen: 0 };
    assert_eq!(control.advance(Duration::from_secs(1), &reading), Some(1));
    let calm = Reading { ring: 0.0, ..reading };
    let down = (0..2000).find(|step| control.advance(Duration::from_secs(1) + STEP * *step, &calm).is_some());
    assert!(down.is_some_and(|step| STEP * step < Duration::from_secs(1)), "nothing comes: {down:?}");
}
