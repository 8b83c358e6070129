//! What the time in a record means.

use std::time::{SystemTime, UNIX_EPOCH};

/// The clock that stamped a source's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Nanoseconds since the Unix epoch, as capture files have them.
    Unix,
    /// `CLOCK_MONOTONIC`, as the kernel program has it, and the Unix time of its zero. It is taken once: a later
    /// step of the system's clock moves no packet against another.
    Monotonic {
        /// Nanoseconds since the Unix epoch.
        zero_ns: u64,
    },
}

impl Clock {
    /// The kernel's clock, related to the system's time of this moment.
    pub fn monotonic() -> Self {
        let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64);
        Self::Monotonic { zero_ns: unix_ns.saturating_sub(monotonic_ns()) }
    }

    /// Whether records of now come with it, as opposed to those of a capture.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Monotonic { .. })
    }

    /// The Unix time of this moment, in nanoseconds, as this clock has it: records of now have it, too. A capture's
    /// clock has no now, and stands at 0.
    pub fn now_ns(&self) -> u64 {
        match self {
            Self::Unix => 0,
            Self::Monotonic { .. } => self.unix_ns(monotonic_ns()),
        }
    }

    /// The Unix time, in nanoseconds, of a record's time.
    pub fn unix_ns(&self, time_ns: u64) -> u64 {
        match self {
            Self::Unix => time_ns,
            Self::Monotonic { zero_ns } => zero_ns + time_ns,
        }
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable, and the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_now_is_the_systems_now() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let kernel_now = Clock::monotonic().unix_ns(monotonic_ns());
        assert!(kernel_now.abs_diff(now) < 1_000_000_000, "{kernel_now} and {now}");
    }
}
