//! Elastic Common Schema 8.17.0. What it has no field for is in `nad`, nad's own object.

use std::{collections::BTreeSet, net::IpAddr};

use nad_engine::{
    alert::Alert,
    context::host_key::HostKey,
    incident::{Change, Incident},
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

const VERSION: &str = "8.17.0";

/// An event.
#[derive(Serialize)]
pub(super) struct Ecs<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    ecs: Version,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Labels>,
    event: Event<'a>,
    rule: Rule,
    #[serde(skip_serializing_if = "Option::is_none")]
    threat: Option<Threat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<Side>,
    network: Network,
    #[serde(skip_serializing_if = "Related::is_empty")]
    related: Related,
    observer: Observer,
    nad: Own<'a>,
}

/// Keywords, which are texts.
#[derive(Serialize)]
struct Labels {
    /// Whether the source has shown that it receives what is sent to its address.
    source_verified: &'static str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct Event<'a> {
    kind: &'static str,
    category: [&'static str; 2],
    r#type: [&'static str; 1],
    action: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    severity: u8,
    risk_score: f32,
    module: &'static str,
    dataset: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Rule {
    id: String,
    name: &'static str,
    ruleset: &'static str,
}

#[derive(Serialize)]
struct Threat {
    framework: &'static str,
    technique: TechniqueFields,
}

#[derive(Serialize)]
struct TechniqueFields {
    id: [&'static str; 1],
    name: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    subtechnique: Option<Subtechnique>,
}

#[derive(Serialize)]
struct Subtechnique {
    id: [&'static str; 1],
    name: [&'static str; 1],
}

#[derive(Serialize)]
struct Side {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

#[derive(Serialize)]
struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iana_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    bytes: u64,
    packets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<Vlan>,
}

#[derive(Serialize)]
struct Vlan {
    id: String,
}

#[derive(Serialize)]
struct Related {
    ip: BTreeSet<IpAddr>,
}

#[derive(Serialize)]
struct Observer {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ingress: Option<Ingress>,
    vendor: &'static str,
    product: &'static str,
    r#type: &'static str,
    version: &'static str,
}

/// Where the packets are seen.
#[derive(Serialize)]
struct Ingress {
    interface: Interface,
}

#[derive(Serialize)]
struct Interface {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl<'a> Ecs<'a> {
    /// Of a packet.
    pub(super) fn of_packet(alert: &'a Alert) -> Self {
        let subject = Subject::of_packet(alert);
        let event = Event {
            id: format!("packet-{}-{}", alert.time_ns, alert.index),
            ..Event::new("anomalous-packet", "nad.packet", &alert.reason, Severity::of_packet(alert))
        };
        let name = if alert.record.defect().is_some() { "malformed packet" } else { "unusual packet" };
        let vlan = presentation::vlan(&alert.record).map(|id| Vlan { id: id.to_string() });
        Self {
            timestamp: presentation::timestamp(alert.time_ns),
            ecs: Version { version: VERSION },
            message: &alert.reason,
            labels: None,
            event,
            rule: Rule::new(name),
            threat: None,
            source: Side::of(subject.source, &[]),
            destination: Side::of(subject.target, &[]),
            network: Network { vlan, ..Network::new(&subject, alert.record.length.into(), 1) },
            related: Related::of(std::slice::from_ref(&subject)),
            observer: Observer::at(alert.record.interface),
            nad: Own::Packet(alert.into()),
        }
    }

    /// Of an incident.
    pub(super) fn of_incident(incident: &'a Incident, change: Option<Change>) -> Self {
        let subjects = Subject::of_incident(incident);
        let vlan = incident.place.vlan.map(|id| Vlan { id: id.to_string() });
        let action = match change {
            None => "incident",
            Some(Change::Opened) => "incident-opened",
            Some(Change::Changed) => "incident-changed",
            Some(Change::Resumed) => "incident-resumed",
            Some(Change::Updated) => "incident-updated",
            Some(Change::Closed) => "incident-closed",
        };
        let event = Event {
            id: incident.uid.to_string(),
            start: Some(presentation::timestamp(incident.start_ns)),
            end: Some(presentation::timestamp(incident.end_ns)),
            ..Event::new(action, "nad.incident", &incident.reason, Severity::of_incident(incident))
        };
        Self {
            timestamp: presentation::timestamp(moment(incident, change)),
            ecs: Version { version: VERSION },
            message: &incident.reason,
            labels: subjects[0]
                .is_verified
                .map(|is| Labels { source_verified: if is { "true" } else { "false" } }),
            event,
            rule: Rule::new(incident.shape.name()),
            threat: Technique::of(incident.shape).map(Threat::of),
            source: Side::of(subjects[0].source, &incident.names),
            destination: Side::of(subjects[0].target, &incident.names),
            network: Network { vlan, ..Network::new(&subjects[0], incident.bytes, incident.packets) },
            related: Related::of(&subjects),
            observer: Observer::at(incident.place.interface),
            nad: Own::Incident(incident.into()),
        }
    }
}

impl Observer {
    /// This sensor, at an interface; 0 is none that is known.
    fn at(interface: u32) -> Self {
        let name = sensor::interface(interface);
        let ingress =
            (interface != 0).then(|| Ingress { interface: Interface { id: interface.to_string(), name } });
        let (vendor, version) = ("nad", env!("CARGO_PKG_VERSION"));
        Self { name: sensor::name(), ingress, vendor, product: "nad", r#type: "sensor", version }
    }
}

impl<'a> Event<'a> {
    fn new(action: &'static str, dataset: &'static str, reason: &'a str, severity: Severity) -> Self {
        Self {
            kind: "alert",
            category: ["intrusion_detection", "network"],
            // The only one that goes with both categories and that a sensor which stops nothing can say.
            r#type: ["info"],
            action,
            id: String::new(),
            start: None,
            end: None,
            severity: severity.level(),
            risk_score: severity.risk_score().into(),
            module: "nad",
            dataset,
            reason,
        }
    }
}

impl Rule {
    fn new(name: &'static str) -> Self {
        Self { id: name.to_lowercase().replace(' ', "-"), name, ruleset: "nad" }
    }
}

impl Threat {
    fn of(technique: Technique) -> Self {
        Self {
            framework: "MITRE ATT&CK",
            technique: TechniqueFields {
                id: [technique.id],
                name: [technique.name],
                subtechnique: technique.sub.map(|(id, name)| Subtechnique { id: [id], name: [name] }),
            },
        }
    }
}

impl Side {
    fn of(end: Option<End>, names: &[(HostKey, String)]) -> Option<Self> {
        let End { ip, mac, port } = end?;
        let named = names.iter().find(|(host, _)| ip.is_some() && host.to_ip() == ip);
        // RFC 7042, which the schema asks for.
        let mac = mac.map(|mac| mac.map(|byte| format!("{byte:02X}")).join("-"));
        let address = ip.map(|ip| ip.to_string()).or_else(|| mac.clone());
        let domain = named.map(|(_, name)| name.clone());
        Some(Self { address, ip, domain, port, mac })
    }
}

impl Network {
    fn new(subject: &Subject, bytes: u64, packets: u64) -> Self {
        let version = subject.ip_version().map(|version| format!("ipv{version}"));
        Self {
            transport: subject.transport(),
            iana_number: subject.protocol.map(|number| number.to_string()),
            r#type: subject.link_protocol.as_ref().map(|name| name.to_lowercase()).or(version),
            bytes,
            packets,
            vlan: None,
        }
    }
}

impl Related {
    fn of(subjects: &[Subject]) -> Self {
        let ends = subjects.iter().flat_map(|subject| [subject.source, subject.target]);
        Self { ip: ends.flatten().filter_map(|end| end.ip).collect() }
    }

    fn is_empty(&self) -> bool {
        self.ip.is_empty()
    }
}
