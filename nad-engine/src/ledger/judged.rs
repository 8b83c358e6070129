//! Whether anything was judged, by which views, and why not more. Every command asks here.

use std::{fmt, time::Duration};

use super::Ledger;
use crate::{condition::Stage, features::View, presentation::counted};

/// Decisions by view, in the order of [`View::ALL`].
pub type Decisions = [u64; View::ALL.len()];

/// What the detector judges by, as of the last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// What it does with records.
    pub stage: Stage,
    /// Packets of a baseline that is not complete, and the time that they span.
    pub learnt: (u64, Duration),
    /// The length of the baseline of the model in force.
    pub baseline: Duration,
    /// Whether that is long enough to judge hosts.
    pub judges_hosts: bool,
    /// Whether packets have times that differ.
    pub has_times: bool,
}

impl Default for Basis {
    fn default() -> Self {
        Self {
            stage: Stage::default(),
            learnt: (0, Duration::ZERO),
            baseline: Duration::ZERO,
            judges_hosts: false,
            has_times: true,
        }
    }
}

/// What was judged at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Packets and what hosts do: all that nad judges.
    Hosts,
    /// Packets alone, so there can't be incidents.
    PacketsOnly(Missing),
    /// Nothing, so nothing can be found.
    Nothing(Missing),
}

/// Why not all was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No packet came.
    Packets,
    /// None of so many packets could be read.
    Readable(u64),
    /// The baseline was not complete: its packets and their time.
    Baseline(u64, Duration),
    /// The baseline was complete, and the model was not.
    Training,
    /// No model could be trained.
    Model,
    /// All packets have the same time.
    Times,
    /// The baseline of this length is too short to tell what hosts do.
    LongerBaseline(Duration),
    /// A model was in force, and no packet came that it could judge.
    Scored,
    /// No host did anything that a view judges.
    Hosts,
}

impl Judged {
    /// Of a run with this ledger.
    pub fn of(ledger: &Ledger) -> Self {
        let packets = ledger.decisions[View::Packet as usize];
        if ledger.host_decisions() > 0 {
            return Self::Hosts;
        }
        let missing = Missing::of(ledger, packets > 0);
        if packets > 0 { Self::PacketsOnly(missing) } else { Self::Nothing(missing) }
    }

    /// Why not all was judged.
    pub fn missing(self) -> Option<Missing> {
        match self {
            Self::Hosts => None,
            Self::PacketsOnly(missing) | Self::Nothing(missing) => Some(missing),
        }
    }
}

impl Missing {
    fn of(ledger: &Ledger, has_packets: bool) -> Self {
        let Basis { stage, learnt, baseline, judges_hosts, has_times } = ledger.basis;
        let unparsed = ledger.source.unparsed_total();
        match stage {
            _ if ledger.drained == 0 && unparsed > 0 => Self::Readable(unparsed),
            _ if ledger.drained == 0 => Self::Packets,
            Stage::Failed => Self::Model,
            _ if !has_times => Self::Times,
            Stage::Learning => Self::Baseline(learnt.0, learnt.1),
            Stage::Training => Self::Training,
            Stage::Detecting if !judges_hosts => Self::LongerBaseline(baseline),
            Stage::Detecting if !has_packets => Self::Scored,
            Stage::Detecting => Self::Hosts,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packets => f.write_str("there are no packets; record for longer"),
            Self::Readable(count) => {
                write!(f, "none of {} can be read; the ledger says why", counted(*count, "packet"))
            }
            Self::Baseline(packets, span) => write!(
                f,
                "the packets ended while the baseline was being learnt ({}, {:.1} s); give a shorter --train-for, a \
                 smaller --train-packets, or a --model",
                counted(*packets, "packet"),
                span.as_secs_f64()
            ),
            Self::Training => f.write_str(
                "the baseline was complete, and nad ended while the model was still being trained; run it for longer, or \
                 give a --model",
            ),
            Self::Model => f.write_str("no model could be trained on the baseline"),
            Self::Times => f.write_str("all packets have the same time; record them with their times"),
            Self::LongerBaseline(length) => write!(
                f,
                "a baseline of {:.1} s is too short to tell what hosts usually do; learn for 10 s at least, better for \
                 an hour",
                length.as_secs_f64()
            ),
            Self::Scored => f.write_str("no packet came after the baseline; run nad for longer"),
            Self::Hosts => f.write_str("no host did anything that is judged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use nad_common::{counters::KernelCounters, refusal::Refusal};

    use super::*;

    fn ledger(drained: u64, decisions: &[(View, u64)], basis: Basis) -> Ledger {
        let mut ledger = Ledger { drained, basis, ..Ledger::default() };
        for (view, count) in decisions {
            ledger.decisions[*view as usize] = *count;
        }
        ledger
    }

    #[test]
    fn nothing_found_is_told_from_nothing_judged() {
        let span = Duration::from_secs(6);
        let detecting = Basis { stage: Stage::Detecting, judges_hosts: true, ..Basis::default() };
        let too_short = Basis { judges_hosts: false, baseline: span, ..detecting };
        let (packets, hosts) = ((View::Packet, 9), (View::Scan, 1));
        for (ledger, expected) in [
            (ledger(9, &[packets, hosts], detecting), Judged::Hosts),
            (ledger(9, &[packets], detecting), Judged::PacketsOnly(Missing::Hosts)),
            (ledger(9, &[packets], too_short), Judged::PacketsOnly(Missing::LongerBaseline(span))),
            (
                ledger(9, &[packets], Basis { has_times: false, ..detecting }),
                Judged::PacketsOnly(Missing::Times),
            ),
            (ledger(9, &[], detecting), Judged::Nothing(Missing::Scored)),
            (
                ledger(9, &[], Basis { stage: Stage::Training, ..detecting }),
                Judged::Nothing(Missing::Training),
            ),
            (
                ledger(9, &[], Basis { learnt: (9, span), ..Basis::default() }),
                Judged::Nothing(Missing::Baseline(9, span)),
            ),
            (
                ledger(9, &[], Basis { stage: Stage::Failed, ..Basis::default() }),
                Judged::Nothing(Missing::Model),
            ),
            (ledger(0, &[], detecting), Judged::Nothing(Missing::Packets)),
        ] {
            assert_eq!(Judged::of(&ledger), expected, "{ledger:?}");
        }
        let mut counters = KernelCounters::default();
        (0..4).for_each(|_| counters.add_unparsed(Refusal::NotIp));
        counters.seen = 4;
        let unread = ledger(0, &[], detecting).with_source(counters);
        assert_eq!(Judged::of(&unread), Judged::Nothing(Missing::Readable(4)));
    }
}
