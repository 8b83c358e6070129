//! Whether a forest from a file is one that could have been grown.

use super::{Forest, Node, mean_path};

/// How much paths may differ from what they follow from.
const ROUNDING: f64 = 1e-4;

impl Forest {
    /// Why it can't have been grown: so many trees, from so many samples each at most. The forest is [sound](Self::is_sound).
    pub(in crate::model) fn check(&self, trees: usize, most_samples: usize) -> Result<(), String> {
        if self.roots.len() != trees {
            return Err(format!("its forest has {} trees, and was grown with {trees}", self.roots.len()));
        }
        let samples = self.counts[self.roots[0] as usize] as usize;
        if !(2..=most_samples).contains(&samples) {
            return Err(format!(
                "its trees are grown from {samples} samples, and 2 to {most_samples} were asked for"
            ));
        }
        if (self.mean_path - mean_path(samples)).abs() > ROUNDING {
            return Err(format!(
                "its mean path is {}, which does not follow from its samples",
                self.mean_path
            ));
        }
        // ceil(log2(samples)) levels.
        let deepest = samples.next_power_of_two().ilog2();
        // Children come after their parents, so one pass finds how deep each node lies and whether each has one parent.
        let mut depths: Vec<Option<u32>> = vec![None; self.nodes.len()];
        for root in &self.roots {
            let depth = &mut depths[*root as usize];
            if depth.replace(0).is_some() {
                return Err("two of its trees are one".into());
            }
            if self.counts[*root as usize] as usize != samples {
                return Err("its trees are grown from different numbers of samples".into());
            }
        }
        for (place, node) in self.nodes.iter().enumerate() {
            let Some(depth) = depths[place] else {
                return Err("a node of its forest belongs to no tree".into());
            };
            match node {
                Node::Leaf { path } => {
                    let expected = f64::from(depth) + mean_path(self.counts[place] as usize);
                    if (f64::from(*path) - expected).abs() > ROUNDING {
                        return Err(format!(
                            "a path of its forest is {path}, and {expected} follows from the tree"
                        ));
                    }
                }
                Node::Axis { low, .. } | Node::Oblique { low, .. } => {
                    if depth >= deepest {
                        return Err(format!("a tree of its forest is deeper than {deepest}"));
                    }
                    for child in [*low as usize, *low as usize + 1] {
                        if depths[child].replace(depth + 1).is_some() {
                            return Err("two nodes of its forest lead to one".into());
                        }
                    }
                }
            }
            if let Node::Oblique { term_count, .. } = node
                && usize::from(*term_count) > self.columns()
            {
                return Err("an oblique split of its forest has more terms than there are features".into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trainer::{CrateTrainer, Growth, Seeded, Trainer, cloud};

    #[test]
    fn every_forest_that_is_grown_passes() {
        for (rows, columns) in [(2, 3), (3, 1), (100, 4), (600, 9)] {
            for extension_level in [0, columns - 1] {
                let growth = Growth { trees: 7, extension_level, ..Growth::default() };
                for trainer in [&Seeded::default() as &dyn Trainer, &CrateTrainer] {
                    let forest = trainer.grow(&cloud(rows, columns), &growth).unwrap();
                    forest
                        .check(7, 256)
                        .unwrap_or_else(|reason| panic!("{rows} {}: {reason}", trainer.name()));
                }
            }
        }
    }

    #[test]
    fn a_forest_that_nobody_grew_is_refused_with_the_reason() {
        let growth = Growth { trees: 3, extension_level: 1, ..Growth::default() };
        let whole = Seeded::default().grow(&cloud(600, 4), &growth).unwrap();
        let refused = |reason: &str, harm: &dyn Fn(&mut Forest)| {
            let mut harmed = whole.clone();
            harm(&mut harmed);
            let found = harmed.check(3, 256).unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        // All that is ordinary: each path is as long as can be, and says so with a right checksum.
        refused("a path of its forest", &|forest| {
            for node in &mut forest.nodes {
                if let Node::Leaf { path } = node {
                    *path = 1000.0;
                }
            }
        });
        refused("a path of its forest", &|forest| {
            for node in &mut forest.nodes {
                if let Node::Leaf { path } = node {
                    *path = 0.0;
                }
            }
        });
        refused("its mean path", &|forest| forest.mean_path = 1e-300);
        refused("its mean path", &|forest| forest.mean_path *= 2.0);
        refused("has 2 trees, and was grown with 3", &|forest| _ = forest.roots.pop());
        refused("two of its trees are one", &|forest| forest.roots[1] = forest.roots[0]);
        refused("belongs to no tree", &|forest| {
            forest.nodes.push(Node::Leaf { path: 0.0 });
            forest.counts.push(0);
        });
        refused("grown from 1 samples", &|forest| {
            assert!(forest.check(3, 255).is_err());
            forest.counts.iter_mut().for_each(|count| *count = 0);
            let root = forest.roots[0] as usize;
            forest.counts[root] = 1;
        });
    }

    #[test]
    fn a_tree_like_a_rope_is_refused_before_anybody_climbs_down() {
        // One split after the other, each with all samples on one side.
        const LENGTH: u32 = 100_000;
        let mut forest = Forest {
            columns: 1,
            nodes: Vec::new(),
            counts: Vec::new(),
            terms: Vec::new(),
            roots: vec![0],
            mean_path: mean_path(256),
        };
        forest.nodes.push(Node::Axis { feature: 0, limit: 0.0, low: 1 });
        forest.counts.push(256);
        for depth in 1..LENGTH {
            let low = forest.nodes.len() as u32 + 2;
            forest.nodes.push(Node::Leaf { path: depth as f32 });
            forest.nodes.push(Node::Axis { feature: 0, limit: 0.0, low });
            forest.counts.extend([0, 256]);
        }
        forest.nodes.extend([Node::Leaf { path: LENGTH as f32 }; 2]);
        forest.counts.extend([0, 256]);
        assert!(forest.is_sound(1));
        assert!(forest.check(1, 256).unwrap_err().contains("deeper than 8"));
    }
}
