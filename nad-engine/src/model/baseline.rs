//! What a baseline leaves for training: of each view a uniform sample of its vectors (Vitter's algorithm R).

use super::{matrix::Matrix, random::Random};
use crate::features::{Vectors, View};

/// Vectors that are kept of the packet view (25 MB), and of each other one.
const MOST_PACKETS: usize = 1 << 18;
const MOST_OTHERS: usize = 1 << 16;

/// Bytes that the samples of all views take when they are full.
pub fn bytes_when_full() -> usize {
    let bytes = |view: View| {
        let most = if view == View::Packet { MOST_PACKETS } else { MOST_OTHERS };
        most * view.features().count() * size_of::<f32>()
    };
    View::ALL.into_iter().map(bytes).sum()
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Baseline {
    samples: Vec<Sample>,
    /// Subjects of a second that were not learnt from.
    set_aside: u64,
    random: Random,
}

/// The sample of one view.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The vectors.
    pub vectors: Matrix,
    /// How many there were.
    pub seen: u64,
}

impl Baseline {
    /// An empty one; the seed decides which vectors of a long one are kept.
    pub fn new(seed: u64) -> Self {
        let sample = |view: &View| Sample { vectors: Matrix::new(view.features().len()), seen: 0 };
        Self {
            samples: View::ALL.iter().map(sample).collect(),
            set_aside: 0,
            random: Random::new(seed, u64::MAX),
        }
    }

    /// Adds a vector of a view.
    pub fn add(&mut self, view: View, vector: &[f32]) {
        let sample = &mut self.samples[view as usize];
        sample.seen += 1;
        let most = if view == View::Packet { MOST_PACKETS } else { MOST_OTHERS };
        if sample.vectors.len() < most {
            sample.vectors.push(vector);
        } else {
            let place = (self.random.uniform() * sample.seen as f64) as usize;
            if place < most {
                sample.vectors.set_row(place, vector);
            }
        }
    }

    /// Adds what all views see of a subject.
    pub fn add_all(&mut self, vectors: &Vectors) {
        vectors.iter().for_each(|(view, vector)| self.add(view, vector));
    }

    /// Counts a subject of a second that is not learnt from.
    pub fn set_aside(&mut self) {
        self.set_aside += 1;
    }

    /// The sample of a view.
    pub fn sample(&self, view: View) -> &Sample {
        &self.samples[view as usize]
    }

    /// Vectors of all views but that of packets: the decisions that were made.
    pub fn decisions(&self) -> u64 {
        View::ALL.iter().filter(|view| **view != View::Packet).map(|view| self.sample(*view).seen).sum()
    }

    /// Subjects of a second that were not learnt from.
    pub fn set_aside_count(&self) -> u64 {
        self.set_aside
    }

    /// Halves what is there, so that what comes next weighs as much as all before.
    pub fn halve(&mut self) {
        for sample in &mut self.samples {
            let mut half = Matrix::new(sample.vectors.columns());
            (0..sample.vectors.len()).step_by(2).for_each(|row| half.push(sample.vectors.row(row)));
            sample.seen = half.len() as u64;
            sample.vectors = half;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of the view whose columns have these values first and 0 after them.
    fn vector(view: View, values: &[f32]) -> Vec<f32> {
        let mut vector = vec![0.0; view.features().len()];
        vector[..values.len()].copy_from_slice(values);
        vector
    }

    #[test]
    fn a_sample_is_bounded_and_as_likely_from_any_time() {
        let mut baseline = Baseline::new(1);
        let total = 4 * MOST_OTHERS;
        for number in 0..total {
            baseline.add(View::Periodicity, &vector(View::Periodicity, &[0.0, number as f32]));
        }
        let sample = baseline.sample(View::Periodicity);
        assert_eq!((sample.vectors.len(), sample.seen), (MOST_OTHERS, total as u64));
        for quarter in 0..4 {
            let range = (quarter * total / 4) as f32..((quarter + 1) * total / 4) as f32;
            let part = sample.vectors.rows().filter(|row| range.contains(&row[1])).count() as f64;
            // A quarter each; the standard deviation is 0.17 % of all.
            assert!((part / MOST_OTHERS as f64 - 0.25).abs() < 0.01, "quarter {quarter}: {part}");
        }
    }

    #[test]
    fn the_same_seed_keeps_the_same_vectors() {
        let filled = |seed| {
            let mut baseline = Baseline::new(seed);
            for number in 0..2 * MOST_OTHERS {
                baseline.add(View::Periodicity, &vector(View::Periodicity, &[0.0, number as f32]));
            }
            baseline.sample(View::Periodicity).vectors.clone()
        };
        let one = filled(1);
        assert!(one.rows().eq(filled(1).rows()));
        assert!(!one.rows().eq(filled(2).rows()));
    }

    #[test]
    fn half_of_a_sample_counts_as_all_that_was_seen() {
        let mut baseline = Baseline::new(1);
        for number in 0..9 {
            baseline.add(View::Periodicity, &vector(View::Periodicity, &[0.0, number as f32]));
        }
        baseline.add(View::Packet, &vector(View::Packet, &[]));
        assert_eq!(baseline.decisions(), 9, "packets are none");
        baseline.halve();
        let left: Vec<f32> = baseline.sample(View::Periodicity).vectors.rows().map(|row| row[1]).collect();
        assert_eq!((left.as_slice(), baseline.decisions()), (&[0.0, 2.0, 4.0, 6.0, 8.0][..], 5));
    }
}
