//! A trained isolation forest, laid out flat: all nodes of all trees in one array, children after their
//! parents, and in each leaf the whole path length that leads there.
//!
//! Liu, Ting, Zhou: Isolation Forest (ICDM 2008); Hariri, Carrasco Kind, Brunner: Extended Isolation Forest
//! (TKDE 2019). Trees come from the crate `extended-isolation-forest`, read through its serde form.

use extended_isolation_forest::{Forest as CrateForest, ForestOptions};
use serde::{Deserialize, Serialize};

use super::scaler::Scaled;
use crate::features::FEATURE_COUNT;

/// A forest that scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    nodes: Vec<Node>,
    /// The slanted planes of an extended forest: for each the coefficients of the features that it uses.
    terms: Vec<Term>,
    /// The first node of each tree.
    roots: Vec<u32>,
    /// c(n), the mean path length of an unsuccessful search among as many samples as a tree was grown from.
    mean_path: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Node {
    /// Depth plus c(samples that ended here).
    Leaf { path: f64 },
    /// `low` where the feature is at most `limit`, `high` where it is above.
    Axis { feature: u16, limit: f32, low: u32, high: u32 },
    /// `low` where the terms' sum is at most `limit`, `high` where it is above.
    Plane { first_term: u32, term_count: u16, limit: f32, low: u32, high: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Term {
    feature: u16,
    coefficient: f32,
}

/// Why no forest could be grown or read.
#[derive(Debug, thiserror::Error)]
pub enum ForestError {
    /// Too little to split.
    #[error("{found} packets are too few to train on: at least {MIN_SAMPLES} are needed")]
    TooFewSamples {
        /// What there was.
        found: usize,
    },
    /// The extension level is not below the number of features.
    #[error("extension level {level} is too high: {FEATURE_COUNT} features allow 0 to {}", FEATURE_COUNT - 1)]
    ExtensionLevel {
        /// What was asked for.
        level: usize,
    },
    /// The crate refused, or its forest has another shape than expected.
    #[error("the isolation forest could not be trained: {0}")]
    Training(String),
}

/// The fewest samples that a tree can split.
pub const MIN_SAMPLES: usize = 2;

/// How a forest is grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Number of trees.
    pub trees: usize,
    /// Samples that each tree is grown from; fewer where the baseline has fewer.
    pub samples_per_tree: usize,
    /// 0 splits along one feature at a time (the standard forest), n along planes through n + 1 of them.
    pub extension_level: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Self { trees: 100, samples_per_tree: 256, extension_level: 0 }
    }
}

impl Forest {
    /// Grows a forest from scaled vectors.
    ///
    /// # Errors
    ///
    /// With fewer than [`MIN_SAMPLES`], or an extension level that is too high.
    pub fn grow(samples: &[Scaled], growth: &Growth) -> Result<Self, ForestError> {
        if samples.len() < MIN_SAMPLES {
            return Err(ForestError::TooFewSamples { found: samples.len() });
        }
        if growth.extension_level >= FEATURE_COUNT {
            return Err(ForestError::ExtensionLevel { level: growth.extension_level });
        }
        let vectors: Vec<[f32; FEATURE_COUNT]> = samples.iter().map(|sample| *sample.values()).collect();
        let options = ForestOptions {
            n_trees: growth.trees,
            sample_size: growth.samples_per_tree.clamp(MIN_SAMPLES, samples.len()),
            max_tree_depth: None,
            extension_level: growth.extension_level,
        };
        let forest = CrateForest::from_slice(&vectors, &options)
            .map_err(|error| ForestError::Training(error.to_string()))?;
        Self::from_crate(&forest)
    }

    /// 2^(-E(h)/c(n)): 0 to 1, higher is more anomalous; 0.5 is the score of the mean path.
    pub fn score(&self, sample: &Scaled) -> f64 {
        let values = sample.values();
        let total: f64 = self.roots.iter().map(|root| self.path(*root, values)).sum();
        (-total / self.roots.len() as f64 / self.mean_path).exp2()
    }

    fn path(&self, root: u32, values: &[f32; FEATURE_COUNT]) -> f64 {
        let mut at = root;
        loop {
            at = match self.nodes[at as usize] {
                Node::Leaf { path } => return path,
                Node::Axis { feature, limit, low, high } => {
                    if values[usize::from(feature)] <= limit {
                        low
                    } else {
                        high
                    }
                }
                Node::Plane { first_term, term_count, limit, low, high } => {
                    let terms = &self.terms[first_term as usize..][..usize::from(term_count)];
                    let sum: f32 =
                        terms.iter().map(|term| term.coefficient * values[usize::from(term.feature)]).sum();
                    if sum <= limit { low } else { high }
                }
            };
        }
    }

    /// Whether every index points where scoring may follow it, so that a forest from a file can't lead astray.
    pub(super) fn is_sound(&self) -> bool {
        let nodes = self.nodes.len();
        let child = |from: usize, to: u32| to as usize > from && (to as usize) < nodes;
        let sound_node = |(index, node): (usize, &Node)| match *node {
            Node::Leaf { path } => path.is_finite(),
            Node::Axis { feature, low, high, .. } => {
                usize::from(feature) < FEATURE_COUNT && child(index, low) && child(index, high)
            }
            Node::Plane { first_term, term_count, low, high, .. } => {
                first_term as usize + usize::from(term_count) <= self.terms.len()
                    && child(index, low)
                    && child(index, high)
            }
        };
        !self.roots.is_empty()
            && self.mean_path.is_finite()
            && self.mean_path > 0.0
            && self.roots.iter().all(|root| (*root as usize) < nodes)
            && self.terms.iter().all(|term| usize::from(term.feature) < FEATURE_COUNT)
            && self.nodes.iter().enumerate().all(sound_node)
    }

    fn from_crate(forest: &CrateForest<f32, FEATURE_COUNT>) -> Result<Self, ForestError> {
        let unexpected = |error: postcard::Error| ForestError::Training(error.to_string());
        let bytes = postcard::to_allocvec(forest).map_err(unexpected)?;
        let mirror: mirror::Forest = postcard::from_bytes(&bytes).map_err(unexpected)?;
        let mut flat = Self {
            nodes: Vec::new(),
            terms: Vec::new(),
            roots: Vec::with_capacity(mirror.trees.len()),
            mean_path: mirror.avg_path_length_c,
        };
        for tree in &mirror.trees {
            let root = flat.add(&tree.root, 0);
            flat.roots.push(root);
        }
        Ok(flat)
    }

    /// Adds a node and all below it; returns its index.
    fn add(&mut self, node: &mirror::Node, depth: u32) -> u32 {
        let index = self.nodes.len() as u32;
        match node {
            mirror::Node::Ex { num_samples } => {
                let below = if *num_samples <= 1 { 0.0 } else { mean_path(*num_samples) };
                self.nodes.push(Node::Leaf { path: f64::from(depth) + below });
            }
            mirror::Node::In { left, right, n, p } => {
                self.nodes.push(Node::Leaf { path: 0.0 });
                let (left, right) = (self.add(left, depth + 1), self.add(right, depth + 1));
                self.nodes[index as usize] = self.split(n, p, left, right);
            }
        }
        index
    }

    /// The crate goes left where the sum of n * (value - p) is at most 0.
    fn split(&mut self, n: &[f32; FEATURE_COUNT], p: &[f32; FEATURE_COUNT], left: u32, right: u32) -> Node {
        let used: Vec<usize> = (0..FEATURE_COUNT).filter(|feature| n[*feature] != 0.0).collect();
        if let [feature] = used[..] {
            let limit = p[feature];
            return if n[feature] > 0.0 {
                Node::Axis { feature: feature as u16, limit, low: left, high: right }
            } else {
                // Left where the value is at least the limit, that is, not at most the number just below it.
                Node::Axis { feature: feature as u16, limit: limit.next_down(), low: right, high: left }
            };
        }
        let first_term = self.terms.len() as u32;
        self.terms.extend(used.iter().map(|i| Term { feature: *i as u16, coefficient: n[*i] }));
        let limit = used.iter().map(|i| n[*i] * p[*i]).sum();
        Node::Plane { first_term, term_count: used.len() as u16, limit, low: left, high: right }
    }
}

/// c(n) as the crate has it: 2 (ln(n - 1) + 0.5772156649) - 2 (n - 1) / n.
fn mean_path(samples: usize) -> f64 {
    let n = samples as f64;
    2.0 * ((n - 1.0).ln() + 0.577_215_664_9) - 2.0 * (n - 1.0) / n
}

/// The crate's forest as serde writes it.
mod mirror {
    use serde::Deserialize;

    use super::FEATURE_COUNT;

    #[derive(Deserialize)]
    pub(super) struct Forest {
        pub(super) avg_path_length_c: f64,
        pub(super) trees: Vec<Tree>,
    }

    #[derive(Deserialize)]
    pub(super) struct Tree {
        pub(super) root: Node,
    }

    #[derive(Deserialize)]
    pub(super) enum Node {
        Ex { num_samples: usize },
        In { left: Box<Node>, right: Box<Node>, n: [f32; FEATURE_COUNT], p: [f32; FEATURE_COUNT] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scaler::Scaler;

    /// A repeatable cloud of vectors with ties and constant features, as packets have.
    fn samples(count: usize) -> Vec<Scaled> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32
        };
        let vectors: Vec<_> = (0..count)
            .map(|_| {
                std::array::from_fn(|feature| match feature % 4 {
                    0 => next() % 1000.0,
                    1 => next() % 3.0,
                    2 => 5.0,
                    _ => next(),
                })
            })
            .collect();
        let scaler = Scaler::learn(&vectors);
        vectors.iter().map(|vector| scaler.scale(vector)).collect()
    }

    #[test]
    fn scores_equal_the_crates_at_every_extension_level() {
        let samples = samples(600);
        let vectors: Vec<_> = samples.iter().map(|sample| *sample.values()).collect();
        for extension_level in [0, 1, FEATURE_COUNT - 1] {
            let options =
                ForestOptions { n_trees: 50, sample_size: 128, max_tree_depth: None, extension_level };
            let theirs = CrateForest::from_slice(&vectors, &options).unwrap();
            let ours = Forest::from_crate(&theirs).unwrap();
            assert!(ours.is_sound());
            for (sample, vector) in samples.iter().zip(&vectors) {
                let (our, their) = (ours.score(sample), theirs.score(vector));
                // A sample on a plane may fall to the other side by rounding; along an axis it never does.
                let tolerance = if extension_level == 0 { 1e-9 } else { 1e-2 };
                assert!((our - their).abs() < tolerance, "level {extension_level}: {our} and {their}");
            }
        }
    }

    #[test]
    fn what_is_far_from_the_baseline_scores_higher() {
        let mut samples = samples(600);
        let far = Scaler::learn(&[[0.0; FEATURE_COUNT]]).scale(&[9e5; FEATURE_COUNT]);
        let forest = Forest::grow(&samples, &Growth::default()).unwrap();
        samples.truncate(50);
        let usual = samples.iter().map(|sample| forest.score(sample)).fold(0.0, f64::max);
        assert!(forest.score(&far) > usual, "{} and {usual}", forest.score(&far));
    }

    #[test]
    fn a_forest_that_points_astray_is_not_sound() {
        let forest = Forest::grow(&samples(300), &Growth::default()).unwrap();
        let mut loops = forest.clone();
        for node in &mut loops.nodes {
            if let Node::Axis { low, .. } = node {
                *low = 0;
            }
        }
        assert!(forest.is_sound());
        assert!(!loops.is_sound());
        let mut empty = forest;
        empty.roots.clear();
        assert!(!empty.is_sound());
    }

    #[test]
    fn one_sample_is_too_few_and_two_are_enough() {
        assert!(matches!(
            Forest::grow(&samples(1), &Growth::default()),
            Err(ForestError::TooFewSamples { found: 1 })
        ));
        let two = samples(2);
        let score = Forest::grow(&two, &Growth::default()).unwrap().score(&two[0]);
        assert!(score.is_finite() && (0.0..=1.0).contains(&score), "{score}");
    }
}
