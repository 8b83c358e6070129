//! One forest twice: as the crate has it, and as nad lays it out.

use anyhow::{Result, anyhow, bail};
use extended_isolation_forest::{Forest as CrateForest, ForestOptions};
use nad::model::{
    forest::Forest,
    matrix::Matrix,
    trainer::{Growth, MOST_CRATE_COLUMNS, from_crate},
};
use serde::Deserialize;

/// The same forest in both forms.
pub(super) struct Forests {
    nads: Forest,
    pub(super) crates: Box<dyn CrateScorer>,
}

/// The crate's way to a score, whatever the number of columns, which is part of its type.
pub(super) trait CrateScorer {
    /// Adds the scores of the first so many rows.
    fn score(&self, rows: &Matrix, count: usize, scores: &mut Vec<f64>);
}

impl Forests {
    /// Adds a score for each row. The one place where nad's scorer is called.
    pub(super) fn score(&self, rows: &Matrix, scores: &mut Vec<f64>) {
        self.nads.score_batch(rows, scores);
    }
}

/// Grows a forest with the crate.
pub(super) fn grow(rows: &Matrix, extension_level: usize) -> Result<Forests> {
    /// One copy for each number of columns.
    macro_rules! with_columns {
        ($($columns:literal)*) => {
            match rows.columns() {
                $($columns => grow_with::<$columns>(rows, extension_level),)*
                columns => bail!("{columns} features are more than {MOST_CRATE_COLUMNS}, the most that the crate takes"),
            }
        };
    }
    with_columns!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

fn grow_with<const N: usize>(rows: &Matrix, extension_level: usize) -> Result<Forests>
where
    [f32; N]: for<'de> Deserialize<'de>,
{
    let Growth { trees, samples_per_tree, .. } = Growth::default();
    let options = ForestOptions {
        n_trees: trees,
        sample_size: samples_per_tree,
        max_tree_depth: None,
        extension_level,
    };
    let samples: Vec<[f32; N]> = rows.rows().map(array).collect();
    let crates =
        CrateForest::from_slice(&samples, &options).map_err(|error| anyhow!("the crate: {error}"))?;
    Ok(Forests { nads: from_crate(&crates, samples_per_tree)?, crates: Box::new(crates) })
}

impl<const N: usize> CrateScorer for CrateForest<f32, N> {
    fn score(&self, rows: &Matrix, count: usize, scores: &mut Vec<f64>) {
        scores.extend(rows.rows().take(count).map(|row| CrateForest::score(self, &array(row))));
    }
}

fn array<const N: usize>(row: &[f32]) -> [f32; N] {
    std::array::from_fn(|column| row[column])
}
