//! Who grows forests.
//!
//! Two trainers of one algorithm stand behind one trait: the crate `extended-isolation-forest`, which draws from
//! the thread's own random numbers and so gives another forest each time, and nad's own, which gives the same
//! forest for the same seed on every machine. Both give the same kind of [`Forest`].
//!
//! What nad's takes over from the crate, beyond the papers, so that their scores are distributed alike:
//! - Each tree is grown from a sample without replacement, down to ceil(log2(sample size)) levels.
//! - The features of a split are drawn among all, **also those that are constant in the node**. Then everything
//!   goes left and one level is spent, where other implementations would draw again; but the empty leaf on the
//!   right isolates a value that the baseline never had at once, so a feature that never changed still counts.
//! - Each point of a split is drawn evenly between the node's least and largest value, the largest excluded; the
//!   coefficients are normal deviates, so that along one feature either side may be the left one.
//! - c(2) is 0.154, not 1; see [`mean_path`](super::forest).

mod crate_trainer;
mod seeded;

#[cfg(test)]
mod equivalence;

use serde::{Deserialize, Serialize};

use super::{
    forest::{Forest, ForestError, LARGEST_VALUE, MIN_SAMPLES},
    matrix::Matrix,
};
pub use crate_trainer::{CrateTrainer, MOST_CRATE_COLUMNS, from_crate};
pub use seeded::Seeded;

/// Grows forests.
pub trait Trainer {
    /// What it is called in settings and files.
    fn name(&self) -> &'static str;

    /// Grows a forest from the rows.
    ///
    /// # Errors
    ///
    /// With fewer than [`MIN_SAMPLES`] rows, more columns than the trainer takes, an extension level that is not
    /// below the number of columns, no trees, or a value that is not finite or above [`LARGEST_VALUE`].
    fn grow(&self, samples: &Matrix, growth: &Growth) -> Result<Forest, ForestError>;
}

/// How a forest is grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// Number of trees.
    pub trees: usize,
    /// Samples that each tree is grown from; fewer where the baseline has fewer.
    pub samples_per_tree: usize,
    /// 0 splits along one feature at a time (the standard forest), n along oblique planes through n + 1 of them.
    pub extension_level: usize,
    /// What the random numbers follow from, where the trainer can be seeded.
    pub seed: u64,
}

impl Default for Growth {
    fn default() -> Self {
        Self { trees: 100, samples_per_tree: 256, extension_level: 0, seed: 0 }
    }
}

impl Growth {
    /// How many samples each tree gets, once all that a trainer relies on is checked.
    fn sample_size(&self, samples: &Matrix) -> Result<usize, ForestError> {
        let columns = samples.columns();
        if samples.len() < MIN_SAMPLES {
            return Err(ForestError::TooFewSamples { found: samples.len() });
        }
        if self.extension_level >= columns {
            return Err(ForestError::ExtensionLevel { level: self.extension_level, columns });
        }
        if self.trees == 0 {
            return Err(ForestError::NoTrees);
        }
        for (row, values) in samples.rows().enumerate() {
            let takes = |value: &f32| value.abs() <= LARGEST_VALUE;
            if let Some(column) = values.iter().position(|value| !takes(value)) {
                return Err(ForestError::Value { row, column, value: values[column] });
            }
        }
        Ok(self.samples_per_tree.clamp(MIN_SAMPLES, samples.len()))
    }
}

/// Which trainer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainerKind {
    /// nad's own: the same packets and the same seed give the same model.
    #[default]
    Seeded,
    /// The crate extended-isolation-forest, which gives another model each time.
    Crate,
}

impl TrainerKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Seeded, Self::Crate];

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seeded => "seeded",
            Self::Crate => "crate",
        }
    }

    /// What it is, in a few words.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Seeded => "nad's own: the same packets and the same seed give the same model",
            Self::Crate => "The crate extended-isolation-forest, which gives another model each time",
        }
    }

    /// The trainer of this kind.
    pub fn trainer(self) -> Box<dyn Trainer> {
        match self {
            Self::Seeded => Box::new(Seeded::default()),
            Self::Crate => Box::new(CrateTrainer),
        }
    }
}

/// A repeatable cloud for tests, with ties and constant features, as packets have.
#[cfg(test)]
pub(super) fn cloud(rows: usize, columns: usize) -> Matrix {
    let mut random = super::random::Random::new(7, 0);
    let mut cloud = Matrix::new(columns);
    for _ in 0..rows {
        let value = |column: usize| match column % 4 {
            0 => random.normal() as f32 * 100.0,
            1 => random.below(3) as f32,
            2 => 5.0,
            _ => random.below(1 << 20) as f32,
        };
        let row: Vec<f32> = (0..columns).map(value).collect();
        cloud.push(&row);
    }
    cloud
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [Box<dyn Trainer>; 2] {
        [TrainerKind::Seeded, TrainerKind::Crate].map(TrainerKind::trainer)
    }

    #[test]
    fn a_kind_has_the_name_of_its_trainer() {
        for kind in TrainerKind::ALL {
            assert_eq!(kind.name(), kind.trainer().name());
        }
    }

    #[test]
    fn what_no_forest_can_be_grown_from_is_refused_by_both() {
        let growth = Growth::default();
        for trainer in both() {
            let error = |samples: &Matrix, growth: &Growth| trainer.grow(samples, growth).unwrap_err();
            assert_eq!(error(&cloud(1, 4), &growth), ForestError::TooFewSamples { found: 1 });
            let level = Growth { extension_level: 4, ..growth };
            let refused = error(&cloud(9, 4), &level);
            assert_eq!(refused.to_string(), "extension level 4 is too high: 4 features allow 0 to 3");
            assert_eq!(error(&cloud(9, 4), &Growth { trees: 0, ..growth }), ForestError::NoTrees);
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
                let mut samples = cloud(9, 2);
                samples.push(&[0.0, value]);
                let refused = error(&samples, &growth).to_string();
                assert!(refused.starts_with("feature 1 of sample 9 is "), "{refused}");
                assert!(refused.ends_with("a forest takes numbers from -1e30 to 1e30"), "{refused}");
            }
        }
    }

    #[test]
    fn two_samples_are_enough_and_the_largest_values_leave_scores_finite() {
        for trainer in both() {
            for extension_level in [0, 3] {
                let growth = Growth { extension_level, ..Growth::default() };
                let two = cloud(2, 4);
                let score = trainer.grow(&two, &growth).unwrap().score(two.row(0));
                assert!((0.0..=1.0).contains(&score), "{score}");
                let mut wide = cloud(50, 4);
                wide.push(&[LARGEST_VALUE; 4]);
                wide.push(&[-LARGEST_VALUE; 4]);
                let forest = trainer.grow(&wide, &growth).unwrap();
                assert!(forest.is_sound(4));
                assert!(forest.score(wide.row(50)) > forest.score(wide.row(0)));
            }
        }
    }
}
