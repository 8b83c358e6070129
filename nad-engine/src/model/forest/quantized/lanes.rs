//! Taking many samples through a tree at once, in terms of what a vector unit offers.

use super::{BETWEEN_LOOKS, BLOCK, Block, COLUMNS, QuantizedTree};

/// A way of taking many samples down a tree together.
///
/// What uses vectors is inlined into functions that may (`#[target_feature]`), down to plain loops: a closure that
/// the standard library calls is compiled without their instructions, and takes twenty times as long.
///
/// # Safety
///
/// All may only be called where the machine has what they use; pointers must be good for a vector's bytes, those to
/// tables for the table's.
pub(super) trait Descent {
    /// Sums of 16 bits: of the samples at even places, and of those at odd ones.
    type Sums: Copy;

    /// Samples that are taken together.
    const LANES: usize;

    /// Takes samples down each of a few trees and adds the three bytes of their paths.
    unsafe fn go_down(trees: &[QuantizedTree], columns: *const u8, planes: &mut [Self::Sums; 3]);
    unsafe fn no_sums() -> Self::Sums;
    /// Whether every sum is above a limit.
    unsafe fn are_above(sums: &Self::Sums, limit: u16) -> bool;
    /// The sum of a sample.
    unsafe fn sum(sums: &Self::Sums, lane: usize) -> u32;
}

/// Vectors of bytes, one a sample, that look up in tables of 16: enough for [`go_down`].
///
/// # Safety
///
/// See [`Descent`].
pub(super) trait Lanes: Descent {
    /// A byte for each sample.
    type Bytes: Copy;
    /// Yes or no for each sample.
    type Mask: Copy;

    unsafe fn load(from: *const u8) -> Self::Bytes;
    unsafe fn splat(byte: u8) -> Self::Bytes;
    /// Where `a` is greater than `b`, both signed.
    unsafe fn above(a: Self::Bytes, b: Self::Bytes) -> Self::Mask;
    unsafe fn select(mask: Self::Mask, yes: Self::Bytes, no: Self::Bytes) -> Self::Bytes;
    unsafe fn select_mask(mask: Self::Mask, yes: Self::Mask, no: Self::Mask) -> Self::Mask;
    /// Where a bit, from 0 to 7, is set.
    unsafe fn bit<const BIT: i32>(bytes: Self::Bytes) -> Self::Mask;
    /// Twice the number, and one more where the mask says so.
    unsafe fn push(number: Self::Bytes, mask: Self::Mask) -> Self::Bytes;
    /// The low four bits of each byte.
    unsafe fn low_bits(bytes: Self::Bytes) -> Self::Bytes;
    /// The bytes of a table of 16, by the low four bits of each index, whose top bit is not set.
    unsafe fn lookup(table: *const u8, index: Self::Bytes) -> Self::Bytes;
    unsafe fn add(sums: Self::Sums, bytes: Self::Bytes) -> Self::Sums;
}

/// Sums the paths of all samples of a block; sums that are all above the limit may be those of fewer trees.
///
/// # Safety
///
/// See [`Descent`].
#[inline(always)]
pub(super) unsafe fn paths<D: Descent>(
    trees: &[QuantizedTree],
    block: &Block,
    limit: u32,
    sums: &mut [u32; BLOCK],
) {
    // The high bytes alone are a lower bound.
    let high_limit = u16::try_from(limit >> 16).unwrap_or(u16::MAX);
    for first in (0..BLOCK).step_by(D::LANES) {
        // SAFETY: the caller's promise; `first` and the lanes from it on lie in every column.
        unsafe {
            let columns = block.columns.as_ptr().cast::<u8>().add(first);
            let mut planes = [D::no_sums(); 3];
            for trees in trees.chunks(BETWEEN_LOOKS) {
                D::go_down(trees, columns, &mut planes);
                if D::are_above(&planes[2], high_limit) {
                    break;
                }
            }
            for (lane, sum) in sums[first..first + D::LANES].iter_mut().enumerate() {
                let [low, middle, high] = planes.each_ref().map(|plane| D::sum(plane, lane));
                *sum = low + (middle << 8) + (high << 16);
            }
        }
    }
}

/// Takes samples down one tree and adds their paths. `m0` to `m7` are the turns taken, so the number of the node in its
/// level has `m0` as its highest bit.
#[inline(always)]
pub(super) unsafe fn go_down<L: Lanes>(tree: &QuantizedTree, columns: *const u8, planes: &mut [L::Sums; 3]) {
    let (features, limits) = (tree.features.as_ptr(), tree.limits.as_ptr());
    // SAFETY: as for the caller; nodes and features are below the sizes of their tables.
    unsafe {
        let node = |node: usize| {
            let column = L::load(columns.add(usize::from(*features.add(node)) * BLOCK));
            L::above(column, L::splat(*limits.add(node)))
        };
        let pick = |mask, first: usize| L::select_mask(mask, node(first + 1), node(first));
        let m0 = node(1);
        let m1 = pick(m0, 2);
        let m2 = L::select_mask(m0, pick(m1, 6), pick(m1, 4));
        let upper = L::select_mask(m1, pick(m2, 14), pick(m2, 12));
        let m3 = L::select_mask(m0, upper, L::select_mask(m1, pick(m2, 10), pick(m2, 8)));

        let mut index = L::splat(0);
        for turn in [m0, m1, m2, m3] {
            index = L::push(index, turn);
        }
        let turn = |feature, limit| L::above(column_of::<L>(columns, feature), limit);
        let m4 = turn(L::lookup(features.add(16), index), L::lookup(limits.add(16), index));
        index = L::push(index, m4);
        let m5 = turn(lookup_32::<L>(features.add(32), index, m0), lookup_32::<L>(limits.add(32), index, m0));
        index = L::push(index, m5);
        let m6 = turn(
            lookup_64::<L>(features.add(64), index, [m0, m1]),
            lookup_64::<L>(limits.add(64), index, [m0, m1]),
        );
        index = L::push(index, m6);
        let m7 = turn(
            lookup_128::<L>(features.add(128), index, [m0, m1, m2]),
            lookup_128::<L>(limits.add(128), index, [m0, m1, m2]),
        );
        index = L::low_bits(L::push(index, m7));
        for (sums, plane) in planes.iter_mut().zip(&tree.paths) {
            let table = plane.as_ptr();
            let path = L::select(
                m0,
                lookup_128::<L>(table.add(128), index, [m1, m2, m3]),
                lookup_128::<L>(table, index, [m1, m2, m3]),
            );
            *sums = L::add(*sums, path);
        }
    }
}

#[inline(always)]
unsafe fn lookup_32<L: Lanes>(table: *const u8, index: L::Bytes, m0: L::Mask) -> L::Bytes {
    // SAFETY: the caller's promise.
    unsafe { L::select(m0, L::lookup(table.add(16), index), L::lookup(table, index)) }
}

#[inline(always)]
unsafe fn lookup_64<L: Lanes>(table: *const u8, index: L::Bytes, [m0, m1]: [L::Mask; 2]) -> L::Bytes {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (lookup_32::<L>(table, index, m1), lookup_32::<L>(table.add(32), index, m1));
        L::select(m0, high, low)
    }
}

#[inline(always)]
unsafe fn lookup_128<L: Lanes>(table: *const u8, index: L::Bytes, [m0, m1, m2]: [L::Mask; 3]) -> L::Bytes {
    // SAFETY: the caller's promise.
    unsafe {
        let low = lookup_64::<L>(table, index, [m1, m2]);
        L::select(m0, lookup_64::<L>(table.add(64), index, [m1, m2]), low)
    }
}

/// Each sample's code of its own feature.
#[inline(always)]
unsafe fn column_of<L: Lanes>(columns: *const u8, feature: L::Bytes) -> L::Bytes {
    // SAFETY: the caller's promise; a feature beyond the last column is never asked for, and the last pair that is
    // looked at is the last there is.
    unsafe {
        let bits = [L::bit::<0>(feature), L::bit::<1>(feature), L::bit::<2>(feature), L::bit::<3>(feature)];
        let low = choose::<L, 3>(columns, 0, &bits);
        if COLUMNS <= 16 {
            return low;
        }
        L::select(L::bit::<4>(feature), choose::<L, 3>(columns, 16, &bits), low)
    }
}

/// The column among `2 << BIT` from `first` on that the bits up to `BIT` say.
#[inline(always)]
unsafe fn choose<L: Lanes, const BIT: usize>(
    columns: *const u8,
    first: usize,
    bits: &[L::Mask; 4],
) -> L::Bytes {
    // SAFETY: the caller's promise.
    unsafe {
        let pair = |first: usize| {
            let at = |column: usize| L::load(columns.add(column * BLOCK));
            L::select(bits[0], at(first + 1), at(first))
        };
        let four = |first: usize| {
            if first + 2 >= COLUMNS {
                return pair(first);
            }
            L::select(bits[1], pair(first + 2), pair(first))
        };
        let eight = |first: usize| {
            if first + 4 >= COLUMNS {
                return four(first);
            }
            L::select(bits[2], four(first + 4), four(first))
        };
        if BIT < 3 || first + 8 >= COLUMNS {
            return eight(first);
        }
        L::select(bits[3], eight(first + 8), eight(first))
    }
}
