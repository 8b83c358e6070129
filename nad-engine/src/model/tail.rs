//! How improbable a score is among ordinary ones, also beyond the highest that was ever seen.
//!
//! Peaks over threshold, as in SPOT (Siffer, Fouque, Termier, Largouet: Anomaly Detection in Streams with
//! Extreme Value Theory, KDD 2017): up to a high quantile, the location, the scores themselves say how probable
//! a score is; what lies above, the peaks, follows about a generalized Pareto distribution, whatever the
//! scores' own, and that goes on where the scores end. SPOT takes the most likely such distribution for the
//! true one; this averages over all that the peaks allow.
//!
//! **How far to trust it.** Rates down to about 1/n, with n scores, are counted. Below, they are extrapolated,
//! and hold on average over baselines: the mean rate at which ordinary records exceed the threshold for p is at
//! most 3 p, down to p = 1e-5 and from 2,000 scores on, whether their tail ends, is exponential or heavy. The
//! price is that thresholds lie high, the higher the further out. Measured on exponential scores, as multiples
//! of the true threshold's height above the location (medians of 41):
//!
//! | scores | peaks | for 1e-5 | for 1e-9 |
//! |---|---|---|---|
//! | 2,000 | 40 | 1.4 | 45 |
//! | 20,000 | 400 | 1.04 | 2.1 |
//! | 65,536 | 1,024 | 1.02 | 1.4 |
//!
//! So with 2,000 scores 1e-9 is silence: that few peaks rule out no heavy tail, and nothing is reported as that
//! improbable unless it is out of all proportion. Scores that have a bound, as those of a forest, may get
//! thresholds beyond it. Whoever needs 1e-9 needs more scores, not another formula.

mod check;
mod excess;

use serde::{Deserialize, Serialize};

use super::random::mix;
use excess::Excess;

/// The share of scores that are peaks.
const PEAK_SHARE: f64 = 0.02;

/// With fewer peaks no shape can be fitted, and the tail is taken for exponential.
const FEWEST_PEAKS: usize = 10;

/// Peaks that are kept: a uniform sample of more. The shape is then known to 0.03.
const MOST_PEAKS: usize = 1024;

/// Scores up to the location that are kept, at equal steps through the sorted ones.
const MOST_BODY: usize = 4096;

/// A new peak for every so many leads to another fit.
const PEAKS_PER_NEW: usize = 8;

/// No probability is lower: there is no telling less probable things apart.
pub const LEAST_PROBABILITY: f64 = 1e-12;

/// The distribution of ordinary scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Ordinary scores, and those above the location among them.
    scores: u64,
    above: u64,
    location: f64,
    /// A sample of the scores up to the location, ascending; its last is the location.
    body: Vec<f64>,
    /// A sample of what the others are above it.
    peaks: Vec<f64>,
    /// Peaks since the last fit.
    new_peaks: usize,
    excess: Excess,
}

/// Why there is no tail.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TailError {
    /// Nothing to learn from.
    #[error("no scores to calibrate with: at least 1 is needed")]
    NoScores,
    /// A score that has no place among the others.
    #[error("score {place} to calibrate with is {value}: scores must be finite")]
    NotFinite {
        /// Which, from 0.
        place: usize,
        /// What it is.
        value: f64,
    },
}

impl Tail {
    /// Learns from scores of ordinary records, in any order.
    ///
    /// One score is enough, though it tells little: with fewer than 10 peaks, which 20 different scores have,
    /// the tail is taken for exponential, and without any, as where the highest score is a frequent one, its
    /// width is a guess from the scores' range.
    ///
    /// # Errors
    ///
    /// Without scores, or with one that is not finite.
    pub fn fit(scores: &[f64]) -> Result<Self, TailError> {
        if let Some(place) = scores.iter().position(|score| !score.is_finite()) {
            return Err(TailError::NotFinite { place, value: scores[place] });
        }
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let highest = *sorted.last().ok_or(TailError::NoScores)?;
        let location = sorted[sorted.len() - 1 - wanted_peaks(sorted.len())];
        let (body, above) = sorted.split_at(sorted.partition_point(|score| *score <= location));
        let peaks: Vec<f64> = above.iter().map(|score| score - location).collect();
        let excess = if peaks.is_empty() {
            let range = (highest - sorted[0]) / libm::log(sorted.len() as f64 + 1.0);
            Excess::guess(range.max(highest.abs() / 100.0))
        } else {
            Excess::fit(&peaks)
        };
        Ok(Self {
            scores: sorted.len() as u64,
            above: peaks.len() as u64,
            location,
            body: sampled(body),
            peaks,
            new_peaks: 0,
            excess,
        })
    }

    /// The probability that an ordinary record scores as high or higher: [`LEAST_PROBABILITY`] to 1, never more
    /// for a higher score.
    ///
    /// Up to the location it is (r + 0.5) / (n + 1), with the r of n scores that are as high or higher, so that a
    /// frequent score is never improbable. What is not a number counts as the lowest score.
    pub fn probability(&self, score: f64) -> f64 {
        if score > self.location {
            let beyond = self.excess.survival(score - self.location);
            return (self.of_peaks() * beyond).max(LEAST_PROBABILITY);
        }
        let below = self.body.partition_point(|it| *it < score);
        self.of_body(self.body.len() - below)
    }

    /// The score above which everything has at most this probability, and nothing else: `score > threshold(p)` is
    /// `probability(score) <= p`. Minus infinity where everything has.
    pub fn threshold(&self, probability: f64) -> f64 {
        let probability = probability.max(LEAST_PROBABILITY);
        if probability < self.of_peaks() {
            return self.threshold_beyond(probability);
        }
        let allowed = (1..=self.body.len()).take_while(|count| self.of_body(*count) <= probability).count();
        match self.body.len().checked_sub(allowed + 1) {
            Some(place) => self.body[place],
            None => f64::NEG_INFINITY,
        }
    }

    /// Takes one more score of an ordinary record into account.
    ///
    /// Whether it is ordinary is for the caller to say: scores of what was reported belong to something else.
    /// What lies up to the location only counts; its distribution stays that of the fit.
    pub fn update(&mut self, score: f64) {
        if !score.is_finite() {
            return;
        }
        self.scores += 1;
        if score > self.location {
            self.above += 1;
            self.keep_peak(score - self.location);
        }
    }

    /// How many scores it was learnt from, updates included.
    pub fn scores(&self) -> u64 {
        self.scores
    }

    /// Whether a tail from a file can be used as it is.
    pub fn is_sound(&self) -> bool {
        let is_ascending = self.body.is_sorted_by(|a, b| a.is_finite() && b.is_finite() && a <= b);
        self.location.is_finite()
            && self.body.last() == Some(&self.location)
            && is_ascending
            && (1..=MOST_BODY).contains(&self.body.len())
            && self.peaks.len() <= MOST_PEAKS
            && self.peaks.iter().all(|peak| peak.is_finite() && *peak > 0.0)
            && self.above < self.scores
            && self.peaks.len() as u64 <= self.above
            && self.new_peaks <= self.peaks.len()
            && self.excess.is_sound()
    }

    /// The probability of a score above the location.
    fn of_peaks(&self) -> f64 {
        (self.above as f64 + 0.5) / (self.scores as f64 + 1.0)
    }

    /// The probability of a score that so many of the body are as high as.
    fn of_body(&self, count: usize) -> f64 {
        let share = count as f64 / self.body.len() as f64;
        let ranks = (self.scores - self.above) as f64 * share + self.above as f64;
        (ranks + 0.5) / (self.scores as f64 + 1.0)
    }

    /// Halves the range in which the probability is reached until no number is between.
    fn threshold_beyond(&self, probability: f64) -> f64 {
        let mut width = self.excess.scale();
        while self.probability(self.location + width) > probability {
            width *= 2.0;
        }
        let (mut low, mut high) = (self.location, self.location + width);
        loop {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                return low;
            }
            if self.probability(middle) > probability {
                low = middle;
            } else {
                high = middle;
            }
        }
    }

    /// Keeps a uniform sample of all peaks (Vitter's algorithm R), and fits anew now and then.
    fn keep_peak(&mut self, peak: f64) {
        if self.peaks.len() < MOST_PEAKS {
            self.peaks.push(peak);
        } else if let Some(kept) = self.peaks.get_mut((mix(self.above) % self.above) as usize) {
            *kept = peak;
        }
        self.new_peaks += 1;
        if self.new_peaks * PEAKS_PER_NEW >= self.peaks.len() {
            self.excess = Excess::fit(&self.peaks);
            self.new_peaks = 0;
        }
    }
}

/// How many of so many different scores are to be peaks.
fn wanted_peaks(scores: usize) -> usize {
    let share = (scores as f64 * PEAK_SHARE).ceil() as usize;
    share.max(FEWEST_PEAKS.min(scores / 2)).min(MOST_PEAKS).min(scores - 1)
}

/// At most [`MOST_BODY`] of the values at equal steps, the first and the last among them.
fn sampled(values: &[f64]) -> Vec<f64> {
    if values.len() <= MOST_BODY {
        return values.to_vec();
    }
    (0..MOST_BODY).map(|step| values[step * (values.len() - 1) / (MOST_BODY - 1)]).collect()
}

#[cfg(test)]
mod tests;
