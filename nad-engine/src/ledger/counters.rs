//! The counters, each declared once: what shows counters goes through [`Ledger::counters`].

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use nad_common::counters::KernelCounters;

use super::{Basis, Decisions, OutputCounts, SinkCounts};
use crate::{
    condition::Condition,
    context::{ContextCounts, TABLES},
    counter::Counter,
    features::View,
};

type Row = (Counter, fn(&Ledger) -> u64);

/// A row that is read off a ledger.
const fn row(
    name: &'static str,
    metric: Option<&'static str>,
    meaning: &'static str,
    of: fn(&Ledger) -> u64,
) -> Row {
    (Counter { name, meaning, metric, is_level: false, is_listed: false }, of)
}

/// The same of what may become less.
const fn level(
    name: &'static str,
    metric: Option<&'static str>,
    meaning: &'static str,
    of: fn(&Ledger) -> u64,
) -> Row {
    (Counter { name, meaning, metric, is_level: true, is_listed: false }, of)
}

/// The same of what the ledger's line lists.
const fn listed((counter, of): Row) -> Row {
    (Counter { is_listed: true, ..counter }, of)
}

/// The kernel's half.
static OF_KERNEL: [Row; 10] = [
    row(
        "seen",
        Some("nad_packets_seen"),
        "Packets that passed a kernel program, or that a file has",
        |ledger| ledger.source.seen,
    ),
    row(
        "egress",
        Some("nad_packets_egress"),
        "Of these, packets that were sent; the others were received",
        |ledger| ledger.source.egress,
    ),
    row("recorded", Some("nad_packets_recorded"), "Packets whose headers were taken down", |ledger| {
        ledger.source.recorded
    }),
    row("sampled_out", Some("nad_packets_sampled_out"), "Packets sampled out under load", |ledger| {
        ledger.source.sampled_out
    }),
    level(
        "unattributed",
        Some("nad_packets_unattributed"),
        "Packets sampled out and not attributed to a flow or a host so far",
        Ledger::unattributed,
    ),
    row("ring_full", Some("nad_packets_ring_full"), "Packets lost because a ring was full", |ledger| {
        ledger.source.ring_full
    }),
    row("unparsed", None, "Packets without an addressable host", |ledger| ledger.source.unparsed_total()),
    row("heads", Some("nad_heads"), "First bytes of payloads that were looked at", |ledger| {
        ledger.source.heads
    }),
    listed(row(
        "heads_left_out",
        Some("nad_heads_left_out"),
        "First bytes of payloads that were not looked at, as there were too many in a second",
        |ledger| ledger.source.heads_left_out,
    )),
    listed(row(
        "heads_lost",
        Some("nad_heads_lost"),
        "First bytes of payloads that were lost because their ring was full",
        |ledger| ledger.source.heads_lost,
    )),
];

/// What follows from the others.
static DERIVED: [Row; 4] = [
    listed(row("judged_packets", None, "Packets that a model judged", |ledger| {
        ledger.decisions[View::Packet as usize]
    })),
    listed(row(
        "judged_hosts",
        None,
        "Decisions on what hosts did in a second, without which there are no incidents",
        Ledger::host_decisions,
    )),
    listed(level(
        "in_rings",
        Some("nad_in_rings_records"),
        "Records that wait in the rings",
        Ledger::in_rings,
    )),
    listed(level(
        "in_queue",
        Some("nad_in_queue_records"),
        "Records between drain and detector",
        Ledger::in_queue,
    )),
];

/// What the context counts besides the tables.
static OF_CONTEXT: [Row; 1] = [listed(row(
    "subjects_passed_over",
    Some("nad_subjects_passed_over"),
    "Subjects that were active in a second and not judged, as there were too many",
    |ledger| ledger.context.passed_over,
))];

impl Ledger {
    /// Every counter and its value, in the order in which packets go; those of views, of reasons and of outputs are
    /// families of their own.
    pub fn counters(&self) -> impl Iterator<Item = (&'static Counter, u64)> + use<'_> {
        let tables = TABLES.iter().flat_map(|table| {
            let counts = (table.counts)(&self.context);
            table.counters.iter().zip([counts.evicted, counts.displaced, counts.refused])
        });
        let row = |(counter, of): &'static Row| (counter, of(self));
        OF_KERNEL
            .iter()
            .chain(&OF_TALLY)
            .chain(&DERIVED)
            .map(row)
            .chain(tables)
            .chain(OF_CONTEXT.iter().map(row))
    }
}

/// Declares what the sensor itself counts: its meaning, its field, its name in metrics, and whether the ledger's line lists
/// it behind what balances.
macro_rules! tally {
    ($(#[doc = $meaning:literal] $name:ident: $metric:literal, $row:ident;)*) => {
        /// The userspace half, counted where it happens and read by whoever reports.
        #[derive(Debug, Default)]
        pub struct Tally {
            $(#[doc = $meaning] pub $name: AtomicU64,)*
            /// Decisions of each view, in the order of [`View::ALL`].
            pub(super) decisions: [AtomicU64; View::ALL.len()],
            /// What is judged by, as of the last batch.
            pub(super) basis: Mutex<Basis>,
            /// What became of those who wanted an entry in a table, as of the last batch.
            pub(super) context: Mutex<ContextCounts>,
            /// The counts of the outputs in use.
            pub(super) outputs: Mutex<Vec<Arc<SinkCounts>>>,
            /// What is no count.
            pub condition: Condition,
        }

        /// Both halves at one moment.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Ledger {
            /// The source's half.
            pub source: KernelCounters,
            $(#[doc = $meaning] pub $name: u64,)*
            /// Decisions by view.
            pub decisions: Decisions,
            /// What was judged by.
            pub basis: Basis,
            /// What became of those who wanted an entry in a table.
            pub context: ContextCounts,
            /// What became of the events for outputs.
            pub outputs: Vec<OutputCounts>,
        }

        impl Tally {
            /// The counts of now. What comes later in a packet's life is read first, so that no packet is seen to arrive
            /// before it left.
            pub(super) fn counted(&self) -> Ledger {
                Ledger { $($name: self.$name.load(Relaxed),)* ..Ledger::default() }
            }
        }

        #[cfg(any(test, feature = "examples"))]
        impl Ledger {
            /// The sensor's own counts, to be set one by one.
            pub fn counted_mut(&mut self) -> impl Iterator<Item = &mut u64> {
                [$(&mut self.$name),*].into_iter()
            }
        }

        static OF_TALLY: [Row; [$($metric),*].len()] =
            [$($row(row(stringify!($name), Some($metric), $meaning.trim_ascii(), |ledger| ledger.$name)),)*];
    };
}

/// What is part of what balances, or reported by itself.
const fn balanced(row: Row) -> Row {
    row
}

tally! {
    /// Records that came while there was no model
    learned: "nad_records_learned", balanced;
    /// Records that a model has judged
    scored: "nad_records_scored", balanced;
    /// Records of nad's own connections, which are not judged
    self_traffic: "nad_records_self_traffic", listed;
    /// Records beyond what was asked for, or after a failure
    discarded: "nad_records_discarded", listed;
    /// Records taken from the source
    drained: "nad_records_drained", balanced;
    /// Records in a ring that could not be read
    unreadable: "nad_records_unreadable", listed;
    /// Packets sampled out and attributed to the flow or host of a later record
    attributed: "nad_packets_attributed", balanced;
    /// Packets above the threshold
    anomalies: "nad_anomalies", balanced;
    /// Incidents that were opened
    incidents: "nad_incidents", balanced;
    /// Deviations that an allow rule kept from being reported
    suppressed: "nad_deviations_suppressed", listed;
    /// Deviations in no incident, as too many were open
    incidents_refused: "nad_incidents_refused", listed;
    /// Deviations beyond the cap of a target in a second, not counted with its incident one by one
    deviations_passed_over: "nad_deviations_passed_over", listed;
    /// Anomalies not reported to the outputs, as there were too many at once
    alerts_dropped: "nad_alerts_dropped", listed;
    /// Times that the drain waited for the detector
    queue_waits: "nad_queue_waits", listed;
    /// Packets whose time was far from that of their neighbours, and so was not taken
    time_strays: "nad_time_strays", listed;
    /// Times that the clock which stamps packets was set
    time_steps: "nad_time_steps", listed;
    /// Gaps of more than a minute in a capture
    time_gaps: "nad_time_gaps", listed;
}
