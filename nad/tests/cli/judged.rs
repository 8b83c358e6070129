//! What was not judged: it is said, and it passes no gate.

use crate::{captures::Capture, folder, sensor::Folder};

/// Long enough to learn what hosts do in half of it: packets of connections that began before the capture count from its
/// tenth second on, and take ten more to be as many as ever.
fn steady() -> Folder {
    let folder = Folder::new();
    folder.write("steady.pcap", Capture::steady(4800).pcap());
    folder.nad("train steady.pcap --train-for 40s --out m").exits(0);
    folder
}

fn timeless(packets: usize, time_us: u64) -> Vec<u8> {
    let mut capture = Capture::steady(packets);
    capture.packets.iter_mut().for_each(|(time, _)| *time = time_us);
    capture.pcap()
}

#[test]
fn a_gate_passes_where_hosts_were_judged_and_nothing_was_found() {
    let folder = steady();
    let ran = folder.nad("replay steady.pcap --model m --contamination 1e-9 --fail-on-anomaly").exits(0);
    assert!(ran.stdout.ends_with("Detected 0 incidents and 0 anomalous packets.\n"), "{}", ran.stdout);
    assert!(ran.stderr.contains("judged_packets 4800, judged_hosts "), "{}", ran.stderr);
    let ran =
        folder.nad("replay steady.pcap --model m --contamination 1e-9 --fail-on-anomaly --quiet").exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn a_gate_that_fails_says_so_in_one_line_however_quiet() {
    let folder = folder();
    for (arguments, code, parts) in [
        (
            "office.pcap --train-packets 300 --contamination 0.003",
            3,
            ["0 incidents and 3 anomalous packets found, exit code 3", ""],
        ),
        ("office.pcap --train-packets 590", 4, ["hosts were not judged, exit code 4", "too short"]),
        ("office.pcap --train-for 1h", 4, ["nothing was judged, exit code 4", "600 packets, 6.0 s"]),
    ] {
        let ran = folder.nad(&format!("replay {arguments} --fail-on-anomaly --quiet")).exits(code);
        ran.says_only(&parts);
    }
}

#[test]
fn packets_without_times_are_not_judged_by_host() {
    let folder = steady();
    // A time that all share is as good as none.
    for time_us in [0, 1_700_000_000_000_000] {
        folder.write("timeless.pcap", timeless(2400, time_us));
        let ran = folder.nad("replay timeless.pcap --model m").exits(0);
        let reason = "hosts were not judged: all packets have the same time";
        assert!(ran.stdout.contains(reason), "{}", ran.stdout);
        assert!(!ran.stdout.contains("incident"), "{}", ran.stdout);
        let gate = folder.nad("replay timeless.pcap --model m --contamination 1e-9 --fail-on-anomaly");
        assert_eq!(gate.code, Some(4), "{}\n{}", gate.stdout, gate.stderr);
        folder
            .nad("replay timeless.pcap --train-for 12s")
            .exits(1)
            .says(&["nothing was judged", "same time"]);
    }
}

#[test]
fn the_summary_for_machines_says_what_was_judged() {
    let folder = steady();
    let judged = |arguments: &str| {
        let ran = folder.nad(&format!("replay steady.pcap --format json {arguments}"));
        let line = ran.stdout.lines().next_back().unwrap().to_owned();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["summary"]["judged"].clone()
    };
    let whole = judged("--model m");
    assert_eq!((&whole["packets"], &whole["hosts"]), (&true.into(), &true.into()));
    assert_eq!((&whole["missing"], &whole["views"]["packet"]), (&serde_json::Value::Null, &4800.into()));
    assert!(whole["views"]["scan"].as_u64().unwrap() > 0, "{whole}");
    let short = judged("--train-packets 300");
    assert_eq!((&short["packets"], &short["hosts"]), (&true.into(), &false.into()));
    assert!(short["missing"].as_str().unwrap().contains("too short"), "{short}");
}
