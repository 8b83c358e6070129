//! Asking the memory for what is needed soon.

/// Bytes that come from the memory together.
const LINE: usize = 64;

/// Asks the memory for a stretch of it.
#[inline]
pub fn prefetch_all(bytes: &[u8]) {
    bytes.iter().step_by(LINE).for_each(prefetch);
}

/// Asks the memory for the line on which a value begins.
#[inline]
pub(super) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; any address is allowed, and this one is valid.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
