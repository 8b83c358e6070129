//! What each CPU has to itself: its counters and the room it works in.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use nad_common::{counters::KernelCounters, record::PacketRecord};

use crate::output::Outcome;

/// One CPU's part. The loader reads the counters, which come first.
#[repr(C)]
pub(crate) struct Cpu {
    counters: KernelCounters,
    /// The record being made. In a map rather than on the stack, where the verifier would follow every field.
    pub(crate) record: PacketRecord,
    /// See [`Frame::meet`](nad_common::frame::Frame::meet).
    pub(crate) meeting_point: usize,
}

#[btf_map]
static COUNTERS: PerCpuArray<Cpu, 1> = PerCpuArray::new();

impl Cpu {
    /// The part of the CPU that runs this program.
    #[inline(always)]
    pub(crate) fn this() -> Option<&'static mut Self> {
        // SAFETY: the element belongs to this CPU, and no second XDP program run starts on it before this one ends.
        COUNTERS.get_ptr_mut(0).map(|element| unsafe { &mut *element })
    }

    /// Adds one frame and its outcome.
    #[inline(always)]
    pub(crate) fn count(&mut self, outcome: Outcome) {
        let counters = &mut self.counters;
        counters.seen += 1;
        match outcome {
            Outcome::Recorded => counters.recorded += 1,
            Outcome::RingFull => counters.ring_full += 1,
            Outcome::Unparsed(refusal) => {
                if let Some(counter) = counters.unparsed.get_mut(refusal as usize) {
                    *counter += 1;
                }
            }
        }
    }
}
