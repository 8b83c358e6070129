//! The formats of other systems, held against what their published schemas ask for, in what replays really write.
//!
//! The tables say what was read in those schemas, as far as nad writes it: field, type, and whether it is required.

#[path = "formats/tables.rs"]
mod tables;

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    captures::{self, CLIENT, Capture, ICMP, START_US, echo, ipv4, tcp},
    network::{Network, WEB},
    sensor::Folder,
    skip::skipped,
};
use tables::{ATTACK, ECS, EVE, EVIDENCE, OCSF, holds};

const REPLAY: &str =
    "replay office.pcap --train-for 120s --contamination 0.01 --alerts a.jsonl --incidents i.jsonl";
const STRANGER: [u8; 4] = [192, 168, 1, 66];
const SPOOFER: [u8; 6] = [2, 0, 0, 0, 0, 66];

#[test]
fn a_line_of_nad_s_own_is_as_its_schema_says() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    has_every_subject(&lines(&folder, "a.jsonl"), &lines(&folder, "i.jsonl"));
    for (schema, file) in [("alert", "a.jsonl"), ("incident", "i.jsonl")] {
        let Some(valid) = valid(schema, &folder.path(file)) else { return };
        let all = folder.read(file);
        assert_eq!(valid, all.lines().count(), "{schema}");
        // And what is not is refused.
        folder.write("bad.jsonl", all.lines().next().unwrap().replace("\"score\":", "\"skore\":"));
        assert_eq!(self::valid(schema, &folder.path("bad.jsonl")), Some(0));
    }
}

#[test]
fn eve_has_the_fields_and_types_of_suricata() {
    for (own, events) in written("eve") {
        for (event, own) in events.iter().zip(&own) {
            holds(event, EVE, &["nad"]);
            for time in [&event["timestamp"], &event["flow"]["start"], &event["flow"]["end"]] {
                let Some(text) = time.as_str() else { continue };
                assert!(jiff::Zoned::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).is_ok(), "{text}");
                assert!(text.len() == 31 && text.ends_with("+0000"), "{text}");
            }
            assert!(event["timestamp"].is_string());
            let nad = event["nad"]["packet"].as_object().or(event["nad"]["incident"].as_object());
            assert_eq!(nad, own.as_object(), "nad's own object is in it");
            let (has_port, protocol) =
                (event.get("dest_port").is_some(), event["proto"].as_str().unwrap_or("TCP"));
            assert!(!has_port || ["TCP", "UDP"].contains(&protocol), "{event:#}");
        }
    }
}

#[test]
fn ecs_has_the_required_fields_and_allowed_values() {
    const CATEGORIES: [&str; 2] = ["intrusion_detection", "network"];
    let mut macs = 0;
    for (own, events) in written("ecs") {
        for (event, own) in events.iter().zip(&own) {
            holds(event, ECS, &["nad"]);
            assert_eq!(event["event"]["category"], serde_json::json!(CATEGORIES));
            // Of both categories' expected types.
            assert_eq!(event["event"]["type"], serde_json::json!(["info"]));
            for side in ["source", "destination"] {
                let Some(mac) = event[side]["mac"].as_str() else { continue };
                let is_upper = |part: &str| {
                    part.len() == 2 && part.bytes().all(|c| c.is_ascii_digit() || (b'A'..=b'F').contains(&c))
                };
                assert!(mac.split('-').count() == 6 && mac.split('-').all(is_upper), "{mac}");
                macs += 1;
            }
            let nad = event["nad"]["packet"].as_object().or(event["nad"]["incident"].as_object());
            assert_eq!(nad, own.as_object());
        }
    }
    assert!(macs > 0, "an ARP packet has MAC addresses");
}

#[test]
fn ocsf_has_the_required_attributes_of_a_detection_finding() {
    for (own, events) in written("ocsf") {
        for (event, own) in events.iter().zip(&own) {
            holds(event, OCSF, &["unmapped"]);
            let (activity, kind) =
                (event["activity_id"].as_u64().unwrap(), event["type_uid"].as_u64().unwrap());
            assert_eq!(kind, 200_400 + activity);
            let evidences = event["evidences"].as_array().unwrap();
            assert!(!evidences.is_empty(), "{event:#}");
            for evidence in evidences {
                holds(evidence, EVIDENCE, &[]);
                for end in ["src_endpoint", "dst_endpoint"].iter().filter_map(|end| evidence.get(end)) {
                    // The schema's constraint: one of these, of what nad writes.
                    assert!(end.get("ip").or(end.get("uid")).is_some(), "{evidence:#}");
                }
            }
            for attack in event["finding_info"]["attacks"].as_array().into_iter().flatten() {
                holds(attack, ATTACK, &[]);
            }
            let nad = event["unmapped"]["packet"].as_object().or(event["unmapped"]["incident"].as_object());
            assert_eq!(nad, own.as_object());
        }
    }
}

#[test]
fn every_format_says_whether_the_source_is_verified() {
    for (format, path) in [
        ("eve", "/alert/metadata/source_verified/0"),
        ("ecs", "/labels/source_verified"),
        ("ocsf", "/evidences/0/data/source_verified"),
    ] {
        let [_, (own, incidents)] = written(format);
        for (own, incident) in own.iter().zip(&incidents) {
            let verified = own["source_details"][0]["verified"].as_bool();
            let told = incident.pointer(path).map(|told| told.to_string().trim_matches('"') == "true");
            assert_eq!(told, verified, "{format}: {incident:#}");
        }
        assert!(own.iter().any(|own| own["source_details"][0]["verified"] == true), "{own:#?}");
    }
}

#[test]
fn every_format_names_the_sensor_the_incident_and_its_severity() {
    let replay = format!("{REPLAY} --sensor-name dmz-1");
    let folder = folder();
    folder.nad(&replay).exits(0);
    let own = lines(&folder, "i.jsonl");
    assert!(own.iter().all(|own| own["sensor"] == "dmz-1"), "{own:#?}");
    assert!(
        lines(&folder, "a.jsonl").iter().all(|own| own["sensor"] == "dmz-1" && own["severity"].is_string())
    );
    let levels = ["low", "medium", "high"];
    let level =
        |own: &Value| levels.iter().position(|level| own["severity"] == *level).expect("one of these") as u64;
    for (format, sensor, uid, severity, as_there) in [
        ("eve", "/host", "/nad/incident/uid", "/alert/severity", (|level| 3 - level) as fn(u64) -> u64),
        ("ecs", "/observer/name", "/event/id", "/event/severity", |level| level + 1),
        ("ocsf", "/metadata/loggers/0/name", "/finding_info/uid", "/severity_id", |level| level + 2),
    ] {
        folder.nad(&format!("{replay} --alert-format {format}")).exits(0);
        for (own, event) in own.iter().zip(lines(&folder, "i.jsonl")) {
            assert_eq!(event.pointer(sensor), Some(&Value::from("dmz-1")), "{format}: {event:#}");
            assert_eq!(event.pointer(uid), Some(&own["uid"]), "{format}: {event:#}");
            assert_eq!(event.pointer(severity), Some(&as_there(level(own)).into()), "{format}: {event:#}");
        }
    }
}

#[test]
fn a_file_that_is_followed_creates_updates_and_closes_an_ocsf_finding() {
    let folder = folder();
    folder.nad(&format!("{REPLAY} --follow --alert-format ocsf")).exits(0);
    let findings = lines(&folder, "i.jsonl");
    let uid = &findings[0]["finding_info"]["uid"];
    let activities: Vec<u64> = findings
        .iter()
        .filter(|finding| finding["finding_info"]["uid"] == *uid)
        .map(|finding| finding["activity_id"].as_u64().unwrap())
        .collect();
    let (first, last) = (activities[0], activities[activities.len() - 1]);
    assert!((first, last) == (1, 3) && activities.len() > 2, "{activities:?}");
    assert!(activities[1..activities.len() - 1].iter().all(|activity| *activity == 2), "{activities:?}");
}

/// Alerts and incidents in nad's own format, and in another.
fn written(format: &str) -> [(Vec<Value>, Vec<Value>); 2] {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    let own = ["a.jsonl", "i.jsonl"].map(|name| lines(&folder, name));
    has_every_subject(&own[0], &own[1]);
    // Once from the file, as a flag is tried elsewhere.
    folder.write("nad.toml", format!("[output]\nalert_format = \"{format}\"\n"));
    folder.nad(REPLAY).exits(0);
    let [alerts, incidents] = own;
    let (in_format, of_incidents) = (lines(&folder, "a.jsonl"), lines(&folder, "i.jsonl"));
    assert_eq!((in_format.len(), of_incidents.len()), (alerts.len(), incidents.len()));
    [(alerts, in_format), (incidents, of_incidents)]
}

/// IPv4, IPv6, ARP and ICMP, among packets and among incidents.
fn has_every_subject(alerts: &[Value], incidents: &[Value]) {
    let protocols: Vec<&str> = alerts.iter().filter_map(|alert| alert["protocol"].as_str()).collect();
    for protocol in ["TCP", "ARP", "ICMP"] {
        assert!(protocols.contains(&protocol), "{protocol} is not in {protocols:?}");
    }
    let is_v6 = |text: &Value| text.as_str().is_some_and(|text| text.contains("fd00::"));
    assert!(alerts.iter().any(|alert| is_v6(&alert["src_ip"])), "{protocols:?}");
    let has = |test: &dyn Fn(&Value) -> bool| assert!(incidents.iter().any(test), "{incidents:#?}");
    has(&|incident| incident["sources"][0] == "192.168.1.66" && incident["shape"] == "port scan");
    has(&|incident| is_v6(&incident["sources"][0]));
    has(&|incident| incident["sources"].to_string().contains("02:00:00:00:00:42"));
    has(&|incident| incident["protocols"][0] == "ICMP");
}

/// A network that is scanned over IPv4 and IPv6, spoofed and flooded with pings.
fn folder() -> Folder {
    let mut network = Network::benign(260);
    network.scan(150, STRANGER, 1, 300, 10_000);
    network.spoof(190, 20, SPOOFER, WEB, CLIENT);
    let mut capture = network.capture();
    let mut add = |second: u64, step_us: u64, number: u64, frame: Vec<u8>| {
        capture.packets.push((START_US + second * 1_000_000 + number * step_us, frame));
    };
    for number in 0..300_u16 {
        let probe = tcp(50_000, 1 + number, 0x02, 1024, 0);
        add(170, 10_000, number.into(), ipv6([0xfd, 0x66], &probe));
    }
    for number in 0..3000 {
        add(230, 1_000, number, ipv4(ICMP, 64, [192, 168, 1, 67], WEB, &echo(1200)));
    }
    add(125, 0, 0, captures::xmas_scan());
    capture.packets.sort_by_key(|(time_us, _)| *time_us);
    crate::folder(&Capture { packets: capture.packets })
}

/// A TCP segment from fd00::of to fd00::2.
fn ipv6(of: [u8; 2], segment: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 68, 0x86, 0xdd, 0x60, 0, 0, 0];
    frame.extend((segment.len() as u16).to_be_bytes());
    frame.extend([captures::TCP, 64]);
    for last in [of, [0, 2]] {
        frame.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend(last);
    }
    frame.extend(segment);
    frame
}

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    folder.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many lines of a file a validator of JSON Schema finds as the schema says; `None` where there is none.
fn valid(schema: &str, file: &Path) -> Option<usize> {
    const COUNT: &str = "
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
print(sum(validator.is_valid(json.loads(line)) for line in open(sys.argv[2])))
";
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../schemas/{schema}.schema.json"));
    let has_validator = Command::new("python3").args(["-c", "import jsonschema"]).output();
    if !has_validator.is_ok_and(|output| output.status.success()) {
        skipped("validation by JSON Schema: install python3-jsonschema");
        return None;
    }
    let output = Command::new("python3").args(["-c", COUNT]).args([&schema, file]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().parse().unwrap())
}
