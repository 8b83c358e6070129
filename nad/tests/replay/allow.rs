//! Allow rules: what they keep quiet, and that it is said.

use crate::{
    captures::{Capture, SCANNER, SERVER, TCP, ipv4, tcp},
    folder,
    sensor::{Folder, Ran},
};

const SYN: u8 = 0x02;
const REPLAY: &str = "replay office.pcap --train-packets 4000 --incidents i.jsonl";

/// Ordinary traffic, and after a time a connection to each of many ports of the server between it.
fn scanned() -> Folder {
    let mut capture = Capture::ordinary(7, 4500);
    for (port, (_, frame)) in (1..=500).zip(Capture::ordinary(8, 500).packets) {
        capture.push(frame);
        capture.push(ipv4(TCP, 64, SCANNER, SERVER, &tcp(50_000, port, SYN, 1024, 0)));
    }
    folder(&capture)
}

fn of_scanner(folder: &Folder) -> usize {
    folder.read("i.jsonl").lines().filter(|line| line.contains("192.168.1.66")).count()
}

fn replay(folder: &Folder, rule: &str) -> Ran {
    folder.write("nad.toml", format!("[[allow]]\n{rule}\n"));
    folder.nad(REPLAY).exits(0)
}

#[test]
fn a_scan_is_an_incident_unless_it_is_allowed_and_then_that_is_said() {
    let folder = scanned();
    let ran = folder.nad(REPLAY).exits(0);
    assert!(of_scanner(&folder) > 0, "{}", ran.stdout);
    assert!(!ran.stdout.contains("allowed") && !ran.stderr.contains("suppressed"), "{}", ran.stderr);

    let ran = replay(
        &folder,
        "source = \"192.168.1.64/30\"\nmac = \"02:00:00:00:00:42\"\ncomment = \"the auditors\"",
    );
    assert_eq!(of_scanner(&folder), 0, "{}", folder.read("i.jsonl"));
    let said: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("allowed ")).collect();
    assert_eq!(said.len(), 1, "{}", ran.stdout);
    let count = said[0].strip_prefix("allowed ").unwrap().split(' ').next().unwrap();
    assert!(count.parse::<u64>().unwrap() > 0 && said[0].ends_with(": the auditors"), "{}", said[0]);
    assert!(ran.stderr.contains(&format!(", suppressed {count}")), "{}", ran.stderr);
    assert!(folder.read("logs/anomaly_detector.log").contains(said[0]));
}

#[test]
fn an_allow_rule_for_somebody_else_or_of_yesterday_allows_nothing() {
    let folder = scanned();
    let ran = replay(&folder, "source = \"192.168.1.67\"\ncomment = \"the auditors\"");
    assert!(of_scanner(&folder) > 0 && !ran.stdout.contains("allowed"), "{}", ran.stdout);
    assert!(!ran.stderr.contains("expired"), "{}", ran.stderr);

    // The capture is of 2023-11-14.
    let rule = |day: &str| {
        format!(
            "source = \"192.168.1.66\"\nmac = \"02:00:00:00:00:42\"\ncomment = \"the auditors\"\nexpires = \"2023-11-{day}\""
        )
    };
    let ran = replay(&folder, &rule("13"));
    assert!(of_scanner(&folder) > 0 && !ran.stdout.contains("allowed"), "{}", ran.stdout);
    let warning = "warning: the allow rule \"the auditors\" expired at 2023-11-14T00:00:00.000Z: renew it";
    assert_eq!(ran.stderr.matches(warning).count(), 1, "{}", ran.stderr);

    let ran = replay(&folder, &rule("14"));
    assert_eq!(of_scanner(&folder), 0, "it ends by the packets' clock, not today's");
    assert!(!ran.stderr.contains("expired"), "{}", ran.stderr);
}

#[test]
fn an_allow_rule_by_address_alone_does_not_hold_for_who_may_have_forged_it() {
    let folder = scanned();
    let ran = replay(&folder, "source = \"192.168.1.66\"\ncomment = \"the auditors\"");
    assert!(of_scanner(&folder) > 0 && !ran.stdout.contains("allowed"), "{}", ran.stdout);
    let ran =
        replay(&folder, "source = \"192.168.1.66\"\nmac = \"02:00:00:00:00:01\"\ncomment = \"the auditors\"");
    assert!(of_scanner(&folder) > 0 && !ran.stdout.contains("allowed"), "{}", ran.stdout);
}
