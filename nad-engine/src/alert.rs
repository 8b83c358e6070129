//! One decision: a packet whose score lies above the threshold.

use nad_common::record::PacketRecord;

/// A packet that stands out, with everything needed to say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Nanoseconds since the Unix epoch, by the packet's own clock.
    pub time_ns: u64,
    /// The packet's place in the capture, or the number of its record.
    pub index: u64,
    /// The packet.
    pub record: PacketRecord,
    /// 0 to 1, higher is more anomalous.
    pub score: f64,
    /// The threshold that was in force.
    pub threshold: f64,
    /// Why it stands out, in words.
    pub reason: String,
}
