//! What captures hold, before they are learnt from.

use std::time::Duration;

use super::LONGEST_PAUSE_NS;

/// What captures hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    /// Packets that can be read.
    pub packets: u64,
    /// Packets that came in the first half of the time.
    pub first_half: u64,
    /// The time in which packets were captured, without long pauses.
    pub watched: Duration,
    /// Whether all packets have the same time, or the time 0.
    pub is_timeless: bool,
}

/// Adds up times, and keeps how many packets had come by when.
#[derive(Debug, Default)]
pub(super) struct Surveyor {
    packets: u64,
    first_ns: u64,
    last_ns: u64,
    watched_ns: u64,
    differ: bool,
    /// Watched time and packets, every so often.
    pub(super) marks: Vec<(u64, u64)>,
    step_ns: u64,
}

impl Surveyor {
    pub(super) const MOST_MARKS: usize = 8192;

    pub(super) fn take(&mut self, time_ns: u64) {
        if self.packets == 0 {
            (self.first_ns, self.last_ns) = (time_ns, time_ns);
        }
        self.differ |= time_ns != self.first_ns;
        self.watched_ns += time_ns.saturating_sub(self.last_ns).min(LONGEST_PAUSE_NS);
        // Where time goes back, it goes on from there.
        self.last_ns = time_ns;
        self.packets += 1;
        if self.marks.last().is_none_or(|(then_ns, _)| self.watched_ns - then_ns >= self.step_ns) {
            if self.marks.len() == Self::MOST_MARKS {
                let mut place = 0;
                self.marks.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.step_ns = (self.step_ns * 2).max(1_000_000);
            }
            self.marks.push((self.watched_ns, self.packets));
        }
    }

    pub(super) fn end(self) -> Survey {
        let half_ns = self.watched_ns / 2;
        let place = self.marks.partition_point(|(then_ns, _)| *then_ns < half_ns);
        let first_half = self.marks.get(place).map_or(self.packets, |(_, packets)| *packets);
        Survey {
            packets: self.packets,
            first_half,
            watched: Duration::from_nanos(self.watched_ns),
            is_timeless: !self.differ && self.packets > 0 && (self.packets > 1 || self.first_ns == 0),
        }
    }
}
