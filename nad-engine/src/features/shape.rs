//! Names for what deviations look like. The forest has decided; the name only explains.

use serde::{Deserialize, Serialize};

/// What an incident looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Many ports of few hosts.
    PortScan,
    /// Many hosts.
    HostSweep,
    /// Connections that nobody means to complete.
    SynFlood,
    /// More packets than are answered.
    Flood,
    /// Small requests whose large answers go to somebody else.
    Amplification,
    /// Many logins.
    BruteForce,
    /// Many requests for things that may exist.
    Enumeration,
    /// Connections held open with as little as possible.
    SlowRequests,
    /// Data in names.
    DnsTunnel,
    /// Names that a program makes up, most of which do not exist.
    GeneratedNames,
    /// Another's address claimed.
    ArpSpoofing,
    /// Much sent where nobody sends.
    UnusualUpload,
    /// Coming back on time.
    Beacon,
    /// Packets that no ordinary stack sends.
    MalformedPackets,
    /// Anything else.
    Unusual,
}

impl Shape {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PortScan => "port scan",
            Self::HostSweep => "host sweep",
            Self::SynFlood => "SYN flood",
            Self::Flood => "flood",
            Self::Amplification => "amplification",
            Self::BruteForce => "brute force",
            Self::Enumeration => "enumeration",
            Self::SlowRequests => "slow requests",
            Self::DnsTunnel => "DNS tunnel",
            Self::GeneratedNames => "generated names",
            Self::ArpSpoofing => "ARP spoofing",
            Self::UnusualUpload => "unusual upload",
            Self::Beacon => "beacon",
            Self::MalformedPackets => "malformed packets",
            Self::Unusual => "unusual traffic",
        }
    }

    /// Its technique in MITRE ATT&CK (Enterprise, version 15).
    pub const fn technique(self) -> Option<&'static str> {
        match self {
            Self::PortScan => Some("T1046"),
            Self::HostSweep => Some("T1018"),
            Self::SynFlood => Some("T1499.001"),
            Self::Flood => Some("T1498.001"),
            Self::Amplification => Some("T1498.002"),
            Self::BruteForce => Some("T1110"),
            Self::Enumeration => Some("T1595.003"),
            Self::SlowRequests => Some("T1499.002"),
            Self::DnsTunnel => Some("T1071.004"),
            Self::GeneratedNames => Some("T1568.002"),
            Self::ArpSpoofing => Some("T1557.002"),
            Self::UnusualUpload => Some("T1048"),
            Self::Beacon => Some("T1071"),
            Self::MalformedPackets | Self::Unusual => None,
        }
    }
}

/// Connections in 10 s that one of many sources of a flood has at least, and packets: fewer exhaust nothing, whatever else
/// they mean.
pub(super) const FEWEST_CONNECTIONS: f32 = 32.0;
/// See [`FEWEST_CONNECTIONS`].
pub(super) const FEWEST_PACKETS: f32 = 100.0;

/// The shape of a flood, where there are as many as one has.
pub(super) fn if_many(number: f32, fewest: f32, flood: Shape) -> Shape {
    if number >= fewest { flood } else { Shape::Unusual }
}

#[cfg(test)]
mod tests;
