//! Incidents: one for each attack on a network that was learnt, none for its own life, and the file of them.

use serde_json::Value;

use crate::{
    captures::START_US,
    network::{Network, WEB},
    sensor::{Folder, Ran},
};

/// Seconds of the baseline, and when the attacks begin.
const BASELINE: u64 = 120;
const ATTACK: u64 = 150;
/// How long a capture is.
const LENGTH: u64 = 200;

const REPLAY: &str = "replay office.pcap --train-for 120s --scores s.csv --incidents i.jsonl";
const STRANGER: [u8; 4] = [192, 168, 1, 66];

/// Replays the network's benign life with what is done to it, and gives the incidents.
fn incidents(doings: impl FnOnce(&mut Network)) -> Vec<Value> {
    let folder = folder(doings);
    let ran = folder.nad(&format!("{REPLAY} --format json")).exits(0);
    let incidents = lines(&folder, "i.jsonl");
    assert_eq!(ran.summary().incidents, incidents.len(), "{}", ran.stdout);
    incidents
}

fn folder(doings: impl FnOnce(&mut Network)) -> Folder {
    let mut network = Network::benign(LENGTH);
    doings(&mut network);
    crate::folder(&network.capture())
}

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    folder.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The only one there is.
fn only(incidents: Vec<Value>) -> Value {
    let [incident] = <[Value; 1]>::try_from(incidents).unwrap_or_else(|all| panic!("one of these: {all:#?}"));
    incident
}

fn names(incident: &Value, side: &str) -> Vec<String> {
    incident[side].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn address(ip: [u8; 4]) -> String {
    std::net::Ipv4Addr::from(ip).to_string()
}

#[test]
fn the_life_of_a_network_that_was_learnt_is_no_incident() {
    let found = incidents(|_| {});
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_scan_of_a_thousand_ports_is_one_incident_that_says_so() {
    let incident = only(incidents(|network| network.scan(ATTACK, STRANGER, 1, 1000, 5_000)));
    assert_eq!(incident["shape"], "port scan", "{incident:#}");
    assert_eq!(incident["technique"], "T1046");
    assert_eq!(names(&incident, "sources"), [address(STRANGER)]);
    assert_eq!(names(&incident, "targets"), [address(WEB)]);
    is_a_sentence_with_a_number_and_the_baseline(&incident, "services in 10 s");
    let detected = incident["detected_at"].as_f64().unwrap();
    let begun = 1_700_000_000.0 + ATTACK as f64;
    assert!((begun..begun + 5.0).contains(&detected), "{incident:#}");
}

#[test]
fn a_flood_from_ten_thousand_forged_sources_is_one_incident_against_its_victim() {
    let incident = only(incidents(|network| network.flood(ATTACK, 10_000, 500)));
    assert_eq!(incident["shape"], "SYN flood", "{incident:#}");
    assert_eq!(names(&incident, "targets"), [address(WEB)]);
    assert!(incident["reason"].as_str().unwrap().contains(&address(WEB)), "{incident:#}");
    assert!(incident["packets"].as_u64().unwrap() > 9_000, "{incident:#}");
}

#[test]
fn what_a_victim_goes_on_answering_belongs_to_the_attack() {
    let scan = only(incidents(|network| {
        network.scan_open(ATTACK, STRANGER, 300, 20_000);
        network.answer_half_open(ATTACK);
    }));
    assert_eq!((&scan["shape"], names(&scan, "sources")), (&"port scan".into(), vec![address(STRANGER)]));
    let flood = only(incidents(|network| {
        network.flood(ATTACK, 5_000, 1_000);
        network.answer_half_open(ATTACK);
    }));
    assert_eq!((&flood["shape"], names(&flood, "targets")), (&"SYN flood".into(), vec![address(WEB)]));
    assert!(!names(&flood, "sources").contains(&address(WEB)), "{flood:#}");
}

#[test]
fn arp_spoofing_names_the_card_and_the_addresses() {
    let spoofer = [2, 0, 0, 0, 0, 66];
    let (stolen, told) = (WEB, [192, 168, 1, 20]);
    let incident = only(incidents(|network| network.spoof(ATTACK, 20, spoofer, stolen, told)));
    assert_eq!(incident["shape"], "ARP spoofing", "{incident:#}");
    assert!(names(&incident, "sources").contains(&"02:00:00:00:00:42".to_owned()), "{incident:#}");
    for ip in [stolen, told] {
        assert!(names(&incident, "targets").contains(&address(ip)), "{incident:#}");
    }
    assert!(incident["reason"].as_str().unwrap().contains("02:00:00:00:00:42"), "{incident:#}");
}

#[test]
fn a_scan_is_found_although_the_baseline_had_such_scans_in_it() {
    let mut network = Network::benign(LENGTH);
    let before = network.packets_before(BASELINE);
    // Three of them in the baseline's second half, from another host.
    for at in [62, 80, 100] {
        network.scan(at, [192, 168, 1, 67], 2000, 150, 15_000);
    }
    let scanned = network.packets_before(BASELINE) - before;
    let share = scanned as f64 / (before + scanned) as f64;
    assert!((0.03..0.08).contains(&share), "{share}");
    network.scan(ATTACK, STRANGER, 1, 150, 15_000);
    let folder = crate::folder(&network.capture());
    folder.nad(REPLAY).exits(0);
    let incident = only(lines(&folder, "i.jsonl"));
    assert_eq!(
        (incident["shape"].as_str(), names(&incident, "sources")),
        (Some("port scan"), vec![address(STRANGER)])
    );
}

#[test]
fn an_incident_is_a_json_object_with_what_is_known_of_it() {
    let incident = only(incidents(|network| network.scan(ATTACK, STRANGER, 1, 300, 10_000)));
    for name in ["id", "uid", "sensor", "severity", "shape", "reason", "state", "view"] {
        assert!(incident[name].as_str().is_some_and(|text| !text.is_empty()), "{name} of {incident:#}");
    }
    for name in ["detected_at", "start", "end", "peak_score", "score", "threshold", "probability"] {
        assert!(incident[name].as_f64().is_some_and(f64::is_finite), "{name} of {incident:#}");
    }
    for name in ["alerts", "packets", "bytes"] {
        assert!(incident[name].as_u64().is_some_and(|count| count > 0), "{name} of {incident:#}");
    }
    for name in ["sources", "targets", "ports", "protocols"] {
        assert!(incident[name].is_array(), "{name} of {incident:#}");
    }
    let time = |name: &str| incident[name].as_f64().unwrap();
    assert!(time("start") < time("detected_at") && time("detected_at") <= time("end"), "{incident:#}");
    assert_eq!(incident["state"], "closed");
}

#[test]
fn a_file_that_is_followed_tells_of_an_incident_while_it_lasts() {
    let folder = folder(|network| network.scan(ATTACK, STRANGER, 1, 1000, 10_000));
    folder.nad(&format!("{REPLAY} --follow")).exits(0);
    let told = lines(&folder, "i.jsonl");
    let states: Vec<&str> = told.iter().map(|incident| incident["state"].as_str().unwrap()).collect();
    let (last, before) = states.split_last().unwrap();
    assert!(before.len() >= 3 && before.iter().all(|state| *state == "open"), "{states:?}");
    assert_eq!(*last, "closed");
    let is_the_first = |incident: &Value| ["id", "uid"].iter().all(|name| incident[name] == told[0][name]);
    assert!(told.iter().all(is_the_first), "{told:#?}");
    let alerts: Vec<u64> = told.iter().map(|incident| incident["alerts"].as_u64().unwrap()).collect();
    assert!(alerts.is_sorted() && alerts[0] < alerts[alerts.len() - 1], "{alerts:?}");
}

#[test]
fn the_same_capture_gives_the_same_incidents_and_scores_on_every_run() {
    let folder = folder(|network| network.scan(ATTACK, STRANGER, 1, 300, 10_000));
    let run = |flags: &str| -> (Ran, String, String) {
        let ran = folder.nad(&format!("{REPLAY} {flags}")).exits(0);
        (ran, folder.read("i.jsonl"), folder.read("s.csv"))
    };
    let (first, second) = (run(""), run(""));
    assert!(first.0.stdout == second.0.stdout && first.1 == second.1 && first.2 == second.2);
    assert!(run("--seed 1").2 != first.2, "another seed grows other forests");
    let uid =
        |text: &str| serde_json::from_str::<Value>(text.trim()).unwrap()["uid"].as_str().unwrap().to_owned();
    assert_ne!(uid(&folder.read("i.jsonl")), uid(&first.1), "and gives other names");
    for flags in ["--seed 1", "--trainer crate"] {
        run(flags);
        assert_eq!(only(lines(&folder, "i.jsonl"))["shape"], "port scan", "{flags}");
    }
}

#[test]
fn a_model_that_was_trained_before_finds_the_scan() {
    let capture = || {
        let mut network = Network::benign(LENGTH);
        network.scan(ATTACK, STRANGER, 1, 300, 10_000);
        network.capture()
    };
    let folder = crate::folder(&capture());
    folder.nad("train office.pcap --train-for 120s --out m").exits(0);
    let mut later = capture();
    later.packets.retain(|(time_us, _)| *time_us >= START_US + BASELINE * 1_000_000);
    folder.write("later.pcap", later.pcap());
    folder.nad("replay later.pcap --model m --incidents i.jsonl").exits(0);
    let incident = only(lines(&folder, "i.jsonl"));
    assert_eq!(
        (incident["shape"].as_str(), names(&incident, "sources")),
        (Some("port scan"), vec![address(STRANGER)])
    );
}

/// One sentence, with the number of what was seen and what was usual.
fn is_a_sentence_with_a_number_and_the_baseline(incident: &Value, what: &str) {
    let reason = incident["reason"].as_str().unwrap();
    let (before, _) = reason.split_once(what).unwrap_or_else(|| panic!("no \"{what}\" in \"{reason}\""));
    let number = before.split_whitespace().next_back().unwrap_or_default().replace(',', "");
    assert!(number.parse::<f64>().is_ok_and(|number| number > 50.0), "{reason}");
    assert!(reason.contains("baseline: "), "{reason}");
    assert!(!reason.contains('\n') && !reason.contains(". "), "{reason}");
}
