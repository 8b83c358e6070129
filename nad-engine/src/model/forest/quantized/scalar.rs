//! One sample after the other, several at a time so that the machine has something to do while it waits for a node.

use super::{BETWEEN_LOOKS, BLOCK, Block, LEAVES, LEVELS, QuantizedTree};

const TOGETHER: usize = 16;

pub(super) fn paths(trees: &[QuantizedTree], block: &Block, limit: u32, sums: &mut [u32; BLOCK]) {
    sums.fill(0);
    let codes: &[u8] = block.columns.as_flattened();
    for (number, tree) in trees.iter().enumerate() {
        if number % BETWEEN_LOOKS == 0 && sums.iter().all(|sum| *sum > limit) {
            return;
        }
        for (first, sums) in (0..BLOCK).step_by(TOGETHER).zip(sums.chunks_exact_mut(TOGETHER)) {
            let mut nodes = [1_usize; TOGETHER];
            for _ in 0..LEVELS {
                for (lane, node) in nodes.iter_mut().enumerate() {
                    let feature = usize::from(tree.features[*node % LEAVES]);
                    let code = codes[(feature * BLOCK + first + lane).min(codes.len() - 1)];
                    let is_right = code.cast_signed() > tree.limits[*node % LEAVES].cast_signed();
                    *node = 2 * *node + usize::from(is_right);
                }
            }
            for (sum, node) in sums.iter_mut().zip(nodes) {
                let [low, middle, high] = tree.paths.each_ref().map(|plane| u32::from(plane[node % LEAVES]));
                *sum += low + (middle << 8) + (high << 16);
            }
        }
    }
}
