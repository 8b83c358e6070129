//! The highest values of earlier epochs: what is usual for a subject.

use bytemuck::{Pod, Zeroable};

/// Seconds after which a highest value counts half.
const HALF_LIFE_S: f32 = 3.0 * 86_400.0;
/// Up to so many times the highest value is usual.
const MARGIN: f32 = 1.5;

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
    /// How far a value of this epoch, which takes so many seconds, lies above what is usual.
    pub(super) fn excess(&self, value: f32, epoch: u32, epoch_s: f32) -> f32 {
        let mut turned = *self;
        turned.turn(epoch, epoch_s);
        (value - MARGIN * turned.settled).max(0.0)
    }

    /// Learns an ordinary value.
    pub(super) fn learn(&mut self, value: f32, epoch: u32, epoch_s: f32) {
        self.turn(epoch, epoch_s);
        self.growing = self.growing.max(value);
    }

    fn turn(&mut self, epoch: u32, epoch_s: f32) {
        let Some(passed) = epoch.checked_sub(self.epoch).filter(|passed| *passed > 0) else { return };
        let faded = self.settled * libm::exp2f(-(passed as f32) * epoch_s / HALF_LIFE_S);
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

    #[test]
    fn what_grows_is_not_measured_by_itself_and_becomes_usual_three_epochs_later() {
        let mut past = Past::default();
        past.learn(10.0, 7, 1800.0);
        let excess = [7, 8, 9, 10, 11].map(|epoch| past.excess(20.0, epoch, 1800.0));
        assert_eq!(excess, [20.0, 20.0, 20.0, 5.0, 5.0]);
        past.learn(4.0, 8, 1800.0);
        past.learn(2.0, 9, 1800.0);
        for epoch in [10, 11, 12] {
            assert!((past.excess(20.0, epoch, 1800.0) - 5.0).abs() < 0.2, "the highest counts: {epoch}");
        }
    }

    #[test]
    fn the_past_halves_in_three_days() {
        let mut past = Past::default();
        past.learn(100.0, 1, 14_400.0);
        past.turn(4, 14_400.0);
        let usual = |epoch| (400.0 - past.excess(400.0, epoch, 14_400.0)) / MARGIN;
        assert_eq!(usual(4), 100.0);
        assert!((usual(4 + 18) - 50.0).abs() < 0.01, "eighteen times four hours");
    }
}
