//! The sandbox around what reads files.

use std::fs;

use crate::{REPLAY, folder};

#[test]
fn a_capture_is_replayed_in_a_sandbox() {
    let folder = folder();
    let ran = folder.nad(&format!("{REPLAY} --incidents i.jsonl --scores s.csv --history nad.db")).exits(0);
    assert!(folder.path("i.jsonl").exists() && folder.path("nad.db").exists());
    let log = folder.read("logs/anomaly_detector.log");
    let line = log.lines().find(|line| line.contains("sandbox: ")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("no capabilities, no_new_privs, no core dumps"), "{line}");
    // The terminal has what is found.
    assert!(!ran.stderr.contains("sandbox: "), "{}", ran.stderr);
}

#[test]
fn what_a_replay_s_sandbox_forbids_fails() {
    let folder = folder();
    let mut command = folder.command();
    command.env("NAD_SANDBOX_PROBE", "127.0.0.1:9").args(REPLAY.split_whitespace());
    let ran = crate::sensor::Ran::of(&mut command).exits(0);
    let log = folder.read("logs/anomaly_detector.log");
    if log.contains("without Landlock") {
        return crate::skip::skipped("files of a replay's sandbox: this kernel has no Landlock");
    }
    let probes: Vec<(&str, &str)> =
        log.lines().filter_map(|line| line.rsplit_once("probe: ")?.1.rsplit_once(": ")).collect();
    assert!(probes.len() > 5, "{log}\n{}", ran.stderr);
    for (attempt, outcome) in probes {
        let expected = if attempt.starts_with("allowed: ") { "done" } else { "PermissionDenied" };
        assert_eq!(outcome, expected, "{attempt}");
    }
}

#[test]
fn a_sandbox_that_is_off_restricts_nothing_but_privileges() {
    let folder = folder();
    folder.nad(&format!("{REPLAY} --sandbox off")).exits(0);
    let log = folder.read("logs/anomaly_detector.log");
    assert!(log.contains("no_new_privs, everything else is off"), "{log}");
}

#[test]
fn doctor_says_what_would_be_in_force() {
    let folder = folder();
    // It may fail for other reasons here.
    let ran = folder.nad("doctor --iface lo");
    for check in ["user", "landlock", "seccomp"] {
        let line = ran.stdout.lines().find(|line| line.split_whitespace().nth(1) == Some(check));
        assert!(line.is_some(), "no {check}: {}", ran.stdout);
    }
}

#[test]
fn a_user_that_does_not_exist_is_wrong_before_anything_is_opened() {
    let folder = folder();
    let ran = folder.nad("run --iface lo --user nad-no-such-user").exits(1);
    assert!(ran.stderr.starts_with("error: user nad-no-such-user: there is no such user"), "{}", ran.stderr);
    assert!(!fs::exists(folder.path("logs")).unwrap());
}
