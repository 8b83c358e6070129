//! A cheap clock from two: one that is exact and dear, and one that only counts ticks and costs next to nothing.
//!
//! Asking the kernel's exact clock takes longer than parsing a packet. So a CPU asks for it when it matters: for the
//! first packets of each of the kernel's ticks, and of those that follow only for one in a few. Where packets are few,
//! all have exact times; in a torrent, several share one.

use bytemuck::{Pod, Zeroable};

/// Packets at the start of a tick that all get exact times: with ticks of 4 ms, those of a CPU that sees up to 8,000 a
/// second.
pub const EXACT_PER_TICK: u64 = 32;
/// Of the packets after those, one in this many gets an exact time, and those up to the next one share it. A power of
/// two.
pub const SHARED_BY: u64 = 16;

/// What one CPU remembers of its clock.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct ClockState {
    /// The tick of the last packet.
    tick: u64,
    /// The exact clock when it was last asked, in nanoseconds.
    exact_ns: u64,
    /// Packets in this tick.
    packets: u64,
}

impl ClockState {
    /// The time of a packet, in nanoseconds, that comes in the given one of the kernel's ticks (jiffies: 1 to 10 ms, by
    /// its `CONFIG_HZ`), of which no packet comes in tick 0.
    ///
    /// Never later than the exact clock, never earlier than for the packet before; and where it is earlier than the
    /// exact clock, then the exact one was asked within the last 15 packets and within the same tick.
    #[inline(always)]
    pub fn now(&mut self, tick: u64, exact: impl FnOnce() -> u64) -> u64 {
        if tick != self.tick {
            self.tick = tick;
            self.packets = 0;
        }
        if self.packets < EXACT_PER_TICK || self.packets.is_multiple_of(SHARED_BY) {
            self.exact_ns = exact();
        }
        self.packets += 1;
        self.exact_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_NS: u64 = 4_000_000;

    /// The largest error, in nanoseconds, and how many of the packets asked for the exact time.
    fn follow(times: impl Iterator<Item = u64>) -> (u64, usize) {
        let mut state = ClockState::default();
        let (mut largest, mut asked) = (0, 0);
        let mut recent = [0; SHARED_BY as usize];
        let mut before = 0;
        for now in times {
            let tick = now / TICK_NS;
            let stamped = state.now(tick, || {
                asked += 1;
                now
            });
            recent.rotate_left(1);
            recent[recent.len() - 1] = now;
            assert!(stamped >= before, "{stamped} after {before}");
            assert!(recent.contains(&stamped), "{now}: {stamped} is older than 15 packets");
            assert!(stamped <= now && stamped >= tick * TICK_NS, "{now}: {stamped} is of another tick");
            before = stamped;
            largest = largest.max(now - stamped);
        }
        (largest, asked)
    }

    fn every(step_ns: u64, packets: u64) -> impl Iterator<Item = u64> {
        (1..=packets).map(move |number| 10 * TICK_NS + number * step_ns)
    }

    #[test]
    fn where_packets_are_few_every_time_is_exact() {
        assert_eq!(follow(every(125_000, 10_000)), (0, 10_000));
        assert_eq!(follow(every(1_000_000_000, 100)), (0, 100));
    }

    #[test]
    fn in_a_torrent_fifteen_packets_share_the_time_of_one() {
        let (largest, asked) = follow(every(100, 400_000));
        assert_eq!(largest, 1500);
        assert!(asked < 400_000 / 15, "{asked}");
    }

    #[test]
    fn a_burst_and_what_follows_it_long_after_are_off_by_less_than_a_tick() {
        // 33 at the start of each tick, and one at its end.
        let burst = (0..1000).flat_map(|tick| {
            let start = (10 + tick) * TICK_NS;
            (0..40).map(move |number| start + number).chain([start + TICK_NS - 1])
        });
        let (largest, _) = follow(burst);
        assert!(largest < TICK_NS && largest > TICK_NS / 2, "{largest}");
    }
}
