//! Time comes from here, and nothing else compares clocks.
//!
//! Everything that detects works on *sensor time*: nanoseconds that never run backwards and only pass while the network
//! is watched. It begins as Unix time and stays equal to it as long as nobody sets a clock. A source stamps its records
//! with sensor time and says in its batches ([`Shift`]) where Unix time moves against it: [`Order`] does so for
//! captures, whose times may be anything; who reads a clock does so with it. The [`Timeline`] is the detector's side of
//! this: it turns sensor time back into Unix time for whatever leaves the detector.

mod order;
mod timeline;

pub use order::{Order, Placed};
pub use timeline::Timeline;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Sensor time, in nanoseconds.
    pub sensor_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub unix_ns: u64,
}

/// For clocks that nobody has set.
impl From<u64> for Now {
    fn from(ns: u64) -> Self {
        Self { sensor_ns: ns, unix_ns: ns }
    }
}

/// Unix time moves against sensor time, from a record on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// The record's place in its batch; a batch's length stands for the first record of the next.
    pub place: usize,
    /// The record's index.
    pub index: u64,
    /// By how much Unix time moves against sensor time, in nanoseconds.
    pub by_ns: i128,
    /// How much of the sensor time since the record before nobody watched, in nanoseconds.
    pub unwatched_ns: u64,
    /// Why.
    pub cause: Cause,
}

/// Why Unix time moves against sensor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The clock that stamps packets was set, or the recording went on later: by so many nanoseconds.
    Step(i64),
    /// No packet came for so many nanoseconds of a capture.
    Gap(u64),
    /// A counter of seconds with 32 bits began anew.
    Wrap,
    /// The system's clock is steered: too little to be said.
    Slew,
}

/// A packet whose time is far from that of the packets before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// The packet's index.
    pub index: u64,
    /// How far ahead of them it is, in nanoseconds; negative where it is behind.
    pub distance_ns: i64,
}
