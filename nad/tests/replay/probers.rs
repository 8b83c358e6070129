//! Clients whose work it is to meet new servers, and sweeps that look like it.

use rand::{SeedableRng, rngs::SmallRng};
use serde_json::Value;

use crate::network::{Network, PROBER};

const PORT: u16 = 9100;
const BASELINE: std::ops::Range<u64> = 0..120;
/// After the baseline.
const LATER: std::ops::Range<u64> = 121..200;

/// The shapes of the prober's incidents, where it met two new servers each five seconds of the baseline.
fn shapes(later: impl FnOnce(&mut Network)) -> Vec<String> {
    let mut network = Network::benign(LATER.end);
    network.probe(BASELINE, 5, 2, PORT, true);
    later(&mut network);
    let folder = crate::folder(&network.capture());
    folder.nad("replay office.pcap --train-for 120s --incidents i.jsonl").exits(0);
    let prober = std::net::Ipv4Addr::from(PROBER).to_string();
    let incidents = folder.read("i.jsonl");
    let incidents = incidents.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    incidents
        .filter(|incident| {
            incident["sources"].as_array().unwrap().iter().any(|source| *source == prober.as_str())
        })
        .map(|incident| incident["shape"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_prober_goes_on_meeting_new_servers_without_an_incident() {
    let none: [&str; 0] = [];
    assert_eq!(shapes(|network| network.probe(LATER, 5, 2, PORT, true)), none);
    assert_eq!(shapes(|network| network.probe(LATER, 5, 6, PORT, true)), none, "at three times the rate");
}

#[test]
fn a_prober_may_open_several_connections_to_those_it_meets_and_come_back() {
    let found = shapes(|network| {
        let mut random = SmallRng::seed_from_u64(1);
        let rounds = ((LATER.end - LATER.start) / 5) as u8;
        for round in 0..rounds {
            for (number, server) in (0..=round).rev().take(4).enumerate() {
                let at = (LATER.start + 5 * u64::from(round)) * 1_000_000 + number as u64 * 100_000;
                for connection in 0..2 {
                    network.connect(at + connection, PROBER, [10, 200, 0, server], PORT, &mut random);
                }
            }
        }
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_prober_that_sweeps_is_found_at_its_own_port_and_at_another() {
    // Two hundred servers in one round of 20 s.
    let sweep = |port, answers| shapes(|network| network.probe(150..151, 1, 200, port, answers));
    for (port, answers) in [(PORT, false), (22, false), (22, true), (PORT, true)] {
        let found = sweep(port, answers);
        assert_eq!(found.len(), 1, "{port}, {answers}: {found:?}");
        assert!(found[0].contains("sweep") || found[0].contains("scan"), "{port}, {answers}: {found:?}");
    }
}
