//! 32 samples at a time, by AVX2.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_load_si128, _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256,
    _mm256_blendv_epi8, _mm256_broadcastsi128_si256, _mm256_cmpgt_epi8, _mm256_load_si256, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16,
    _mm256_srli_epi16, _mm256_storeu_si256, _mm256_sub_epi8, _mm256_subs_epu16, _mm256_testz_si256,
};

use super::{
    BLOCK, Block, QuantizedTree,
    lanes::{self, Descent, Lanes},
};

/// See [`lanes::paths`].
///
/// # Safety
///
/// The machine must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn paths(trees: &[QuantizedTree], block: &Block, limit: u32, sums: &mut [u32; BLOCK]) {
    // SAFETY: the caller's promise; blocks and trees are aligned to 64 bytes.
    unsafe { lanes::paths::<Avx2>(trees, block, limit, sums) };
}

struct Avx2;

impl Descent for Avx2 {
    type Sums = [__m256i; 2];

    const LANES: usize = 32;

    #[inline(always)]
    unsafe fn go_down(trees: &[QuantizedTree], columns: *const u8, planes: &mut [Self::Sums; 3]) {
        // SAFETY: the caller's promise, here and below.
        unsafe {
            for tree in trees {
                lanes::go_down::<Self>(tree, columns, planes);
            }
        }
    }

    #[inline(always)]
    unsafe fn no_sums() -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    unsafe fn are_above([even, odd]: &[__m256i; 2], limit: u16) -> bool {
        // SAFETY: see above. What a saturating subtraction leaves of the limit is what a sum lacks.
        unsafe {
            let limit = _mm256_set1_epi16(limit.saturating_add(1).cast_signed());
            let lacking = _mm256_or_si256(_mm256_subs_epu16(limit, *even), _mm256_subs_epu16(limit, *odd));
            _mm256_testz_si256(lacking, lacking) != 0
        }
    }

    #[inline(always)]
    unsafe fn sum(sums: &[__m256i; 2], lane: usize) -> u32 {
        let mut words = [0_u16; 16];
        // SAFETY: see above.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sums[lane % 2]) };
        words[lane / 2].into()
    }
}

// A mask is a vector of which only the top bit of each byte counts.
impl Lanes for Avx2 {
    type Bytes = __m256i;
    type Mask = __m256i;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_load_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn above(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_cmpgt_epi8(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_blendv_epi8(no, yes, mask) }
    }

    #[inline(always)]
    unsafe fn select_mask(mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { Self::select(mask, yes, no) }
    }

    #[inline(always)]
    unsafe fn bit<const BIT: i32>(bytes: __m256i) -> __m256i {
        // SAFETY: see above. A word's shift takes each byte's bit to its own top, whatever comes in below it.
        unsafe {
            match BIT {
                0 => _mm256_slli_epi16::<7>(bytes),
                1 => _mm256_slli_epi16::<6>(bytes),
                2 => _mm256_slli_epi16::<5>(bytes),
                3 => _mm256_slli_epi16::<4>(bytes),
                4 => _mm256_slli_epi16::<3>(bytes),
                5 => _mm256_slli_epi16::<2>(bytes),
                6 => _mm256_slli_epi16::<1>(bytes),
                _ => bytes,
            }
        }
    }

    #[inline(always)]
    unsafe fn push(number: __m256i, mask: __m256i) -> __m256i {
        // SAFETY: see above. All turns are outcomes of comparisons, and so 0 or -1.
        unsafe { _mm256_sub_epi8(_mm256_add_epi8(number, number), mask) }
    }

    #[inline(always)]
    unsafe fn lookup(table: *const u8, index: __m256i) -> __m256i {
        // SAFETY: see above. Of an index the instruction takes the low four bits, and 0 where the top one is set.
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_load_si128(table.cast::<__m128i>()));
            _mm256_shuffle_epi8(table, index)
        }
    }

    #[inline(always)]
    unsafe fn low_bits(bytes: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_and_si256(bytes, _mm256_set1_epi8(0x0f)) }
    }

    #[inline(always)]
    unsafe fn add([even, odd]: [__m256i; 2], bytes: __m256i) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_and_si256(bytes, _mm256_set1_epi16(0x00ff));
            [_mm256_add_epi16(even, low), _mm256_add_epi16(odd, _mm256_srli_epi16::<8>(bytes))]
        }
    }
}
