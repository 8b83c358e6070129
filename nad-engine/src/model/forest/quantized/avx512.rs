//! 64 samples at a time, by AVX-512 VBMI: a register holds what all nodes of six levels have of a table, and two that
//! of any level.

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_add_epi8, _mm512_add_epi16, _mm512_cmpgt_epi8_mask, _mm512_load_si512,
    _mm512_mask_blend_epi8, _mm512_mask_sub_epi8, _mm512_or_si512, _mm512_permutex2var_epi8,
    _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_setzero_si512, _mm512_slli_epi16,
    _mm512_srli_epi16, _mm512_storeu_si512, _mm512_sub_epi16, _mm512_subs_epu16, _mm512_test_epi8_mask,
};

use super::{
    BLOCK, Block, COLUMNS, QuantizedTree,
    lanes::{self, Descent},
};

/// Bytes of a vector.
const WIDTH: usize = 64;
/// Trees that are gone down side by side: each level of one waits for the level before.
const TOGETHER: usize = 2;

/// See [`lanes::paths`].
///
/// # Safety
///
/// The machine must have AVX-512 F, BW and VBMI.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn paths(trees: &[QuantizedTree], block: &Block, limit: u32, sums: &mut [u32; BLOCK]) {
    // SAFETY: the caller's promise; blocks and trees are aligned to 64 bytes.
    unsafe { lanes::paths::<Avx512>(trees, block, limit, sums) };
}

struct Avx512;

// Sums are kept as that of the even and 256 times the odd ones together, and that of the odd ones.
impl Descent for Avx512 {
    type Sums = [__m512i; 2];

    const LANES: usize = WIDTH;

    #[inline(always)]
    unsafe fn go_down(trees: &[QuantizedTree], columns: *const u8, planes: &mut [Self::Sums; 3]) {
        let (pairs, rest) = trees.as_chunks::<TOGETHER>();
        // SAFETY: the caller's promise, here and below.
        unsafe {
            for pair in pairs {
                go_down(pair, columns, planes);
            }
            for tree in rest {
                go_down(std::array::from_ref(tree), columns, planes);
            }
        }
    }

    #[inline(always)]
    unsafe fn no_sums() -> [__m512i; 2] {
        // SAFETY: the caller's promise.
        unsafe { [_mm512_setzero_si512(); 2] }
    }

    #[inline(always)]
    unsafe fn are_above(sums: &[__m512i; 2], limit: u16) -> bool {
        // SAFETY: the caller's promise. What a saturating subtraction leaves of the limit is what a sum lacks.
        unsafe {
            let limit = _mm512_set1_epi16(limit.saturating_add(1).cast_signed());
            let lacking =
                _mm512_or_si512(_mm512_subs_epu16(limit, even(sums)), _mm512_subs_epu16(limit, sums[1]));
            _mm512_test_epi8_mask(lacking, lacking) == 0
        }
    }

    #[inline(always)]
    unsafe fn sum(sums: &[__m512i; 2], lane: usize) -> u32 {
        let mut words = [0_u16; WIDTH / 2];
        // SAFETY: the caller's promise.
        unsafe {
            let of_lanes = if lane.is_multiple_of(2) { even(sums) } else { sums[1] };
            _mm512_storeu_si512(words.as_mut_ptr().cast(), of_lanes);
        }
        words[lane / 2].into()
    }
}

/// Takes samples down a few trees, level by level, and adds their paths.
#[inline(always)]
unsafe fn go_down<const N: usize>(
    trees: &[QuantizedTree; N],
    columns: *const u8,
    planes: &mut [[__m512i; 2]; 3],
) {
    // SAFETY: the caller's promise; nodes and features are below the sizes of their tables.
    unsafe {
        let mut nodes = [splat(2); N];
        let mut turns = [[0; 4]; N];
        for ((tree, node), [m0, ..]) in trees.iter().zip(&mut nodes).zip(&mut turns) {
            *m0 = above(nodes_column(tree, columns, 1), splat(tree.limits[1]));
            *node = _mm512_mask_blend_epi8(*m0, splat(2), splat(3));
        }
        // As long as a level has few nodes, the columns of all are cheaper to choose from than those of all features.
        for ((tree, node), [m0, m1, ..]) in trees.iter().zip(&mut nodes).zip(&mut turns) {
            *m1 = above(among_2(tree, columns, 2, *m0), upper_limit(tree, *node));
            *node = push(*node, *m1);
        }
        for ((tree, node), [m0, m1, m2, _]) in trees.iter().zip(&mut nodes).zip(&mut turns) {
            *m2 = above(among_4(tree, columns, 4, [*m0, *m1]), upper_limit(tree, *node));
            *node = push(*node, *m2);
        }
        for ((tree, node), [m0, m1, m2, m3]) in trees.iter().zip(&mut nodes).zip(&mut turns) {
            *m3 = above(among_8(tree, columns, 8, [*m0, *m1, *m2]), upper_limit(tree, *node));
            *node = push(*node, *m3);
        }
        for ((tree, node), [m0, m1, m2, m3]) in trees.iter().zip(&mut nodes).zip(&turns) {
            let low = among_8(tree, columns, 16, [*m1, *m2, *m3]);
            let high = among_8(tree, columns, 24, [*m1, *m2, *m3]);
            let code = _mm512_mask_blend_epi8(*m0, low, high);
            *node = push(*node, above(code, upper_limit(tree, *node)));
        }
        for (tree, node) in trees.iter().zip(&mut nodes) {
            let feature = _mm512_permutexvar_epi8(*node, load(tree.features.as_ptr()));
            *node = push(*node, above(column_of(columns, feature), upper_limit(tree, *node)));
        }
        for (tree, node) in trees.iter().zip(&mut nodes) {
            // Of a node's number the instruction takes the low six bits: that in its level.
            let feature = _mm512_permutexvar_epi8(*node, load(tree.features.as_ptr().add(WIDTH)));
            let limit = _mm512_permutexvar_epi8(*node, load(tree.limits.as_ptr().add(WIDTH)));
            *node = push(*node, above(column_of(columns, feature), limit));
        }
        for (tree, node) in trees.iter().zip(&mut nodes) {
            let feature = lookup_128(tree.features.as_ptr().add(2 * WIDTH), *node);
            let limit = lookup_128(tree.limits.as_ptr().add(2 * WIDTH), *node);
            // The ninth bit, which all leaves have, is lost.
            *node = push(*node, above(column_of(columns, feature), limit));
        }
        for ((tree, leaf), [m0, ..]) in trees.iter().zip(nodes).zip(turns) {
            for (sums, plane) in planes.iter_mut().zip(&tree.paths) {
                let table = plane.as_ptr();
                let (low, high) = (lookup_128(table, leaf), lookup_128(table.add(2 * WIDTH), leaf));
                add(sums, _mm512_mask_blend_epi8(m0, low, high));
            }
        }
    }
}

/// The limits of nodes of the first six levels.
#[inline(always)]
unsafe fn upper_limit(tree: &QuantizedTree, nodes: __m512i) -> __m512i {
    // SAFETY: the caller's promise, here and below.
    unsafe { _mm512_permutexvar_epi8(nodes, load(tree.limits.as_ptr())) }
}

#[inline(always)]
unsafe fn load(from: *const u8) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_load_si512(from.cast()) }
}

#[inline(always)]
unsafe fn splat(byte: u8) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_set1_epi8(byte.cast_signed()) }
}

#[inline(always)]
unsafe fn above(a: __m512i, b: __m512i) -> __mmask64 {
    // SAFETY: see above.
    unsafe { _mm512_cmpgt_epi8_mask(a, b) }
}

/// Twice the number, and one more where the mask says so.
#[inline(always)]
unsafe fn push(number: __m512i, mask: __mmask64) -> __m512i {
    // SAFETY: see above.
    unsafe {
        let twice = _mm512_add_epi8(number, number);
        _mm512_mask_sub_epi8(twice, mask, twice, splat(u8::MAX))
    }
}

/// The bytes of a table of 128, by the low seven bits of each index.
#[inline(always)]
unsafe fn lookup_128(table: *const u8, index: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_permutex2var_epi8(load(table), index, load(table.add(WIDTH))) }
}

#[inline(always)]
unsafe fn add([both, odd]: &mut [__m512i; 2], bytes: __m512i) {
    // SAFETY: see above.
    unsafe {
        *both = _mm512_add_epi16(*both, bytes);
        *odd = _mm512_add_epi16(*odd, _mm512_srli_epi16::<8>(bytes));
    }
}

/// The sums of the samples at even places, which fit 16 bits whatever was lost of both.
#[inline(always)]
unsafe fn even([both, odd]: &[__m512i; 2]) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_sub_epi16(*both, _mm512_slli_epi16::<8>(*odd)) }
}

/// The codes that a node compares.
#[inline(always)]
unsafe fn nodes_column(tree: &QuantizedTree, columns: *const u8, node: usize) -> __m512i {
    // SAFETY: see above.
    unsafe { load(columns.add(usize::from(*tree.features.get_unchecked(node)) * BLOCK)) }
}

/// The codes that the nodes compare which two, four or eight samples' turns lead to, from the first of these nodes on.
#[inline(always)]
unsafe fn among_2(tree: &QuantizedTree, columns: *const u8, first: usize, turn: __mmask64) -> __m512i {
    // SAFETY: see above.
    unsafe {
        let (low, high) = (nodes_column(tree, columns, first), nodes_column(tree, columns, first + 1));
        _mm512_mask_blend_epi8(turn, low, high)
    }
}

/// See [`among_2`].
#[inline(always)]
unsafe fn among_4(
    tree: &QuantizedTree,
    columns: *const u8,
    first: usize,
    [turn, next]: [__mmask64; 2],
) -> __m512i {
    // SAFETY: see above.
    unsafe {
        let (low, high) = (among_2(tree, columns, first, next), among_2(tree, columns, first + 2, next));
        _mm512_mask_blend_epi8(turn, low, high)
    }
}

/// See [`among_2`].
#[inline(always)]
unsafe fn among_8(
    tree: &QuantizedTree,
    columns: *const u8,
    first: usize,
    [turn, next, last]: [__mmask64; 3],
) -> __m512i {
    // SAFETY: see above.
    unsafe {
        let turns = [next, last];
        let (low, high) = (among_4(tree, columns, first, turns), among_4(tree, columns, first + 4, turns));
        _mm512_mask_blend_epi8(turn, low, high)
    }
}

/// Each sample's code of its own feature.
#[inline(always)]
unsafe fn column_of(columns: *const u8, feature: __m512i) -> __m512i {
    const { assert!(COLUMNS > 16 && COLUMNS <= 24 && COLUMNS.is_multiple_of(8)) };
    // SAFETY: see above; a feature beyond the last column is never asked for.
    unsafe {
        let bit = |bit: u8| _mm512_test_epi8_mask(feature, splat(1 << bit));
        let [b0, b1, b2, b3, b4] = [bit(0), bit(1), bit(2), bit(3), bit(4)];
        let at = |column: usize| load(columns.add(column * BLOCK));
        let pair = |first: usize| _mm512_mask_blend_epi8(b0, at(first), at(first + 1));
        let four = |first: usize| _mm512_mask_blend_epi8(b1, pair(first), pair(first + 2));
        let eight = |first: usize| _mm512_mask_blend_epi8(b2, four(first), four(first + 4));
        _mm512_mask_blend_epi8(b4, _mm512_mask_blend_epi8(b3, eight(0), eight(8)), eight(16))
    }
}
