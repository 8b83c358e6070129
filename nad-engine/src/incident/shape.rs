//! Names for what deviations look like. The forest has decided; the name only explains.

use serde::{Deserialize, Serialize};

use super::{Deviation, SubjectState};
use crate::{context::service_pair::ServicePairState, features::View};

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

/// Services that ask for a password.
const LOGIN_PORTS: [u16; 20] =
    [21, 22, 23, 110, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521, 3306, 3389, 5432, 5900, 5985, 6379];

const TCP: u8 = 6;
const ICMP: [u8; 2] = [1, 58];

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
            Self::ArpSpoofing => Some("T1557.002"),
            Self::UnusualUpload => Some("T1048"),
            Self::Beacon => Some("T1071"),
            Self::MalformedPackets | Self::Unusual => None,
        }
    }

    /// What a deviation looks like.
    pub fn of(deviation: &Deviation) -> Self {
        match &deviation.subject {
            SubjectState::ServicePair(pair, _) => of_service_pair(deviation.view, pair),
            SubjectState::Source(host) => match deviation.view {
                View::Malformed => Self::MalformedPackets,
                View::OutboundFlood
                    if host.icmp_10 > 0.5 * host.stray_10.max(host.opened_10) && host.peers_10() < 4.0 =>
                {
                    Self::Flood
                }
                view => {
                    // Unanswered packets count even where they open no flow.
                    let packets = if view == View::OutboundFlood { host.stray_10 } else { 0.0 };
                    let services = host.services_10().max(host.services_120());
                    let connections = if host.opens_mostly_tcp() { host.unsuccessful_10() } else { 0.0 };
                    of_scan(services, host.peers_10(), connections, host.opened_10.max(packets))
                }
            },
            SubjectState::Target(host) => {
                let connections = host.half_open_10 + host.turned_away_10;
                let is_syns = connections > 0.25 * host.pressed_10 && host.is_asked_mostly_tcp();
                if is_syns && !host.is_pressed_by_pings() { Self::SynFlood } else { Self::Flood }
            }
            SubjectState::Link(link) => {
                if link.conflicts_60 >= 1.0 {
                    Self::ArpSpoofing
                } else if link.malformed_10 >= 1.0 {
                    Self::MalformedPackets
                } else if link.asked_10() > link.unasked_60 {
                    Self::HostSweep
                } else {
                    Self::ArpSpoofing
                }
            }
        }
    }
}

fn of_scan(services: f32, peers: f32, unsuccessful_connections: f32, tried: f32) -> Shape {
    if services < 0.1 * tried {
        // The same few services again and again.
        return if unsuccessful_connections > 0.25 * tried { Shape::SynFlood } else { Shape::Flood };
    }
    if peers > 0.5 * services && peers > 4.0 { Shape::HostSweep } else { Shape::PortScan }
}

fn of_service_pair(view: View, pair: &ServicePairState) -> Shape {
    const LONG_NAME: f32 = 50.0;
    let has_long_names = pair.queries_10 > 1.0 && pair.name_length > LONG_NAME;
    match view {
        View::Names if has_long_names || pair.rare_types > 0.5 => Shape::DnsTunnel,
        View::Connections | View::Exchange | View::Upload | View::Answers if has_long_names => {
            Shape::DnsTunnel
        }
        View::Upload => Shape::UnusualUpload,
        View::Answers => Shape::Amplification,
        View::Periodicity => Shape::Beacon,
        View::Connections | View::Exchange if ICMP.contains(&pair.protocol) => Shape::Flood,
        View::Connections => of_connections(pair),
        View::Exchange if LOGIN_PORTS.contains(&pair.port) => Shape::BruteForce,
        View::Exchange if pair.protocol == TCP => Shape::Enumeration,
        _ => Shape::Unusual,
    }
}

fn of_connections(pair: &ServicePairState) -> Shape {
    /// Bytes of payload that a connection's client has sent in a slow request, at most.
    const LITTLE: f32 = 1_000.0;
    let is_tcp = pair.protocol == TCP;
    if is_tcp && pair.unsuccessful_10() > 0.5 * pair.opened_10 {
        Shape::SynFlood
    } else if is_tcp && LOGIN_PORTS.contains(&pair.port) {
        Shape::BruteForce
    } else if is_tcp && pair.open_now > 0.5 * pair.opened_60 && pair.up_60 < LITTLE * pair.opened_60 {
        Shape::SlowRequests
    } else if is_tcp && pair.turns_10 >= pair.opened_10 {
        Shape::Enumeration
    } else {
        Shape::Flood
    }
}

#[cfg(test)]
mod tests;
