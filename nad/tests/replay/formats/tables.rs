//! What the published schemas ask for, as far as nad writes it.

use serde_json::Value;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Is {
    Integer,
    Number,
    Text,
    Flag,
    Object,
    Texts,
    Integers,
    Objects,
    /// A text that is one of these.
    OneOf(&'static [&'static str]),
    /// An integer of this range.
    Within(u64, u64),
    /// An IP address.
    Ip,
    /// RFC 3339 with a time zone.
    Time,
}
use Is::{Flag, Integer, Integers, Ip, Number, Object, Objects, OneOf, Text, Texts, Time, Within};

/// Field, type, and whether it must be there.
pub(crate) type Fields = &'static [(&'static str, Is, bool)];

/// Suricata 8.0.6, etc/schema.json: required are event_type and timestamp; of alerts, what the documentation's section "Event
/// type: Alert" shows in each.
pub(crate) const EVE: Fields = &[
    ("timestamp", Text, true),
    ("event_type", OneOf(&["alert"]), true),
    ("host", Text, true),
    ("in_iface", Text, false),
    ("vlan", Integers, false),
    ("src_ip", Ip, false),
    ("src_port", Within(0, 65_535), false),
    ("dest_ip", Ip, false),
    ("dest_port", Within(0, 65_535), false),
    ("proto", Text, false),
    ("ip_v", Within(4, 6), false),
    ("ether", Object, false),
    ("ether.src_mac", Text, false),
    ("ether.dest_mac", Text, false),
    ("alert", Object, true),
    ("alert.action", OneOf(&["allowed"]), true),
    ("alert.gid", Within(1, 1), true),
    ("alert.signature_id", Within(1_900_001, 1_900_101), true),
    ("alert.rev", Integer, true),
    ("alert.signature", Text, true),
    ("alert.category", Text, true),
    ("alert.severity", Within(1, 3), true),
    ("alert.metadata", Object, true),
    ("alert.metadata.signature_severity", Texts, true),
    ("alert.metadata.mitre_technique_id", Texts, false),
    ("alert.metadata.mitre_technique_name", Texts, false),
    // What else there is must be lists of texts.
    ("alert.metadata.source_verified", Texts, false),
    ("flow", Object, false),
    ("flow.start", Text, false),
    ("flow.end", Text, false),
];

/// Elastic Common Schema 8.17.0, generated/ecs/ecs_flat.yml: required are @timestamp and ecs.version; the values are those that
/// it allows for fields of categories.
pub(crate) const ECS: Fields = &[
    ("@timestamp", Time, true),
    ("ecs", Object, true),
    ("ecs.version", OneOf(&["8.17.0"]), true),
    ("message", Text, true),
    ("labels", Object, false),
    // Keywords under names of one's own.
    ("labels.source_verified", OneOf(&["true", "false"]), false),
    ("event", Object, true),
    ("event.kind", OneOf(&["alert"]), true),
    ("event.category", Texts, true),
    ("event.type", Texts, true),
    ("event.action", Text, true),
    ("event.id", Text, true),
    ("event.start", Time, false),
    ("event.end", Time, false),
    ("event.severity", Within(1, 3), true),
    ("event.risk_score", Number, true),
    ("event.module", Text, true),
    ("event.dataset", Text, true),
    ("event.reason", Text, true),
    ("rule", Object, true),
    ("rule.id", Text, true),
    ("rule.name", Text, true),
    ("rule.ruleset", Text, true),
    ("threat", Object, false),
    ("threat.framework", OneOf(&["MITRE ATT&CK"]), false),
    ("threat.technique", Object, false),
    ("threat.technique.id", Texts, false),
    ("threat.technique.name", Texts, false),
    ("threat.technique.subtechnique", Object, false),
    ("threat.technique.subtechnique.id", Texts, false),
    ("threat.technique.subtechnique.name", Texts, false),
    ("source", Object, false),
    ("source.address", Text, false),
    ("source.ip", Ip, false),
    ("source.port", Within(0, 65_535), false),
    ("source.mac", Text, false),
    ("destination", Object, false),
    ("destination.address", Text, false),
    ("destination.ip", Ip, false),
    ("destination.port", Within(0, 65_535), false),
    ("destination.mac", Text, false),
    ("network", Object, true),
    ("network.transport", Text, false),
    ("network.iana_number", Text, false),
    ("network.type", Text, false),
    ("network.bytes", Integer, true),
    ("network.packets", Integer, true),
    ("network.vlan", Object, false),
    ("network.vlan.id", Text, false),
    ("related", Object, false),
    ("related.ip", Texts, false),
    ("observer", Object, true),
    ("observer.vendor", Text, true),
    ("observer.product", Text, true),
    ("observer.type", Text, true),
    ("observer.version", Text, true),
    ("observer.name", Text, true),
    ("observer.ingress", Object, false),
    ("observer.ingress.interface", Object, false),
    ("observer.ingress.interface.id", Text, false),
    ("observer.ingress.interface.name", Text, false),
];

/// OCSF 1.7.0: events/base_event.json, events/findings/, objects/ and dictionary.json. Required by it are activity_id,
/// category_uid, class_uid, metadata (with product and version), severity_id, time, type_uid, finding_info (with uid), the type
/// of an analytic and the direction of a connection.
pub(crate) const OCSF: Fields = &[
    ("category_uid", Within(2, 2), true),
    ("category_name", OneOf(&["Findings"]), true),
    ("class_uid", Within(2004, 2004), true),
    ("class_name", OneOf(&["Detection Finding"]), true),
    ("activity_id", Within(1, 3), true),
    ("activity_name", OneOf(&["Create", "Update", "Close"]), true),
    ("type_uid", Within(200_401, 200_403), true),
    ("time", Within(1_700_000_000_000, 1_800_000_000_000), true),
    ("severity_id", Within(2, 4), true),
    ("severity", OneOf(&["Low", "Medium", "High"]), true),
    ("status_id", Integer, true),
    ("status", Text, true),
    ("is_alert", Flag, true),
    ("message", Text, true),
    ("start_time", Integer, false),
    ("end_time", Integer, false),
    ("duration", Integer, false),
    ("count", Integer, false),
    ("risk_level_id", Within(1, 3), true),
    ("risk_level", OneOf(&["Low", "Medium", "High"]), true),
    ("risk_score", Within(0, 100), true),
    ("metadata", Object, true),
    ("metadata.version", OneOf(&["1.7.0"]), true),
    ("metadata.product", Object, true),
    ("metadata.product.name", Text, true),
    ("metadata.product.vendor_name", Text, true),
    ("metadata.product.version", Text, true),
    // Objects of the type logger, which has a name.
    ("metadata.loggers", Objects, true),
    ("finding_info", Object, true),
    ("finding_info.uid", Text, true),
    ("finding_info.title", Text, true),
    ("finding_info.desc", Text, true),
    ("finding_info.created_time", Integer, true),
    ("finding_info.first_seen_time", Integer, true),
    ("finding_info.last_seen_time", Integer, true),
    ("finding_info.types", Texts, true),
    ("finding_info.analytic", Object, true),
    ("finding_info.analytic.name", Text, true),
    ("finding_info.analytic.type_id", Within(4, 4), true),
    ("finding_info.analytic.type", OneOf(&["Learning (ML/DL)"]), true),
    ("finding_info.attacks", Objects, false),
    ("evidences", Objects, true),
];

/// Of an OCSF evidence.
pub(crate) const EVIDENCE: Fields = &[
    ("src_endpoint", Object, false),
    ("src_endpoint.uid", Text, false),
    ("src_endpoint.ip", Ip, false),
    ("src_endpoint.mac", Text, false),
    ("src_endpoint.port", Within(0, 65_535), false),
    ("src_endpoint.vlan_uid", Text, false),
    ("dst_endpoint", Object, false),
    ("dst_endpoint.uid", Text, false),
    ("dst_endpoint.ip", Ip, false),
    ("dst_endpoint.mac", Text, false),
    ("dst_endpoint.port", Within(0, 65_535), false),
    ("dst_endpoint.vlan_uid", Text, false),
    ("connection_info", Object, true),
    ("connection_info.direction_id", Within(0, 4), true),
    ("connection_info.protocol_num", Within(0, 255), false),
    ("connection_info.protocol_name", Text, false),
    ("connection_info.protocol_ver_id", Within(4, 6), false),
    // Any JSON that there is no attribute for.
    ("data", Object, false),
    ("data.source_verified", Flag, false),
];

/// Of an OCSF attack.
pub(crate) const ATTACK: Fields = &[
    ("technique", Object, true),
    ("technique.uid", Text, true),
    ("technique.name", Text, true),
    ("sub_technique", Object, false),
    ("sub_technique.uid", Text, false),
    ("sub_technique.name", Text, false),
    ("version", Text, true),
];

/// Whether an object has each field that it must have, each of its type, and no other but `own`.
#[track_caller]
pub(crate) fn holds(object: &Value, fields: Fields, own: &[&str]) {
    for (path, is, is_required) in fields {
        let value = path.split('.').try_fold(object, |value, name| value.get(name));
        match value {
            Some(value) => assert!(is.holds(value), "{path} is no {is:?}: {object:#}"),
            None => assert!(!is_required, "{path} is missing: {object:#}"),
        }
    }
    known(object, "", fields, own);
}

#[track_caller]
fn known(object: &Value, within: &str, fields: Fields, own: &[&str]) {
    for (name, value) in object.as_object().into_iter().flatten() {
        let path = format!("{within}{name}");
        if own.contains(&&*path) {
            continue;
        }
        assert!(fields.iter().any(|(known, ..)| *known == path), "{path} is not in the schema: {object:#}");
        known(value, &format!("{path}."), fields, own);
    }
}

impl Is {
    fn holds(self, value: &Value) -> bool {
        let all = |test: fn(&Value) -> bool| {
            value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(test))
        };
        match self {
            Integer => value.is_u64(),
            Number => value.is_number(),
            Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Flag => value.is_boolean(),
            Object => value.is_object(),
            Texts => all(Value::is_string),
            Integers => all(Value::is_u64),
            Objects => all(Value::is_object),
            OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
            Within(least, most) => value.as_u64().is_some_and(|number| (least..=most).contains(&number)),
            Ip => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
            Time => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        }
    }
}
