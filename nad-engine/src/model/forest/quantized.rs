//! A standard forest over codes of one byte, compiled for speed.
//!
//! Where every feature has at most 256 values, a split is a comparison of bytes. Each tree becomes a complete one of
//! eight levels in breadth-first order (where it ends early, both ways lead to the same path), and as many samples as
//! a vector has bytes go down together: the first levels by choosing among what every node compares, the others by
//! looking up feature and limit in tables that lie in registers. Path lengths are whole numbers
//! of 2^-19 levels, so that their sum is exact in any order, and every machine has the same.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod scalar;

use super::{
    Forest, Node,
    kernel::{Instructions, Kernel},
};
use crate::{features::PACKET_FEATURES, model::scaler::Scaler};

/// Trees after which it is looked whether the rest can be spared.
const BETWEEN_LOOKS: usize = 8;

/// Samples of a block.
pub const BLOCK: usize = 64;
/// Levels of a tree, which hold all trees of up to 256 samples.
const LEVELS: u32 = 8;
const LEAVES: usize = 1 << LEVELS;
/// Columns of a block: pairs are chosen from.
const COLUMNS: usize = PACKET_FEATURES.next_multiple_of(2);
/// The most trees: the sum of so many bytes fits 16 bits.
const MOST_TREES: usize = 256;
/// Units of a level of path length.
const UNITS: f64 = (1 << 19) as f64;
/// Codes are kept with their top bit flipped, so that signed comparisons order them.
const FLIP: u8 = 0x80;

/// See the module.
#[derive(Debug)]
pub struct QuantizedForest {
    trees: Vec<QuantizedTree>,
    mean_path: f64,
    kernel: Kernel,
}

/// One tree: node 1 is the root, and the children of node n are 2n and 2n + 1.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
struct QuantizedTree {
    features: [u8; LEAVES],
    /// Right is where the code, flipped, is above the limit.
    limits: [u8; LEAVES],
    /// The path that ends at each leaf, in units: its low, middle and high byte.
    paths: [[u8; LEAVES]; 3],
}

/// The codes of up to 64 samples, one column a feature.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct Block {
    columns: [[u8; BLOCK]; COLUMNS],
}

impl Default for Block {
    fn default() -> Self {
        Self { columns: [[FLIP; BLOCK]; COLUMNS] }
    }
}

impl Block {
    /// Puts a sample in a place, below [`BLOCK`].
    #[inline]
    pub fn set(&mut self, place: usize, codes: &[u8; PACKET_FEATURES]) {
        for (column, code) in self.columns.iter_mut().zip(codes) {
            column[place] = code ^ FLIP;
        }
    }
}

impl QuantizedForest {
    /// Compiles a forest whose samples are scaled codes; `None` where it is not a standard one, or too large: that
    /// is scored as it is.
    pub fn compile(forest: &Forest, scaler: &Scaler, blind: &[u16]) -> Option<Self> {
        if forest.columns() > COLUMNS || forest.roots.len() > MOST_TREES {
            return None;
        }
        let codes: Vec<[f32; 256]> = (0..forest.columns())
            .map(|column| {
                // What is left out is everywhere the same.
                if blind.contains(&(column as u16)) { [0.0; 256] } else { scaler.scaled_codes(column) }
            })
            .collect();
        let compile = |root: &u32| QuantizedTree::compile(forest, *root as usize, &codes);
        let trees = forest.roots.iter().map(compile).collect::<Option<_>>()?;
        Some(Self { trees, mean_path: forest.mean_path, kernel: Kernel::best() })
    }

    /// Scores in another way than the fastest.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// The sum of each sample's path lengths over all trees, in units of 2^-19 levels. Of a sum above the limit it is
    /// only said that it is above: where all are, the rest of the trees is spared.
    #[inline]
    pub fn paths(&self, block: &Block, limit: u32, sums: &mut [u32; BLOCK]) {
        match self.kernel.instructions() {
            Instructions::Scalar => scalar::paths(&self.trees, block, limit, sums),
            // SAFETY: there is such a kernel only where the machine was found to have AVX2.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::paths(&self.trees, block, limit, sums) },
            // SAFETY: as above, of AVX-512 F, BW and VBMI.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512::paths(&self.trees, block, limit, sums) },
        }
    }

    /// The score of a sum of paths: see [`Forest::score`].
    pub fn score(&self, paths: u32) -> f64 {
        libm::exp2(-f64::from(paths) / UNITS / self.trees.len() as f64 / self.mean_path)
    }

    /// A sum of paths above which every score is below `score`.
    pub fn longest_path(&self, score: f64) -> u32 {
        let paths =
            -libm::log2(score.max(f64::MIN_POSITIVE)) * self.mean_path * self.trees.len() as f64 * UNITS;
        // One unit for what the logarithm rounds.
        paths.clamp(0.0, f64::from(u32::MAX - 1)) as u32 + 1
    }
}

impl QuantizedTree {
    fn compile(forest: &Forest, root: usize, codes: &[[f32; 256]]) -> Option<Self> {
        let mut tree =
            Self { features: [0; LEAVES], limits: [u8::MAX ^ FLIP; LEAVES], paths: [[0; LEAVES]; 3] };
        tree.put(forest, root, codes, 1, 0).then_some(tree)
    }

    /// Puts what lies below a node of the forest below a place of this tree; whether there is room for it.
    fn put(&mut self, forest: &Forest, node: usize, codes: &[[f32; 256]], place: usize, level: u32) -> bool {
        match forest.nodes[node] {
            Node::Leaf { path } => {
                let width = LEAVES >> level;
                let first = (place << (LEVELS - level)) - LEAVES;
                let bytes = ((f64::from(path) * UNITS).round() as u32).to_le_bytes();
                for (plane, byte) in self.paths.iter_mut().zip(bytes) {
                    plane[first..first + width].fill(byte);
                }
                bytes[3] == 0
            }
            Node::Axis { feature, limit, low } => {
                let low = low as usize;
                match codes[usize::from(feature)].partition_point(|value| *value <= limit) {
                    0 => self.put(forest, low + 1, codes, place, level),
                    256 => self.put(forest, low, codes, place, level),
                    _ if level == LEVELS => false,
                    above => {
                        self.features[place] = feature as u8;
                        self.limits[place] = (above - 1) as u8 ^ FLIP;
                        self.put(forest, low, codes, 2 * place, level + 1)
                            && self.put(forest, low + 1, codes, 2 * place + 1, level + 1)
                    }
                }
            }
            Node::Oblique { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
