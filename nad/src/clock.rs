//! The kernel's clock, and what Unix time it is by it.
//!
//! Records have `CLOCK_MONOTONIC` of the machine. A process in a time namespace (`time_namespaces(7)`) has another one,
//! so the difference is taken from the kernel, once: a process stays in its namespace.

pub mod local;

use std::{
    fs,
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use nad_engine::batch::{Cause, Shift};
use nad_engine::time::Timeline;
use rustix::time::{ClockId, clock_gettime};

/// A change of the system's clock below this is steering, by `adjtime` or a time server: it is followed and not said.
const STEERED_NS: u64 = 100_000_000;
/// A change below this is the distance between two readings.
const UNCERTAIN_NS: u64 = 50_000;

/// The clock of live records. It is read again and again, as the system's clock may be set at any time.
#[derive(Debug, Clone, Copy)]
pub struct LiveClock {
    /// Unix time less the machine's `CLOCK_MONOTONIC`.
    zero_ns: u64,
}

impl LiveClock {
    /// Relates the kernel's clock to the system's time of this moment. Must be called where `/proc` can be read.
    pub fn start() -> Self {
        Self { zero_ns: measured_zero_ns() }
    }

    /// Unix time of this moment, in nanoseconds, as records of now have it: by the zero of the last look.
    pub fn unix_ns(&self) -> u64 {
        kernel_ns().saturating_add(self.zero_ns)
    }

    /// Unix time, in nanoseconds, less that of records.
    pub fn zero_ns(&self) -> u64 {
        self.zero_ns
    }

    /// The detector's side of it, from this moment on.
    pub fn timeline(&self) -> Timeline {
        Timeline::live(self.zero_ns, self.unix_ns())
    }

    /// Looks whether the system's clock was set, before the record of an index.
    pub fn look(&mut self, index: u64) -> Option<Shift> {
        self.follow(measured_zero_ns(), index)
    }

    fn follow(&mut self, zero_ns: u64, index: u64) -> Option<Shift> {
        let by_ns = zero_ns.wrapping_sub(self.zero_ns) as i64;
        if by_ns.unsigned_abs() < UNCERTAIN_NS {
            return None;
        }
        self.zero_ns = zero_ns;
        let cause = if by_ns.unsigned_abs() < STEERED_NS { Cause::Slew } else { Cause::Step(by_ns) };
        Some(Shift { index, by_ns: by_ns.into(), unwatched_ns: 0, cause })
    }
}

fn measured_zero_ns() -> u64 {
    unix_now_ns().saturating_sub(kernel_ns())
}

/// The system's clock: nanoseconds since the Unix epoch.
pub fn unix_now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64)
}

/// The machine's `CLOCK_MONOTONIC`, as records have it, in nanoseconds. The first call must be where `/proc` can be read.
pub fn kernel_ns() -> u64 {
    static NAMESPACE_NS: OnceLock<i64> = OnceLock::new();
    let namespace_ns = *NAMESPACE_NS.get_or_init(|| {
        monotonic_offset_ns(&fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default())
    });
    monotonic_ns().saturating_add_signed(namespace_ns.saturating_neg())
}

/// This process's `CLOCK_MONOTONIC` less the machine's, from `/proc/PID/timens_offsets`: lines of a clock's name, seconds
/// and nanoseconds. Kernels without time namespaces have no such file.
fn monotonic_offset_ns(offsets: &str) -> i64 {
    let offset = offsets.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // Kernels before 5.6's first fixes say the clock's number.
        if !matches!(words.next()?, "monotonic" | "1") {
            return None;
        }
        let seconds: i64 = words.next()?.parse().ok()?;
        let nanoseconds: i64 = words.next()?.parse().ok()?;
        Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
    });
    offset.unwrap_or(0)
}

/// Nanoseconds of this process's `CLOCK_MONOTONIC`.
fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn the_kernels_now_is_the_systems_now() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let kernel_now = LiveClock::start().unix_ns();
        assert!(kernel_now.abs_diff(now) < 1_000_000_000, "{kernel_now} and {now}");
    }

    #[test]
    fn a_step_of_the_systems_clock_is_told_once_and_steering_is_followed() {
        let start = LiveClock::start();
        let mut clock = start;
        let at = |by_ns: i64| start.zero_ns.saturating_add_signed(by_ns);
        assert_eq!(clock.follow(at(1000), 0), None, "two readings are never at once");
        let shift = clock.follow(at(3600 * SECOND), 9).unwrap();
        let step = 3600 * SECOND;
        assert_eq!((shift.index, shift.by_ns, shift.cause), (9, step.into(), Cause::Step(step)));
        assert_eq!(clock.follow(at(3600 * SECOND), 0), None);
        let back = clock.follow(at(3599 * SECOND), 0).unwrap();
        assert_eq!(back.cause, Cause::Step(-SECOND));
        let steered = clock.follow(at(3599 * SECOND + 1_000_000), 0).unwrap();
        assert_eq!((steered.by_ns, steered.cause), (1_000_000, Cause::Slew));
    }

    #[test]
    fn the_offset_of_a_time_namespace_is_the_kernels() {
        let offsets = "monotonic           -5  250000000\nboottime   7  0\n";
        assert_eq!(monotonic_offset_ns(offsets), -4_750_000_000);
        assert_eq!(monotonic_offset_ns("boottime 7 0\n"), 0);
        for unreadable in ["", "monotonic", "monotonic x 0", "monotonic 1"] {
            assert_eq!(monotonic_offset_ns(unreadable), 0, "{unreadable:?}");
        }
    }
}
