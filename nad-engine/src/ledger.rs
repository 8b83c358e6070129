//! The ledger: what became of every packet, in the kernel and after it.
//!
//! `seen = recorded + sampled_out + ring_full + unparsed` and `recorded = drained + unreadable`,
//! `drained = learned + scored + self_traffic + discarded`. While packets are on their way, the differences are what is still in
//! the rings and in the queue; at the end there are none.

mod counters;
mod judged;
mod outputs;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
};

use nad_common::{counters::KernelCounters, refusal::Refusal};

use crate::{context::ContextCounts, features::View};
pub use counters::{Ledger, Tally};
pub use judged::{Basis, Decisions, Judged, Missing};
pub use outputs::{OutputCounts, SinkCounts};

impl Tally {
    /// Reads the userspace half. What happens later in a packet's life is read first, so that no packet is seen
    /// to arrive before it left.
    pub fn read(&self) -> Ledger {
        Ledger {
            decisions: std::array::from_fn(|view| self.decisions[view].load(Relaxed)),
            basis: *self.basis.lock().unwrap_or_else(PoisonError::into_inner),
            context: *self.context.lock().unwrap_or_else(PoisonError::into_inner),
            outputs: self
                .outputs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .map(|counts| OutputCounts::of(counts))
                .collect(),
            ..self.counted()
        }
    }

    /// Records that the detector is done with.
    pub fn judged(&self) -> u64 {
        [&self.learned, &self.scored, &self.self_traffic, &self.discarded]
            .map(|count| count.load(Relaxed))
            .iter()
            .sum()
    }

    /// Counts decisions, by view.
    pub fn add_decisions(&self, decisions: &Decisions) {
        for (count, more) in self.decisions.iter().zip(decisions).filter(|(_, more)| **more > 0) {
            count.fetch_add(*more, Relaxed);
        }
    }

    /// Notes what is judged by.
    pub fn set_basis(&self, basis: Basis) {
        *self.basis.lock().unwrap_or_else(PoisonError::into_inner) = basis;
    }

    /// Notes what became of those who wanted an entry in a table.
    pub fn set_context(&self, counts: ContextCounts) {
        *self.context.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// Names the outputs that are in use from now on.
    pub fn set_outputs(&self, counts: Vec<Arc<SinkCounts>>) {
        *self.outputs.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

impl Ledger {
    /// Adds the source's half, read after the userspace half.
    #[must_use]
    pub fn with_source(mut self, source: KernelCounters) -> Self {
        self.source = source;
        self
    }

    /// Whether anything was judged, and why not more.
    pub fn judgement(&self) -> Judged {
        Judged::of(self)
    }

    /// Packets that nad got hold of: all but those that were sampled out and those for which a ring had no room.
    pub fn captured(&self) -> u64 {
        self.source.seen - self.source.sampled_out - self.source.ring_full
    }

    /// The part of the packets since an earlier ledger that was recorded; `None` where none came.
    pub fn coverage_since(&self, earlier: &Self) -> Option<f64> {
        let recorded = self.source.recorded.saturating_sub(earlier.source.recorded);
        let missed = |ledger: &Self| ledger.source.sampled_out + ledger.source.ring_full;
        let packets = recorded + missed(self).saturating_sub(missed(earlier));
        (packets > 0).then(|| recorded as f64 / packets as f64)
    }

    /// Packets that were sampled out and are not attributed: no record carried them, so they count with no flow and no host.
    pub fn unattributed(&self) -> u64 {
        self.source.sampled_out.saturating_sub(self.attributed)
    }

    /// Records that are still in the rings.
    pub fn in_rings(&self) -> u64 {
        self.source.recorded.saturating_sub(self.drained + self.unreadable)
    }

    /// Records that the detector is done with.
    pub fn judged(&self) -> u64 {
        self.learned + self.scored + self.self_traffic + self.discarded
    }

    /// Records that are between the drain and the detector.
    pub fn in_queue(&self) -> u64 {
        self.drained.saturating_sub(self.judged())
    }

    /// Decisions on what hosts, flows and service pairs did in a second.
    pub fn host_decisions(&self) -> u64 {
        self.decisions.iter().sum::<u64>() - self.decisions[View::Packet as usize]
    }

    /// Whether every packet is accounted for and none is on its way: what must hold at the end.
    pub fn balances(&self) -> bool {
        let source = &self.source;
        source.seen == source.recorded + source.sampled_out + source.ring_full + source.unparsed_total()
            && self.attributed <= source.sampled_out
            && source.recorded == self.drained + self.unreadable
            && self.drained == self.judged()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        write!(f, "seen {}", source.seen)?;
        if source.egress != 0 {
            write!(f, " (egress {})", source.egress)?;
        }
        write!(f, " = recorded {}", source.recorded)?;
        if source.sampled_out != 0 {
            write!(f, " + sampled_out {}", source.sampled_out)?;
            if self.unattributed() != 0 {
                write!(f, " (unattributed {})", self.unattributed())?;
            }
        }
        write!(f, " + ring_full {}", source.ring_full)?;
        write!(f, " + unparsed {}", source.unparsed_total())?;
        let mut separator = " (";
        for (refusal, count) in Refusal::ALL.into_iter().zip(source.unparsed) {
            if count != 0 {
                write!(f, "{separator}{} {count}", refusal.name())?;
                separator = ", ";
            }
        }
        if separator != " (" {
            f.write_str(")")?;
        }
        f.write_str(&crate::unread::listed(source))?;
        write!(f, "; drained {} = learned {} + scored {}", self.drained, self.learned, self.scored)?;
        let listed = self.counters().filter(|(counter, count)| counter.is_listed && *count != 0);
        for (counter, count) in listed {
            write!(f, ", {} {count}", counter.name)?;
        }
        Ok(())
    }
}
