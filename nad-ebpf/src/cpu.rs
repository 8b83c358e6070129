//! What each CPU has to itself: its counters and the room it works in.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use nad_common::{counters::CpuState, record::Direction};

use crate::output::Outcome;

#[btf_map]
static COUNTERS: PerCpuArray<CpuState, { Direction::ALL.len() }> = PerCpuArray::new();

/// The part of the CPU that runs this program, of which each direction has its own, however the two may nest.
#[inline(always)]
pub(crate) fn this(direction: Direction) -> Option<&'static mut CpuState> {
    // SAFETY: the element belongs to this CPU and this direction, and no second run for it starts on the CPU before
    // this one ends: both hooks run with softirqs disabled, and neither sends a packet itself.
    COUNTERS.get_ptr_mut(direction as u32).map(|element| unsafe { &mut *element })
}

/// Adds one frame and its outcome.
#[inline(always)]
pub(crate) fn count(cpu: &mut CpuState, direction: Direction, outcome: Outcome) {
    let counters = &mut cpu.counters;
    counters.seen += 1;
    if direction == Direction::Egress {
        counters.egress += 1;
    }
    match outcome {
        Outcome::Recorded => counters.recorded += 1,
        Outcome::Thinned => counters.thinned += 1,
        Outcome::RingFull => counters.ring_full += 1,
        Outcome::Unparsed(refusal) => counters.add_unparsed(refusal),
    }
}
