//! nad's own trainer: the crate's algorithm, repeatable.
//!
//! Each tree draws from a stream of its own, which follows from the seed and the tree's number. So it doesn't
//! matter which thread grows it, nor how many there are.

use std::{num::NonZero, thread};

use super::{Growth, Trainer};
use crate::model::{
    forest::{Forest, ForestError, Term, Tree, goes_left},
    matrix::Matrix,
    random::Random,
};

/// Grows the same forest for the same samples and seed on every machine, on all processors.
#[derive(Debug, Clone, Copy)]
pub struct Seeded {
    threads: NonZero<usize>,
}

impl Default for Seeded {
    fn default() -> Self {
        Self { threads: thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN) }
    }
}

impl Trainer for Seeded {
    fn name(&self) -> &'static str {
        "seeded"
    }

    fn grow(&self, samples: &Matrix, growth: &Growth) -> Result<Forest, ForestError> {
        let sample_size = growth.sample_size(samples)?;
        self.grow_to(samples, growth, sample_size, depth_limit(sample_size))
    }
}

impl Seeded {
    /// Grows on this many threads.
    pub fn with_threads(threads: NonZero<usize>) -> Self {
        Self { threads }
    }

    pub(super) fn grow_to(
        &self,
        samples: &Matrix,
        growth: &Growth,
        sample_size: usize,
        depth_limit: u32,
    ) -> Result<Forest, ForestError> {
        let share = growth.trees.div_ceil(self.threads.get());
        let grow = |numbers: std::ops::Range<usize>| -> Vec<Tree> {
            numbers
                .map(|number| {
                    let random = Random::new(growth.seed, number as u64);
                    Grower::new(samples, growth.extension_level, depth_limit, random).tree(sample_size)
                })
                .collect()
        };
        let mut trees = Vec::with_capacity(growth.trees);
        thread::scope(|scope| {
            let starts = (0..growth.trees).step_by(share);
            let workers: Vec<_> = starts
                .map(|start| scope.spawn(move || grow(start..(start + share).min(growth.trees))))
                .collect();
            for worker in workers {
                trees.extend(worker.join().map_err(|_| ForestError::Training("a thread failed".into()))?);
            }
            Ok(())
        })?;
        Ok(Forest::of_trees(samples.columns(), sample_size, trees))
    }
}

/// ceil(log2(sample size)): about the depth of a leaf in a tree of as many samples.
pub(super) fn depth_limit(sample_size: usize) -> u32 {
    sample_size.next_power_of_two().ilog2()
}

/// Grows one tree.
struct Grower<'a> {
    samples: &'a Matrix,
    depth_limit: u32,
    random: Random,
    tree: Tree,
    /// All features; a split takes the first few after shuffling them there.
    features: Vec<u16>,
    /// The split at hand, as many terms as a split has.
    terms: Vec<Term>,
}

impl<'a> Grower<'a> {
    fn new(samples: &'a Matrix, extension_level: usize, depth_limit: u32, random: Random) -> Self {
        Self {
            samples,
            depth_limit,
            random,
            tree: Tree::new(),
            features: (0..samples.columns() as u16).collect(),
            terms: vec![Term { feature: 0, coefficient: 0.0, point: 0.0 }; extension_level + 1],
        }
    }

    fn tree(mut self, sample_size: usize) -> Tree {
        let mut rows = draw_rows(self.samples.len(), sample_size, &mut self.random);
        self.node(Tree::ROOT, 0, &mut rows);
        self.tree
    }

    /// Puts a node and all below it.
    fn node(&mut self, at: u32, depth: u32, rows: &mut [u32]) {
        if depth >= self.depth_limit || rows.len() <= 1 {
            self.tree.leaf(at, depth, rows.len());
            return;
        }
        self.draw_split(rows);
        let children = self.tree.split(at, rows.len(), &self.terms);
        let (left, right) = partition(rows, |row| goes_left(&self.terms, self.samples.row(row as usize)));
        self.node(children.left, depth + 1, left);
        self.node(children.right, depth + 1, right);
    }

    fn draw_split(&mut self, rows: &[u32]) {
        let count = self.terms.len();
        for place in 0..count {
            let other = place + self.random.below((self.features.len() - place) as u32) as usize;
            self.features.swap(place, other);
        }
        // The sum over the terms is rounded, so their order matters: it is the crate's.
        self.features[..count].sort_unstable();
        for place in 0..count {
            let feature = self.features[place];
            // Along one feature the coefficient's sign alone matters.
            let coefficient = match count {
                1 if self.random.coin() => 1.0,
                1 => -1.0,
                _ => self.random.normal() as f32,
            };
            self.terms[place] = Term { feature, coefficient, point: self.draw_point(feature.into(), rows) };
        }
    }

    /// A point in the range of the feature; its value where it is constant here.
    fn draw_point(&mut self, feature: usize, rows: &[u32]) -> f32 {
        let value = |row: u32| self.samples.row(row as usize)[feature];
        let first = value(rows[0]);
        let (low, high) = rows.iter().fold((first, first), |(low, high), row| {
            let value = value(*row);
            (if value < low { value } else { low }, if value > high { value } else { high })
        });
        if low < high { self.random.between(low, high) } else { low }
    }
}

/// Draws `count` of the numbers below `all`, none twice, each set as likely (Floyd 1987).
fn draw_rows(all: usize, count: usize, random: &mut Random) -> Vec<u32> {
    let mut is_drawn = vec![false; all];
    (all - count..all)
        .map(|last| {
            let drawn = random.below(last as u32 + 1) as usize;
            let row = if is_drawn[drawn] { last } else { drawn };
            is_drawn[row] = true;
            row as u32
        })
        .collect()
}

/// Moves the rows that go left before the others.
fn partition(rows: &mut [u32], goes_left: impl Fn(u32) -> bool) -> (&mut [u32], &mut [u32]) {
    let mut left = 0;
    for place in 0..rows.len() {
        if goes_left(rows[place]) {
            rows.swap(left, place);
            left += 1;
        }
    }
    rows.split_at_mut(left)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::model::trainer::cloud;

    fn bytes(threads: usize, growth: &Growth) -> Vec<u8> {
        let trainer = Seeded::with_threads(NonZero::new(threads).unwrap());
        postcard::to_allocvec(&trainer.grow(&cloud(1000, 6), growth).unwrap()).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_forest_on_any_number_of_threads() {
        for extension_level in [0, 1, 5] {
            let growth = Growth { extension_level, trees: 30, seed: 42, ..Growth::default() };
            let one = bytes(1, &growth);
            for threads in [1, 2, 7, 30, 64] {
                assert!(bytes(threads, &growth) == one, "{threads} threads");
            }
            assert!(bytes(1, &Growth { seed: 43, ..growth }) != one);
        }
    }

    #[test]
    fn the_forest_is_that_of_every_other_machine() {
        let checksum = |extension_level| {
            let growth = Growth { extension_level, seed: 42, ..Growth::default() };
            let sum = Sha256::digest(bytes(2, &growth));
            sum[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        // Whoever changes these gives everyone another model for the same packets and seed.
        assert_eq!([0, 1, 5].map(checksum), ["d520840801d0e146", "b1428a15e9964757", "9a0ce5755e965805"]);
    }

    #[test]
    fn a_tree_is_as_deep_as_the_logarithm_of_its_samples() {
        let depths = [2, 3, 4, 5, 128, 129, 255, 256, 257, 65_536].map(depth_limit);
        assert_eq!(depths, [1, 2, 2, 3, 7, 8, 8, 8, 9, 16]);
    }

    #[test]
    fn no_row_is_drawn_twice_and_each_as_often() {
        let mut random = Random::new(5, 0);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            let mut rows = draw_rows(10, 4, &mut random);
            rows.iter().for_each(|row| counts[*row as usize] += 1);
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 4);
        }
        assert!(counts.iter().all(|count| (3800..4200).contains(count)), "{counts:?}");
        let mut all = draw_rows(10, 10, &mut random);
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_partition_keeps_every_row() {
        let mut rows: Vec<u32> = (0..20).collect();
        let (left, right) = partition(&mut rows, |row| row % 3 == 0);
        assert!(left.iter().all(|row| row % 3 == 0) && right.iter().all(|row| row % 3 != 0));
        assert_eq!((left.len(), right.len()), (7, 13));
    }
}
