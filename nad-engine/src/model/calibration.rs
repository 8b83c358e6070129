//! From a score to a probability.
//!
//! As far as the ordinary scores reach, the fit of their [`Tail`] says how probable a score is. It can't say much
//! beyond them: a few hundred scores rule out no heavy tail. But a forest has seen more than ordinary rows, and what
//! its scores mean beyond is known: it was shown rows that are 1 to 6 doublings further out
//! (`augment`). So beyond the highest ordinary score, margin included, the measure is how well the
//! forest can tell two scores apart: the standard error of a mean over its trees. Each such step makes it e times less
//! probable that a score belongs to the ordinary ones.

mod check;

use serde::{Deserialize, Serialize};

use super::tail::{LEAST_PROBABILITY, Tail, TailError};

/// The deviation of a score between single trees: about 2.4 levels of a path whose mean is 10.
const TREE_DEVIATION: f64 = 0.1;

/// Scores of ordinary rows, and what follows from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    tail: Tail,
    highest: f64,
    /// The step by which scores can be told apart.
    resolution: f64,
}

impl Calibration {
    /// Learns from scores of ordinary rows by a forest of so many trees.
    ///
    /// # Errors
    ///
    /// See [`Tail::fit`].
    pub fn new(scores: &[f64], trees: usize) -> Result<Self, TailError> {
        let tail = Tail::fit(scores)?;
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Self { tail, highest, resolution: TREE_DEVIATION / (trees as f64).sqrt() })
    }

    /// The probability that an ordinary row scores as high or higher: 1e-12 to 1, never more for a higher score.
    pub fn probability(&self, score: f64) -> f64 {
        let by_fit = self.tail.probability(score);
        if score <= self.highest {
            return by_fit;
        }
        by_fit.min(self.beyond(score)).max(LEAST_PROBABILITY)
    }

    /// The score above which the probability lies below this.
    pub fn threshold(&self, probability: f64) -> f64 {
        let by_fit = self.tail.threshold(probability);
        let at_highest = 1.0 / (self.tail.scores() as f64 + 1.0);
        if probability >= at_highest {
            return by_fit;
        }
        by_fit.min(self.highest + self.resolution * libm::log(at_highest / probability))
    }

    /// Whether it can be used as it is.
    pub(super) fn is_sound(&self) -> bool {
        self.tail.is_sound() && self.highest.is_finite() && self.resolution > 0.0
    }

    fn beyond(&self, score: f64) -> f64 {
        let steps = (score - self.highest) / self.resolution;
        libm::exp(-steps) / (self.tail.scores() as f64 + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration() -> Calibration {
        let scores: Vec<f64> = (0..1000).map(|i| 0.3 + f64::from(i) * 2e-4).collect();
        Calibration::new(&scores, 100).unwrap()
    }

    #[test]
    fn the_probability_never_rises_with_the_score() {
        let calibration = calibration();
        let probabilities: Vec<f64> =
            (0..1000).map(|i| calibration.probability(f64::from(i) / 1000.0)).collect();
        assert!(probabilities.is_sorted_by(|a, b| a >= b));
        assert_eq!(probabilities[999], LEAST_PROBABILITY);
        assert!((calibration.probability(0.4) - 0.5).abs() < 0.01);
    }

    #[test]
    fn ten_steps_beyond_the_highest_are_e_to_the_tenth_less_probable() {
        let calibration = calibration();
        let highest = calibration.highest;
        assert!(calibration.probability(highest + 0.1) <= (-10.0_f64).exp() / 1001.0 * 1.01);
        assert!(calibration.probability(highest) >= 1e-4);
    }

    #[test]
    fn what_lies_above_a_threshold_is_less_probable_and_what_lies_below_is_not() {
        let calibration = calibration();
        for probability in [0.3, 0.01, 1e-5, 1e-8] {
            let threshold = calibration.threshold(probability);
            assert!(calibration.probability(threshold + 1e-9) <= probability * 1.0001, "{probability}");
            assert!(calibration.probability(threshold - 1e-3) > probability, "{probability}");
        }
    }
}
