//! Whether a scaler from a file could have been learnt.

use super::{LEAST_SPREAD, QUANTILES, Scaler};

impl Scaler {
    /// Why it can't have been learnt with these codes a unit. The scaler is sound.
    pub(in crate::model) fn check(&self, codes_per_unit: &[f32]) -> Result<(), String> {
        for (column, (range, codes)) in self.ranges.iter().zip(codes_per_unit).enumerate() {
            let refused = |what: &str| Err(format!("{what} of feature {column} can't have been learnt"));
            if range.codes_per_unit != *codes {
                return refused("the codes");
            }
            let is_ascending = range.quantiles.is_sorted_by(|a, b| a <= b);
            if !is_ascending || !range.quantiles.iter().all(|value| value.is_finite()) {
                return refused("the distribution");
            }
            let (lowest, highest) = (range.quantiles[0], range.quantiles[QUANTILES - 1]);
            if !(lowest..=highest).contains(&range.median) {
                return refused("the median");
            }
            // A wide one would have everything look alike. Where there was nothing to learn from, it is 1.
            if !(LEAST_SPREAD..=(highest - lowest).max(1.0)).contains(&range.spread) {
                return refused("the spread");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::matrix::Matrix;

    #[test]
    fn a_spread_that_hides_everything_and_a_median_beside_its_values_are_refused() {
        let mut rows = Matrix::new(2);
        (0..100).for_each(|row| rows.push(&[row as f32 / 10.0, 3.0]));
        let whole = Scaler::learn(&rows, &[8.0, 1.0]);
        whole.check(&[8.0, 1.0]).unwrap();
        Scaler::learn(&Matrix::new(2), &[8.0, 1.0]).check(&[8.0, 1.0]).unwrap();
        let refused = |reason: &str, harm: &dyn Fn(&mut Scaler)| {
            let mut harmed = whole.clone();
            harm(&mut harmed);
            let found = harmed.check(&[8.0, 1.0]).unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        for spread in [1e30, 0.0, -1.0, f32::NAN, f32::INFINITY] {
            refused("the spread of feature 0", &|scaler| scaler.ranges[0].spread = spread);
        }
        refused("the median of feature 1", &|scaler| scaler.ranges[1].median = 1e6);
        refused("the codes of feature 1", &|scaler| scaler.ranges[1].codes_per_unit = 1e-9);
        refused("the distribution", &|scaler| scaler.ranges[0].quantiles[7] = f32::NAN);
        refused("the distribution", &|scaler| scaler.ranges[0].quantiles.reverse());
    }
}
