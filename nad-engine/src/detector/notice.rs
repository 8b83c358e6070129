//! What an operator has to know of how the network is seen.

use std::{fmt, time::Duration};

use super::LEAST_BASELINE;
use crate::{
    batch::Stray,
    context::VantageChange,
    presentation::{counted, span, timestamp},
};

/// Something to be said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Only one side of connections is seen.
    OneWay,
    /// Both sides of connections come from one MAC address.
    OneMac,
    /// What is seen of connections has changed since the baseline.
    Vantage(VantageChange),
    /// The tables lose states that matter: so many in the last second.
    TablesOverrun(u64),
    /// They don't any more; so many were lost in all.
    TablesRecovered(u64),
    /// A packet's time is far from that of its neighbours: the first of them.
    Stray(Stray),
    /// The clock that stamps packets was set by so many nanoseconds before the packet with this index; whether further
    /// ones are only counted.
    Step {
        /// The packet's index.
        index: u64,
        /// How far, in nanoseconds; negative where it was set back.
        ns: i64,
        /// Whether further ones are only counted.
        is_last: bool,
    },
    /// A capture has a gap before the packet with this index: the first one of more than a minute.
    Gap {
        /// The packet's index.
        index: u64,
        /// How long it is, in nanoseconds.
        ns: u64,
    },
    /// A counter of seconds with 32 bits began anew with the packet with this index.
    Wrap {
        /// The packet's index.
        index: u64,
    },
    /// The baseline's time is over, and there were too few packets.
    FewPackets {
        /// Packets so far.
        packets: u64,
        /// How long the baseline was to be.
        length: Duration,
    },
    /// The packets are so many nanoseconds of Unix time after the last one that the model was trained on; negative where they
    /// are older.
    Distance {
        /// The model's last packet, in Unix nanoseconds.
        model_ns: u64,
        /// The first packet here, likewise.
        first_ns: u64,
    },
}

/// Models and packets that are less than this apart are not said to be, in nanoseconds.
const FAR_APART_NS: u64 = 3_600_000_000_000;

impl Notice {
    /// Whether something has to be done, or is worse than before.
    pub fn is_warning(self) -> bool {
        match self {
            Self::TablesRecovered(_) | Self::Gap { .. } | Self::Vantage(VantageChange::Restored) => false,
            // Age does no harm; a model of later packets than these may have learnt from what it is to find.
            Self::Distance { model_ns, first_ns } => first_ns < model_ns,
            _ => true,
        }
    }

    /// How far apart a model and the packets are, where that is worth a word.
    pub(super) fn distance(model_ns: u64, first_ns: u64) -> Option<Self> {
        // A capture without times has no date.
        (first_ns > 0 && model_ns.abs_diff(first_ns) >= FAR_APART_NS)
            .then_some(Self::Distance { model_ns, first_ns })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWay => f.write_str(
                "only one side of the connections is seen here: sources can't be verified, and attempts can't be told from \
                 connections; watch both directions, or mirror both",
            ),
            Self::OneMac => f.write_str(
                "both sides of connections come from one MAC address here, as where a router alone is mirrored: who forges both \
                 sides of a connection can't be told from its ends; watch where each host has its own MAC address",
            ),
            Self::Vantage(VantageChange::BecameOneWay) => f.write_str(
                "the answers to connections are not seen any more, those of many hosts at once: a route or a mirror has changed. \
                 Attempts can't be told from connections meanwhile; watch both directions again, or train anew",
            ),
            Self::Vantage(VantageChange::BecameTwoWay) => f.write_str(
                "both sides of connections are seen now, where the baseline had one: a route or a mirror has changed. Train anew \
                 to have sources verified",
            ),
            Self::Vantage(VantageChange::Restored) => {
                f.write_str("connections are seen as in the baseline again")
            }
            Self::TablesOverrun(lost) => write!(
                f,
                "there is not room for all hosts, flows and service pairs: {} lost in a second; those without one are judged \
                 together, by MAC address or network. If this is ordinary traffic, raise [context] in nad.toml",
                counted(*lost, "state")
            ),
            Self::Stray(Stray { index, distance_ns }) => write!(
                f,
                "packet {} has a time {} its neighbours': it gets theirs, and so do others like it, which are counted",
                index + 1,
                if *distance_ns < 0 {
                    format!("{} before", span(distance_ns.unsigned_abs()))
                } else {
                    format!("{} after", span(distance_ns.unsigned_abs()))
                }
            ),
            Self::Step { index, ns, is_last } => write!(
                f,
                "the clock that stamps packets was set {} by {} before packet {}: what was learnt and watched goes on from \
                 there{}",
                if *ns < 0 { "back" } else { "ahead" },
                span(ns.unsigned_abs()),
                index + 1,
                if *is_last { "; further steps are only counted" } else { "" }
            ),
            Self::Gap { index, ns } => write!(
                f,
                "no packet for {} before packet {}: a minute of it counts as watched; further gaps are only counted",
                span(*ns),
                index + 1
            ),
            Self::Wrap { index } => write!(
                f,
                "the capture's clock of 32 bits begins anew with packet {}: times go on as they would with more bits",
                index + 1
            ),
            Self::FewPackets { packets, length } => write!(
                f,
                "the {} of the baseline are over, and {}: it goes on until {LEAST_BASELINE} have come, and nothing is judged \
                 until then",
                span(length.as_nanos() as u64),
                if *packets == 0 { "no packet came".into() } else { format!("only {} came", counted(*packets, "packet")) }
            ),
            Self::Distance { model_ns, first_ns } if first_ns < model_ns => write!(
                f,
                "these packets are older than the model: they begin {} before its last packet, of {}; it may have learnt what \
                 it is to find",
                span(model_ns - first_ns),
                timestamp(*model_ns)
            ),
            Self::Distance { model_ns, first_ns } => write!(
                f,
                "the model's last packet, of {}, is {} older than the first one here: what it knows counts as known as if no \
                 time had passed between",
                timestamp(*model_ns),
                span(first_ns - model_ns)
            ),
            Self::TablesRecovered(lost) => {
                write!(f, "there is room for all hosts and flows again; {} lost meanwhile", counted(*lost, "state"))
            }
        }
    }
}

/// States lost in a second from which on it is said.
const MANY: u64 = 100;
/// Seconds without so many after which it is over.
const CALM_SECONDS: u32 = 10;

/// Tells when the tables begin and cease to lose states.
#[derive(Debug, Default)]
pub(super) struct Overrun {
    /// Lost since it began, and seconds since many were.
    ongoing: Option<(u64, u32)>,
}

impl Overrun {
    /// A second is over, in which so many states were lost.
    pub(super) fn second(&mut self, lost: u64) -> Option<Notice> {
        match &mut self.ongoing {
            None if lost >= MANY => {
                self.ongoing = Some((lost, 0));
                Some(Notice::TablesOverrun(lost))
            }
            None => None,
            Some((total, calm)) => {
                *total += lost;
                *calm = if lost >= MANY { 0 } else { *calm + 1 };
                let total = *total;
                (*calm >= CALM_SECONDS).then(|| {
                    self.ongoing = None;
                    Notice::TablesRecovered(total)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_have_two_units() {
        let of = |seconds: u64| span(seconds * 1_000_000_000);
        assert_eq!([of(2), of(60), of(3600), of(3661)], ["2 s", "1 min", "1 h", "1 h 1 min"]);
        assert_eq!([of(90), of(86_400 * 15 + 7), of(0)], ["1 min 30 s", "15 d 7 s", "0 s"]);
        assert_eq!(span(1_250_000_000), "1.2 s");
    }

    #[test]
    fn an_overrun_is_told_when_it_begins_and_when_it_is_over() {
        let mut overrun = Overrun::default();
        assert_eq!(overrun.second(MANY - 1), None);
        assert_eq!(overrun.second(MANY), Some(Notice::TablesOverrun(MANY)));
        for _ in 0..5 {
            assert_eq!(overrun.second(1_000), None, "it is said once");
        }
        for _ in 1..CALM_SECONDS {
            assert_eq!(overrun.second(0), None);
        }
        assert_eq!(overrun.second(1), Some(Notice::TablesRecovered(MANY + 5_001)));
        assert_eq!(overrun.second(0), None);
    }
}
