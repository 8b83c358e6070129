//! Whole replays by the real binary, of captures made here: what is scored, what is reported, and that the files,
//! the table, the log and the ledger tell the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

#[path = "support/captures.rs"]
mod captures;
#[path = "support/sensor.rs"]
mod sensor;
#[path = "support/skip.rs"]
mod skip;

#[path = "replay/adversary.rs"]
mod adversary;
#[path = "replay/alerts.rs"]
mod alerts;
#[path = "replay/allow.rs"]
mod allow;
#[path = "replay/clocks.rs"]
mod clocks;
#[path = "replay/engine.rs"]
mod engine;
#[path = "replay/formats.rs"]
mod formats;
#[path = "replay/heads.rs"]
mod heads;
#[path = "replay/incidents.rs"]
mod incidents;
#[path = "replay/memory.rs"]
mod memory;
#[path = "replay/models.rs"]
mod models;
#[path = "replay/network.rs"]
mod network;
#[path = "replay/odd.rs"]
mod odd;
#[path = "replay/probers.rs"]
mod probers;
#[path = "replay/scores.rs"]
mod scores;
#[path = "replay/shards.rs"]
mod shards;
#[path = "replay/terminal.rs"]
mod terminal;

use captures::Capture;
use sensor::Folder;

/// Ordinary packets before the first odd one.
const ORDINARY: usize = 2000;

/// A folder with the capture in `office.pcap`.
fn folder(capture: &Capture) -> Folder {
    let folder = Folder::new();
    folder.write("office.pcap", capture.pcap());
    folder
}

/// Ordinary traffic, then two each of the odd packets among as much again, with a runt now and then.
fn mixed() -> Capture {
    let mut capture = Capture::ordinary(7, ORDINARY);
    let rest = Capture::ordinary(8, ORDINARY);
    for (place, (_, frame)) in rest.packets.into_iter().enumerate() {
        match place {
            100 | 1500 => capture.push(captures::xmas_scan()),
            200 | 1600 => capture.push(odd::last_hop()),
            300 | 1700 => capture.push(odd::giant_ping()),
            _ if place % 250 == 17 => capture.push(odd::runt()),
            _ => {}
        }
        capture.push(frame);
    }
    capture
}

/// Reads a score file: each index with its score.
fn scores(folder: &Folder, name: &str) -> Vec<(usize, f64)> {
    let text = folder.read(name);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("index,score"));
    let row = |line: &str| {
        let (index, score) = line.split_once(',').unwrap();
        (index.parse().unwrap(), score.parse().unwrap())
    };
    lines.map(row).collect()
}
