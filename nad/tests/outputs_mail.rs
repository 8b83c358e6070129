//! E-mail and webhooks against real counterparts on loopback: aiosmtpd (PyPI) takes the mail, and Python's own HTTP server
//! what is posted, whose signatures Python's own hmac checks.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

#[path = "support/captures.rs"]
#[expect(dead_code, reason = "the other tests of captures need more of it")]
mod captures;
#[path = "replay/network.rs"]
#[expect(dead_code, reason = "the other tests of replays need more of it")]
mod network;
#[path = "support/sensor.rs"]
#[expect(dead_code, reason = "the other tests of the binary need more of it")]
mod sensor;
#[path = "support/skip.rs"]
mod skip;

#[path = "outputs_mail/email.rs"]
mod email;
#[path = "outputs_mail/hostile.rs"]
mod hostile;
#[path = "outputs_mail/server.rs"]
mod server;
#[path = "outputs_mail/webhook.rs"]
mod webhook;

use network::Network;
use sensor::Folder;

/// Learns for two minutes, then finds a port scan.
const REPLAY: &str = "replay office.pcap --train-for 120s";

/// The same with what comes on standard input.
const PIPED: &str = "replay - --train-for 120s";

/// A folder with a capture that has one incident in it, and the config file.
fn folder(config: &str) -> Folder {
    let mut network = Network::benign(280);
    network.scan(150, [192, 168, 1, 66], 1, 1000, 5_000);
    let folder = Folder::new();
    folder.write("office.pcap", network.capture().pcap());
    folder.write("nad.toml", config);
    folder
}

/// The line that counts an output's events, in everything that was printed.
#[track_caller]
fn counted(stderr: &str, output: &str) -> String {
    let line = stderr.lines().rfind(|line| line.contains(output) && line.contains("delivered"));
    line.unwrap_or_else(|| panic!("no counts of {output}:\n{stderr}")).to_owned()
}
