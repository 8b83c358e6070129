//! Sensor time on the detector's side.

mod state;

use std::collections::VecDeque;

use crate::batch::{Arrival, Arrivals, Cause, Shift};
pub use state::TimelineState;

/// Shifts that are kept, for incidents that began before them.
const REMEMBERED: usize = 64;

/// Turns the times of records into sensor time, and that into Unix time.
#[derive(Debug, Clone)]
pub struct Timeline {
    is_live: bool,
    /// Sensor time less that of records.
    zero_ns: u64,
    /// Where sensor time began; `None` before the first record of a capture.
    began_ns: Option<u64>,
    now_ns: u64,
    /// Unix time less sensor time from a moment on, the oldest first.
    offsets: VecDeque<(u64, i128)>,
    unwatched_ns: u64,
}

impl Timeline {
    /// That of a capture, whose records have sensor time.
    pub fn capture() -> Self {
        Self {
            is_live: false,
            zero_ns: 0,
            began_ns: None,
            now_ns: 0,
            offsets: VecDeque::from([(0, 0)]),
            unwatched_ns: 0,
        }
    }

    /// That of a live source, which begins at `now_ns` of Unix time; records have a time that is `zero_ns` less.
    pub fn live(zero_ns: u64, now_ns: u64) -> Self {
        Self { is_live: true, zero_ns, began_ns: Some(now_ns), now_ns, ..Self::capture() }
    }

    /// Whether records of now come with it, as opposed to those of a capture.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// The sensor time at a record. What it says of clocks is handed to `notice`.
    #[inline]
    pub fn advance(&mut self, arrival: &Arrival<'_>, notice: impl FnMut(&Shift)) -> u64 {
        self.now_ns = self.now_ns.max(arrival.record.time_ns.saturating_add(self.zero_ns));
        self.shift_all(arrival.shifts, notice);
        self.began_ns.get_or_insert(self.now_ns);
        self.now_ns
    }

    /// Takes what is said after the last record of a batch.
    pub fn end_batch(&mut self, arrivals: Arrivals<'_>, notice: impl FnMut(&Shift)) {
        self.shift_all(arrivals.end(), notice);
    }

    /// Sensor time passes without packets, up to a moment of the records' clock.
    pub fn pass(&mut self, until_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(until_ns.saturating_add(self.zero_ns));
        self.now_ns
    }

    /// Sensor time now.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// How long the network has been watched up to now, in nanoseconds.
    pub fn watched_ns(&self) -> u64 {
        let Some(began_ns) = self.began_ns else { return 0 };
        (self.now_ns - began_ns).saturating_sub(self.unwatched_ns)
    }

    /// Unix time at a moment of sensor time, in nanoseconds.
    pub fn unix_ns(&self, sensor_ns: u64) -> u64 {
        let is_in_force = |(from_ns, _): &&(u64, i128)| *from_ns <= sensor_ns;
        let in_force = self.offsets.iter().rev().find(is_in_force).or(self.offsets.front());
        let offset_ns = in_force.map_or(0, |(_, offset_ns)| *offset_ns);
        i128::from(sensor_ns).saturating_add(offset_ns).clamp(0, u64::MAX.into()) as u64
    }

    #[inline]
    fn shift_all(&mut self, shifts: &[Shift], mut notice: impl FnMut(&Shift)) {
        for shift in shifts {
            self.shift(shift);
            notice(shift);
        }
    }

    fn shift(&mut self, shift: &Shift) {
        self.unwatched_ns = self.unwatched_ns.saturating_add(shift.unwatched_ns);
        if shift.by_ns == 0 {
            return;
        }
        let offset_ns =
            self.offsets.back().map_or(0, |(_, offset_ns)| *offset_ns).saturating_add(shift.by_ns);
        match self.offsets.back_mut() {
            Some(last) if shift.cause == Cause::Slew => last.1 = offset_ns,
            _ => self.offsets.push_back((self.now_ns, offset_ns)),
        }
        if self.offsets.len() > REMEMBERED {
            self.offsets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use nad_common::record::PacketRecord;

    use super::*;
    use crate::batch::RecordBatch;

    const SECOND: u64 = 1_000_000_000;

    /// After so many records.
    fn shift(after: usize, by_ns: i128, unwatched_ns: u64, cause: Cause) -> (usize, Shift) {
        (after, Shift { index: 0, by_ns, unwatched_ns, cause })
    }

    fn batch(seconds: &[u64], shifts: &[(usize, Shift)]) -> RecordBatch {
        let mut batch = RecordBatch::default();
        for index in 0..=seconds.len() {
            let shifts = shifts.iter().filter(|(after, _)| *after == index);
            shifts.for_each(|(_, shift)| batch.push_shift(*shift));
            if let Some(second) = seconds.get(index) {
                let time_ns = second * SECOND;
                batch.push(index as u64, PacketRecord { time_ns, ..PacketRecord::zeroed() });
            }
        }
        batch
    }

    fn run(timeline: &mut Timeline, batch: &RecordBatch) -> Vec<u64> {
        let mut arrivals = batch.arrivals();
        let seconds = arrivals.by_ref().map(|arrival| timeline.advance(&arrival, |_| {}) / SECOND).collect();
        timeline.end_batch(arrivals, |_| {});
        seconds
    }

    #[test]
    fn sensor_time_never_runs_backwards_and_is_unix_time_as_long_as_no_clock_is_set() {
        let mut timeline = Timeline::capture();
        assert_eq!(timeline.watched_ns(), 0);
        assert_eq!(run(&mut timeline, &batch(&[100, 102, 101, 103], &[])), [100, 102, 102, 103]);
        assert_eq!((timeline.watched_ns(), timeline.unix_ns(101 * SECOND)), (3 * SECOND, 101 * SECOND));
    }

    #[test]
    fn a_moment_before_a_step_keeps_its_unix_time() {
        let mut timeline = Timeline::capture();
        let step = shift(2, -3600 * i128::from(SECOND), 0, Cause::Step(0));
        run(&mut timeline, &batch(&[5000, 5001, 5002, 5003], &[step]));
        assert_eq!(timeline.unix_ns(5001 * SECOND), 5001 * SECOND);
        assert_eq!(timeline.unix_ns(5003 * SECOND), 1403 * SECOND);
        assert_eq!(timeline.unix_ns(0), 0, "what lies before all");
        // A shift at a batch's end counts from the next record on.
        let again = shift(1, SECOND.into(), 0, Cause::Step(0));
        run(&mut timeline, &batch(&[5004], &[again]));
        assert_eq!(timeline.unix_ns(5010 * SECOND), 1411 * SECOND);
    }

    #[test]
    fn what_nobody_watched_is_not_watched_and_steering_takes_no_room() {
        let mut timeline = Timeline::capture();
        let gap = shift(1, 0, 540 * SECOND, Cause::Gap(600 * SECOND));
        run(&mut timeline, &batch(&[100, 700], &[gap]));
        assert_eq!(timeline.watched_ns(), 60 * SECOND);
        for _ in 0..1000 {
            run(&mut timeline, &batch(&[701], &[shift(0, 1000, 0, Cause::Slew)]));
        }
        assert_eq!(timeline.offsets.len(), 1);
        assert_eq!(timeline.unix_ns(701 * SECOND), 701 * SECOND + 1_000_000);
        for _ in 0..1000 {
            run(&mut timeline, &batch(&[701], &[shift(0, 1000, 0, Cause::Step(1000))]));
        }
        assert_eq!(timeline.offsets.len(), REMEMBERED);
    }

    #[test]
    fn extreme_times_and_shifts_saturate() {
        let mut timeline = Timeline::capture();
        let far = shift(0, i128::MIN, u64::MAX, Cause::Step(i64::MIN));
        run(&mut timeline, &batch(&[1], &[far, far]));
        assert_eq!(timeline.unix_ns(u64::MAX / 4), 0);
        timeline.pass(u64::MAX);
        assert_eq!((timeline.now_ns(), timeline.watched_ns()), (u64::MAX, 0));
    }
}
