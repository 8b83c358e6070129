//! The highest values of earlier epochs: what is usual for a subject.

use bytemuck::{Pod, Zeroable};

/// Seconds after which a highest value counts half.
const HALF_LIFE_S: f32 = 3.0 * 86_400.0;
/// Up to so many times the highest value is usual.
const MARGIN: f32 = 1.5;
/// The highest value that there can be.
const MOST: f32 = 1e9;

/// The highest values of a number. Those of the last three epochs do not count yet, so that a slow growth is not compared with
/// itself.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Pod, Zeroable)]
pub(super) struct Past {
    /// Of all epochs but the last three, older ones fading.
    settled: f32,
    /// Of the last two that are over, the older one first.
    waiting: [f32; 2],
    /// Of the one that goes on.
    growing: f32,
    /// Its number.
    epoch: u32,
}

impl Past {
    /// How far a value of now lies above what is usual, where an epoch takes so many nanoseconds.
    pub(super) fn excess(&self, value: f32, now_ns: u64, epoch_ns: u64) -> f32 {
        let mut turned = *self;
        turned.turn(now_ns, epoch_ns);
        (value - MARGIN * turned.settled).max(0.0)
    }

    /// Learns an ordinary value.
    pub(super) fn learn(&mut self, value: f32, now_ns: u64, epoch_ns: u64) {
        self.turn(now_ns, epoch_ns);
        self.growing = self.growing.max(value);
    }

    /// Whether it is one that a sensor has in this epoch or a later one.
    pub(super) fn is_sound(&self, now_ns: u64, epoch_ns: u64) -> bool {
        let [older, newer] = self.waiting;
        let is_sound = |value: f32| (0.0..=MOST).contains(&value);
        [self.settled, older, newer, self.growing].into_iter().all(is_sound)
            && u64::from(self.epoch) <= now_ns / epoch_ns
    }

    fn turn(&mut self, now_ns: u64, epoch_ns: u64) {
        let epoch = (now_ns / epoch_ns) as u32;
        let Some(passed) = epoch.checked_sub(self.epoch).filter(|passed| *passed > 0) else { return };
        let faded = self.settled * libm::exp2f(-(passed as f32) * (epoch_ns as f32 * 1e-9) / HALF_LIFE_S);
        let [older, newer] = self.waiting;
        let (over, waiting) = match passed {
            1 => (older, [newer, self.growing]),
            2 => (older.max(newer), [self.growing, 0.0]),
            _ => (older.max(newer).max(self.growing), [0.0; 2]),
        };
        *self = Self { settled: faded.max(over), waiting, growing: 0.0, epoch };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn what_grows_is_not_measured_by_itself_and_becomes_usual_three_epochs_later() {
        let mut past = Past::default();
        past.learn(10.0, 7 * HOUR, HOUR);
        let excess = [7, 8, 9, 10, 11].map(|epoch| past.excess(20.0, epoch * HOUR, HOUR).round());
        assert_eq!(excess, [20.0, 20.0, 20.0, 5.0, 5.0]);
        past.learn(4.0, 8 * HOUR, HOUR);
        past.learn(2.0, 9 * HOUR, HOUR);
        for epoch in [10, 11, 12] {
            let excess = past.excess(20.0, epoch * HOUR, HOUR);
            assert!((excess - 5.0).abs() < 0.5, "the highest counts: {excess} in {epoch}");
        }
    }

    #[test]
    fn the_past_halves_in_three_days() {
        let mut past = Past::default();
        past.learn(100.0, 4 * HOUR, 4 * HOUR);
        past.turn(4 * 4 * HOUR, 4 * HOUR);
        let usual = |hours| (400.0 - past.excess(400.0, hours * HOUR, 4 * HOUR)) / MARGIN;
        assert_eq!(usual(16), 100.0);
        assert!((usual(16 + 72) - 50.0).abs() < 0.01);
    }
}
