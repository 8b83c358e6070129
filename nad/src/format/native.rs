//! nad's own format. The JSON Schema files in schemas/ are made from these types, with what is said of each field.

use std::collections::BTreeMap;

use nad_engine::{
    alert::Alert,
    context::{Origin, host_key::HostKey},
    incident::{self, Incident, Listed},
    presentation::{self, Endpoint},
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use super::{evidence::EvidenceLine, severity::Severity};
use crate::sensor;

/// The version of both objects: it changes where a field is taken out or means something else.
const VERSION: u8 = 2;

/// A packet above the threshold, as nad writes it to the alert file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "nad alert", deny_unknown_fields)]
pub struct AlertLine<'a> {
    /// Version of this object: 2.
    schema: u8,
    /// When the packet came, in seconds since the Unix epoch, by the packet's own clock.
    time: f64,
    /// The same in RFC 3339, in UTC with milliseconds.
    timestamp: String,
    /// Name of the sensor, see `--sensor-name`.
    sensor: &'static str,
    /// How grave it is: `low`, or `medium` where the packet is malformed.
    severity: SeverityName,
    /// The packet's place in the capture, from 0, or live the number of its record.
    index: u64,
    /// Index of the interface as the kernel counts them; absent where it is not known.
    #[serde(skip_serializing_if = "is_zero")]
    interface: u32,
    /// Name of that interface; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_name: Option<String>,
    /// Source IP address; for ARP the sender's. Null where there is none.
    src_ip: Option<String>,
    /// Destination IP address; for ARP the one that is spoken of. Null where there is none.
    dst_ip: Option<String>,
    /// Source MAC address, of packets that are not IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    src_mac: Option<String>,
    /// Destination MAC address, of packets that are not IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_mac: Option<String>,
    /// Source port, 0 where there is none.
    src_port: u16,
    /// Destination port, 0 where there is none.
    dst_port: u16,
    /// Usual name of the protocol, such as TCP, ICMPv6 or ARP, or its number.
    protocol: String,
    /// Length on the wire in bytes, with the Ethernet header.
    length: u32,
    /// Outer VLAN id, where there is a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    /// The tunnel that the packet came in, where it came in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<&'static str>,
    /// What is wrong with the packet, where it is malformed.
    #[serde(skip_serializing_if = "Option::is_none")]
    defect: Option<&'static str>,
    /// How anomalous the packet is, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: f64,
    /// The score from which on packets were reported, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    threshold: f64,
    /// Why it stands out, in words.
    reason: &'a str,
}

/// Alerts of one cause, as nad writes them to the incident file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "nad incident", deny_unknown_fields)]
pub struct IncidentLine<'a> {
    /// Version of this object: 2.
    schema: u8,
    /// Name of the incident: unique in a run, the same whenever the same packets come.
    id: &'a str,
    /// The case that it belongs to: `id` of the first of the incidents of one host that were open at a time.
    case: &'a str,
    /// Other incidents of the same host that were open meanwhile, by `id` with their shapes; absent where there were none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    related: BTreeMap<&'a str, &'static str>,
    /// Name of the incident among all sensors and runs (UUIDv7): the same in all its changes. A replay with the same seed or model
    /// gives it again.
    uid: String,
    /// Name of the sensor, see `--sensor-name`.
    sensor: &'static str,
    /// How grave it is, from its shape and from how sure it is that it is not ordinary.
    severity: SeverityName,
    /// Index, as the kernel counts them, of the interface where packets of the first source (or else target) whose place is known are
    /// seen; absent where it is not known, as in a replay.
    #[serde(skip_serializing_if = "is_zero")]
    interface: u32,
    /// Name of that interface; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_name: Option<String>,
    /// Outer VLAN id of these packets, where there is a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    /// Whether further alerts are expected.
    state: State,
    /// What it looks like, such as `port scan`.
    shape: &'static str,
    /// Technique of that shape in MITRE ATT&CK (Enterprise, version 15); absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    technique: Option<&'static str>,
    /// When it was opened, in seconds since the Unix epoch, by the packets' clock as all times here.
    detected_at: f64,
    /// Beginning of the first second with an alert, in seconds since the Unix epoch.
    start: f64,
    /// End of the last second with an alert, in seconds since the Unix epoch.
    end: f64,
    /// IP or MAC addresses of those who did it, at most 16; none for a flood from everywhere.
    sources: Vec<String>,
    /// What is known of each of the sources, in their order.
    source_details: Vec<SourceDetail>,
    /// How many sources beside the first one may be forged and did the same, listed or not, up to 4096; absent where there are
    /// none.
    #[serde(skip_serializing_if = "is_zero")]
    forged_sources: u32,
    /// IP or MAC addresses of those whom it was done to, at most 16.
    targets: Vec<String>,
    /// What addresses of `sources` and `targets` are called, by address, where that was said in the clear (DNS, TLS, mDNS, DHCP);
    /// absent where none has a name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<String, &'a str>,
    /// Whether there were more sources than are listed.
    more_sources: bool,
    /// Whether there were more targets than are listed.
    more_targets: bool,
    /// Ports of the services concerned, at most 16.
    ports: &'a [u16],
    /// Whether there were more ports than are listed.
    more_ports: bool,
    /// Usual names of the IP protocols, or their numbers.
    protocols: Vec<String>,
    /// Alerts so far: a subject that was out of the ordinary in a second.
    alerts: u64,
    /// Packets in the seconds with alerts.
    packets: u64,
    /// Bytes on the wire in the seconds with alerts.
    bytes: u64,
    /// The part of all packets meanwhile, of any host, that was analysed, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    coverage: f64,
    /// States of hosts, flows and service pairs that were lost meanwhile, or not taken up, as there was not room for all;
    /// absent where there was.
    #[serde(skip_serializing_if = "is_none")]
    lost_states: u64,
    /// The highest score of an alert, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    peak_score: f64,
    /// The score of the last alert, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: f64,
    /// The least probability of an alert that an ordinary subject is as far out, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    probability: f64,
    /// The score from which on alerts were made at the peak, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    threshold: f64,
    /// The view that saw the peak; `nad features --list` lists them.
    view: &'static str,
    /// Why, in one sentence.
    reason: &'a str,
    /// What views have seen of it, the first one first; absent where none said what it looks like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<EvidenceLine>,
}

/// Where an incident is in its life.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Further alerts are expected.
    Open,
    /// Nothing more came, or nad ended.
    Closed,
}

impl From<incident::State> for State {
    fn from(state: incident::State) -> Self {
        match state {
            incident::State::Open => Self::Open,
            incident::State::Closed => Self::Closed,
        }
    }
}

/// How grave something is.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SeverityName {
    /// Seldom worth more than a look.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at first.
    High,
}

impl From<Severity> for SeverityName {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
        }
    }
}

/// What is known of a source.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SourceDetail {
    /// IP or MAC address, as in `sources`.
    address: String,
    /// Whether the source has shown that it receives what is sent to the address; otherwise the address may be forged.
    verified: bool,
    /// The MAC address that its packets came from, a router's where it lies behind one; absent where the link has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl From<(&HostKey, &Origin)> for SourceDetail {
    fn from((address, origin): (&HostKey, &Origin)) -> Self {
        Self {
            address: address.to_string(),
            verified: origin.is_verified,
            mac: origin.mac.map(presentation::mac),
        }
    }
}

impl<'a> From<&'a Alert> for AlertLine<'a> {
    fn from(alert: &'a Alert) -> Self {
        let record = &alert.record;
        let (source, destination) = Endpoint::of(record);
        Self {
            schema: VERSION,
            time: alert.time_ns as f64 / 1e9,
            timestamp: presentation::timestamp(alert.time_ns),
            sensor: sensor::name(),
            severity: Severity::of_packet(alert).into(),
            index: alert.index,
            interface: record.interface,
            interface_name: sensor::interface(record.interface),
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
            score: alert.score,
            threshold: alert.threshold,
            reason: &alert.reason,
        }
    }
}

impl<'a> From<&'a Incident> for IncidentLine<'a> {
    fn from(incident: &'a Incident) -> Self {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let names = |hosts: &Listed<HostKey>| hosts.items.iter().map(ToString::to_string).collect();
        let protocol = |number: &u8| presentation::protocol_name(*number);
        Self {
            schema: VERSION,
            id: &incident.id,
            case: &incident.case,
            related: incident.related.iter().map(|(id, shape)| (&**id, shape.name())).collect(),
            uid: incident.uid.to_string(),
            sensor: sensor::name(),
            severity: Severity::of_incident(incident).into(),
            interface: incident.place.interface,
            interface_name: sensor::interface(incident.place.interface),
            vlan: incident.place.vlan,
            state: incident.state.into(),
            shape: incident.shape.name(),
            technique: incident.shape.technique(),
            detected_at: seconds(incident.detected_ns),
            start: seconds(incident.start_ns),
            end: seconds(incident.end_ns),
            sources: names(&incident.sources),
            source_details: incident
                .sources
                .items
                .iter()
                .zip(&incident.origins)
                .map(SourceDetail::from)
                .collect(),
            forged_sources: incident.forged_sources,
            targets: names(&incident.targets),
            names: incident.names.iter().map(|(host, name)| (host.to_string(), &**name)).collect(),
            more_sources: incident.sources.more,
            more_targets: incident.targets.more,
            ports: &incident.ports.items,
            more_ports: incident.ports.more,
            protocols: incident.protocols.iter().map(protocol).collect(),
            alerts: incident.alerts,
            packets: incident.packets,
            bytes: incident.bytes,
            coverage: incident.coverage.percent(),
            lost_states: incident.coverage.lost_states,
            peak_score: incident.peak_score,
            score: incident.score,
            probability: incident.probability,
            threshold: incident.threshold,
            view: incident.view.name(),
            reason: &incident.reason,
            evidence: incident.evidence.iter().map(EvidenceLine::from).collect(),
        }
    }
}

/// A packet as one line of JSON, without the line's end.
pub fn alert(alert: &Alert) -> String {
    super::line(&AlertLine::from(alert))
}

/// An incident as one line of JSON, without the line's end.
pub fn incident(incident: &Incident) -> String {
    super::line(&IncidentLine::from(incident))
}

/// The JSON Schema (draft 2020-12) of each object: its file's name, and its text.
pub fn schemas() -> [(&'static str, String); 2] {
    [("alert.schema.json", schema::<AlertLine<'_>>()), ("incident.schema.json", schema::<IncidentLine<'_>>())]
}

fn schema<T: JsonSchema>() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    // A tree of strings, numbers and lists: writing it can't fail.
    serde_json::to_string_pretty(&generator.into_root_schema_for::<T>()).unwrap_or_default() + "\n"
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_none(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}
