//! The kernel's rings together with the process that keeps the programs attached: what a drain takes from.

use nad_common::{counters::KernelCounters, sampling::Sampling};
use nad_engine::batch::RecordBatch;

use super::{Kept, XdpError, XdpSource};
use crate::source::{Fill, LiveSource, Source};

/// See the module.
pub struct Watched {
    source: XdpSource,
    /// Until it is detached.
    kept: Option<Kept>,
}

impl Watched {
    /// A source whose programs that process attaches.
    pub fn new(source: XdpSource, kept: Kept) -> Self {
        Self { source, kept: Some(kept) }
    }
}

impl Source for Watched {
    type Error = XdpError;

    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, XdpError> {
        self.source.fill(batch)
    }

    fn counters(&self) -> Result<KernelCounters, XdpError> {
        self.source.counters()
    }
}

impl LiveSource for Watched {
    fn check(&self) -> Result<(), XdpError> {
        if self.kept.as_ref().is_some_and(Kept::is_lost) { Err(XdpError::Detached) } else { Ok(()) }
    }

    fn detach(&mut self) {
        if let Some(kept) = self.kept.take() {
            kept.finish();
        }
    }

    fn queues(&self) -> usize {
        self.source.ring_count()
    }

    fn fullness(&self) -> f32 {
        self.source.fullest_ring()
    }

    fn unreadable(&self) -> u64 {
        self.source.unreadable()
    }

    fn attributed(&self) -> u64 {
        self.source.attributed()
    }

    fn set_sampling(&mut self, sampling: Sampling) -> Result<(), XdpError> {
        self.source.set_sampling(sampling)
    }
}
