//! What the kernel program counts, per CPU.

use bytemuck::{Pod, Zeroable};

use crate::{
    head::HeadBudget,
    opaque::Opaque,
    record::{Direction, PacketRecord},
    refusal::Refusal,
    sampling::{Subjects, Whole},
};

/// The outcomes of one CPU since the program was loaded, in packets; every frame adds to `seen` and to
/// exactly one other counter, so `seen = recorded + sampled_out + ring_full + sum(unparsed)`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct KernelCounters {
    /// Frames that reached a program.
    pub seen: u64,
    /// Of those, the ones that were sent; the others were received.
    pub egress: u64,
    /// Records written into the ring.
    pub recorded: u64,
    /// Packets that were sampled out (see [`sampling`](crate::sampling)).
    pub sampled_out: u64,
    /// Records lost because the ring was full (or, before the loader put one there, missing).
    pub ring_full: u64,
    /// Frames without a record, by [`Refusal`].
    pub unparsed: [u64; Refusal::ALL.len()],
    /// Frames that have a record, or would have, but whose content was not looked into, by [`Opaque`]. These are part of
    /// `recorded`, `sampled_out` and `ring_full`.
    pub opaque: [u64; Opaque::COUNT],
    /// Heads that were sent with their records.
    pub heads: u64,
    /// Heads that were not, as the second's number of them was used up.
    pub heads_left_out: u64,
    /// Heads that were lost because their ring was full.
    pub heads_lost: u64,
}

const _: () = assert!(size_of::<KernelCounters>() == 336 && align_of::<KernelCounters>() == 8);

impl KernelCounters {
    /// Counts one frame without a record.
    #[inline(always)]
    pub fn add_unparsed(&mut self, refusal: Refusal) {
        if let Some(counter) = self.unparsed.get_mut(refusal as usize) {
            *counter += 1;
        }
    }

    /// Counts what was not looked into of a frame with a record.
    #[inline(always)]
    pub fn add_opaque(&mut self, record: &PacketRecord) {
        if let Some(reason) = Opaque::of(record)
            && let Some(counter) = self.opaque.get_mut(reason as usize)
        {
            *counter += 1;
        }
    }

    /// Frames without a record, for whatever reason.
    pub fn unparsed_total(&self) -> u64 {
        self.unparsed.iter().sum()
    }

    /// Adds the counters of another CPU.
    pub fn add(&mut self, other: &Self) {
        let Self {
            seen,
            egress,
            recorded,
            sampled_out,
            ring_full,
            unparsed,
            opaque,
            heads,
            heads_left_out,
            heads_lost,
        } = other;
        self.seen += seen;
        self.egress += egress;
        self.recorded += recorded;
        self.sampled_out += sampled_out;
        self.ring_full += ring_full;
        self.unparsed.iter_mut().zip(unparsed).for_each(|(sum, count)| *sum += count);
        self.opaque.iter_mut().zip(opaque).for_each(|(sum, count)| *sum += count);
        self.heads += heads;
        self.heads_left_out += heads_left_out;
        self.heads_lost += heads_lost;
    }
}

/// An element of [`COUNTERS_MAP`](crate::settings::COUNTERS_MAP), at [`slot`] of its CPU and direction: in cache lines of its
/// own, as all CPUs write to theirs at the same time.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy)]
pub struct CpuSlot {
    /// What is in it.
    pub state: CpuState,
}

/// Where the state of a CPU and a direction is.
#[inline(always)]
pub const fn slot(cpu: u32, direction: Direction) -> u32 {
    cpu * Direction::ALL.len() as u32 + direction as u32
}

/// What each CPU has to itself in the kernel for each [`Direction`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct CpuState {
    /// Its counters.
    pub counters: KernelCounters,
    /// The record being made. In a map rather than on the stack, where the verifier would follow every field.
    pub record: PacketRecord,
    /// The outer record while a tunnel's inner packet is parsed, see [`parse_with`](crate::parse::parse_with).
    pub outer: PacketRecord,
    /// See [`Frame::meet`](crate::frame::Frame::meet).
    pub meeting_point: u64,
    /// See [`sampling`](crate::sampling).
    pub whole: Whole,
    /// Those of the packet that is decided on, see [`admit_with`](crate::sampling::admit_with).
    pub subjects: Subjects,
    /// Room for a header that can't be read where it is.
    pub copy: [u64; 8],
    /// See [`head`](crate::head).
    pub heads: HeadBudget,
}

const _: () = assert!(size_of::<CpuState>() == 696);
