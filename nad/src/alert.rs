//! One decision: a packet whose score lies above the threshold.

use nad_common::record::PacketRecord;
use serde::Serialize;

use crate::presentation::{self, Endpoint};

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

/// An alert as a JSON object.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// Seconds since the Unix epoch.
    time: f64,
    /// The same in RFC 3339.
    timestamp: String,
    index: u64,
    #[serde(skip_serializing_if = "is_zero")]
    interface: u32,
    src_ip: Option<String>,
    dst_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_mac: Option<String>,
    src_port: u16,
    dst_port: u16,
    protocol: String,
    length: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    defect: Option<&'static str>,
    score: f64,
    threshold: f64,
    reason: &'a str,
}

impl Alert {
    /// The alert as one line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        let record = &self.record;
        let (source, destination) = Endpoint::of(record);
        let line = Line {
            time: self.time_ns as f64 / 1e9,
            timestamp: presentation::timestamp(self.time_ns),
            index: self.index,
            interface: record.interface,
            src_ip: source.ip.map(|ip| ip.to_string()),
            dst_ip: destination.ip.map(|ip| ip.to_string()),
            src_mac: source.mac.map(presentation::mac),
            dst_mac: destination.mac.map(presentation::mac),
            src_port: record.source_port,
            dst_port: record.destination_port,
            protocol: presentation::protocol(record),
            length: record.length,
            vlan: presentation::vlan(record),
            tunnel: record.tunnel().map(|tunnel| tunnel.name()),
            defect: record.defect().map(|defect| defect.name()),
            score: self.score,
            threshold: self.threshold,
            reason: &self.reason,
        };
        // Strings, numbers that are finite, and options of them: serialising them can't fail.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}
