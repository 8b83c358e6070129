//! Eight trees at a time, by AVX2.

use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _mm_loadl_epi64, _mm256_add_ps, _mm256_cmp_ps, _mm256_cvtepu8_epi32,
    _mm256_i32gather_ps, _mm256_load_ps, _mm256_movemask_ps, _mm256_mul_ps, _mm256_permute2f128_ps,
    _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::{ObliqueForest, TERMS, Values};

/// Trees that are gone down together.
const LANES: usize = 8;

/// See [`ObliqueForest::path`].
#[target_feature(enable = "avx2")]
pub(super) fn path(forest: &ObliqueForest, values: &Values, limit: f64) -> f64 {
    let splits = forest.splits;
    let mut total = 0.0;
    for roots in forest.roots.as_chunks::<LANES>().0 {
        let mut nodes = *roots;
        loop {
            let mut rows = [0_u32; LANES];
            for (row, node) in rows.iter_mut().zip(nodes) {
                *row = splits.min(node);
            }
            if rows == [splits; LANES] {
                break;
            }
            let turns = if forest.features.is_empty() {
                turns::<false>(forest, &rows, values)
            } else {
                turns::<true>(forest, &rows, values)
            };
            for (lane, node) in nodes.iter_mut().enumerate() {
                *node = forest.children[*node as usize][(turns >> lane & 1) as usize];
            }
        }
        for node in nodes {
            total += f64::from(forest.paths[(node - splits) as usize]);
        }
        if total > limit {
            break;
        }
    }
    total
}

/// Whether each row pushes the sample to the right, a bit a row.
#[inline]
#[target_feature(enable = "avx2")]
fn turns<const IS_SPARSE: bool>(forest: &ObliqueForest, rows: &[u32; LANES], values: &Values) -> u32 {
    let mut sums = _mm256_setzero_ps();
    for part in 0..forest.parts_per_row {
        // As many terms as lanes: a square is turned round.
        let mut products = [_mm256_setzero_ps(); LANES];
        for (product, row) in products.iter_mut().zip(rows) {
            let place = *row as usize * forest.parts_per_row + part;
            let terms = &forest.parts[place];
            let values = if IS_SPARSE {
                let features = &forest.features[place];
                // SAFETY: eight bytes are read, and features are numbers below that of values.
                unsafe {
                    let features = _mm256_cvtepu8_epi32(_mm_loadl_epi64(features.as_ptr().cast()));
                    _mm256_i32gather_ps::<4>(values.0.as_ptr(), features)
                }
            } else {
                let values = values.0.as_chunks::<TERMS>().0;
                // SAFETY: it is aligned, as the values are.
                unsafe { _mm256_load_ps(values[part].as_ptr()) }
            };
            // SAFETY: a part is aligned.
            let (points, coefficients) = unsafe {
                (_mm256_load_ps(terms.points.as_ptr()), _mm256_load_ps(terms.coefficients.as_ptr()))
            };
            *product = _mm256_mul_ps(_mm256_sub_ps(values, points), coefficients);
        }
        for term in transposed(&products) {
            sums = _mm256_add_ps(sums, term);
        }
    }
    _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(sums, _mm256_setzero_ps())).cast_unsigned()
}

/// Lane i of vector j becomes lane j of vector i.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: &[__m256; LANES]) -> [__m256; LANES] {
    let mut pairs = [_mm256_setzero_ps(); LANES];
    for i in 0..LANES / 2 {
        pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = [_mm256_setzero_ps(); LANES];
    for half in 0..2 {
        for i in 0..2 {
            let (first, second) = (pairs[4 * half + i], pairs[4 * half + i + 2]);
            fours[4 * half + 2 * i] = _mm256_shuffle_ps::<0x44>(first, second);
            fours[4 * half + 2 * i + 1] = _mm256_shuffle_ps::<0xee>(first, second);
        }
    }
    let mut columns = [_mm256_setzero_ps(); LANES];
    for i in 0..LANES / 2 {
        columns[i] = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
        columns[i + 4] = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
    }
    columns
}
