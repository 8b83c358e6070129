//! A trained isolation forest, laid out flat: all nodes of all trees in one array, children side by side after
//! their parents, and in each leaf the whole path length that leads there.
//!
//! Liu, Ting, Zhou: Isolation Forest (ICDM 2008); Hariri, Carrasco Kind, Brunner: Extended Isolation Forest
//! (TKDE 2019). Who grows the trees: [`super::trainer`].
//!
//! The same forest gives the same scores on every machine: path lengths are `f32`, so that their sum in `f64` is
//! exact in whatever order, and the one transcendental function is `libm`'s, which is the same code everywhere.

mod attribution;
mod check;
pub mod kernel;
pub mod oblique;
pub mod quantized;
mod tree;

use serde::{Deserialize, Serialize};

pub(super) use tree::{Term, Tree, goes_left, mean_path};

/// The largest magnitude of a value that a forest is grown from: the sums over the terms of an oblique split stay finite.
pub const LARGEST_VALUE: f32 = 1e30;

/// A forest that scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    columns: u16,
    nodes: Vec<Node>,
    /// For each node the training samples that came to it.
    counts: Vec<u32>,
    /// The oblique splits of an extended forest: the features that each uses, one split after the other.
    terms: Vec<Term>,
    /// The first node of each tree.
    roots: Vec<u32>,
    /// c(n), the mean path length of an unsuccessful search among as many samples as a tree was grown from.
    mean_path: f64,
}

/// 12 bytes. The two children of a split are neighbours, `low` and `low + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Node {
    /// Depth plus c(samples that ended here).
    Leaf { path: f32 },
    /// `low` where the feature is at most `limit`, its neighbour where it is above.
    Axis { feature: u16, limit: f32, low: u32 },
    /// `low` where [`goes_left`] says so, its neighbour where not.
    Oblique { term_count: u16, first_term: u32, low: u32 },
}

/// Why no forest could be grown.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ForestError {
    /// Too little to split.
    #[error("{found} packets are too few to train on: at least {MIN_SAMPLES} are needed")]
    TooFewSamples {
        /// What there was.
        found: usize,
    },
    /// The extension level is not below the number of features.
    #[error("extension level {level} is too high: {columns} features allow 0 to {}", columns - 1)]
    ExtensionLevel {
        /// What was asked for.
        level: usize,
        /// How many features there are.
        columns: usize,
    },
    /// More features than the trainer can take.
    #[error("{columns} features are too many for the trainer \"{trainer}\": it takes up to {most}")]
    TooManyFeatures {
        /// How many there are.
        columns: usize,
        /// Its name.
        trainer: &'static str,
        /// The most that it takes.
        most: usize,
    },
    /// Nothing to grow.
    #[error("a forest of 0 trees can't score: at least 1 is needed")]
    NoTrees,
    /// A value that no split could be drawn around.
    #[error(
        "feature {column} of sample {row} is {value}: a forest takes numbers from -{LARGEST_VALUE:e} to \
         {LARGEST_VALUE:e}"
    )]
    Value {
        /// The sample, from 0.
        row: usize,
        /// The feature, from 0.
        column: usize,
        /// Not a number, infinite, or too large.
        value: f32,
    },
    /// The forest of another program has another shape than expected, or a thread failed.
    #[error("the isolation forest could not be trained: {0}")]
    Training(String),
}

/// The fewest samples that a tree can split.
pub const MIN_SAMPLES: usize = 2;

impl Forest {
    /// Puts trees together that were grown from `sample_size` samples each.
    pub(super) fn of_trees(columns: usize, sample_size: usize, trees: Vec<Tree>) -> Self {
        let mut forest = Self {
            columns: columns as u16,
            nodes: Vec::new(),
            counts: Vec::new(),
            terms: Vec::new(),
            roots: Vec::with_capacity(trees.len()),
            mean_path: mean_path(sample_size),
        };
        for tree in trees {
            let (node, term) = (forest.nodes.len() as u32, forest.terms.len() as u32);
            forest.roots.push(node);
            forest.nodes.extend(tree.nodes.iter().map(|it| it.moved(node, term)));
            forest.counts.extend(tree.counts);
            forest.terms.extend(tree.terms);
        }
        forest
    }

    /// 2^(-E(h)/c(n)): 0 to 1, higher is more anomalous; 0.5 is the score of the mean path. Compiled forests say the same
    /// many times as fast.
    ///
    /// # Panics
    ///
    /// When the sample has fewer values than the forest has columns; so do the other methods that take samples.
    pub fn score(&self, sample: &[f32]) -> f64 {
        let total: f64 = self.roots.iter().map(|root| self.path(*root, sample)).sum();
        libm::exp2(-total / self.roots.len() as f64 / self.mean_path)
    }

    /// How many features a sample has.
    pub fn columns(&self) -> usize {
        self.columns.into()
    }

    /// Whether the forest is one for samples of this many features, and every index points where scoring may
    /// follow it, so that a forest from a file can't lead astray.
    pub fn is_sound(&self, columns: usize) -> bool {
        self.columns() == columns
            && !self.roots.is_empty()
            && self.mean_path.is_finite()
            && self.mean_path > 0.0
            && self.counts.len() == self.nodes.len()
            && self.roots.iter().all(|root| (*root as usize) < self.nodes.len())
            && self.terms.iter().all(|term| term.is_sound(columns))
            && (0..self.nodes.len()).all(|index| self.is_sound_node(index))
    }

    fn is_sound_node(&self, index: usize) -> bool {
        let sound_children = |low: u32| {
            let low = low as usize;
            low > index
                && low + 1 < self.nodes.len()
                && self.counts[low].checked_add(self.counts[low + 1]) == Some(self.counts[index])
        };
        match self.nodes[index] {
            Node::Leaf { path } => path.is_finite() && path >= 0.0,
            Node::Axis { feature, limit, low } => {
                usize::from(feature) < self.columns() && limit.is_finite() && sound_children(low)
            }
            Node::Oblique { term_count, first_term, low } => {
                first_term as usize + usize::from(term_count) <= self.terms.len() && sound_children(low)
            }
        }
    }

    fn path(&self, root: u32, sample: &[f32]) -> f64 {
        let mut at = root as usize;
        loop {
            at = match self.nodes[at] {
                Node::Leaf { path } => return path.into(),
                Node::Axis { feature, limit, low } => {
                    low as usize + usize::from(sample[usize::from(feature)] > limit)
                }
                Node::Oblique { term_count, first_term, low } => {
                    low as usize + usize::from(!goes_left(self.oblique_terms(first_term, term_count), sample))
                }
            };
        }
    }

    fn oblique_terms(&self, first_term: u32, term_count: u16) -> &[Term] {
        &self.terms[first_term as usize..][..usize::from(term_count)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        matrix::Matrix,
        trainer::{Growth, Seeded, Trainer, cloud},
    };

    fn forest(columns: usize, extension_level: usize) -> (Matrix, Forest) {
        let samples = cloud(600, columns);
        let growth = Growth { extension_level, ..Growth::default() };
        let forest = Seeded::default().grow(&samples, &growth).unwrap();
        (samples, forest)
    }

    #[test]
    fn a_node_has_12_bytes() {
        assert_eq!(size_of::<Node>(), 12);
    }

    #[test]
    fn what_is_far_from_the_baseline_scores_well_above_it() {
        for columns in [1, 4, 32] {
            for extension_level in [0, columns - 1] {
                let (samples, forest) = forest(columns, extension_level);
                let usual = samples.rows().map(|row| forest.score(row)).sum::<f64>() / samples.len() as f64;
                let far = forest.score(&vec![9e5; columns]);
                assert!(far > usual + 0.1, "{columns} columns, level {extension_level}: {far} and {usual}");
            }
        }
    }

    #[test]
    fn a_forest_from_bytes_is_the_same_forest() {
        let (_, forest) = forest(6, 3);
        let bytes = postcard::to_allocvec(&forest).unwrap();
        let read: Forest = postcard::from_bytes(&bytes).unwrap();
        assert!(read.is_sound(6));
        assert_eq!(read, forest);
    }

    #[test]
    fn a_forest_that_points_astray_is_not_sound() {
        let (_, axis) = forest(4, 0);
        let (_, oblique) = forest(4, 3);
        assert!(axis.is_sound(4) && oblique.is_sound(4));
        assert!(!axis.is_sound(3) && !axis.is_sound(5));
        let refused = |what: &str, forest: &Forest, harm: &dyn Fn(&mut Forest)| {
            let mut harmed = forest.clone();
            harm(&mut harmed);
            assert!(!harmed.is_sound(4), "{what}");
        };
        let each = |forest: &mut Forest, change: &dyn Fn(&mut Node)| forest.nodes.iter_mut().for_each(change);
        refused("a loop", &axis, &|forest| {
            each(forest, &|node| {
                if let Node::Axis { low, .. } = node {
                    *low = 0;
                }
            });
        });
        refused("a child outside", &axis, &|forest| _ = forest.nodes.pop());
        refused("a feature too many", &axis, &|forest| {
            each(forest, &|node| {
                if let Node::Axis { feature, .. } = node {
                    *feature = 4;
                }
            });
        });
        refused("an endless path", &axis, &|forest| {
            each(forest, &|node| {
                if let Node::Leaf { path } = node {
                    *path = f32::INFINITY;
                }
            });
        });
        refused("no tree", &axis, &|forest| forest.roots.clear());
        refused("a root outside", &axis, &|forest| forest.roots[0] = u32::MAX);
        refused("no mean path", &axis, &|forest| forest.mean_path = 0.0);
        refused("counts that don't add up", &axis, &|forest| forest.counts[0] += 1);
        refused("too few counts", &axis, &|forest| _ = forest.counts.pop());
        refused("terms that are not there", &oblique, &|forest| forest.terms.truncate(1));
        refused("a term's feature too many", &oblique, &|forest| forest.terms[0].feature = 4);
        refused("a term that is no number", &oblique, &|forest| forest.terms[0].point = f32::NAN);
    }
}
