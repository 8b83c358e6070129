//! EVE, the JSON of Suricata (8.0): an event of the type `alert` for packets and incidents alike.
//!
//! Names and types are those of etc/schema.json in Suricata 8.0.6, but for `nad`, which holds nad's own object.

use std::net::IpAddr;

use nad_engine::{
    alert::Alert,
    incident::{Change, Incident, shape::Shape},
    presentation,
};
use serde::Serialize;

use super::{
    Own, moment,
    severity::Severity,
    subject::{End, Subject},
    technique::Technique,
};
use crate::sensor;

/// Generator of what comes from rules, as all of nad's signatures say.
const GENERATOR: u8 = 1;
/// Version of the signatures below.
const REVISION: u8 = 1;

/// An event.
#[derive(Serialize)]
pub(super) struct Eve<'a> {
    timestamp: String,
    event_type: &'static str,
    /// Suricata's `sensor-name`.
    host: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_iface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<[u16; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_v: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ether: Option<Ether>,
    alert: Signature,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<Flow>,
    nad: Own<'a>,
}

#[derive(Serialize)]
struct Signature {
    action: &'static str,
    gid: u8,
    signature_id: u32,
    rev: u8,
    signature: String,
    category: &'static str,
    severity: u8,
    metadata: Metadata,
}

/// Lists of one, as the rules that people buy have them.
#[derive(Serialize)]
struct Metadata {
    signature_severity: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    mitre_technique_id: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mitre_technique_name: Option<[String; 1]>,
    /// Whether the source has shown that it receives what is sent to its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_verified: Option<[&'static str; 1]>,
}

/// When what is reported began and ended. Packets and bytes are in nad's own object: they are not known by direction.
#[derive(Serialize)]
struct Flow {
    start: String,
    end: String,
}

#[derive(Serialize)]
struct Ether {
    #[serde(skip_serializing_if = "Option::is_none")]
    src_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_mac: Option<String>,
}

impl<'a> Eve<'a> {
    /// Of a packet.
    pub(super) fn of_packet(alert: &'a Alert) -> Self {
        let (signature_id, signature, category) = match alert.record.defect() {
            Some(_) => (1_900_101, "NAD malformed packet", "Generic Protocol Command Decode"),
            None => (1_900_100, "NAD unusual packet", "Misc activity"),
        };
        let signature =
            Signature::new(signature_id, signature.into(), category, Severity::of_packet(alert), None);
        Self {
            vlan: presentation::vlan(&alert.record).map(|id| [id]),
            in_iface: sensor::interface(alert.record.interface),
            ..Self::new(alert.time_ns, &Subject::of_packet(alert), signature, Own::Packet(alert.into()))
        }
    }

    /// Of an incident.
    pub(super) fn of_incident(incident: &'a Incident, change: Option<Change>) -> Self {
        let (signature_id, category) = rule(incident.shape);
        let mut signature = Signature::new(
            signature_id,
            format!("NAD {}", incident.shape.name()),
            category,
            Severity::of_incident(incident),
            Technique::of(incident.shape),
        );
        let first = Subject::of_incident(incident).swap_remove(0);
        signature.metadata.source_verified = first.is_verified.map(|is| [if is { "true" } else { "false" }]);
        Self {
            vlan: incident.place.vlan.map(|id| [id]),
            in_iface: sensor::interface(incident.place.interface),
            flow: Some(Flow { start: time(incident.start_ns), end: time(incident.end_ns) }),
            ..Self::new(moment(incident, change), &first, signature, Own::Incident(incident.into()))
        }
    }

    fn new(time_ns: u64, subject: &Subject, alert: Signature, nad: Own<'a>) -> Self {
        let ip = |end: Option<End>| end.and_then(|end| end.ip);
        let port = |end: Option<End>| end.and_then(|end| end.port);
        let mac = |end: Option<End>| end.and_then(|end| end.mac).map(presentation::mac);
        let (src_mac, dest_mac) = (mac(subject.source), mac(subject.target));
        let has_macs = src_mac.is_some() || dest_mac.is_some();
        Self {
            timestamp: time(time_ns),
            event_type: "alert",
            host: sensor::name(),
            in_iface: None,
            vlan: None,
            src_ip: ip(subject.source),
            src_port: port(subject.source),
            dest_ip: ip(subject.target),
            dest_port: port(subject.target),
            proto: subject.transport().map(|name| protocol(&name)).or_else(|| subject.link_protocol.clone()),
            ip_v: subject.ip_version().filter(|_| subject.link_protocol.is_none()),
            ether: has_macs.then_some(Ether { src_mac, dest_mac }),
            alert,
            flow: None,
            nad,
        }
    }
}

impl Signature {
    fn new(
        signature_id: u32,
        signature: String,
        category: &'static str,
        severity: Severity,
        technique: Option<Technique>,
    ) -> Self {
        let precise = technique.map(|technique| technique.precise());
        let metadata = Metadata {
            signature_severity: [match severity {
                Severity::Low => "Minor",
                Severity::Medium | Severity::High => "Major",
            }],
            mitre_technique_id: precise.map(|(id, _)| [id]),
            mitre_technique_name: precise.map(|(_, name)| [name.replace(' ', "_")]),
            source_verified: None,
        };
        Self {
            action: "allowed",
            gid: GENERATOR,
            signature_id,
            rev: REVISION,
            signature,
            category,
            severity: severity.priority(),
            metadata,
        }
    }
}

/// Number and category of a shape's signature. The numbers are in the range that Suricata leaves to local rules
/// (1,000,000 to 1,999,999) and never change; categories are those of its classification.config.
fn rule(shape: Shape) -> (u32, &'static str) {
    const SCAN: &str = "Detection of a Network Scan";
    const DENIAL: &str = "Attempted Denial of Service";
    const BAD: &str = "Potentially Bad Traffic";
    match shape {
        Shape::PortScan => (1_900_001, SCAN),
        Shape::HostSweep => (1_900_002, SCAN),
        Shape::SynFlood => (1_900_003, DENIAL),
        Shape::Flood => (1_900_004, DENIAL),
        Shape::Amplification => (1_900_005, DENIAL),
        Shape::BruteForce => (1_900_006, "Attempted User Privilege Gain"),
        Shape::Enumeration => (1_900_007, "Attempted Information Leak"),
        Shape::SlowRequests => (1_900_008, DENIAL),
        Shape::DnsTunnel => (1_900_009, BAD),
        Shape::ArpSpoofing => (1_900_010, BAD),
        Shape::UnusualUpload => (1_900_011, BAD),
        Shape::Beacon => (1_900_012, BAD),
        Shape::MalformedPackets => (1_900_013, "Generic Protocol Command Decode"),
        Shape::Unusual => (1_900_014, "Misc activity"),
        Shape::GeneratedNames => (1_900_015, BAD),
    }
}

/// The protocol's name as Suricata writes it.
fn protocol(name: &str) -> String {
    if name == "ipv6-icmp" { "IPv6-ICMP".into() } else { name.to_uppercase() }
}

/// `2026-11-22T08:14:14.600000+0000`
fn time(time_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(time_ns.into())
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S%.6f+0000")
        .to_string()
}
