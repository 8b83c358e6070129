//! Where heads go: the first bytes of payloads that begin something.

use aya_ebpf::{
    Global,
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{ArrayOfMaps, RingBuf},
    helpers::bpf_get_smp_processor_id,
    macros::btf_map,
};
use nad_common::{
    counters::CpuState,
    frame::Frame,
    head::{self, MAX_HEAD, WireHead},
    record::Direction,
    settings::MAX_CPUS,
};

use crate::sampling;

#[unsafe(no_mangle)]
static LAST_HEAD: Global<u8> = Global::new(0);
#[unsafe(no_mangle)]
static HEAD_BYTES: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static HEADS_A_SECOND: Global<u32> = Global::new(0);

/// One ring for each CPU, put there by the loader.
#[btf_map]
static HEAD_RINGS: ArrayOfMaps<RingBuf<WireHead, 4096>, MAX_CPUS> = ArrayOfMaps::new();

/// Sends the head that this packet's payload is, if it is one that is wanted, before its record: where the record is seen,
/// so is its head. The record gets the head's number.
#[inline(always)]
pub(crate) fn write(frame: &impl Frame, payload: usize, direction: Direction, cpu: &mut CpuState) {
    let kind = cpu.record.head;
    if kind == 0 || kind > LAST_HEAD.load() {
        return;
    }
    if !cpu.heads.admits(cpu.record.time_ns, HEADS_A_SECOND.load(), sampling::level()) {
        cpu.counters.heads_left_out += 1;
        return;
    }
    // SAFETY: a helper without arguments.
    let number = unsafe { bpf_get_smp_processor_id() };
    let slot = HEAD_RINGS.get(number).and_then(|ring| ring.reserve_untyped::<WireHead>(0));
    let Some(mut slot) = slot else {
        cpu.counters.heads_lost += 1;
        return;
    };
    let limit = u32::from(cpu.record.payload_length).min(HEAD_BYTES.load()).min(MAX_HEAD as u32);
    cpu.record.head_number = cpu.heads.number();
    // SAFETY: the slot is this run's until it is submitted. Its bytes beyond the length are those of an earlier head, or 0:
    // the kernel gives rings zeroed pages.
    let head = unsafe { &mut *slot.as_mut_ptr() };
    head.time_ns = cpu.record.time_ns;
    head.number = cpu.record.head_number;
    head.direction = direction as u8;
    head.reserved = [0; 4];
    head.length = head::copy(frame, payload, limit as usize, &mut head.bytes) as u16;
    slot.submit(u64::from(BPF_RB_NO_WAKEUP));
    cpu.counters.heads += 1;
}
