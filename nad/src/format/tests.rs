use std::{fs, path::Path};

use bytemuck::Zeroable;
use nad_common::record::PacketRecord;
use nad_engine::incident::shape::Shape;
use serde_json::Value;

use super::*;

const FORMATS: [AlertFormat; 4] =
    [AlertFormat::Native, AlertFormat::Eve, AlertFormat::Ecs, AlertFormat::Ocsf];

const SHAPES: [Shape; 15] = [
    Shape::PortScan,
    Shape::HostSweep,
    Shape::SynFlood,
    Shape::Flood,
    Shape::Amplification,
    Shape::BruteForce,
    Shape::Enumeration,
    Shape::SlowRequests,
    Shape::DnsTunnel,
    Shape::ArpSpoofing,
    Shape::UnusualUpload,
    Shape::Beacon,
    Shape::MalformedPackets,
    Shape::Unusual,
    Shape::GeneratedNames,
];

#[test]
fn the_schemas_in_the_repository_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for (name, text) in native::schemas() {
        let stored = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(stored == text, "schemas/{name} is not current: run `cargo xtask schema`");
    }
}

#[test]
fn every_field_of_the_schemas_says_what_it_is() {
    for (name, text) in native::schemas() {
        let schema: Value = serde_json::from_str(&text).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.len() > 15, "{name}");
        for (field, property) in properties {
            assert!(
                property["description"].as_str().is_some_and(|text| text.len() > 10),
                "{field} of {name}"
            );
        }
    }
}

#[test]
fn every_technique_has_a_name() {
    for shape in SHAPES {
        let technique = technique::Technique::of(shape);
        assert_eq!(technique.map(|technique| technique.precise().0), shape.technique(), "{}", shape.name());
    }
}

#[test]
fn each_shape_has_a_signature_of_its_own_in_the_range_of_local_rules() {
    let numbers: Vec<u64> = SHAPES
        .iter()
        .map(|shape| {
            let line = AlertFormat::Eve.incident(&incident(*shape), None);
            serde_json::from_str::<Value>(&line).unwrap()["alert"]["signature_id"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(numbers, (1_900_001..=1_900_015).collect::<Vec<_>>(), "they never change");
}

#[test]
fn what_is_not_sure_is_less_grave() {
    let severity = |shape, probability| {
        severity::Severity::of_incident(&Incident { probability, ..incident(shape) }).name()
    };
    let all = |shape| [1e-4, 1e-12].map(|probability| severity(shape, probability));
    assert_eq!(all(Shape::SynFlood), ["Medium", "High"]);
    assert_eq!(all(Shape::PortScan), ["Low", "Medium"]);
    assert_eq!(all(Shape::Unusual), ["Low", "Low"]);
}

#[test]
fn an_incident_without_ends_is_still_an_object() {
    // A flood from everywhere has no source, and what is listed may be nobody.
    for format in FORMATS {
        let line = format.incident(&incident(Shape::Flood), None);
        assert!(serde_json::from_str::<Value>(&line).unwrap().is_object(), "{format:?}: {line}");
    }
}

#[test]
fn an_ocsf_finding_is_created_updated_and_closed_and_created_where_it_is_told_once() {
    let incident = incident(Shape::PortScan);
    let activity = |change| {
        let finding: Value = serde_json::from_str(&AlertFormat::Ocsf.incident(&incident, change)).unwrap();
        assert_eq!(finding["type_uid"], 200_400 + finding["activity_id"].as_u64().unwrap());
        (finding["activity_id"].as_u64().unwrap(), finding["is_alert"].as_bool().unwrap())
    };
    assert_eq!(activity(None), (1, true));
    assert_eq!(activity(Some(Change::Opened)), (1, true));
    assert_eq!(activity(Some(Change::Changed)), (2, false));
    assert_eq!(activity(Some(Change::Updated)), (2, false));
    assert_eq!(activity(Some(Change::Closed)), (3, false));
}

#[test]
fn a_packet_of_zeros_is_an_object_in_every_format() {
    let alert = Alert {
        time_ns: u64::MAX,
        index: 0,
        record: PacketRecord::zeroed(),
        score: 0.5,
        threshold: 0.4,
        reason: String::new(),
    };
    for format in FORMATS {
        let line = format.alert(&alert);
        assert!(serde_json::from_str::<Value>(&line).unwrap().is_object(), "{format:?}: {line}");
    }
}

fn incident(shape: Shape) -> Incident {
    use nad_engine::{
        features::View,
        incident::{Listed, State, coverage::Coverage},
    };
    Incident {
        id: "1".into(),
        case: "99-1".into(),
        related: Vec::new(),
        uid: Default::default(),
        place: Default::default(),
        detected_ns: 3_000_000_000,
        start_ns: 1_000_000_000,
        end_ns: 4_000_000_000,
        sources: Listed::new(),
        origins: Vec::new(),
        forged_sources: 0,
        targets: Listed::new(),
        names: Vec::new(),
        ports: Listed::new(),
        protocols: Vec::new(),
        shape,
        alerts: 2,
        packets: 10,
        bytes: 1000,
        peak_score: 0.9,
        score: 0.8,
        probability: 1e-7,
        threshold: 0.7,
        view: View::ALL[1],
        coverage: Coverage::default(),
        state: State::Closed,
        reason: "because".into(),
        evidence: Vec::new(),
    }
}
