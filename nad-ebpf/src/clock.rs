//! The time of a record: the kernel's monotonic clock, or the test clock where the loader says so.

use aya_ebpf::{Global, btf_maps::Array, helpers::bpf_ktime_get_ns, macros::btf_map};

#[unsafe(no_mangle)]
static USE_TEST_CLOCK: Global<u8> = Global::new(0);

#[btf_map]
static TEST_CLOCK: Array<u64, 1> = Array::new();

/// Nanoseconds.
#[inline(always)]
pub(crate) fn now() -> u64 {
    if USE_TEST_CLOCK.load() != 0 {
        return TEST_CLOCK.get(0).copied().unwrap_or(0);
    }
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() }
}
