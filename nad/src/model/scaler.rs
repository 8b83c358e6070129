//! Robust scaling: the middle and the spread of each feature in the baseline.

use serde::{Deserialize, Serialize};

use crate::features::{FEATURE_COUNT, FEATURES, FeatureVector};

/// How far from the median, in spreads, a value still counts as farther; everything beyond is the same.
const LIMIT: f32 = 1e6;

/// A feature vector that a forest may see: scaled by a baseline, and finite whatever went in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled([f32; FEATURE_COUNT]);

impl Scaled {
    /// The values, in spreads from the baseline's median.
    pub fn values(&self) -> &[f32; FEATURE_COUNT] {
        &self.0
    }
}

/// What the baseline says about each feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    ranges: Vec<Range>,
}

/// One feature in the baseline, on the feature's own scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Range {
    median: f32,
    /// The interquartile range; where that is 0, the whole range; where that is 0 too, 1.
    spread: f32,
    /// [`QUANTILES`] values at equal steps through the sorted baseline, from the smallest to the largest.
    quantiles: Vec<f32>,
}

/// How finely a baseline's distribution is kept: shares down to 1 in 256.
const QUANTILES: usize = 257;

impl Scaler {
    /// Learns from a baseline of at least one vector; values that are not finite are passed over.
    pub fn learn(baseline: &[FeatureVector]) -> Self {
        let ranges = (0..FEATURE_COUNT)
            .map(|feature| {
                let mut values: Vec<f32> =
                    baseline.iter().map(|vector| vector[feature]).filter(|value| value.is_finite()).collect();
                values.sort_unstable_by(f32::total_cmp);
                Range::of_sorted(&values)
            })
            .collect();
        Self { ranges }
    }

    /// Scales a vector. What is not a number becomes the median, what is infinite the farthest finite value.
    pub fn scale(&self, vector: &FeatureVector) -> Scaled {
        Scaled(std::array::from_fn(|feature| {
            let range = &self.ranges[feature];
            let scaled = (vector[feature] - range.median) / range.spread;
            if scaled.is_nan() { 0.0 } else { scaled.clamp(-LIMIT, LIMIT) }
        }))
    }

    /// Why a vector stands out, in words: the features outside what the baseline held, or, where each is inside,
    /// the ones that were seldom so low or so high.
    pub fn explain(&self, vector: &FeatureVector) -> String {
        const NAMED: usize = 3;
        const SELDOM: f32 = 0.05;
        let scaled = self.scale(vector);
        let mut outside: Vec<usize> =
            (0..FEATURE_COUNT).filter(|feature| self.ranges[*feature].excludes(vector[*feature])).collect();
        if !outside.is_empty() {
            outside.sort_by(|a, b| scaled.0[*b].abs().total_cmp(&scaled.0[*a].abs()));
            return join(outside.iter().take(NAMED).map(|feature| self.describe_outside(*feature, vector)));
        }
        let mut tails: Vec<(usize, Tail)> =
            (0..FEATURE_COUNT).map(|feature| (feature, self.ranges[feature].tail(vector[feature]))).collect();
        tails.sort_by(|(_, a), (_, b)| a.share.total_cmp(&b.share));
        let seldom = tails.iter().filter(|(_, tail)| tail.share < SELDOM).take(NAMED);
        let reasons: Vec<String> =
            seldom.map(|(feature, tail)| describe_tail(*feature, vector, tail)).collect();
        if !reasons.is_empty() {
            return join(reasons.into_iter());
        }
        let named = tails.iter().take(NAMED).map(|(feature, _)| name_and_value(*feature, vector));
        format!("a rare combination of {}", join(named))
    }

    /// Whether the model was made for as many features as there are.
    pub(super) fn is_complete(&self) -> bool {
        self.ranges.len() == FEATURE_COUNT && self.ranges.iter().all(Range::is_sound)
    }

    fn describe_outside(&self, feature: usize, vector: &FeatureVector) -> String {
        let (lowest, highest) = self.ranges[feature].bounds();
        let (low, high) = (FEATURES[feature].describe(lowest), FEATURES[feature].describe(highest));
        let baseline = if lowest == highest { format!("always {low}") } else { format!("{low} to {high}") };
        format!("{} (baseline: {baseline})", name_and_value(feature, vector))
    }
}

/// The part of the baseline that is at least as far out as a value, on the value's side.
struct Tail {
    /// 0 to 1.
    share: f32,
    is_low: bool,
}

impl Range {
    fn of_sorted(values: &[f32]) -> Self {
        if values.is_empty() {
            return Self { median: 0.0, spread: 1.0, quantiles: vec![0.0; QUANTILES] };
        }
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        let spread = [at(0.75) - at(0.25), at(1.0) - at(0.0)].into_iter().find(|spread| *spread > 0.0);
        let quantiles = (0..QUANTILES).map(|step| at(step as f64 / (QUANTILES - 1) as f64)).collect();
        Self { median: at(0.5), spread: spread.unwrap_or(1.0), quantiles }
    }

    fn bounds(&self) -> (f32, f32) {
        (self.quantiles[0], self.quantiles[QUANTILES - 1])
    }

    fn excludes(&self, value: f32) -> bool {
        let (lowest, highest) = self.bounds();
        value < lowest || value > highest
    }

    fn tail(&self, value: f32) -> Tail {
        let at_most = self.quantiles.partition_point(|quantile| *quantile <= value);
        let below = self.quantiles.partition_point(|quantile| *quantile < value);
        let (low, high) = (at_most as f32, (QUANTILES - below) as f32);
        Tail { share: low.min(high) / QUANTILES as f32, is_low: low <= high }
    }

    fn is_sound(&self) -> bool {
        self.median.is_finite() && self.spread > 0.0 && self.quantiles.len() == QUANTILES
    }
}

fn name_and_value(feature: usize, vector: &FeatureVector) -> String {
    format!("{} {}", FEATURES[feature].name, FEATURES[feature].describe(vector[feature]))
}

fn describe_tail(feature: usize, vector: &FeatureVector, tail: &Tail) -> String {
    let side = if tail.is_low { "low" } else { "high" };
    let percent = tail.share * 100.0;
    format!("{} ({percent:.1}% of the baseline is that {side})", name_and_value(feature, vector))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Vec<FeatureVector> {
        (0..101)
            .map(|i| {
                let mut v = [3.0; FEATURE_COUNT];
                v[0] = i as f32;
                v
            })
            .collect()
    }

    #[test]
    fn the_median_is_zero_and_a_quartile_range_is_one() {
        let scaler = Scaler::learn(&baseline());
        let mut vector = [3.0; FEATURE_COUNT];
        vector[0] = 50.0;
        assert_eq!(scaler.scale(&vector).values()[0], 0.0);
        vector[0] = 100.0;
        assert_eq!(scaler.scale(&vector).values()[0], 1.0);
    }

    #[test]
    fn nothing_that_is_not_finite_comes_out() {
        let mut poisoned = baseline();
        poisoned.push([f32::NAN; FEATURE_COUNT]);
        poisoned.push([f32::INFINITY; FEATURE_COUNT]);
        let scaler = Scaler::learn(&poisoned);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
            let scaled = scaler.scale(&[bad; FEATURE_COUNT]);
            assert!(scaled.values().iter().all(|value| value.is_finite()), "{bad}: {scaled:?}");
        }
    }

    #[test]
    fn the_reason_names_the_feature_outside_the_baseline_with_its_range() {
        let scaler = Scaler::learn(&baseline());
        let mut vector = [3.0; FEATURE_COUNT];
        vector[0] = 50.0;
        vector[4] = 255.0;
        assert_eq!(scaler.explain(&vector), "TTL 255 (baseline: always 3)");
    }

    #[test]
    fn the_reason_names_what_is_seldom_and_else_the_combination() {
        let mut baseline = baseline();
        for vector in &mut baseline[..2] {
            vector[4] = 1.0;
        }
        let scaler = Scaler::learn(&baseline);
        let mut vector = [3.0; FEATURE_COUNT];
        vector[0] = 50.0;
        assert!(scaler.explain(&vector).starts_with("a rare combination of "), "{}", scaler.explain(&vector));
        vector[4] = 1.0;
        assert_eq!(scaler.explain(&vector), "TTL 1 (1.6% of the baseline is that low)");
    }
}
