//! The engine as a library: its own example finds what the sensor finds.

use crate::network::{Network, WEB};

#[expect(dead_code, reason = "the program's own main")]
#[path = "../../../nad-engine/examples/incidents.rs"]
mod example;

#[test]
fn the_example_of_the_library_finds_a_scan_and_nothing_else() {
    let mut network = Network::benign(200);
    network.scan(150, [192, 168, 1, 66], 1, 1000, 5_000);
    let found = example::incidents(&network.capture().pcap()).unwrap();
    let [incident] = &found[..] else { panic!("one of these: {found:#?}") };
    assert!(incident.starts_with("port scan: 192.168.1.66 "), "{incident}");
    let web = std::net::Ipv4Addr::from(WEB).to_string();
    assert!(incident.contains(&web), "{incident}");
}
