//! Time comes from here, and nothing else compares clocks.
//!
//! Everything that detects works on *sensor time*: nanoseconds that never run backwards and only pass while the network
//! is watched. It begins as Unix time and stays equal to it as long as nobody sets a clock. A source stamps its records
//! with sensor time and says in its batches ([`Shift`](crate::batch::Shift)) where Unix time moves against it: [`Order`] does so for
//! captures, whose times may be anything; who reads a clock does so with it. The [`Timeline`] is the detector's side of
//! this: it turns sensor time back into Unix time for whatever leaves the detector.

mod order;
mod timeline;

pub use order::{Order, Placed};
pub use timeline::{Timeline, TimelineState};

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
