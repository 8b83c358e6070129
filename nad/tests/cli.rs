//! The real binary as a person or a script meets it: flags, files, errors, exit codes, pipes, signals.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

#[path = "support/captures.rs"]
mod captures;
#[path = "support/sensor.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod sensor;
#[path = "support/skip.rs"]
mod skip;

#[path = "cli/capture.rs"]
mod capture;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/example.rs"]
mod example;
#[path = "cli/features.rs"]
mod features;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/judged.rs"]
mod judged;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/model.rs"]
mod model;
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/refusal.rs"]
mod refusal;
#[path = "cli/sandbox.rs"]
mod sandbox;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/state.rs"]
mod state;
#[path = "cli/status.rs"]
mod status;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/usage.rs"]
mod usage;

use captures::{Capture, PCAP_HEADER};
use sensor::Folder;

/// Bytes of the header before each packet in a pcap file.
const PCAP_PACKET_HEADER: usize = 16;

/// Packets of [`folder`]'s capture.
const PACKETS: usize = 600;
/// What a replay of it takes to score its second half.
/// Three packets in a thousand: with the default, one in ten thousand, 300 packets are far too few.
const REPLAY: &str = "replay office.pcap --train-packets 300 --contamination 0.003";

/// A folder with steady traffic in `office.pcap`, an Xmas scan at its end.
fn folder() -> Folder {
    let folder = Folder::new();
    let mut capture = Capture::steady(PACKETS - 3);
    capture.extend((0..3).map(|_| captures::xmas_scan()));
    folder.write("office.pcap", capture.pcap());
    folder
}

/// More rows than a pipe holds: each of them is an anomaly to the ordinary traffic before.
fn folder_of_many_anomalies() -> Folder {
    let folder = Folder::new();
    let mut capture = Capture::steady(300);
    capture.extend((0..5000).map(|_| captures::xmas_scan()));
    folder.write("office.pcap", capture.pcap());
    folder
}

impl Capture {
    /// The same ten ordinary packets again and again: none stands out, however the forest grows.
    fn steady(packets: usize) -> Self {
        let ten = Self::ordinary(0, 10).packets;
        let mut capture = Self::default();
        capture.extend((0..packets).map(|place| ten[place % ten.len()].1.clone()));
        capture
    }
}
