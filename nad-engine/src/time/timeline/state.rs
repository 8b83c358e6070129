//! Where a timeline stood when a run ended, and how a later one goes on from there.

use serde::{Deserialize, Serialize};

use super::{REMEMBERED, Timeline};
use crate::time::Now;

/// The latest moment that there can be: in the year 2262.
const LATEST_NS: u64 = i64::MAX as u64;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineState {
    sensor_ns: u64,
    unix_ns: u64,
    /// See [`Timeline`].
    offsets: Vec<(u64, i128)>,
}

impl Timeline {
    /// Where it stands at a moment of sensor time.
    pub fn state(&self, sensor_ns: u64) -> TimelineState {
        TimelineState {
            sensor_ns,
            unix_ns: self.unix_ns(sensor_ns),
            offsets: self.offsets.iter().copied().collect(),
        }
    }

    /// The same, going on from there: between the runs as much sensor time has passed as the system's clock says, and none where
    /// that was set back.
    #[must_use]
    pub fn go_on(mut self, state: &TimelineState) -> Self {
        self.offsets = state.offsets.iter().copied().collect();
        if self.offsets.is_empty() {
            self.offsets.push_back((0, 0));
        }
        if !self.is_live {
            self.now_ns = state.sensor_ns;
            return self;
        }
        let unix_ns = self.now_ns;
        let sensor_ns = state.sensor_ns.saturating_add(unix_ns.saturating_sub(state.unix_ns));
        self.zero_ns = self.zero_ns.saturating_add(sensor_ns).saturating_sub(unix_ns);
        (self.now_ns, self.began_ns) = (sensor_ns, Some(sensor_ns));
        let offset_ns = i128::from(unix_ns) - i128::from(sensor_ns);
        if self.offsets.back().is_none_or(|(_, last_ns)| *last_ns != offset_ns) {
            self.offsets.push_back((sensor_ns, offset_ns));
        }
        if self.offsets.len() > REMEMBERED {
            self.offsets.pop_front();
        }
        self
    }
}

impl TimelineState {
    /// The moment.
    pub fn now(&self) -> Now {
        Now { sensor_ns: self.sensor_ns, unix_ns: self.unix_ns }
    }

    /// Why it can't be gone on with.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_possible = self.sensor_ns <= LATEST_NS
            && self.unix_ns <= LATEST_NS
            && self.offsets.len() <= REMEMBERED
            && self.offsets.is_sorted_by_key(|(from_ns, _)| *from_ns)
            && self.offsets.iter().all(|(_, offset_ns)| offset_ns.unsigned_abs() <= LATEST_NS.into());
        is_possible.then_some(()).ok_or_else(|| {
            format!("it is of {} ns of sensor time, {} ns of Unix time", self.sensor_ns, self.unix_ns)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    /// The records' clock at the start of a run.
    const BOOT: u64 = 50 * SECOND;

    fn live(unix_s: u64) -> Timeline {
        Timeline::live(unix_s * SECOND - BOOT, unix_s * SECOND)
    }

    #[test]
    fn time_goes_on_by_the_systems_clock_and_never_back() {
        let mut first = live(1000);
        first.pass(BOOT + 100 * SECOND);
        let state = first.state(1100 * SECOND);
        state.check().unwrap();
        let mut later = live(5000).go_on(&state);
        assert_eq!(later.pass(BOOT + SECOND), 5001 * SECOND, "sensor time is Unix time");
        assert_eq!((later.unix_ns(5001 * SECOND), later.watched_ns()), (5001 * SECOND, SECOND));
        assert_eq!(later.unix_ns(1050 * SECOND), 1050 * SECOND);
        let mut back = live(400).go_on(&state);
        assert_eq!(back.pass(BOOT + SECOND), 1101 * SECOND);
        assert_eq!(back.unix_ns(1101 * SECOND), 401 * SECOND);
        assert_eq!(back.unix_ns(1050 * SECOND), 1050 * SECOND, "what was before keeps its time");
        let again = live(600).go_on(&back.state(1101 * SECOND));
        assert_eq!(again.now_ns(), 1300 * SECOND);
        assert_eq!(again.unix_ns(1300 * SECOND), 600 * SECOND);
    }

    #[test]
    fn what_no_timeline_has_is_refused_and_extremes_saturate() {
        let state = live(1000).state(1000 * SECOND);
        for harm in [
            (&|state: &mut TimelineState| state.sensor_ns = u64::MAX) as &dyn Fn(&mut TimelineState),
            &|state| state.unix_ns = u64::MAX,
            &|state| state.offsets = vec![(0, 0); REMEMBERED + 1],
            &|state| state.offsets = vec![(5, 0), (4, 0)],
            &|state| state.offsets = vec![(0, i128::MIN)],
        ] {
            let mut harmed = state.clone();
            harm(&mut harmed);
            assert!(harmed.check().is_err(), "{harmed:?}");
        }
        let far = TimelineState { sensor_ns: LATEST_NS, unix_ns: 0, offsets: Vec::new() };
        far.check().unwrap();
        let mut timeline = live(1000).go_on(&far);
        assert_eq!(timeline.now_ns(), LATEST_NS + 1000 * SECOND);
        timeline.pass(u64::MAX);
        assert_eq!(timeline.unix_ns(LATEST_NS + 1000 * SECOND), 1000 * SECOND);
    }
}
