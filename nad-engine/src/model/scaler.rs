//! What is usual for each feature of a view, and values made comparable by it.

mod check;

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use crate::features::scale::{code, value_of};

/// How many values describe a feature's distribution.
const QUANTILES: usize = 65;
/// How far out a scaled value can be; farther ones look alike.
const LIMIT: f32 = 1e6;
/// The least spread, on a feature's own scale: differences below it are no differences.
const LEAST_SPREAD: f32 = 0.5;

/// Scales by what a baseline held: the median becomes 0, the range between its quartiles 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    ranges: Vec<Range>,
}

/// One feature's distribution in the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Range {
    median: f32,
    spread: f32,
    /// Codes of a unit: values count by their code.
    codes_per_unit: f32,
    /// Ascending; the first and the last are the lowest and highest value there was.
    quantiles: Vec<f32>,
}

impl Scaler {
    /// Learns from the rows of a baseline, with so many codes a unit for each feature: values count by their code, all
    /// that share one as the smallest of them.
    pub fn learn(baseline: &Matrix, codes_per_unit: &[f32]) -> Self {
        let ranges = (0..baseline.columns())
            .map(|column| {
                let mut values: Vec<f32> = (0..baseline.len())
                    .map(|row| baseline.row(row)[column])
                    .filter(|value| value.is_finite())
                    .collect();
                values.sort_unstable_by(f32::total_cmp);
                Range::of_sorted(&values, codes_per_unit[column])
            })
            .collect();
        Self { ranges }
    }

    /// Scales a vector into `scaled`. What is not a number counts as 0.
    pub fn scale(&self, vector: &[f32], scaled: &mut Vec<f32>) {
        scaled.clear();
        scaled.extend(self.ranges.iter().zip(vector).map(|(range, value)| range.scale(*value)));
    }

    /// What each code of a feature is scaled to.
    pub(super) fn scaled_codes(&self, feature: usize) -> [f32; 256] {
        let range = &self.ranges[feature];
        std::array::from_fn(|code| range.scale(value_of(code as u8, range.codes_per_unit)))
    }

    /// The codes of a vector of up to seven features in one number, which is never [`u64::MAX`]; `None` of a longer one.
    pub fn packed_codes(&self, vector: &[f32]) -> Option<u64> {
        let pack = |codes, (range, value): (&Range, &f32)| {
            codes << 8 | u64::from(code(*value, range.codes_per_unit))
        };
        (vector.len() < 8).then(|| self.ranges.iter().zip(vector).fold(0, pack))
    }

    /// The lowest and the highest value of a feature in the baseline, on its scale.
    pub fn bounds(&self, feature: usize) -> (f32, f32) {
        let quantiles = &self.ranges[feature].quantiles;
        (quantiles[0], quantiles[QUANTILES - 1])
    }

    /// Whether the scaler was learnt from so many columns.
    pub(super) fn is_sound(&self, columns: usize) -> bool {
        self.ranges.len() == columns && self.ranges.iter().all(Range::is_sound)
    }
}

impl Range {
    fn of_sorted(values: &[f32], codes_per_unit: f32) -> Self {
        if values.is_empty() {
            return Self { median: 0.0, spread: 1.0, codes_per_unit, quantiles: vec![0.0; QUANTILES] };
        }
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        let spread = [at(0.75) - at(0.25), (at(1.0) - at(0.0)) / 4.0, LEAST_SPREAD];
        let quantiles = (0..QUANTILES).map(|step| at(step as f64 / (QUANTILES - 1) as f64)).collect();
        let spread = spread.into_iter().find(|spread| *spread >= LEAST_SPREAD).unwrap_or(LEAST_SPREAD);
        Self { median: at(0.5), spread, codes_per_unit, quantiles }
    }

    fn scale(&self, value: f32) -> f32 {
        let value = value_of(code(value, self.codes_per_unit), self.codes_per_unit);
        let value = (value - self.median) / self.spread;
        if value.is_nan() { 0.0 } else { value.clamp(-LIMIT, LIMIT) }
    }

    fn is_sound(&self) -> bool {
        self.median.is_finite()
            && self.spread > 0.0
            && self.codes_per_unit.is_finite()
            && self.codes_per_unit > 0.0
            && self.quantiles.len() == QUANTILES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Matrix {
        let mut matrix = Matrix::new(2);
        (0..101).for_each(|i| matrix.push(&[i as f32, 3.0]));
        matrix
    }

    fn scaled(scaler: &Scaler, vector: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        scaler.scale(vector, &mut out);
        out
    }

    #[test]
    fn the_median_is_zero_and_a_quartile_range_is_one() {
        let scaler = Scaler::learn(&baseline(), &[1.0; 2]);
        assert_eq!(scaled(&scaler, &[50.0, 3.0]), [0.0, 0.0]);
        assert_eq!(scaled(&scaler, &[100.0, 4.0]), [1.0, 2.0]);
        assert_eq!(scaler.bounds(0), (0.0, 100.0));
    }

    #[test]
    fn nothing_that_is_not_finite_comes_out() {
        let mut poisoned = baseline();
        poisoned.push(&[f32::NAN; 2]);
        poisoned.push(&[f32::INFINITY; 2]);
        let scaler = Scaler::learn(&poisoned, &[1.0; 2]);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
            let scaled = scaled(&scaler, &[bad; 2]);
            assert!(scaled.iter().all(|value| value.is_finite()), "{bad}: {scaled:?}");
        }
    }

    #[test]
    fn values_that_share_a_code_count_alike() {
        let scaler = Scaler::learn(&baseline(), &[8.0, 1.0]);
        let codes = scaler.scaled_codes(0);
        assert!(codes.is_sorted());
        assert_eq!(scaled(&scaler, &[2.0, 3.0])[0], codes[16]);
        assert_eq!(scaled(&scaler, &[2.12, 3.9]), scaled(&scaler, &[2.0, 3.0]));
        assert_ne!(scaled(&scaler, &[2.125, 3.0]), scaled(&scaler, &[2.0, 3.0]));
        assert_eq!(scaled(&scaler, &[1e9, f32::NAN])[0], codes[255]);
        assert_eq!(scaler.packed_codes(&[2.12, 3.0]), Some(16 << 8 | 3));
        assert_eq!(scaler.packed_codes(&[0.0; 8]), None);
    }
}
