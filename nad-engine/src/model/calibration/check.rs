//! Whether a calibration from a file follows from its scores.

use super::{Calibration, TREE_DEVIATION};

/// How much sums may differ.
const ROUNDING: f64 = 1e-9;

impl Calibration {
    /// Why it can't be that of a forest of so many trees. The calibration is sound.
    pub(in crate::model) fn check(&self, trees: usize) -> Result<(), String> {
        self.tail.check()?;
        if (self.highest - self.tail.highest()).abs() > ROUNDING {
            return Err(format!("its highest score is {}, and its peaks end elsewhere", self.highest));
        }
        if (self.resolution - TREE_DEVIATION / (trees as f64).sqrt()).abs() > ROUNDING {
            return Err(format!(
                "its scores are told apart by {}, which does not follow from its trees",
                self.resolution
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tail::Tail;

    #[test]
    fn every_calibration_that_is_learnt_passes() {
        for count in [1_u32, 2, 5, 25, 1000, 40_000] {
            for step in [0.0, 1e-5, 0.5 / f64::from(count)] {
                let scores: Vec<f64> = (0..count).map(|i| 0.3 + f64::from(i) * step).collect();
                let scores: Vec<f64> = scores.into_iter().filter(|score| *score <= 1.0).collect();
                Calibration::new(&scores, 100)
                    .unwrap()
                    .check(100)
                    .unwrap_or_else(|reason| panic!("{count}: {reason}"));
            }
        }
    }

    #[test]
    fn a_calibration_that_would_find_everything_ordinary_is_refused() {
        let scores: Vec<f64> = (0..1000).map(|i| 0.3 + f64::from(i) * 2e-4).collect();
        let whole = Calibration::new(&scores, 100).unwrap();
        let refused = |reason: &str, calibration: &Calibration| {
            let found = calibration.check(100).unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        refused("its highest score", &Calibration { highest: 1e300, ..whole.clone() });
        refused("told apart", &Calibration { resolution: 1e300, ..whole.clone() });
        refused("told apart", &Calibration { resolution: 1e-300, ..whole.clone() });
        // Scores that no forest gives.
        let high: Vec<f64> = scores.iter().map(|score| score + 5.0).collect();
        refused("0 to 1", &Calibration { tail: Tail::fit(&high).unwrap(), highest: 5.4998, ..whole });
    }
}
