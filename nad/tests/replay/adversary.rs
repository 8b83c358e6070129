//! Who knows how nad works: forged packets hide nothing, and accuse nobody.

use rand::{SeedableRng, rngs::SmallRng};
use serde_json::Value;

use crate::{
    network::{Network, WEB},
    sensor::{Folder, Ran},
};

const SECOND: u64 = 1_000_000;
/// Seconds: of the baseline, of what is forged after it, and of the attack.
const BASELINE: u64 = 120;
const FORGED: u64 = 130;
const ATTACK: u64 = 150;
const LENGTH: u64 = 200;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;

const STRANGER: [u8; 4] = [192, 168, 1, 66];
const CLIENT: [u8; 4] = [192, 168, 1, 20];
const FORGER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x42];
const FORGER: &str = "02:00:00:00:00:42";

/// The incidents, as shape and sources, of what is done to a network that was learnt.
fn incidents(doings: impl FnOnce(&mut Network)) -> Vec<(String, Vec<String>, Value)> {
    let mut network = Network::benign(LENGTH);
    doings(&mut network);
    let folder = crate::folder(&network.capture());
    replay(&folder);
    read(&folder)
}

fn replay(folder: &Folder) -> Ran {
    folder.nad(&format!("replay office.pcap --train-for {BASELINE}s --incidents i.jsonl")).exits(0)
}

fn read(folder: &Folder) -> Vec<(String, Vec<String>, Value)> {
    let told = |line: &str| {
        let incident: Value = serde_json::from_str(line).unwrap();
        let sources = incident["sources"].as_array().unwrap().iter();
        let sources = sources.map(|source| source.as_str().unwrap().to_owned()).collect();
        (incident["shape"].as_str().unwrap().to_owned(), sources, incident)
    };
    folder.read("i.jsonl").lines().map(told).collect()
}

/// Bare ACKs to a host from two dozen strangers, which it refuses.
fn acks_to(network: &mut Network, host: [u8; 4]) {
    for number in 0..24 {
        let at = FORGED * SECOND + u64::from(number) * 100_000;
        let ends = [([198, 18, 60, number], 443), (host, 40_000)];
        network.forge(at, None, ends, ACK, [7, 9]);
        network.forge(at + 200, None, [ends[1], ends[0]], RST, [9, 0]);
    }
}

fn sweep(network: &mut Network, mac: Option<[u8; 6]>, source: [u8; 4]) {
    for number in 0..249_u8 {
        let at = ATTACK * SECOND + u64::from(number) * 40_000;
        network.forge(at, mac, [(source, 50_000), ([192, 168, 2, number], 22)], SYN, [3, 0]);
    }
}

#[test]
fn forged_acks_hide_no_sweep() {
    let found = incidents(|network| {
        acks_to(network, STRANGER);
        sweep(network, None, STRANGER);
    });
    let [(shape, sources, _)] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((shape.as_str(), &sources[..]), ("host sweep", &["192.168.1.66".to_owned()][..]));
}

#[test]
fn forged_acks_make_a_silent_host_the_source_of_nothing() {
    let found = incidents(|network| acks_to(network, STRANGER));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_forged_packet_in_the_baseline_makes_no_brute_force_known() {
    for forged in [0, 1] {
        let found = incidents(|network| {
            let mut random = SmallRng::seed_from_u64(3);
            for _ in 0..forged {
                let ends = [(STRANGER, 40_000), (WEB, 22)];
                network.forge(60 * SECOND, None, ends, ACK, [7, 9]);
                network.forge(61 * SECOND, None, [ends[1], ends[0]], SYN_ACK, [9, 7]);
            }
            for login in 0..240 {
                network.connect(ATTACK * SECOND + login * 150_000, STRANGER, WEB, 22, &mut random);
            }
        });
        let [(shape, sources, _)] = &found[..] else { panic!("{forged}: {found:#?}") };
        assert_eq!(
            (shape.as_str(), &sources[..]),
            ("brute force", &["192.168.1.66".to_owned()][..]),
            "{forged}"
        );
    }
}

#[test]
fn who_forges_both_sides_of_connections_is_named_and_not_whose_names_he_took() {
    // Between two that talk, and between two of whom nobody heard.
    for client in [CLIENT, STRANGER] {
        let found = incidents(|network| {
            for number in 0..20 {
                let at = FORGED * SECOND + u64::from(number) * 100_000;
                let ends = [(client, 40_000 + number), (WEB, 22)];
                let back = [ends[1], ends[0]];
                network.forge(at, Some(FORGER_MAC), ends, SYN, [99, 0]);
                network.forge(at + 100, Some(FORGER_MAC), back, SYN_ACK, [299, 100]);
                network.forge(at + 200, Some(FORGER_MAC), ends, ACK, [100, 300]);
                network.forge(at + 300, Some(FORGER_MAC), back, ACK, [300, 100]);
            }
            sweep(network, Some(FORGER_MAC), client);
        });
        let sweeps: Vec<_> = found.iter().filter(|(shape, ..)| shape == "host sweep").collect();
        let [(_, sources, incident)] = sweeps[..] else { panic!("{found:#?}") };
        if client == CLIENT {
            assert_eq!(sources[..], [FORGER.to_owned()], "{incident:#}");
        } else {
            assert_eq!(incident["source_details"][0]["verified"], false, "{incident:#}");
            assert_eq!(incident["source_details"][0]["mac"], FORGER, "{incident:#}");
        }
    }
}

#[test]
fn what_there_was_no_room_for_is_said_at_once_and_with_the_incident() {
    let flooded = |settings: &str| {
        let mut network = Network::benign(LENGTH);
        network.flood(ATTACK, 20_000, 300);
        let folder = crate::folder(&network.capture());
        folder.write("nad.toml", settings);
        let ran = replay(&folder);
        let (shape, _, incident) = read(&folder).into_iter().next().expect("the flood is found");
        assert_eq!(shape, "SYN flood", "{incident:#}");
        (ran.stderr.contains("there is not room for all"), incident["lost_states"].as_u64().unwrap_or(0))
    };
    let (is_said, lost) = flooded("");
    assert!(!is_said && lost < 10, "a bucket may be full: {is_said}, {lost}");
    let (is_said, lost) = flooded("[context]\nflows = 2048\nhosts = 2048\n");
    assert!(is_said && lost > 1000, "{is_said}, {lost}");
}

#[test]
fn a_storm_of_forged_scans_is_a_few_incidents_and_hides_no_other() {
    let found = incidents(|network| {
        for number in 0..600_u16 {
            let source = [192, 168, 3 + (number / 200) as u8, (number % 200) as u8 + 1];
            for port in 0..24 {
                let at = FORGED * SECOND + u64::from(number) * 80_000 + u64::from(port) * 1_000;
                let ends = [(source, 40_000 + port), (WEB, 1_000 + number % 100 * 24 + port)];
                network.forge(at, Some(FORGER_MAC), ends, SYN, [3, 0]);
            }
        }
        sweep(network, None, STRANGER);
    });
    let sweeps: Vec<_> = found.iter().filter(|(shape, ..)| shape == "host sweep").collect();
    let [(_, sources, _)] = sweeps[..] else { panic!("{found:#?}") };
    assert_eq!(sources[..], ["192.168.1.66".to_owned()]);
    let scans: Vec<_> = found.iter().filter(|(shape, ..)| shape == "port scan").collect();
    let forged = scans.iter().filter_map(|(_, _, scan)| scan["forged_sources"].as_u64());
    assert!(forged.sum::<u64>() > 100, "{found:#?}");
    assert!(scans.len() <= 8 && found.len() <= 12, "{found:#?}");
}

#[test]
fn a_host_that_scans_and_guesses_passwords_is_behind_two_incidents_of_one_case() {
    let found = incidents(|network| {
        let mut random = SmallRng::seed_from_u64(3);
        for port in 0..400 {
            let at = FORGED * SECOND + u64::from(port) * 20_000;
            let ends = [(STRANGER, 50_000), ([192, 168, 1, 30], 1 + port)];
            network.forge(at, None, ends, SYN, [3, 0]);
            network.forge(at + 100, None, [ends[1], ends[0]], RST, [0, 4]);
        }
        for login in 0..200 {
            network.connect((FORGED + 5) * SECOND + login * 150_000, STRANGER, WEB, 22, &mut random);
        }
    });
    let shapes: Vec<_> = found.iter().map(|(shape, ..)| shape.as_str()).collect();
    assert!(
        shapes.contains(&"port scan") && shapes.contains(&"brute force") && shapes.len() == 2,
        "{found:#?}"
    );
    let cases: Vec<_> = found.iter().map(|(.., incident)| &incident["case"]).collect();
    assert_eq!(cases[0], cases[1], "{found:#?}");
    let related =
        found.iter().map(|(.., incident)| incident["related"].as_object().map_or(0, serde_json::Map::len));
    assert_eq!(related.sum::<usize>(), 2, "they name each other: {found:#?}");
}
