//! Counts that fade: each event weighs 1 when it comes and e^(-age / scale) later.
//!
//! A count over about `scale` seconds in one number, without keeping events (Kitsune, NDSS 2018, calls the same
//! damped incremental statistics).

/// Counts fade in steps of at least this many nanoseconds, 8 ms: what comes closer weighs as much, which is a hundredth
/// more on the shortest scale, and a busy host's counts need not all be changed with every packet.
pub const FADE_STEP_NS: u64 = 1 << 23;

/// What counts of each scale are multiplied with after some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decay {
    /// For the scale of 1 s.
    pub second: f32,
    /// For the scale of 10 s.
    pub ten: f32,
    /// For the scale of 60 s.
    pub minute: f32,
}

impl Decay {
    /// That of no time.
    pub const NONE: Self = Self { second: 1.0, ten: 1.0, minute: 1.0 };

    /// The factors after `nanoseconds`.
    #[inline]
    pub fn after(nanoseconds: u64) -> Self {
        let minutes = nanoseconds as f32 * (1.0 / 60e9);
        // Most packets follow the last one closely, where the series' first terms are exact to single precision.
        let minute =
            if minutes < 1e-3 { 1.0 - minutes + 0.5 * minutes * minutes } else { libm::expf(-minutes) };
        let three = minute * minute * minute;
        let ten = three * three;
        let twenty = ten * ten;
        let forty = twenty * twenty;
        Self { second: forty * forty * twenty, ten, minute }
    }
}

/// Moves a mean a step towards a new value: the step is 1/n for the first `window` values, then 1/`window`.
#[inline]
pub fn step_mean(mean: &mut f32, count: f32, window: f32, value: f32) {
    *mean += (value - *mean) / count.clamp(1.0, window);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scale_falls_to_its_eth_part_after_its_length() {
        for (scale, factor) in [
            (1.0, (|decay| decay.second) as fn(Decay) -> f32),
            (10.0, |decay| decay.ten),
            (60.0, |decay| decay.minute),
        ] {
            let after = factor(Decay::after((scale * 1e9) as u64));
            assert!((after - (-1.0_f32).exp()).abs() < 1e-4, "{scale}: {after}");
        }
        assert_eq!(Decay::after(0), Decay { second: 1.0, ten: 1.0, minute: 1.0 });
        assert_eq!(Decay::after(u64::MAX).minute, 0.0);
    }

    #[test]
    fn two_short_waits_fade_as_much_as_a_long_one() {
        let (once, twice) = (Decay::after(40_000_000), Decay::after(20_000_000));
        assert!((once.second - twice.second * twice.second).abs() < 1e-5);
    }

    #[test]
    fn a_mean_of_few_values_is_their_mean() {
        let mut mean = 0.0;
        for (count, value) in [(1.0, 4.0), (2.0, 8.0), (3.0, 0.0)] {
            step_mean(&mut mean, count, 16.0, value);
        }
        assert!((mean - 4.0).abs() < 1e-6);
    }
}
