//! The ledger: what became of every packet, in the kernel and after it.
//!
//! `seen = recorded + thinned + ring_full + unparsed` and `recorded = drained + unreadable`,
//! `drained = learned + scored + own + discarded`. While packets are on their way, the differences are what is still in
//! the rings and in the queue; at the end there are none.

mod judged;
mod outputs;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use nad_common::{counters::KernelCounters, refusal::Refusal};

use crate::{condition::Condition, context::ContextCounts, features::View};
pub use judged::{Basis, Decisions, Judged, Missing};
pub use outputs::{OutputCounts, SinkCounts};

/// The userspace half, counted where it happens and read by whoever reports.
#[derive(Debug, Default)]
pub struct Tally {
    /// Records taken from the source.
    pub drained: AtomicU64,
    /// Records in a ring that could not be read.
    pub unreadable: AtomicU64,
    /// Packets that were not recorded and that a drained record told of.
    pub told: AtomicU64,
    /// Records that went into the baseline.
    pub learned: AtomicU64,
    /// Records that were scored.
    pub scored: AtomicU64,
    /// Records of nad's own connections.
    pub own: AtomicU64,
    /// Records that came after the wanted number of packets, or after a failure.
    pub discarded: AtomicU64,
    /// Records whose score was above the threshold.
    pub anomalies: AtomicU64,
    /// Incidents that were opened.
    pub incidents: AtomicU64,
    /// Deviations that an allow rule kept from being reported.
    pub suppressed: AtomicU64,
    /// Deviations that are in no incident, because as many as there may be went on already.
    pub incidents_refused: AtomicU64,
    /// Deviations of a crowd that were not counted with its incident one by one.
    pub deviations_passed_over: AtomicU64,
    /// Anomalies that were not told to the outputs, because their queue was full or there were too many at once.
    pub alerts_dropped: AtomicU64,
    /// Times that the drain had to wait because the detector's queue was full.
    pub queue_waits: AtomicU64,
    /// Packets whose time was far from that of their neighbours, and so was not taken.
    pub time_strays: AtomicU64,
    /// Times that the clock which stamps packets was set.
    pub time_steps: AtomicU64,
    /// Gaps of more than a minute in a capture.
    pub time_gaps: AtomicU64,
    /// Decisions of each view, in the order of [`View::ALL`].
    decisions: [AtomicU64; View::ALL.len()],
    /// What is judged by, as of the last batch.
    basis: Mutex<Basis>,
    /// What became of those who wanted an entry in a table, as of the last batch.
    context: Mutex<ContextCounts>,
    /// The counts of the outputs in use.
    outputs: Mutex<Vec<Arc<SinkCounts>>>,
    /// What is no count.
    pub condition: Condition,
}

/// Both halves at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The source's half.
    pub source: KernelCounters,
    /// See [`Tally::drained`].
    pub drained: u64,
    /// See [`Tally::unreadable`].
    pub unreadable: u64,
    /// See [`Tally::told`].
    pub told: u64,
    /// See [`Tally::learned`].
    pub learned: u64,
    /// See [`Tally::scored`].
    pub scored: u64,
    /// See [`Tally::own`].
    pub own: u64,
    /// See [`Tally::discarded`].
    pub discarded: u64,
    /// See [`Tally::anomalies`].
    pub anomalies: u64,
    /// See [`Tally::incidents`].
    pub incidents: u64,
    /// See [`Tally::suppressed`].
    pub suppressed: u64,
    /// See [`Tally::incidents_refused`].
    pub incidents_refused: u64,
    /// See [`Tally::deviations_passed_over`].
    pub deviations_passed_over: u64,
    /// See [`Tally::alerts_dropped`].
    pub alerts_dropped: u64,
    /// See [`Tally::queue_waits`].
    pub queue_waits: u64,
    /// See [`Tally::time_strays`].
    pub time_strays: u64,
    /// See [`Tally::time_steps`].
    pub time_steps: u64,
    /// See [`Tally::time_gaps`].
    pub time_gaps: u64,
    /// Decisions by view.
    pub decisions: Decisions,
    /// What was judged by.
    pub basis: Basis,
    /// What became of those who wanted an entry in a table.
    pub context: ContextCounts,
    /// What became of what outputs were told of.
    pub outputs: Vec<OutputCounts>,
}

impl Tally {
    /// Reads the userspace half. What happens later in a packet's life is read first, so that no packet is seen
    /// to arrive before it left.
    pub fn read(&self) -> Ledger {
        let [learned, scored, own, discarded] =
            [&self.learned, &self.scored, &self.own, &self.discarded].map(|count| count.load(Relaxed));
        Ledger {
            source: KernelCounters::default(),
            learned,
            scored,
            own,
            discarded,
            drained: self.drained.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            told: self.told.load(Relaxed),
            anomalies: self.anomalies.load(Relaxed),
            incidents: self.incidents.load(Relaxed),
            suppressed: self.suppressed.load(Relaxed),
            incidents_refused: self.incidents_refused.load(Relaxed),
            deviations_passed_over: self.deviations_passed_over.load(Relaxed),
            alerts_dropped: self.alerts_dropped.load(Relaxed),
            queue_waits: self.queue_waits.load(Relaxed),
            time_strays: self.time_strays.load(Relaxed),
            time_steps: self.time_steps.load(Relaxed),
            time_gaps: self.time_gaps.load(Relaxed),
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
        }
    }

    /// Records that the detector is done with.
    pub fn judged(&self) -> u64 {
        [&self.learned, &self.scored, &self.own, &self.discarded]
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

    /// Packets that nad got hold of: all but those that were left out and those for which a ring had no room.
    pub fn captured(&self) -> u64 {
        self.source.seen - self.source.thinned - self.source.ring_full
    }

    /// The part of the packets since an earlier ledger that was recorded; `None` where none came.
    pub fn coverage_since(&self, earlier: &Self) -> Option<f64> {
        let recorded = self.source.recorded.saturating_sub(earlier.source.recorded);
        let missed = |ledger: &Self| ledger.source.thinned + ledger.source.ring_full;
        let packets = recorded + missed(self).saturating_sub(missed(earlier));
        (packets > 0).then(|| recorded as f64 / packets as f64)
    }

    /// Packets that were left out and that no record has told of: what nobody has counted with a flow or a host.
    pub fn untold(&self) -> u64 {
        self.source.thinned.saturating_sub(self.told)
    }

    /// Records that are still in the rings.
    pub fn in_rings(&self) -> u64 {
        self.source.recorded.saturating_sub(self.drained + self.unreadable)
    }

    /// Records that the detector is done with.
    pub fn judged(&self) -> u64 {
        self.learned + self.scored + self.own + self.discarded
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
        source.seen == source.recorded + source.thinned + source.ring_full + source.unparsed_total()
            && self.told <= source.thinned
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
        if source.thinned != 0 {
            write!(f, " + thinned {}", source.thinned)?;
            if self.untold() != 0 {
                write!(f, " (untold {})", self.untold())?;
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
        let rest = [
            ("judged_packets", self.decisions[View::Packet as usize]),
            ("judged_hosts", self.host_decisions()),
            ("own", self.own),
            ("discarded", self.discarded),
            ("unreadable", self.unreadable),
            ("in_rings", self.in_rings()),
            ("in_queue", self.in_queue()),
            ("queue_waits", self.queue_waits),
            ("suppressed", self.suppressed),
            ("incidents_refused", self.incidents_refused),
            ("deviations_passed_over", self.deviations_passed_over),
            ("alerts_dropped", self.alerts_dropped),
            ("time_strays", self.time_strays),
            ("time_steps", self.time_steps),
            ("time_gaps", self.time_gaps),
            ("flows_evicted", self.context.flows.evicted),
            ("flows_displaced", self.context.flows.displaced),
            ("flows_refused", self.context.flows.refused),
            ("hosts_evicted", self.context.hosts.evicted),
            ("hosts_displaced", self.context.hosts.displaced),
            ("hosts_refused", self.context.hosts.refused),
            ("dealings_evicted", self.context.dealings.evicted),
            ("dealings_displaced", self.context.dealings.displaced),
            ("dealings_refused", self.context.dealings.refused),
            ("links_evicted", self.context.links.evicted),
            ("links_displaced", self.context.links.displaced),
            ("links_refused", self.context.links.refused),
            ("bindings_evicted", self.context.bindings.evicted),
            ("bindings_displaced", self.context.bindings.displaced),
            ("bindings_refused", self.context.bindings.refused),
            ("memories_evicted", self.context.memory.evicted),
            ("memories_displaced", self.context.memory.displaced),
            ("memories_refused", self.context.memory.refused),
            ("subjects_passed_over", self.context.passed_over),
        ];
        for (name, count) in rest.into_iter().filter(|(_, count)| *count != 0) {
            write!(f, ", {name} {count}")?;
        }
        Ok(())
    }
}
