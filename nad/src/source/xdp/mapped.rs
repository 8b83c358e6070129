//! Arrays of the kernel programs in this process's own memory: reading counters and setting levels takes no system call,
//! and so no capability (`BPF_F_MMAPABLE`, Linux 5.5).

use std::{
    fs, io,
    marker::PhantomData,
    os::fd::AsFd,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

use aya::{
    Ebpf,
    maps::{Map, MapData},
};
use memmap2::{MmapOptions, MmapRaw};
use nad_common::{
    counters::{CpuSlot, CpuState, KernelCounters},
    record::Direction,
    sampling::Sampling,
    settings::{COUNTERS_MAP, SAMPLING_MAP},
};

use super::{
    XdpError,
    object::{explain, missing, refused},
};
use crate::interface::page_bytes;

const _: () = assert!(size_of::<KernelCounters>().is_multiple_of(size_of::<u64>()));
const _: () = assert!(std::mem::offset_of!(CpuSlot, state) == 0);
const _: () = assert!(std::mem::offset_of!(CpuState, counters) == 0);

/// An array of `T`; it stays as long as this, whatever becomes of the map.
#[derive(Debug)]
struct Mapped<T> {
    memory: MmapRaw,
    length: usize,
    of: PhantomData<T>,
}

impl<T> Mapped<T> {
    /// Elements lie at multiples of 8 bytes, from the beginning of a page on.
    const STRIDE: usize = size_of::<T>().next_multiple_of(8);

    fn new(map: &MapData, length: usize, is_written: bool) -> io::Result<Self> {
        let bytes = (length * Self::STRIDE).next_multiple_of(page_bytes() as usize);
        let descriptor = map.fd().as_fd();
        let mut options = MmapOptions::new();
        let options = options.len(bytes);
        let memory =
            if is_written { options.map_raw(&descriptor) } else { options.map_raw_read_only(&descriptor) };
        Ok(Self { memory: memory?, length, of: PhantomData })
    }

    /// An element, at a multiple of 8 bytes.
    fn element(&self, index: usize) -> *mut u8 {
        assert!(index < self.length, "element {index} of {}", self.length);
        // SAFETY: it lies inside of the memory, which was made for that many.
        unsafe { self.memory.as_mut_ptr().add(index * Self::STRIDE) }
    }
}

/// The counters of all CPUs and both directions.
#[derive(Debug)]
pub(super) struct Counters(Mapped<CpuSlot>);

impl Counters {
    pub(super) fn new(ebpf: &mut Ebpf, cpus: usize) -> Result<Self, XdpError> {
        let mapped = Mapped::new(&take(ebpf, COUNTERS_MAP)?, cpus * Direction::ALL.len(), false);
        mapped.map(Self).map_err(|error| explain("map the counters", &error))
    }

    /// Their sum.
    pub(super) fn read(&self) -> KernelCounters {
        let mut sum = KernelCounters::default();
        for index in 0..self.0.length {
            sum.add(&self.of(index));
        }
        sum
    }

    fn of(&self, index: usize) -> KernelCounters {
        let first = self.0.element(index).cast::<u64>();
        let mut counters = KernelCounters::default();
        let words: &mut [u64] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut counters));
        for (place, word) in words.iter_mut().enumerate() {
            // SAFETY: the counters are the first so many words of an element. The memory can only be read, which allows no
            // other atomic loads than relaxed ones (`std::sync::atomic`); the kernel adds to each word by itself.
            *word = unsafe { &*first.add(place).cast::<AtomicU64>() }.load(Ordering::Relaxed);
        }
        counters
    }
}

/// How much is recorded.
#[derive(Debug)]
pub(super) struct Level(Mapped<Sampling>);

impl Level {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, XdpError> {
        let mapped = Mapped::new(&take(ebpf, SAMPLING_MAP)?, 1, true);
        mapped.map(Self).map_err(|error| explain("map the settings of sampling", &error))
    }

    /// Sets it word by word: the level, by which the kernel looks at the others, first where it becomes 0, and otherwise
    /// last. A packet that is decided on meanwhile may be so by budgets of either.
    pub(super) fn set(&self, sampling: Sampling) {
        const LEVEL: usize = std::mem::offset_of!(Sampling, level) / size_of::<u32>();
        let words: [u32; size_of::<Sampling>() / size_of::<u32>()] = bytemuck::cast(sampling);
        let first = self.0.element(0).cast::<u32>();
        let store = |place: usize| {
            // SAFETY: one of the words of the only element, in memory that this process may write.
            unsafe { &*first.add(place).cast::<AtomicU32>() }.store(words[place], Ordering::Relaxed);
        };
        if sampling.level == 0 {
            store(LEVEL);
        }
        fence(Ordering::Release);
        (0..words.len()).filter(|place| *place != LEVEL).for_each(store);
        fence(Ordering::Release);
        store(LEVEL);
    }
}

/// The map itself; what is mapped stays when it is closed.
fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<MapData, XdpError> {
    match ebpf.take_map(name) {
        Some(Map::Array(data)) => Ok(data),
        _ => Err(missing(name)),
    }
}

/// One more than the highest number that a CPU of this machine may have: numbers may have gaps.
pub(super) fn cpus() -> Result<usize, XdpError> {
    const POSSIBLE: &str = "/sys/devices/system/cpu/possible";
    let unknown = |reason: String| refused("tell its number of CPUs", format!("{POSSIBLE}: {reason}"));
    let text = fs::read_to_string(POSSIBLE).map_err(|error| unknown(error.to_string()))?;
    let highest = text.trim().rsplit(['-', ',']).next().and_then(|number| number.parse::<usize>().ok());
    highest.map(|highest| highest + 1).ok_or_else(|| unknown(format!("\"{}\"", text.trim())))
}
