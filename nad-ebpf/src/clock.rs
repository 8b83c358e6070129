//! The time of a record: the kernel's monotonic clock, or the test clock where the loader says so.

use aya_ebpf::{
    Global,
    btf_maps::{Array, PerCpuArray},
    helpers::{bpf_jiffies64, bpf_ktime_get_ns},
    macros::btf_map,
};
use nad_common::clock::ClockState;

#[unsafe(no_mangle)]
static USE_TEST_CLOCK: Global<u8> = Global::new(0);

#[btf_map]
static TEST_CLOCK: Array<u64, 1> = Array::new();

/// One for both directions, so that a ring's records are in the order of their times.
#[btf_map]
static CLOCK: PerCpuArray<ClockState, 1> = PerCpuArray::new();

/// Nanoseconds; how exact, [`ClockState::now`] says.
#[inline(always)]
pub(crate) fn now() -> u64 {
    if USE_TEST_CLOCK.load() != 0 {
        return TEST_CLOCK.get(0).copied().unwrap_or(0);
    }
    let Some(state) = CLOCK.get_ptr_mut(0) else { return exact() };
    // SAFETY: the element is this CPU's; the helper has no arguments (the kernel makes one load of its call, where
    // the coarse clock would take half as long as the exact one).
    unsafe { (*state).now(bpf_jiffies64(), exact) }
}

#[inline(always)]
fn exact() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() }
}
