//! Load shedding: how much is recorded, by how far the sensor is behind.
//!
//! The [`LevelControl`] is a pure state machine: it takes how full the rings are and how far the detector is behind, and says
//! which level of [`sampling`](nad_common::sampling) is due. It goes up within milliseconds. It goes down a level at a
//! time, once the sensor has caught up and either the packets have become few enough for all of them to be judged, or,
//! seldomer and seldomer, to try whether the level below is enough by now.

use std::time::Duration;

use nad_common::sampling::LEVELS;

/// Whether packets may be sampled where there are too many.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SamplingMode {
    /// Where the sensor falls behind, by design and counted
    #[default]
    Auto,
    /// Never: what there is no room for is lost.
    Off,
}

/// Records that the detector may be behind: at this many its load is 1; it is what the queue holds. A second's end, at
/// which thousands of subjects are judged, holds up tens of thousands of records on a busy link, and is no overload.
pub const FARTHEST_BEHIND: u64 = 1 << 18;

/// How long the detector may need for what it is behind: at this long its load is 1. A slow one, such as that of an
/// extended forest, is too far behind with few records.
const LONGEST_LAG: f64 = 1.0;

/// From this load on there is too much.
const HIGH: f32 = 0.25;
/// At this load it is about to be lost.
const HIGHEST: f32 = 0.75;
/// A load that has risen by this much since it was lowest is rising.
const RISE: f32 = 0.02;
/// Below this load the sensor has caught up.
const LOW: f32 = 0.05;
/// What a step up does shows after this time.
const SETTLE: Duration = Duration::from_millis(5);
/// Rates are measured over this time at least.
const SAMPLE: Duration = Duration::from_millis(20);
/// What can be judged is measured over at most this time, which has one of everything that it takes, a second's end
/// included, and over no less than a part of it. That it is less than what was thought needs a longer one: a moment in
/// which the detector was held up does not make it slow.
const PERIOD: Duration = Duration::from_secs(1);
const SHORTEST_PERIOD: Duration = Duration::from_millis(50);
const SHORTEST_BUSY_PERIOD: Duration = Duration::from_millis(500);
/// Records that the detector is behind when it works as fast as it can.
const BUSY: u64 = 4096;
/// Packets may be this part of what can be judged when all of them are recorded again.
const LIGHT: f64 = 0.8;
/// Where there are more packets than can be judged, recording all of them is tried after so many times the patience: what
/// it costs goes on for longer than the trial.
const HEAVY: u32 = 8;
/// A level goes down after as much time in which all was well.
const CALM: Duration = Duration::from_millis(200);
/// After as much time the level below is tried under load, the first time and at most.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_PATIENCE: Duration = Duration::from_secs(32);
/// A step down was wrong when a step up follows within this time.
const REGRET: Duration = Duration::from_secs(1);
/// After as much time without sampling, what was learnt by trying is forgotten.
const FORGET: Duration = Duration::from_secs(10);

/// What the sensor looks like at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// How full the fullest ring is, from 0 to 1.
    pub ring: f32,
    /// Records drained and not yet judged.
    pub behind: u64,
    /// Records judged so far.
    pub judged: u64,
    /// Packets seen so far.
    pub seen: u64,
}

impl Reading {
    /// From 0 to 1 and beyond, for a detector that judges so many records a second.
    fn load(&self, capacity: Option<f64>) -> f32 {
        let farthest = capacity.map_or(f64::INFINITY, |capacity| capacity * LONGEST_LAG);
        self.ring.max(self.behind as f32 / farthest.min(FARTHEST_BEHIND as f64) as f32)
    }
}

/// The level in force, and what it takes to change it. All times are since the same moment.
#[derive(Debug)]
pub struct LevelControl {
    level: u8,
    changed: Duration,
    went_down: Option<Duration>,
    /// The lowest load since the last change.
    lowest: f32,
    /// Since when the load is low, and since when the packets are few.
    low_since: Option<Duration>,
    light_since: Option<Duration>,
    patience: Duration,
    sample: Option<(Duration, Reading)>,
    /// A time in which there was always more to do, or never: which, since when, and the records judged by then.
    period: Option<(bool, Duration, u64)>,
    /// Records that can be judged a second: as many as were while there were more, or at least as many as were once.
    capacity: f64,
    /// The same, measured while there were more; `None` before there ever were.
    busy_capacity: Option<f64>,
    /// Packets a second.
    rate: f64,
}

impl Default for LevelControl {
    fn default() -> Self {
        Self {
            level: 0,
            changed: Duration::ZERO,
            went_down: None,
            lowest: 0.0,
            low_since: None,
            light_since: None,
            patience: SHORTEST_PATIENCE,
            sample: None,
            period: None,
            capacity: 0.0,
            busy_capacity: None,
            rate: 0.0,
        }
    }
}

impl LevelControl {
    /// The level in force: 0 for every packet.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Whether a new rate is due, so that [`Reading::seen`] must be of now; otherwise it is not used.
    pub fn is_sample_due(&self, now: Duration) -> bool {
        self.sample.is_none_or(|(then, _)| now.saturating_sub(then) >= SAMPLE)
    }

    /// Takes a reading; the new level where it changes.
    pub fn advance(&mut self, now: Duration, reading: &Reading) -> Option<u8> {
        self.measure(now, reading);
        let load = reading.load(self.busy_capacity);
        self.lowest = self.lowest.min(load);
        self.low_since = if load < LOW { self.low_since.or(Some(now)) } else { None };
        if self.is_too_much(now, load) {
            if self.went_down.is_some_and(|then| now.saturating_sub(then) < REGRET) {
                self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
            }
            self.set(self.level + 1, now, load);
            return Some(self.level);
        }
        if self.level > 0 && self.is_time_to_go_down(now) {
            self.set(self.level - 1, now, load);
            self.went_down = Some(now);
            return Some(self.level);
        }
        if self.level == 0 && now.saturating_sub(self.changed) > FORGET {
            self.patience = SHORTEST_PATIENCE;
        }
        None
    }

    fn is_too_much(&self, now: Duration, load: f32) -> bool {
        let is_settled = self.level == 0 || now.saturating_sub(self.changed) >= SETTLE;
        let is_rising = self.level == 0 || load >= self.lowest + RISE || load >= HIGHEST;
        u32::from(self.level) + 1 < LEVELS && load >= HIGH && is_settled && is_rising
    }

    fn is_time_to_go_down(&self, now: Duration) -> bool {
        let lasted = |since: Option<Duration>, length: Duration| {
            since.is_some_and(|since| now.saturating_sub(since.max(self.changed)) >= length)
        };
        let is_light = lasted(self.light_since, CALM);
        let is_heavy = self.level == 1 && self.rate > self.capacity;
        let patience = if is_heavy { self.patience * HEAVY } else { self.patience };
        let is_worth_trying = lasted(self.low_since, patience);
        lasted(self.low_since, CALM) && (is_light || is_worth_trying)
    }

    fn set(&mut self, level: u8, now: Duration, load: f32) {
        self.level = level;
        self.changed = now;
        self.lowest = load;
    }

    fn measure(&mut self, now: Duration, reading: &Reading) {
        if !self.is_sample_due(now) {
            return;
        }
        if let Some((then, before)) = self.sample {
            let seconds = now.saturating_sub(then).as_secs_f64();
            self.rate = reading.seen.saturating_sub(before.seen) as f64 / seconds;
            let is_light = self.rate <= LIGHT * self.capacity;
            self.light_since = if is_light { self.light_since.or(Some(then)) } else { None };
        }
        self.sample = Some((now, *reading));
        self.measure_capacity(now, reading);
    }

    fn measure_capacity(&mut self, now: Duration, reading: &Reading) {
        let is_busy = reading.behind >= BUSY;
        let (was_busy, begun, before) = *self.period.get_or_insert((is_busy, now, reading.judged));
        let length = now.saturating_sub(begun);
        if is_busy == was_busy && length < PERIOD {
            return;
        }
        self.period = Some((is_busy, now, reading.judged));
        if length < SHORTEST_PERIOD {
            return;
        }
        let judged = reading.judged.saturating_sub(before) as f64 / length.as_secs_f64();
        self.busy_capacity = self.busy_capacity.map(|thought| thought.max(judged));
        let thought = self.capacity;
        self.capacity = thought.max(judged);
        if was_busy && length >= SHORTEST_BUSY_PERIOD {
            self.capacity = judged.max(f64::midpoint(thought, judged));
            self.busy_capacity = Some(self.capacity);
        }
    }
}

/// A level in words.
pub const fn meaning(level: u8) -> &'static str {
    match level {
        0 => "every packet is recorded",
        1 => "of each flow the first 16 packets and then one of 16, at most 64 in 134 ms",
        2 => "of each flow the first 4 packets and then one in 134 ms",
        _ => "of each flow the first 2 packets and then one in 134 ms, within the smallest budgets",
    }
}

#[cfg(test)]
mod tests;
