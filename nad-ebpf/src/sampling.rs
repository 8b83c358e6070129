//! The table by which packets are left out, and how much is.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, PerCpuArray},
    macros::btf_map,
};
use nad_common::{
    counters::CpuState,
    record::Direction,
    sampling::{self, Place, Sampling, Table, first_place},
    settings::PLACES_AN_ELEMENT,
};

use crate::frame::meet;

const ELEMENTS: usize = sampling::PLACES as usize * Direction::ALL.len() / PLACES_AN_ELEMENT;

/// Userspace writes it in its own memory.
#[btf_map]
static SAMPLING: Array<Sampling, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Few elements with many places each, so that finding an element stays in the cache.
#[btf_map]
static PLACES: PerCpuArray<[Place; PLACES_AN_ELEMENT], ELEMENTS> = PerCpuArray::new();

/// The sampling level in force.
#[inline(always)]
pub(crate) fn level() -> u32 {
    SAMPLING.get(0).map_or(0, |settings| settings.level)
}

/// Whether the packet whose record this CPU has just made is recorded; always at level 0.
#[inline(always)]
pub(crate) fn admits(direction: Direction, cpu: &mut CpuState) -> bool {
    match SAMPLING.get(0) {
        Some(settings) if settings.level != 0 => chooses(settings, direction, cpu),
        _ => true,
    }
}

/// A function of its own, so that the verifier has little to keep in mind while it follows the parser.
#[inline(never)]
fn chooses(settings: &Sampling, direction: Direction, cpu: &mut CpuState) -> bool {
    let mut places = Places { direction, meeting_point: &raw mut cpu.meeting_point };
    sampling::admit_with(settings, &mut places, &mut cpu.whole, &mut cpu.record, &mut cpu.subjects)
}

/// The part of this CPU's table that a direction has, and a word by which ways meet.
struct Places {
    direction: Direction,
    meeting_point: *mut u64,
}

impl Table for Places {
    #[inline(always)]
    fn place(&mut self, index: u32) -> Option<&mut Place> {
        let index = first_place(self.direction) + index;
        let element = PLACES.get_ptr_mut(index / PLACES_AN_ELEMENT as u32)?;
        // SAFETY: the element belongs to this CPU and the place to this direction, as in `cpu::this`; a place is
        // borrowed from the table, so that there is one reference at a time.
        let places = unsafe { &mut *element };
        places.get_mut(index as usize % PLACES_AN_ELEMENT)
    }
    #[inline(always)]
    fn meet(&mut self, value: u64) -> u64 {
        meet(self.meeting_point, value)
    }
}
