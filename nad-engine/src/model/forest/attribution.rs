//! Which features set a sample apart.
//!
//! A forest isolates a sample by the splits on its way through each tree, and a split that leaves it with few
//! others has done more than one that leaves it with most. So a split takes as credit the bits by which it
//! narrowed the sample's company beyond a halving,
//!
//! ```text
//! gain = max(0, log2((parent + 1) / (child + 1)) - 1)
//! ```
//!
//! with the training samples in the parent and in the child that the sample went to; one is added to both, so that
//! a child without samples, which is what lies beyond the training range, has a finite gain. A split that cuts a
//! sample off near the root gains most (7 bits for one of 256), one that just halves the rest gains nothing.
//! The credits of each feature are summed over all trees and divided by the sum of all.
//!
//! It is the weight by a split's imbalance of Kartha, Gautrais, Vercruyssen: Why Are You Weird? Infusing
//! Interpretability in Isolation Forest for Anomaly Detection (2021), on the logarithmic scale of path lengths.
//! The local DIFFI of Carletti, Terzi, Susto: Interpretable Anomaly Detection with DIFFI (2023) credits every
//! split of a short path alike instead, also those that isolated nothing.

use std::sync::LazyLock;

use super::{Forest, Node, Term, goes_left};

/// Logarithms to base 2 of whole numbers from 0 on: trees are grown from 256 samples, unless said otherwise, and logarithms
/// took nearly all of the time. That of 0 is asked for by nobody.
static LOGARITHMS: LazyLock<[f64; 258]> =
    LazyLock::new(|| std::array::from_fn(|number| libm::log2(number.max(1) as f64)));

impl Forest {
    /// Writes each feature's share, 0 to 1, in what sets the sample apart; the shares' sum is 1. Where nothing
    /// does, all are equal.
    ///
    /// # Panics
    ///
    /// When `out` or the sample has fewer values than the forest has columns.
    pub fn attribute(&self, sample: &[f32], out: &mut [f64]) {
        let out = &mut out[..self.columns()];
        out.fill(0.0);
        let logarithms = &*LOGARITHMS;
        for root in &self.roots {
            self.credit(*root as usize, sample, logarithms, out);
        }
        let total: f64 = out.iter().sum();
        if total > 0.0 {
            out.iter_mut().for_each(|share| *share /= total);
        } else {
            out.fill(1.0 / self.columns() as f64);
        }
    }

    /// Follows the sample through one tree.
    fn credit(&self, mut at: usize, sample: &[f32], logarithms: &[f64], out: &mut [f64]) {
        loop {
            match self.nodes[at] {
                Node::Leaf { .. } => return,
                Node::Axis { feature, limit, low } => {
                    let child = low as usize + usize::from(sample[usize::from(feature)] > limit);
                    out[usize::from(feature)] += self.gain(at, child, logarithms);
                    at = child;
                }
                Node::Oblique { term_count, first_term, low } => {
                    let terms = self.oblique_terms(first_term, term_count);
                    let goes_left = goes_left(terms, sample);
                    let child = low as usize + usize::from(!goes_left);
                    share(self.gain(at, child, logarithms), terms, goes_left, sample, out);
                    at = child;
                }
            }
        }
    }

    fn gain(&self, parent: usize, child: usize, logarithms: &[f64]) -> f64 {
        let logarithm = |node: usize| {
            let samples = self.counts[node] as usize + 1;
            logarithms.get(samples).copied().unwrap_or_else(|| libm::log2(samples as f64))
        };
        (logarithm(parent) - logarithm(child) - 1.0).max(0.0)
    }
}

/// Shares a split's gain among the terms that pushed the sample to the side where it went, by how far.
fn share(gain: f64, terms: &[Term], goes_left: bool, sample: &[f32], out: &mut [f64]) {
    let push = |term: &Term| {
        let push = f64::from(term.push(sample));
        if goes_left { (-push).max(0.0) } else { push.max(0.0) }
    };
    let total: f64 = terms.iter().map(push).sum();
    if total > 0.0 {
        for term in terms {
            out[usize::from(term.feature)] += gain * push(term) / total;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{
        matrix::Matrix,
        random::Random,
        trainer::{Growth, Seeded, Trainer},
    };

    /// Independent normal deviates.
    fn normals(rows: usize, columns: usize) -> Matrix {
        let mut random = Random::new(11, 0);
        let mut samples = Matrix::new(columns);
        for _ in 0..rows {
            let row: Vec<f32> = (0..columns).map(|_| random.normal() as f32).collect();
            samples.push(&row);
        }
        samples
    }

    fn largest(shares: &[f64]) -> usize {
        (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap()
    }

    #[test]
    fn the_feature_that_is_far_out_has_the_largest_share() {
        for columns in [2, 4, 12, 32] {
            for extension_level in [0, 1, columns - 1] {
                let samples = normals(2000, columns);
                let growth = Growth { extension_level, ..Growth::default() };
                let forest = Seeded::default().grow(&samples, &growth).unwrap();
                let mut shares = vec![0.0; columns];
                for odd in [0, columns / 2, columns - 1] {
                    for value in [-9.0, 9.0] {
                        let mut sample = vec![0.1; columns];
                        sample[odd] = value;
                        forest.attribute(&sample, &mut shares);
                        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                        let rest = shares.iter().enumerate().filter(|(it, _)| *it != odd);
                        let next = rest.map(|(_, share)| *share).fold(0.0, f64::max);
                        let told = format!("{columns} columns, level {extension_level}: {shares:?}");
                        assert_eq!(largest(&shares), odd, "{told}");
                        assert!(shares[odd] > 2.0 * next, "feature {odd}: {told}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_features_far_out_share_what_one_has_alone() {
        let samples = normals(2000, 8);
        let forest = Seeded::default().grow(&samples, &Growth::default()).unwrap();
        let mut shares = [0.0; 8];
        let mut sample = [0.1; 8];
        (sample[2], sample[5]) = (9.0, -9.0);
        forest.attribute(&sample, &mut shares);
        let rest = (0..8).filter(|it| ![2, 5].contains(it)).map(|it| shares[it]).fold(0.0, f64::max);
        assert!(shares[2].min(shares[5]) > 3.0 * rest, "{shares:?}");
        assert!((shares[2] / shares[5]).ln().abs() < 0.7, "{shares:?}");
    }

    #[test]
    fn a_new_value_of_a_feature_that_never_changed_is_the_reason() {
        let mut samples = Matrix::new(5);
        for row in normals(2000, 4).rows() {
            samples.push(&[row[0], row[1], 3.0, row[2], row[3]]);
        }
        let forest = Seeded::default().grow(&samples, &Growth::default()).unwrap();
        let mut shares = [0.0; 5];
        forest.attribute(&[0.1, 0.1, 4.0, 0.1, 0.1], &mut shares);
        assert_eq!(largest(&shares), 2, "{shares:?}");
    }

    #[test]
    fn where_nothing_stands_out_all_shares_are_equal() {
        let mut samples = Matrix::new(4);
        (0..300).for_each(|_| samples.push(&[1.0; 4]));
        let forest = Seeded::default().grow(&samples, &Growth::default()).unwrap();
        let mut shares = [0.0; 4];
        forest.attribute(&[1.0; 4], &mut shares);
        assert_eq!(shares, [0.25; 4]);
    }
}
