//! How far ordinary peaks reach above the location: a generalized Pareto distribution, known only as well as the
//! peaks tell it.
//!
//! Its density is (theta/xi) (1 + theta y)^(-1/xi - 1), where the shape xi is below 0 for a tail that ends, 0
//! for an exponential one and above 0 for a heavy one. The one most likely distribution can't be extrapolated
//! from: among its equals there are ones whose tail ends just above the highest peak, and beyond everything
//! would be impossible. So all of them are averaged, each as likely as the peaks make it (the posterior
//! predictive distribution).
//!
//! That is less work than it sounds. As in Grimshaw's trick (Technometrics 35, 1993) everything depends on theta
//! alone: given theta, ln(1 + theta y) is exponential, so with k peaks, T = sum ln(1 + theta y_i) and the prior
//! 1/xi on the shape's scale, the average over it is
//!
//! ```text
//! P(Y > y | theta) = (1 + ln(1 + theta y) / T)^-k        and      weight(theta) ~ (theta / T)^k e^-T
//! ```
//!
//! which for theta = 0 are (1 + y / sum y_i)^-k and (sum y_i)^-k. What is left is a sum over a grid of theta.
//! Its nodes are those for which T/k, the likeliest shape, is -1, -31/32, … 1. They are weighted by a normal
//! prior too, wide below 0 and narrower above: the scores of an isolation forest end somewhere, so a heavy tail
//! must be shown by many peaks. (Zhang, Stephens: A New and Efficient Estimation Method for the Generalized
//! Pareto Distribution, Technometrics 51, 2009, average the same likelihood to one theta.)

use serde::{Deserialize, Serialize};

use super::{FEWEST_PEAKS, MOST_PEAKS};

/// Steps of the shape's grid from 0 to 1, and to -1.
const STEPS: i32 = 32;

/// The deviation of the shape's prior below 0 and above.
const PRIOR: [f64; 2] = [0.5, 0.25];

/// What is less likely than this contributes nothing above the least probability.
const NEGLIGIBLE: f64 = 1e-15;

/// How probable an excess is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Excess {
    /// The mean peak, in which everything else is measured.
    scale: f64,
    /// How many peaks it was learnt from.
    count: f64,
    parts: Vec<Part>,
}

/// One theta of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Part {
    theta: f64,
    /// T, over the number of peaks: for theta = 0 the mean peak, which is 1.
    mean_log: f64,
    weight: f64,
}

impl Excess {
    /// Learns from at least one peak; all are above 0.
    pub(super) fn fit(peaks: &[f64]) -> Self {
        let count = peaks.len() as f64;
        let scale = peaks.iter().sum::<f64>() / count;
        if peaks.len() < FEWEST_PEAKS {
            return Self { scale, count, parts: vec![Part::EXPONENTIAL] };
        }
        let relative: Vec<f64> = peaks.iter().map(|peak| peak / scale).collect();
        let grid = grid(&relative);
        let likeliest = grid.iter().map(|(_, log)| *log).fold(f64::NEG_INFINITY, f64::max);
        let mut parts: Vec<Part> = grid
            .into_iter()
            .map(|(part, log)| Part { weight: libm::exp(log - likeliest), ..part })
            .filter(|part| part.weight > NEGLIGIBLE)
            .collect();
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        parts.iter_mut().for_each(|part| part.weight /= total);
        Self { scale, count, parts }
    }

    /// Exponential, and as sure as if the fewest peaks that tell a shape had had this mean.
    pub(super) fn guess(mean: f64) -> Self {
        let scale = if mean > 0.0 { mean } else { 0.01 };
        Self { scale, count: FEWEST_PEAKS as f64, parts: vec![Part::EXPONENTIAL] }
    }

    /// The probability that a peak's excess, above 0, is larger than this.
    pub(super) fn survival(&self, excess: f64) -> f64 {
        let excess = excess / self.scale;
        self.parts.iter().map(|part| part.weight * part.survival(excess, self.count)).sum::<f64>().min(1.0)
    }

    /// The mean excess.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    pub(super) fn is_sound(&self) -> bool {
        let weight: f64 = self.parts.iter().map(|part| part.weight).sum();
        self.scale.is_finite()
            && self.scale > 0.0
            && (1.0..=MOST_PEAKS as f64).contains(&self.count)
            && self.count.fract() == 0.0
            && self.parts.len() <= 2 * STEPS as usize + 1
            && (weight - 1.0).abs() < 1e-9
            && self.parts.iter().all(Part::is_sound)
    }
}

impl Part {
    const EXPONENTIAL: Self = Self { theta: 0.0, mean_log: 1.0, weight: 1.0 };

    fn survival(&self, excess: f64, count: f64) -> f64 {
        let reached = if self.theta == 0.0 {
            excess
        } else {
            let inside = self.theta * excess;
            if inside <= -1.0 {
                return 0.0;
            }
            libm::log1p(inside)
        };
        1.0 / power(1.0 + reached / (self.mean_log * count), count as u32)
    }

    fn is_sound(&self) -> bool {
        let is_same_side =
            if self.theta == 0.0 { self.mean_log > 0.0 } else { self.theta * self.mean_log > 0.0 };
        self.theta.is_finite() && self.mean_log.is_finite() && is_same_side && self.weight >= 0.0
    }
}

/// A number of at least 0 to a power, by squaring: within 1e-12 of it up to the most peaks, and several times as fast as
/// by its logarithm.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
}

/// The grid's parts, each with the logarithm of how likely it is; weights are still to be made of those.
///
/// mean ln(1 + theta y) rises with theta and bends down, so Newton's steps from the left never go too far: each
/// node is found starting at the one before.
fn grid(peaks: &[f64]) -> Vec<(Part, f64)> {
    let count = peaks.len() as f64;
    let mean = |term: &dyn Fn(f64) -> f64| peaks.iter().map(|peak| term(*peak)).sum::<f64>() / count;
    let highest = peaks.iter().copied().fold(0.0, f64::max);
    // Further down the logarithm of the highest peak would lose its digits.
    let mut theta = -(1.0 - 1e-9) / highest;
    let lowest_shape = mean(&|peak| libm::log1p(theta * peak));
    let mut parts = Vec::with_capacity(2 * STEPS as usize + 1);
    for step in -STEPS..=STEPS {
        let shape = f64::from(step) / f64::from(STEPS);
        if shape < lowest_shape {
            continue;
        }
        let deviations = shape / PRIOR[usize::from(step > 0)];
        let prior = -0.5 * deviations * deviations;
        if step == 0 {
            theta = 0.0;
            parts.push((Part::EXPONENTIAL, prior));
            continue;
        }
        for _ in 0..100 {
            let rise = mean(&|peak| peak / (1.0 + theta * peak));
            let change = (shape - mean(&|peak| libm::log1p(theta * peak))) / rise;
            theta += change;
            if change.abs() <= 1e-12 * theta.abs() {
                break;
            }
        }
        let likelihood = count * libm::log(theta / shape) - count * shape;
        parts.push((Part { theta, mean_log: shape, weight: 0.0 }, likelihood + prior));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_that_of_the_logarithm() {
        for exponent in [1, 2, 3, 10, 255, MOST_PEAKS as u32] {
            for base in [1.0, 1.0 + 1e-9, 1.01, 1.5] {
                let expected = libm::exp(f64::from(exponent) * libm::log(base));
                let off = (power(base, exponent) / expected - 1.0).abs();
                assert!(off < 1e-12, "{base}^{exponent}: {off}");
            }
        }
        assert_eq!((power(7.0, 0), power(1e9, MOST_PEAKS as u32)), (1.0, f64::INFINITY));
    }

    #[test]
    fn a_count_of_peaks_that_there_can_not_be_is_not_sound() {
        let excess = Excess::guess(0.1);
        assert!(excess.is_sound());
        for count in [0.0, 10.5, 1e9, f64::NAN] {
            assert!(!Excess { count, ..excess.clone() }.is_sound(), "{count}");
        }
    }
}
