//! What each level of load shedding records.

use super::Sampling;

impl Sampling {
    /// The budgets of a level below [`LEVELS`](super::LEVELS), on a machine with as many CPUs.
    pub fn of_level(level: u8, seed: u64, cpus: usize) -> Self {
        // What all CPUs together record in a window is bounded as well.
        let share = |total: usize, most: usize| (total / cpus.max(1)).clamp(64, most) as u32;
        let base = Self { seed, level: level.into(), ..Self::default() };
        match level {
            0 => base,
            1 => Self {
                first: 16,
                every: 16,
                flow: 64,
                service: 256,
                host: 1024,
                sender: 64,
                flows: share(1 << 16, 8192),
                beginnings: share(1 << 16, 8192),
                senders: share(1 << 13, 1024),
                ..base
            },
            2 => Self {
                first: 4,
                every: u32::MAX,
                flow: 1,
                service: 64,
                host: 256,
                sender: 16,
                flows: share(1 << 14, 2048),
                beginnings: share(1 << 14, 2048),
                senders: share(1 << 12, 512),
                ..base
            },
            _ => Self {
                first: 2,
                every: u32::MAX,
                flow: 1,
                service: 32,
                host: 128,
                sender: 16,
                flows: share(1 << 12, 512),
                beginnings: share(1 << 12, 512),
                senders: share(1 << 10, 128),
                ..base
            },
        }
    }
}
