//! The history and the report by the real binary: kept across runs and kills, read meanwhile, and seen in a browser.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

#[path = "history/browser.rs"]
mod browser;
#[path = "support/captures.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod captures;
#[path = "history/kept.rs"]
mod kept;
#[path = "replay/network.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod network;
#[path = "history/report.rs"]
mod report;
#[path = "support/sensor.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod sensor;
#[path = "support/skip.rs"]
mod skip;

use network::Network;
use sensor::Folder;

const REPLAY: &str = "replay office.pcap --train-for 120s --history nad.db";
const STRANGER: [u8; 4] = [192, 168, 1, 66];

/// A folder with a capture in `office.pcap` in which somebody scans ports after the baseline.
fn folder() -> Folder {
    let mut network = Network::benign(200);
    network.scan(150, STRANGER, 1, 1000, 5_000);
    let folder = Folder::new();
    folder.write("office.pcap", network.capture().pcap());
    folder
}
