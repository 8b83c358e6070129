//! The log, the scores and the alerts: where they go, and what happens where they can't.

use std::fs;

use crate::{Capture, REPLAY, folder};

#[test]
fn the_log_s_folder_is_made_and_the_log_holds_what_was_said() {
    let folder = folder();
    folder.nad(&format!("{REPLAY} --packets")).exits(0);
    let log = folder.read("logs/anomaly_detector.log");
    for part in ["Starting packet capture…", " anomalous packets", "ledger: seen 600", "baseline learnt"] {
        assert!(log.contains(part), "\"{part}\" is not in:\n{log}");
    }
    assert!((2..=3).contains(&log.matches("anomaly src_ip=192.168.1.66").count()), "{log}");
    folder.nad(&format!("{REPLAY} --log deep/er/nad.log")).exits(0);
    folder.nad(&format!("{REPLAY} --log deep/er/nad.log")).exits(0);
    let appended = folder.read("deep/er/nad.log");
    assert_eq!(appended.matches("Detected ").count(), 2, "a log is added to");
    assert!(!appended.contains('\u{1b}'));
}

#[test]
fn the_log_can_be_switched_off_by_flag_environment_and_file() {
    let folder = folder();
    folder.nad(&format!("{REPLAY} --log none")).exits(0);
    folder.nad_with("NAD_LOG", "none", REPLAY).exits(0);
    folder.write("nad.toml", "[log]\npath = \"none\"\n");
    folder.nad(REPLAY).exits(0);
    assert!(!folder.path("logs").exists() && !folder.path("none").exists());
    folder.write("nad.toml", "[log]\npath = \"here.log\"\n");
    folder.nad(REPLAY).exits(0);
    assert!(folder.read("here.log").contains(" anomalous packets"));
}

#[test]
fn an_output_that_can_not_be_opened_is_an_error_before_the_work() {
    let folder = folder();
    folder.write("file", "");
    let refused = |arguments: &str, parts: &[&str]| {
        let ran = folder.nad(&format!("{REPLAY} {arguments}")).exits(1).says_only(parts);
        assert_eq!(ran.stderr.matches("(os error").count(), 1, "the cause is told once: {}", ran.stderr);
    };
    refused("--log .", &["log file .", "can't be written", "directory", "--log"]);
    refused("--log file/nad.log", &["log file file/nad.log can't be written", "--log"]);
    refused("--scores no/s.csv", &["score file no/s.csv can't be written: No such file", "--scores"]);
    refused("--alerts no/a.jsonl", &["alert file no/a.jsonl can't be written: No such file", "--alerts"]);
    folder.nad("run --iface nad-no0 --log .").exits(1).says_only(&["log file ."]);
    folder.nad("run --iface nad-no0 --alerts no/a").exits(1).says_only(&["alert file no/a can't be written"]);
    folder.nad("train office.pcap --train-packets 300 --out m --log .").exits(1).says_only(&["log file ."]);
}

#[test]
fn an_output_that_fails_on_the_way_is_an_error_and_no_silence() {
    let folder = folder();
    let full = |arguments: &str| folder.nad(&format!("{REPLAY} {arguments}")).exits(1);
    full("--scores /dev/full").says(&["score file /dev/full can't be written", "No space left"]);
    full("--alerts /dev/full").says(&["alert file /dev/full can't be written", "No space left"]);
    let ran = folder.nad(&format!("{REPLAY} --log /dev/full --format json")).exits(0);
    let complaints: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("/dev/full")).collect();
    assert_eq!(complaints.len(), 1, "once, not for each line: {}", ran.stderr);
    assert!(
        complaints[0].contains("warning: log file /dev/full can't be written: No space left"),
        "{}",
        ran.stderr
    );
    assert!((2..=3).contains(&ran.summary().anomalous_packets), "{}", ran.stdout);
}

#[test]
fn an_anomaly_makes_the_exit_code_3_only_where_that_is_asked_for() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    folder.nad(&format!("{REPLAY} --fail-on-anomaly")).exits(3);
    let steady = Capture::steady(4800).pcap();
    folder.write("steady.pcap", steady);
    folder.nad("replay steady.pcap --train-for 40s --contamination 1e-9 --fail-on-anomaly").exits(0);
}

#[test]
fn alerts_and_scores_of_an_earlier_run_are_replaced() {
    let folder = folder();
    let outputs = format!("{REPLAY} --scores s.csv --alerts a.jsonl");
    folder.nad(&outputs).exits(0);
    let first = (fs::read(folder.path("s.csv")).unwrap(), fs::read(folder.path("a.jsonl")).unwrap());
    folder.nad(&outputs).exits(0);
    assert_eq!(folder.read("s.csv").lines().count(), first.0.iter().filter(|byte| **byte == b'\n').count());
    assert!(folder.read("a.jsonl").as_bytes() == first.1, "the same alerts, once");
}
