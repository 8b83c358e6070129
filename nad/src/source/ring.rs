//! Draining a BPF ring buffer in bulk.
//!
//! The kernel's layout (`kernel/bpf/ringbuf.c`): a page with the consumer's position, a page with the
//! producer's, and the data, mapped twice in a row so that no record is ever split. A record is an 8-byte
//! header, whose first four bytes hold its length and two flags, and its content, rounded up to 8 bytes.

use std::{
    io,
    os::fd::AsRawFd,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence},
};

use crate::interface::page_bytes;
use memmap2::{MmapOptions, MmapRaw};

/// Set while the kernel program is still writing the record.
const BUSY: u32 = 1 << 31;
/// Set when the record was given up.
const DISCARDED: u32 = 1 << 30;
const HEADER: usize = 8;

/// The reading end of one ring.
#[derive(Debug)]
pub(super) struct Ring {
    consumer: MmapRaw,
    producer: MmapRaw,
    page: usize,
    mask: usize,
    position: usize,
}

/// What one drain gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Drained {
    /// Records that could be read.
    pub(super) records: u64,
    /// Those of an unknown shape, which only a kernel program of another version could have written.
    pub(super) unreadable: u64,
}

impl Ring {
    /// Maps a ring of `bytes` data bytes, a power of two.
    pub(super) fn map(ring: &impl AsRawFd, bytes: usize) -> io::Result<Self> {
        let page = page_bytes() as usize;
        let consumer = MmapOptions::new().len(page).map_raw(ring)?;
        let producer =
            MmapOptions::new().offset(page as u64).len(page + 2 * bytes).map_raw_read_only(ring)?;
        let mut ring = Self { consumer, producer, page, mask: bytes - 1, position: 0 };
        ring.position = ring.consumer_position().load(Ordering::Acquire);
        Ok(ring)
    }

    /// Hands up to `budget` records to `take`, which says whether it could read each, and gives their room back to the kernel
    /// in one step.
    pub(super) fn drain(&mut self, budget: usize, mut take: impl FnMut(&[u8]) -> bool) -> Drained {
        let end = self.producer_position();
        let mut drained = Drained::default();
        let mut position = self.position;
        while position < end && (drained.records as usize) < budget {
            let header = self.header(position);
            if header & BUSY != 0 {
                break;
            }
            let length = (header & !(BUSY | DISCARDED)) as usize;
            if header & DISCARDED == 0 {
                let is_read = take(self.content(position, length));
                *(if is_read { &mut drained.records } else { &mut drained.unreadable }) += 1;
            }
            position += (HEADER + length).next_multiple_of(8);
        }
        if position != self.position {
            self.position = position;
            self.consumer_position().store(position, Ordering::Release);
        }
        drained
    }

    /// How much of it is taken, from 0 to 1.
    pub(super) fn fullness(&self) -> f32 {
        let end = self.producer_position();
        end.wrapping_sub(self.position) as f32 / (self.mask + 1) as f32
    }

    fn consumer_position(&self) -> &AtomicUsize {
        // SAFETY: the first word of a mapped, page-aligned page that lives as long as `self`.
        unsafe { &*self.consumer.as_ptr().cast::<AtomicUsize>() }
    }

    /// Up to where the kernel has written. What it wrote before is seen after this.
    fn producer_position(&self) -> usize {
        // SAFETY: the first word of a mapped, page-aligned page that lives as long as `self`. The page can only be read,
        // and of memory like that Rust allows no atomic load but a relaxed one (`std::sync::atomic`); the fence makes it
        // one that acquires.
        let position = unsafe { &*self.producer.as_ptr().cast::<AtomicUsize>() }.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        position
    }

    fn data(&self, position: usize) -> *const u8 {
        // SAFETY: the masked position lies inside the first of the two mappings of the data.
        unsafe { self.producer.as_ptr().add(self.page + (position & self.mask)) }
    }

    /// A record's length and flags. What the kernel wrote before it set them is seen after this.
    fn header(&self, position: usize) -> u32 {
        // SAFETY: a position is a multiple of 8, and a header lies wholly inside the data, which can only be read: a
        // relaxed load and a fence, as above.
        let header = unsafe { &*self.data(position).cast::<AtomicU32>() }.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        header
    }

    fn content(&self, position: usize, length: usize) -> &[u8] {
        // SAFETY: the kernel has published `length` bytes after the header, and they follow each other in memory
        // because the data is mapped twice; they are not written again before the position is stored.
        unsafe { std::slice::from_raw_parts(self.data(position).add(HEADER), length) }
    }
}
