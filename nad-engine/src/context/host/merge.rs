//! One host in several partitions: adding its states up, and telling each of them what the others have.

use bytemuck::Zeroable as _;

use super::{Elsewhere, HostState, REAL, TickCount};
use crate::context::{decay::Decay, network::HostSummary};

impl HostState {
    /// Becomes the state of one partition as it fades up to `now_ns`: as the sum of all begins.
    pub(in crate::context) fn begin_sum(&mut self, part: &Self, now_ns: u64) {
        self.copy(part, now_ns);
        self.elsewhere = Elsewhere::zeroed();
        self.fade(now_ns);
    }

    /// Adds the state of another partition as it fades up to `now_ns`, to which this one has, in this tick. MAC addresses are no
    /// sum: see [`Macs::hear`](super::Macs::hear).
    pub(in crate::context) fn add(&mut self, other: &Self, now_ns: u64, tick: u32) {
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        let decay = other.decay(now_ns).unwrap_or(Decay::NONE);
        self.sent_1 += other.sent_1 * decay.second;
        self.failed_60 += other.failed_60 * decay.minute;
        self.unfamiliar_60 += other.unfamiliar_60 * decay.minute;
        for (count, more) in self.counts_10_mut().into_iter().zip(other.counts_10()) {
            *count += more * decay.ten;
        }
        self.marks |= other.marks;
        self.begun.add(&other.begun, tick);
        self.asked.add(&other.asked, tick);
        for (majority, other) in [
            (&mut self.favourite, &other.favourite),
            (&mut self.presser, &other.presser),
            (&mut self.pinger, &other.pinger),
        ] {
            majority.add(other, now_ns);
        }
        other.recent_targets.iter().for_each(|host| self.recent_targets.add(host));
        other.recent_sources.iter().for_each(|host| self.recent_sources.add(host));
        self.add_sketches(other, now_ns);
    }

    /// Takes what is known of the host over all partitions, of which `all` is the sum.
    pub(in crate::context) fn share(&mut self, all: &Self, summary: &HostSummary) {
        let rest = |all: f32, own: f32| (all - own).max(0.0);
        self.elsewhere = Elsewhere {
            opened_10: rest(all.opened_10, self.opened_10),
            failed_10: rest(all.failed_10, self.failed_10),
            stray_10: rest(all.stray_10, self.stray_10),
        };
        self.inherit(summary);
    }

    /// Takes what was known of the host at the last second's end.
    pub(in crate::context) fn inherit(&mut self, summary: &HostSummary) {
        use crate::context::table::Entry as _;
        if summary.first_ns != 0 {
            self.first_ns = summary.first_ns;
        }
        (self.source_level, self.target_level) = (summary.source_level, summary.target_level);
        self.macs = summary.macs;
        self.marks |= if summary.is_real() { REAL } else { 0 };
    }

    /// Flows that it opened, also those of which other partitions knew at the last second's end.
    pub fn opened_everywhere_10(&self) -> f32 {
        self.opened_10 + self.elsewhere.opened_10
    }

    /// Its flows that failed, likewise.
    pub fn failed_everywhere_10(&self) -> f32 {
        self.failed_10 + self.elsewhere.failed_10
    }

    /// Packets that it sent outside of established flows, likewise.
    pub fn stray_everywhere_10(&self) -> f32 {
        self.stray_10 + self.elsewhere.stray_10
    }
}

/// Counts of [`HostState`], to be read and to be changed.
macro_rules! counts_10 {
    ($($count:ident)*) => {
        impl HostState {
            /// Every count that fades over ten seconds, and is a sum over partitions.
            fn counts_10(&self) -> [f32; 17] {
                [$(self.$count),*]
            }

            /// The same, to be changed.
            pub(super) fn counts_10_mut(&mut self) -> [&mut f32; 17] {
                [$(&mut self.$count),*]
            }
        }
    };
}

counts_10! {
    opened_10 opened_tcp_10 failed_10 waiting_10 stray_10 icmp_10 sent_10 received_10 asked_10 asked_tcp_10
    half_open_10 turned_away_10 pressed_10 icmp_in_10 malformed_10 unusual_headers_10 errors_10
}

impl TickCount {
    /// Packets in a tick.
    pub(in crate::context) fn packets_in(&self, tick: u32) -> u32 {
        if self.tick == tick { self.packets } else { 0 }
    }

    fn add(&mut self, other: &Self, tick: u32) {
        if self.tick != tick {
            *self = Self { tick, ..Self::zeroed() };
        }
        if other.tick == tick {
            self.packets = self.packets.saturating_add(other.packets);
            self.bytes += other.bytes;
        }
    }
}
