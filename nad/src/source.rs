//! Where records come from: the kernel's rings, or a capture file.

pub mod heads;
pub mod pcap;
pub mod several;
pub mod xdp;

mod ring;

use nad_common::{counters::KernelCounters, sampling::Sampling};
use nad_engine::batch::RecordBatch;

/// Something that yields batches of records.
pub trait Source {
    /// Why it can't go on.
    type Error: std::error::Error;

    /// Adds records to `batch` until it is full or there are no more for now.
    ///
    /// # Errors
    ///
    /// When the source can't go on. What `batch` then holds came before the failure and is good.
    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, Self::Error>;

    /// What became of every packet that the source has seen: the first half of the ledger.
    ///
    /// # Errors
    ///
    /// When the counters can't be read.
    fn counters(&self) -> Result<KernelCounters, Self::Error>;
}

/// Reads a source's counters from elsewhere; an error is a sentence.
pub type SourceReader = Box<dyn Fn() -> Result<KernelCounters, String> + Send + Sync>;

/// A source of packets as they come, which wait in queues of their own until they are taken.
pub trait LiveSource: Source {
    /// Whether it still sees packets.
    ///
    /// # Errors
    ///
    /// Why it doesn't.
    fn check(&self) -> Result<(), Self::Error>;

    /// Sees no packet from now on; what waits can still be taken.
    fn detach(&mut self);

    /// How many queues there are.
    fn queues(&self) -> usize;

    /// How full the fullest is, from 0 to 1.
    fn fullness(&self) -> f32;

    /// Records so far that could not be read.
    fn unreadable(&self) -> u64;

    /// Packets that were sampled out and are attributed by the records so far.
    fn attributed(&self) -> u64;

    /// Sets how much is recorded from now on.
    ///
    /// # Errors
    ///
    /// When it can't be set.
    fn set_sampling(&mut self, sampling: Sampling) -> Result<(), Self::Error>;
}

/// What a source says after adding to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// There may be more at once.
    More,
    /// Nothing more for now.
    Idle,
    /// Nothing more will come.
    End,
}
