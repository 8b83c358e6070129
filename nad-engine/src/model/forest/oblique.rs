//! A forest of oblique splits, compiled for speed.
//!
//! The terms of a split become a row of eights, filled up with terms that add nothing, and several trees are gone down
//! together: each gives the products of its own row, and turned round they are added in the order of the terms,
//! as [`Forest::score`] does, so that every sample goes the very same way. Splits along one feature are rows, too.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use super::{
    Forest, Node, Term,
    kernel::{Instructions, Kernel},
};
use crate::features::MOST_FEATURES;

/// Terms of a part of a row.
const TERMS: usize = 8;
/// Trees that are gone down together at most.
const MOST_TOGETHER: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct ObliqueForest {
    /// The rows of all splits, each of as many parts, and last the row of what is no split, in which all is 0.
    parts: Vec<Part>,
    parts_per_row: usize,
    /// Which features a part's terms are of; empty where part n of a row has the eight features from 8 n on.
    features: Vec<[u8; TERMS]>,
    splits: u32,
    /// What lies to the left and to the right of each node: those before the number of splits are splits, the others
    /// leaves, at which it does not go on.
    children: Vec<[u32; 2]>,
    /// The path that ends at each leaf.
    paths: Vec<f32>,
    /// Where each tree begins; filled up to [`MOST_TOGETHER`] with leaves of no length.
    roots: Vec<u32>,
    trees: usize,
    mean_path: f64,
    kernel: Kernel,
}

/// Eight terms of a split.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
struct Part {
    coefficients: [f32; TERMS],
    points: [f32; TERMS],
}

/// A sample's values, and zeros.
#[derive(Debug, Clone, Default)]
#[repr(C, align(64))]
pub struct Values([f32; MOST_FEATURES]);

impl Values {
    /// Takes over at most [`MOST_FEATURES`] values; those of longer samples, which no view has, are left out.
    #[inline]
    pub fn set(&mut self, values: &[f32]) {
        self.0.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
    }
}

impl ObliqueForest {
    /// Compiles a forest.
    ///
    /// # Panics
    ///
    /// Where the forest has more features than a view can have.
    pub fn compile(forest: &Forest) -> Self {
        assert!(forest.columns() <= MOST_FEATURES, "no view has so many features");
        let is_leaf = |node: &&Node| matches!(node, Node::Leaf { .. });
        let leaves = forest.nodes.iter().filter(is_leaf).count();
        let splits = forest.nodes.len() - leaves;
        // Each node's number among the splits, and those of leaves after them.
        let (mut next_split, mut next_leaf) = (0, splits as u32);
        let numbers: Vec<u32> = forest
            .nodes
            .iter()
            .map(|node| {
                let next = if is_leaf(&node) { &mut next_leaf } else { &mut next_split };
                *next += 1;
                *next - 1
            })
            .collect();
        let most_terms = forest.nodes.iter().map(Node::terms).max().unwrap_or(0).max(1);
        let (of_terms, of_columns) = (most_terms.div_ceil(TERMS), forest.columns().div_ceil(TERMS));
        let mut compiled = Self {
            parts: Vec::with_capacity((splits + 1) * of_terms),
            parts_per_row: of_terms,
            features: Vec::new(),
            splits: splits as u32,
            children: Vec::with_capacity(forest.nodes.len() + 1),
            paths: Vec::with_capacity(leaves + 1),
            roots: forest.roots.iter().map(|root| numbers[*root as usize]).collect(),
            trees: forest.roots.len(),
            mean_path: forest.mean_path,
            kernel: Kernel::best(),
        };
        let is_sparse = of_terms < of_columns;
        for node in &forest.nodes {
            let low = match *node {
                Node::Leaf { path } => {
                    compiled.paths.push(path);
                    continue;
                }
                Node::Axis { feature, limit, low } => {
                    compiled.add_row(&[Term { feature, coefficient: 1.0, point: limit }], is_sparse);
                    low
                }
                Node::Oblique { first_term, term_count, low } => {
                    compiled.add_row(forest.oblique_terms(first_term, term_count), is_sparse);
                    low
                }
            };
            compiled.children.push([numbers[low as usize], numbers[low as usize + 1]]);
        }
        compiled.add_row(&[], is_sparse);
        let nothing = (splits + leaves) as u32;
        compiled.children.extend((splits as u32..=nothing).map(|leaf| [leaf; 2]));
        compiled.paths.push(0.0);
        compiled.roots.resize(compiled.trees.next_multiple_of(MOST_TOGETHER), nothing);
        compiled
    }

    /// Scores in another way than the fastest.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// The sum of a sample's path lengths over all trees; of a sum above the limit it is only said that it is above.
    #[inline]
    pub fn path(&self, values: &Values, limit: f64) -> f64 {
        match self.kernel.instructions() {
            Instructions::Scalar => self.path_one_by_one(values, limit),
            // SAFETY: there is such a kernel only where the machine was found to have AVX2.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::path(self, values, limit) },
            // SAFETY: as above, of AVX-512 F, DQ and VL.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512::path(self, values, limit) },
        }
    }

    /// The score of a sum of path lengths: see [`Forest::score`].
    pub fn score(&self, path: f64) -> f64 {
        libm::exp2(-path / self.trees as f64 / self.mean_path)
    }

    /// A sum of path lengths above which every score is below `score`.
    pub fn longest_path(&self, score: f64) -> f64 {
        const ROUNDED: f64 = 1e-9;
        -libm::log2(score.max(f64::MIN_POSITIVE)) * self.mean_path * self.trees as f64 + ROUNDED
    }

    fn add_row(&mut self, terms: &[Term], is_sparse: bool) {
        let first = self.parts.len();
        self.parts.resize(first + self.parts_per_row, Part::default());
        if is_sparse {
            self.features.resize(self.parts.len(), [0; TERMS]);
        }
        for (place, term) in terms.iter().enumerate() {
            assert!(usize::from(term.feature) < MOST_FEATURES, "a sound forest has no such feature");
            let place = if is_sparse { place } else { term.feature.into() };
            let (part, lane) = (first + place / TERMS, place % TERMS);
            self.parts[part].coefficients[lane] = term.coefficient;
            self.parts[part].points[lane] = term.point;
            if is_sparse {
                self.features[part][lane] = term.feature as u8;
            }
        }
    }

    fn path_one_by_one(&self, values: &Values, limit: f64) -> f64 {
        let mut total = 0.0;
        for roots in self.roots.chunks(MOST_TOGETHER) {
            for root in roots {
                let mut at = *root;
                while at < self.splits {
                    let is_right = self.push(at as usize, values) > 0.0;
                    at = self.children[at as usize][usize::from(is_right)];
                }
                total += f64::from(self.paths[(at - self.splits) as usize]);
            }
            if total > limit {
                break;
            }
        }
        total
    }

    /// To which side a split pushes a sample: up to 0 to the left.
    fn push(&self, split: usize, values: &Values) -> f32 {
        let first = split * self.parts_per_row;
        let mut sum = 0.0;
        for number in 0..self.parts_per_row {
            let part = &self.parts[first + number];
            for lane in 0..TERMS {
                let feature =
                    self.features.get(first + number).map_or(TERMS * number + lane, |it| it[lane].into());
                sum += (values.0[feature] - part.points[lane]) * part.coefficients[lane];
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests;
