//! How grave an event is, on the scales of other systems.

use nad_engine::{
    alert::Alert,
    incident::{Incident, shape::Shape},
};

/// From what its shape does to whom it meets, and from how sure it is that it is not ordinary. No event is critical:
/// what is at stake is not in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
}

/// From this probability on that an ordinary subject is as far out, an incident is a level less grave than its shape.
const UNSURE: f64 = 1e-6;

impl Severity {
    /// That of the shape, or a level less where it is not sure.
    pub(crate) fn of_incident(incident: &Incident) -> Self {
        Self::of(incident.shape, incident.probability)
    }

    /// The same, of an incident's shape and the least probability that an ordinary subject is as far out.
    pub(crate) fn of(shape: Shape, probability: f64) -> Self {
        let of_shape = Self::of_shape(shape);
        if probability >= UNSURE { of_shape.below() } else { of_shape }
    }

    /// Of a single packet: medium where it is malformed.
    pub(super) fn of_packet(alert: &Alert) -> Self {
        if alert.record.defect().is_some() { Self::Medium } else { Self::Low }
    }

    const fn of_shape(shape: Shape) -> Self {
        match shape {
            Shape::SynFlood
            | Shape::Flood
            | Shape::Amplification
            | Shape::ArpSpoofing
            | Shape::DnsTunnel
            | Shape::GeneratedNames
            | Shape::UnusualUpload => Self::High,
            Shape::PortScan
            | Shape::HostSweep
            | Shape::BruteForce
            | Shape::Enumeration
            | Shape::SlowRequests
            | Shape::Beacon => Self::Medium,
            Shape::MalformedPackets | Shape::Unusual => Self::Low,
        }
    }

    const fn below(self) -> Self {
        match self {
            Self::Low | Self::Medium => Self::Low,
            Self::High => Self::Medium,
        }
    }

    /// Its name, as OCSF and others have it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }

    /// Its name as nad's own format has it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// That of a level, which is taken for the nearest, as a history has it.
    #[cfg(feature = "history")]
    pub(crate) const fn of_level(level: u8) -> Self {
        match level {
            0 | 1 => Self::Low,
            2 => Self::Medium,
            _ => Self::High,
        }
    }

    /// 1 to 3.
    pub(crate) const fn level(self) -> u8 {
        self as u8 + 1
    }

    /// 0 to 100, the numbers that Elastic's rules have for their severities.
    pub(super) const fn risk_score(self) -> u8 {
        match self {
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
        }
    }

    /// A priority of Suricata's, 1 the gravest.
    pub(super) const fn priority(self) -> u8 {
        match self {
            Self::High => 1,
            Self::Medium => 2,
            Self::Low => 3,
        }
    }
}
