//! What each CPU has to itself: its counters and the room it works in.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE, btf_maps::Array, helpers::bpf_get_smp_processor_id, macros::btf_map,
};
use nad_common::{
    counters::{CpuSlot, CpuState, slot},
    record::Direction,
    settings::MAX_CPUS,
};

use crate::output::Outcome;

/// Userspace reads it in its own memory.
#[btf_map]
static COUNTERS: Array<CpuSlot, { MAX_CPUS * Direction::ALL.len() }, { BPF_F_MMAPABLE as usize }> =
    Array::new();

/// The part of the CPU that runs this program, of which each direction has its own, however the two may nest.
///
/// # Safety
///
/// To be called once in a run of the program for this direction, which may hold what it gets until its end. The element
/// belongs to this CPU and direction, and no second run for it starts on the CPU before this one ends: both hooks run with
/// softirqs disabled, stay on their CPU, and send no packet themselves.
#[inline(always)]
pub(crate) unsafe fn this(direction: Direction) -> Option<&'static mut CpuState> {
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    // SAFETY: nobody else has it, as the caller sees to.
    COUNTERS.get_ptr_mut(slot(cpu, direction)).map(|element| unsafe { &mut (*element).state })
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
        Outcome::SampledOut => counters.sampled_out += 1,
        Outcome::RingFull => counters.ring_full += 1,
        Outcome::Unparsed(refusal) => counters.add_unparsed(refusal),
    }
}
