//! OCSF 1.7.0: a Detection Finding. What it has no attribute for is under `unmapped`, nad's own object.

use std::net::IpAddr;

use nad_engine::{
    alert::Alert,
    incident::{Change, Incident},
    presentation,
};
use serde::Serialize;

use super::{
    Own, moment,
    severity::Severity,
    subject::{End, Subject},
    technique::{MATRIX_VERSION, Technique},
};
use crate::sensor;

const VERSION: &str = "1.7.0";
/// The category Findings.
const CATEGORY: u16 = 2;
/// The class Detection Finding.
const CLASS: u32 = 2004;

/// A finding; all times are in milliseconds since the Unix epoch.
#[derive(Serialize)]
pub(super) struct Finding<'a> {
    category_uid: u16,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    activity_id: u32,
    activity_name: &'static str,
    type_uid: u32,
    time: u64,
    severity_id: u8,
    severity: &'static str,
    status_id: u8,
    status: &'static str,
    is_alert: bool,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    risk_level_id: u8,
    risk_level: &'static str,
    risk_score: u8,
    metadata: Metadata,
    finding_info: Info<'a>,
    evidences: Vec<Evidence>,
    unmapped: Own<'a>,
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    product: Product,
    loggers: [Logger; 1],
}

/// The instance of the product: the sensor.
#[derive(Serialize)]
struct Logger {
    name: &'static str,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Info<'a> {
    uid: String,
    title: String,
    desc: &'a str,
    created_time: u64,
    first_seen_time: u64,
    last_seen_time: u64,
    types: [&'static str; 1],
    analytic: Analytic,
    #[serde(skip_serializing_if = "Option::is_none")]
    attacks: Option<[Attack; 1]>,
}

#[derive(Serialize)]
struct Analytic {
    name: &'static str,
    type_id: u8,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Attack {
    technique: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_technique: Option<Named>,
    version: &'static str,
}

#[derive(Serialize)]
struct Named {
    uid: &'static str,
    name: &'static str,
}

#[derive(Serialize)]
struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    src_endpoint: Option<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_endpoint: Option<Endpoint>,
    connection_info: Connection,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

/// What an evidence has no attribute for.
#[derive(Serialize)]
struct Data {
    /// Whether the source has shown that it receives what is sent to its address.
    source_verified: bool,
}

#[derive(Serialize)]
struct Endpoint {
    /// Names an end that has no IP address: one of several must be there, and a MAC address is not among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// The VLAN that its packets are seen in.
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan_uid: Option<String>,
}

#[derive(Serialize)]
struct Connection {
    direction_id: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_num: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_ver_id: Option<u8>,
}

impl<'a> Finding<'a> {
    /// Of a packet, which is found once.
    pub(super) fn of_packet(alert: &'a Alert) -> Self {
        let time = milliseconds(alert.time_ns);
        let name = if alert.record.defect().is_some() { "malformed packet" } else { "unusual packet" };
        let info = Info {
            uid: format!("packet-{}-{}", alert.time_ns, alert.index),
            title: capitalised(name),
            desc: &alert.reason,
            created_time: time,
            first_seen_time: time,
            last_seen_time: time,
            types: [name],
            analytic: Analytic::of("packet"),
            attacks: None,
        };
        let evidences = vec![Evidence::of(&Subject::of_packet(alert), presentation::vlan(&alert.record))];
        Self::new(None, time, Severity::of_packet(alert), info, evidences, Own::Packet(alert.into()))
    }

    /// Of an incident.
    pub(super) fn of_incident(incident: &'a Incident, change: Option<Change>) -> Self {
        let (start, end) = (milliseconds(incident.start_ns), milliseconds(incident.end_ns));
        let name = incident.shape.name();
        let info = Info {
            uid: incident.uid.to_string(),
            title: capitalised(name),
            desc: &incident.reason,
            created_time: milliseconds(incident.detected_ns),
            first_seen_time: start,
            last_seen_time: end,
            types: [name],
            analytic: Analytic::of(incident.view.name()),
            attacks: Technique::of(incident.shape).map(|technique| [Attack::of(technique)]),
        };
        let evidence = |subject: &Subject| Evidence::of(subject, incident.place.vlan);
        let evidences = Subject::of_incident(incident).iter().map(evidence).collect();
        let time = milliseconds(moment(incident, change));
        let severity = Severity::of_incident(incident);
        Self {
            start_time: Some(start),
            end_time: Some(end),
            duration: Some(end - start),
            count: Some(incident.alerts),
            ..Self::new(change, time, severity, info, evidences, Own::Incident(incident.into()))
        }
    }

    fn new(
        change: Option<Change>,
        time: u64,
        severity: Severity,
        finding_info: Info<'a>,
        evidences: Vec<Evidence>,
        unmapped: Own<'a>,
    ) -> Self {
        let (activity_id, activity_name) = match change {
            None | Some(Change::Opened) => (1, "Create"),
            Some(Change::Changed | Change::Resumed | Change::Updated) => (2, "Update"),
            Some(Change::Closed) => (3, "Close"),
        };
        // Nobody has looked at it yet; of one that is over, the other states would say that somebody has.
        let (status_id, status) = if activity_id == 3 { (99, "Over") } else { (1, "New") };
        Self {
            category_uid: CATEGORY,
            category_name: "Findings",
            class_uid: CLASS,
            class_name: "Detection Finding",
            activity_id,
            activity_name,
            type_uid: CLASS * 100 + activity_id,
            time,
            severity_id: severity.level() + 1,
            severity: severity.name(),
            status_id,
            status,
            is_alert: activity_id == 1,
            message: finding_info.desc,
            start_time: None,
            end_time: None,
            duration: None,
            count: None,
            risk_level_id: severity.level(),
            risk_level: severity.name(),
            risk_score: severity.risk_score(),
            metadata: Metadata::new(),
            finding_info,
            evidences,
            unmapped,
        }
    }
}

impl Metadata {
    fn new() -> Self {
        let product = Product { name: "nad", vendor_name: "nad", version: env!("CARGO_PKG_VERSION") };
        Self { version: VERSION, product, loggers: [Logger { name: sensor::name() }] }
    }
}

impl Analytic {
    /// A view's forest.
    fn of(view: &'static str) -> Self {
        Self { name: view, type_id: 4, r#type: "Learning (ML/DL)" }
    }
}

impl Attack {
    fn of(technique: Technique) -> Self {
        Self {
            technique: Named { uid: technique.id, name: technique.name },
            sub_technique: technique.sub.map(|(uid, name)| Named { uid, name }),
            version: MATRIX_VERSION,
        }
    }
}

impl Evidence {
    fn of(subject: &Subject, vlan: Option<u16>) -> Self {
        const UNKNOWN: u8 = 0;
        Self {
            src_endpoint: subject.source.map(|end| Endpoint::of(end, vlan)),
            dst_endpoint: subject.target.map(|end| Endpoint::of(end, vlan)),
            data: subject.is_verified.map(|source_verified| Data { source_verified }),
            connection_info: Connection {
                direction_id: UNKNOWN,
                protocol_num: subject.protocol,
                protocol_name: subject
                    .transport()
                    .or_else(|| subject.link_protocol.as_ref().map(|name| name.to_lowercase())),
                protocol_ver_id: subject.ip_version().filter(|_| subject.link_protocol.is_none()),
            },
        }
    }
}

impl Endpoint {
    fn of(end: End, vlan: Option<u16>) -> Self {
        let mac = end.mac.map(presentation::mac);
        let uid = end.ip.is_none().then(|| mac.clone().unwrap_or_else(|| "unknown".into()));
        Self { uid, ip: end.ip, mac, port: end.port, vlan_uid: vlan.map(|id| id.to_string()) }
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const fn milliseconds(time_ns: u64) -> u64 {
    time_ns / 1_000_000
}
