//! Where records go.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{ArrayOfMaps, RingBuf},
    helpers::bpf_get_smp_processor_id,
    macros::btf_map,
};
use nad_common::{
    record::{LONG_RECORD, PacketRecord, SAMPLED_OUT_BYTES, SAMPLED_OUT_OFFSET, SHORT_RECORD},
    refusal::Refusal,
    settings::MAX_CPUS,
};

/// What became of one frame.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// Its record is in the ring.
    Recorded,
    /// It was left out on purpose.
    SampledOut,
    /// There was no room for its record.
    RingFull,
    /// It could not be attributed to anyone.
    Unparsed(Refusal),
}

/// One ring for each CPU, put there by the loader, so that CPUs do not fight over one. The inner size is only
/// a pattern: the loader chooses its own.
#[btf_map]
static RINGS: ArrayOfMaps<RingBuf<PacketRecord, 4096>, MAX_CPUS> = ArrayOfMaps::new();

/// Copies the record into a slot of this CPU's ring, without waking the reader: it polls.
#[inline(always)]
pub(crate) fn write(record: &PacketRecord) -> Outcome {
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let Some(ring) = RINGS.get(cpu) else { return Outcome::RingFull };
    // A reservation's size must be known to the verifier, hence one call for each of the four.
    const SHORT_SAMPLED_OUT: usize = SHORT_RECORD + SAMPLED_OUT_BYTES;
    const LONG_SAMPLED_OUT: usize = LONG_RECORD + SAMPLED_OUT_BYTES;
    match record.wire_length() {
        SHORT_RECORD => write_bytes::<SHORT_RECORD>(ring, record),
        SHORT_SAMPLED_OUT => write_bytes::<SHORT_SAMPLED_OUT>(ring, record),
        LONG_RECORD => write_bytes::<LONG_RECORD>(ring, record),
        _ => write_bytes::<LONG_SAMPLED_OUT>(ring, record),
    }
}

#[inline(always)]
fn write_bytes<const N: usize>(ring: &RingBuf<PacketRecord, 4096>, record: &PacketRecord) -> Outcome {
    /// A slot starts at a multiple of 8 bytes.
    #[repr(C, align(8))]
    struct Slot<const N: usize>([u8; N]);

    let Some(mut slot) = ring.reserve_untyped::<Slot<N>>(0) else { return Outcome::RingFull };
    let bytes = core::ptr::from_ref(record).cast::<u8>();
    // SAFETY: N is at most the size of the record, and both are aligned to 8 bytes; so is what travels with it, which
    // is at the end of either.
    unsafe {
        slot.write(bytes.cast::<Slot<N>>().read());
        if N == SHORT_RECORD + SAMPLED_OUT_BYTES {
            let sampled_out = bytes.add(SAMPLED_OUT_OFFSET).cast::<u64>().read();
            slot.as_mut_ptr().cast::<u8>().add(SHORT_RECORD).cast::<u64>().write(sampled_out);
        }
    }
    slot.submit(u64::from(BPF_RB_NO_WAKEUP));
    Outcome::Recorded
}
