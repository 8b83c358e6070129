//! One tree while it grows: its nodes, and how a split is put into them.

use serde::{Deserialize, Serialize};

use super::Node;

/// One feature's part in a split: how much of it counts, and from which point on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::model) struct Term {
    pub(in crate::model) feature: u16,
    pub(in crate::model) coefficient: f32,
    pub(in crate::model) point: f32,
}

impl Term {
    /// How far this feature pushes a sample: to the left where it is negative, to the right where positive.
    pub(super) fn push(&self, sample: &[f32]) -> f32 {
        (sample[usize::from(self.feature)] - self.point) * self.coefficient
    }

    pub(super) fn is_sound(&self, columns: usize) -> bool {
        usize::from(self.feature) < columns && self.coefficient.is_finite() && self.point.is_finite()
    }
}

/// On which side of a split a sample lies: left where the sum of coefficient * (value - point) is at most 0.
///
/// Summed in the order of the terms in `f32`, as the crate does, so that its forests score alike here.
pub(in crate::model) fn goes_left(terms: &[Term], sample: &[f32]) -> bool {
    terms.iter().map(|term| term.push(sample)).sum::<f32>() <= 0.0
}

/// c(n): the mean path length of an unsuccessful search in a binary tree of n samples, 0 for none and one.
///
/// 2 (ln(n - 1) + 0.5772156649) - 2 (n - 1) / n, also for n = 2, where Liu et al. would have 1 and this has 0.154:
/// so does the crate.
pub(in crate::model) fn mean_path(samples: usize) -> f64 {
    if samples <= 1 {
        return 0.0;
    }
    let n = samples as f64;
    2.0 * (libm::log(n - 1.0) + 0.577_215_664_9) - 2.0 * (n - 1.0) / n
}

/// A tree's nodes from the root at 0 on.
#[derive(Debug)]
pub(in crate::model) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) counts: Vec<u32>,
    pub(super) terms: Vec<Term>,
}

/// Where a split's two children are to be put.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Children {
    pub(in crate::model) left: u32,
    pub(in crate::model) right: u32,
}

impl Tree {
    /// The place of the root.
    pub(in crate::model) const ROOT: u32 = 0;

    /// A tree whose root is still to be put.
    pub(in crate::model) fn new() -> Self {
        Self { nodes: vec![Node::Leaf { path: 0.0 }], counts: vec![0], terms: Vec::new() }
    }

    /// Puts a leaf in which `count` samples ended.
    pub(in crate::model) fn leaf(&mut self, at: u32, depth: u32, count: usize) {
        self.nodes[at as usize] = Node::Leaf { path: (f64::from(depth) + mean_path(count)) as f32 };
        self.counts[at as usize] = count as u32;
    }

    /// Puts a split of `count` samples; both children are then still to be put.
    pub(in crate::model) fn split(&mut self, at: u32, count: usize, terms: &[Term]) -> Children {
        let low = self.nodes.len() as u32;
        self.nodes.extend([Node::Leaf { path: 0.0 }; 2]);
        self.counts.extend([0; 2]);
        self.counts[at as usize] = count as u32;
        let (node, is_mirrored) = match terms {
            [term] => axis(term, low),
            _ => {
                let (first_term, term_count) = (self.terms.len() as u32, terms.len() as u16);
                self.terms.extend_from_slice(terms);
                (Node::Oblique { term_count, first_term, low }, false)
            }
        };
        self.nodes[at as usize] = node;
        if is_mirrored {
            Children { left: low + 1, right: low }
        } else {
            Children { left: low, right: low + 1 }
        }
    }
}

/// A split along one feature; mirrored where what lies above goes left.
fn axis(term: &Term, low: u32) -> (Node, bool) {
    let is_mirrored = term.coefficient < 0.0;
    // Then left is where the value is at least the point, and right where it is at most the number just below.
    let limit = if is_mirrored { term.point.next_down() } else { term.point };
    (Node::Axis { feature: term.feature, limit, low }, is_mirrored)
}

impl Node {
    /// How many terms it splits by.
    pub(super) fn terms(&self) -> usize {
        match self {
            Self::Leaf { .. } => 0,
            Self::Axis { .. } => 1,
            Self::Oblique { term_count, .. } => (*term_count).into(),
        }
    }

    /// The same node, where so many nodes and terms of other trees come before.
    pub(super) fn moved(self, nodes: u32, terms: u32) -> Self {
        match self {
            Self::Leaf { .. } => self,
            Self::Axis { feature, limit, low } => Self::Axis { feature, limit, low: low + nodes },
            Self::Oblique { term_count, first_term, low } => {
                Self::Oblique { term_count, first_term: first_term + terms, low: low + nodes }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_path_is_the_crates_also_for_two() {
        assert_eq!((mean_path(0), mean_path(1)), (0.0, 0.0));
        assert!((mean_path(2) - 0.154_431_329_8).abs() < 1e-9);
        assert!((mean_path(256) - 10.244_770_92).abs() < 1e-7, "{}", mean_path(256));
    }

    #[test]
    fn a_mirrored_split_sends_each_value_where_its_plane_does() {
        for coefficient in [1.0, -1.0] {
            let term = Term { feature: 0, coefficient, point: 0.25 };
            let (node, is_mirrored) = axis(&term, 1);
            let Node::Axis { limit, .. } = node else { panic!("{node:?}") };
            for value in [-3.0, 0.25_f32.next_down(), 0.25, 0.25_f32.next_up(), 7.0] {
                assert_eq!((value <= limit) != is_mirrored, goes_left(&[term], &[value]), "{value}");
            }
        }
    }
}
