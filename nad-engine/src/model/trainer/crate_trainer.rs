//! The crate `extended-isolation-forest` as a trainer.
//!
//! Its forests can only be used as they are, so they are read through their serde form and laid out flat. Its
//! number of columns is fixed when it is compiled; there is one copy of it for each that serde has arrays for.

use extended_isolation_forest::{Forest as CrateForest, ForestOptions};
use serde::Deserialize;

use super::{Growth, Trainer};
use crate::model::{
    forest::{Forest, ForestError, Term, Tree},
    matrix::Matrix,
};

/// The most columns that the crate's forests can be read with.
pub const MOST_CRATE_COLUMNS: usize = 32;

/// Grows forests with the crate; it can't be seeded.
#[derive(Debug, Clone, Copy, Default)]
pub struct CrateTrainer;

impl Trainer for CrateTrainer {
    fn name(&self) -> &'static str {
        "crate"
    }

    fn grow(&self, samples: &Matrix, growth: &Growth) -> Result<Forest, ForestError> {
        let sample_size = growth.sample_size(samples)?;
        let options = ForestOptions {
            n_trees: growth.trees,
            sample_size,
            max_tree_depth: None,
            extension_level: growth.extension_level,
        };
        /// One copy for each number of columns.
        macro_rules! with_columns {
            ($($columns:literal)*) => {
                match samples.columns() {
                    $($columns => from_crate(&grow::<$columns>(samples, &options)?, sample_size),)*
                    columns => {
                        let (trainer, most) = (self.name(), MOST_CRATE_COLUMNS);
                        Err(ForestError::TooManyFeatures { columns, trainer, most })
                    }
                }
            };
        }
        with_columns!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
    }
}

fn grow<const N: usize>(
    samples: &Matrix,
    options: &ForestOptions,
) -> Result<CrateForest<f32, N>, ForestError> {
    let rows: Vec<[f32; N]> = samples.rows().map(|row| std::array::from_fn(|column| row[column])).collect();
    CrateForest::from_slice(&rows, options).map_err(|error| ForestError::Training(error.to_string()))
}

/// The same forest as one of nad's; `sample_size` is what each of its trees was grown from.
///
/// # Errors
///
/// When the crate's serde form is not the one that is expected.
pub fn from_crate<const N: usize>(
    forest: &CrateForest<f32, N>,
    sample_size: usize,
) -> Result<Forest, ForestError>
where
    [f32; N]: for<'de> Deserialize<'de>,
{
    let unexpected = |error: postcard::Error| ForestError::Training(error.to_string());
    let bytes = postcard::to_allocvec(forest).map_err(unexpected)?;
    let mirror: mirror::Forest<N> = postcard::from_bytes(&bytes).map_err(unexpected)?;
    let trees = mirror.trees.iter().map(|tree| {
        let mut flat = Tree::new();
        add(&mut flat, Tree::ROOT, 0, &tree.root);
        flat
    });
    Ok(Forest::of_trees(N, sample_size, trees.collect()))
}

/// Puts a node and all below it; returns the samples that it was grown from.
fn add<const N: usize>(tree: &mut Tree, at: u32, depth: u32, node: &mirror::Node<N>) {
    match node {
        mirror::Node::Ex { num_samples } => tree.leaf(at, depth, *num_samples),
        mirror::Node::In { left, right, n, p } => {
            let used = (0..N).filter(|feature| n[*feature] != 0.0);
            let terms: Vec<Term> =
                used.map(|i| Term { feature: i as u16, coefficient: n[i], point: p[i] }).collect();
            let children = tree.split(at, node.samples(), &terms);
            add(tree, children.left, depth + 1, left);
            add(tree, children.right, depth + 1, right);
        }
    }
}

/// The crate's forest as serde writes it.
mod mirror {
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(bound(deserialize = "[f32; N]: Deserialize<'de>"))]
    pub(super) struct Forest<const N: usize> {
        /// c of the sample size.
        #[expect(dead_code, reason = "it is there in the serde form, and nad computes its own")]
        pub(super) avg_path_length_c: f64,
        pub(super) trees: Vec<Tree<N>>,
    }

    #[derive(Deserialize)]
    #[serde(bound(deserialize = "[f32; N]: Deserialize<'de>"))]
    pub(super) struct Tree<const N: usize> {
        pub(super) root: Node<N>,
    }

    #[derive(Deserialize)]
    #[serde(bound(deserialize = "[f32; N]: Deserialize<'de>"))]
    pub(super) enum Node<const N: usize> {
        Ex { num_samples: usize },
        In { left: Box<Node<N>>, right: Box<Node<N>>, n: [f32; N], p: [f32; N] },
    }

    impl<const N: usize> Node<N> {
        /// The samples that came here: the crate tells it in the leaves only.
        pub(super) fn samples(&self) -> usize {
            match self {
                Self::Ex { num_samples } => *num_samples,
                Self::In { left, right, .. } => left.samples() + right.samples(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trainer::cloud;

    fn assert_scores_are_the_crates<const N: usize>()
    where
        [f32; N]: for<'de> Deserialize<'de>,
    {
        let samples = cloud(600, N);
        for extension_level in [0, 1, N - 1] {
            let options =
                ForestOptions { n_trees: 50, sample_size: 128, max_tree_depth: None, extension_level };
            let theirs = grow::<N>(&samples, &options).unwrap();
            let ours = from_crate(&theirs, 128).unwrap();
            assert!(ours.is_sound(N));
            for row in samples.rows() {
                let (our, their) = (ours.score(row), theirs.score(row.try_into().unwrap()));
                assert!((our - their).abs() < 1e-7, "level {extension_level}: {our} and {their}");
            }
        }
    }

    #[test]
    fn scores_equal_the_crates_at_every_extension_level() {
        assert_scores_are_the_crates::<2>();
        assert_scores_are_the_crates::<7>();
        assert_scores_are_the_crates::<32>();
    }

    #[test]
    fn every_number_of_columns_up_to_the_most_is_taken() {
        let growth = Growth { trees: 3, ..Growth::default() };
        for columns in 1..=MOST_CRATE_COLUMNS {
            let forest = CrateTrainer.grow(&cloud(100, columns), &growth).unwrap();
            assert!(forest.is_sound(columns));
        }
        let error = CrateTrainer.grow(&cloud(100, 33), &growth).unwrap_err().to_string();
        assert_eq!(error, "33 features are too many for the trainer \"crate\": it takes up to 32");
    }
}
