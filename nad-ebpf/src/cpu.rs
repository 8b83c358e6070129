//! What each CPU has to itself: its counters and the room it works in.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use nad_common::counters::CpuState;

use crate::output::Outcome;

#[btf_map]
static COUNTERS: PerCpuArray<CpuState, 1> = PerCpuArray::new();

/// The part of the CPU that runs this program.
#[inline(always)]
pub(crate) fn this() -> Option<&'static mut CpuState> {
    // SAFETY: the element belongs to this CPU, and no second XDP program run starts on it before this one ends.
    COUNTERS.get_ptr_mut(0).map(|element| unsafe { &mut *element })
}

/// Adds one frame and its outcome.
#[inline(always)]
pub(crate) fn count(cpu: &mut CpuState, outcome: Outcome) {
    let counters = &mut cpu.counters;
    counters.seen += 1;
    match outcome {
        Outcome::Recorded => counters.recorded += 1,
        Outcome::RingFull => counters.ring_full += 1,
        Outcome::Unparsed(refusal) => counters.add_unparsed(refusal),
    }
}
