//! Sixteen trees at a time, by AVX-512.

use std::arch::x86_64::{
    __m256, __m512, __m512i, _CMP_GT_OQ, _mm_loadl_epi64, _mm_unpacklo_epi64, _mm256_load_ps,
    _mm512_add_epi32, _mm512_add_ps, _mm512_castps256_ps512, _mm512_castps512_ps256, _mm512_cmp_ps_mask,
    _mm512_cmplt_epu32_mask, _mm512_cvtepu8_epi32, _mm512_cvtps_pd, _mm512_extractf32x8_ps,
    _mm512_i32gather_epi32, _mm512_i32gather_ps, _mm512_insertf32x8, _mm512_load_ps, _mm512_loadu_si512,
    _mm512_maskz_set1_epi32, _mm512_min_epu32, _mm512_mul_ps, _mm512_permutex2var_ps, _mm512_reduce_add_pd,
    _mm512_set1_epi32, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_shuffle_ps, _mm512_storeu_si512,
    _mm512_sub_epi32, _mm512_sub_ps, _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};

use super::{ObliqueForest, Part, TERMS, Values};

/// Trees that are gone down together.
const LANES: usize = 16;

/// As many again beside them: each level of a tree waits for the level before.
const SIDE_BY_SIDE: usize = 2;

/// See [`ObliqueForest::path`].
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub(super) fn path(forest: &ObliqueForest, values: &Values, limit: f64) -> f64 {
    let mut total = 0.0;
    let (several, rest) = forest.roots.as_chunks::<LANES>().0.as_chunks::<SIDE_BY_SIDE>();
    for roots in several {
        total += go_down(forest, roots, values);
        if total > limit {
            return total;
        }
    }
    for roots in rest {
        total += go_down(forest, &[*roots], values);
    }
    total
}

/// The sum of the sample's paths through a few times 16 trees.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn go_down<const TIMES: usize>(
    forest: &ObliqueForest,
    roots: &[[u32; LANES]; TIMES],
    values: &Values,
) -> f64 {
    let splits = _mm512_set1_epi32(forest.splits.cast_signed());
    let mut nodes = [splits; TIMES];
    let mut are_splits = 0;
    for (nodes, roots) in nodes.iter_mut().zip(roots) {
        // SAFETY: there are 16 of 32 bits.
        *nodes = unsafe { _mm512_loadu_si512(roots.as_ptr().cast()) };
        are_splits |= _mm512_cmplt_epu32_mask(*nodes, splits);
    }
    while are_splits != 0 {
        are_splits = 0;
        for nodes in &mut nodes {
            let mut rows = [0_u32; LANES];
            // SAFETY: there is room for 16 of 32 bits.
            unsafe { _mm512_storeu_si512(rows.as_mut_ptr().cast(), _mm512_min_epu32(*nodes, splits)) };
            let turns = if forest.features.is_empty() {
                turns::<false>(forest, &rows, values)
            } else {
                turns::<true>(forest, &rows, values)
            };
            let twice = _mm512_add_epi32(*nodes, *nodes);
            let places = _mm512_add_epi32(twice, _mm512_maskz_set1_epi32(turns, 1));
            // SAFETY: nodes are numbers below that of pairs of children.
            *nodes = unsafe { _mm512_i32gather_epi32::<4>(places, forest.children.as_ptr().cast()) };
            are_splits |= _mm512_cmplt_epu32_mask(*nodes, splits);
        }
    }
    let mut total = 0.0;
    for nodes in nodes {
        total += sum_of_paths(forest, _mm512_sub_epi32(nodes, splits));
    }
    total
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn sum_of_paths(forest: &ObliqueForest, leaves: __m512i) -> f64 {
    // SAFETY: there is a path for every leaf.
    let paths = unsafe { _mm512_i32gather_ps::<4>(leaves, forest.paths.as_ptr()) };
    let (low, high) = (_mm512_castps512_ps256(paths), _mm512_extractf32x8_ps::<1>(paths));
    _mm512_reduce_add_pd(_mm512_cvtps_pd(low)) + _mm512_reduce_add_pd(_mm512_cvtps_pd(high))
}

/// Whether each row pushes the sample to the right, a bit a row.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn turns<const IS_SPARSE: bool>(forest: &ObliqueForest, rows: &[u32; LANES], values: &Values) -> u16 {
    // SAFETY: there are 32 values, and they are aligned.
    let all = unsafe { (_mm512_load_ps(values.0.as_ptr()), _mm512_load_ps(values.0[LANES..].as_ptr())) };
    let mut sums = _mm512_setzero_ps();
    for part in 0..forest.parts_per_row {
        let mut products = [_mm512_setzero_ps(); TERMS];
        for (i, product) in products.iter_mut().enumerate() {
            // So that the lanes come out in order: see `transposed`.
            let lane = i % 4 + i / 4 * 8;
            let [first, second] =
                [rows[lane], rows[lane + 4]].map(|row| row as usize * forest.parts_per_row + part);
            let values = if IS_SPARSE {
                pick(all, &forest.features[first], &forest.features[second])
            } else {
                let values = values.0.as_chunks::<TERMS>().0;
                both(&values[part], &values[part])
            };
            let (first, second): (&Part, &Part) = (&forest.parts[first], &forest.parts[second]);
            let points = both(&first.points, &second.points);
            let coefficients = both(&first.coefficients, &second.coefficients);
            *product = _mm512_mul_ps(_mm512_sub_ps(values, points), coefficients);
        }
        for term in transposed(&products) {
            sums = _mm512_add_ps(sums, term);
        }
    }
    _mm512_cmp_ps_mask::<_CMP_GT_OQ>(sums, _mm512_setzero_ps())
}

/// Eight numbers and eight others.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn both(first: &[f32; TERMS], second: &[f32; TERMS]) -> __m512 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
    fn load(numbers: &[f32; TERMS]) -> __m256 {
        // SAFETY: values and parts are aligned, and so are their eights.
        unsafe { _mm256_load_ps(numbers.as_ptr()) }
    }
    _mm512_insertf32x8::<1>(_mm512_castps256_ps512(load(first)), load(second))
}

/// The values of eight features and of eight others.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn pick((low, high): (__m512, __m512), first: &[u8; TERMS], second: &[u8; TERMS]) -> __m512 {
    // SAFETY: eight bytes are read of each.
    let (first, second) =
        unsafe { (_mm_loadl_epi64(first.as_ptr().cast()), _mm_loadl_epi64(second.as_ptr().cast())) };
    let features = _mm512_cvtepu8_epi32(_mm_unpacklo_epi64(first, second));
    _mm512_permutex2var_ps(low, features, high)
}

/// From two rows in each vector, four terms of a row in each quarter of it, to a term of all rows in each vector: of rows
/// 0 and 4, 1 and 5, 2 and 6, 3 and 7, and of 8 and 12 and so on.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn transposed(rows: &[__m512; TERMS]) -> [__m512; TERMS] {
    let mut quarters = [_mm512_setzero_ps(); TERMS];
    for half in 0..2 {
        let [a, b, c, d] = [rows[4 * half], rows[4 * half + 1], rows[4 * half + 2], rows[4 * half + 3]];
        let (low, high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (other_low, other_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        quarters[4 * half] = _mm512_shuffle_ps::<0x44>(low, other_low);
        quarters[4 * half + 1] = _mm512_shuffle_ps::<0xee>(low, other_low);
        quarters[4 * half + 2] = _mm512_shuffle_ps::<0x44>(high, other_high);
        quarters[4 * half + 3] = _mm512_shuffle_ps::<0xee>(high, other_high);
    }
    let mut terms = [_mm512_setzero_ps(); TERMS];
    for i in 0..4 {
        terms[i] = _mm512_shuffle_f32x4::<0b10_00_10_00>(quarters[i], quarters[i + 4]);
        terms[i + 4] = _mm512_shuffle_f32x4::<0b11_01_11_01>(quarters[i], quarters[i + 4]);
    }
    terms
}
