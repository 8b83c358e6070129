//! Model files: written, and refused where they can't be trusted.

use std::fs;

use crate::{captures::Capture, folder, sensor::Folder};

const WITH_MODEL: &str = "replay office.pcap --model m.nad";
/// Where the preamble of a model file holds its version.
const VERSION_AT: usize = 8;

fn trained() -> Folder {
    let folder = folder();
    let ran = folder.nad("train office.pcap --train-packets 300 --out m.nad").exits(0);
    assert_eq!(ran.stdout, "Model written to m.nad.\n");
    folder
}

#[test]
fn a_model_that_can_not_be_trusted_is_refused_in_one_line() {
    let folder = trained();
    let whole = fs::read(folder.path("m.nad")).unwrap();
    folder.nad(WITH_MODEL).exits(0);
    let refused = |content: &[u8], reason: &str| {
        folder.write("m.nad", content);
        folder.nad(WITH_MODEL).exits(1).says_only(&["model m.nad is refused", reason, "`nad train`"]);
        // It fails before anything is attached to.
        folder
            .nad("run --iface nad-no0 --model m.nad")
            .exits(1)
            .says_only(&["model m.nad is refused", reason]);
    };
    refused(b"threshold = 0.5\n", "not a nad model");
    refused(b"", "not a nad model");
    refused(&whole[..20], "cut off");
    refused(&whole[..whole.len() - 1], "bytes and says it has");
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        bytes
    };
    refused(&changed(whole.len() / 2), "checksum is wrong");
    refused(&changed(whole.len() - 1), "checksum is wrong");
    refused(&changed(VERSION_AT), "of version 8, and this nad reads version 9: train again");
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let folder = folder();
    folder.nad(WITH_MODEL).exits(1).says_only(&["model m.nad: No such file", "`nad train`"]);
    folder.nad("replay office.pcap --model .").exits(1).says_only(&["model .", "directory"]);
    folder.nad("run --iface nad-no0 --model m.nad").exits(1).says_only(&["model m.nad: No such file"]);
}

#[test]
fn a_model_that_can_not_be_written_is_told_before_the_work() {
    let folder = folder();
    let ran = folder.nad("train office.pcap --train-packets 300 --out no/such/m.nad").exits(1);
    ran.says_only(&[
        "model no/such/m.nad can't be written: No such file or directory (os error 2); ",
        "--out",
    ]);
    let ran = folder.nad("train office.pcap --train-packets 300 --out .").exits(1);
    ran.says_only(&["model . can't be written", "directory", "--out"]);
}

#[test]
fn a_capture_shorter_than_the_baseline_is_learnt_as_a_whole_with_a_warning() {
    let folder = folder();
    folder.write("steady.pcap", Capture::steady(2400).pcap());
    for (wanted, lacks) in [
        ("--train-for 1h", "only 24.0 s of the 3600s that"),
        ("--train-packets 9999", "only 2400 of the 9999"),
    ] {
        let ran = folder.nad(&format!("train steady.pcap {wanted} --out m.nad")).exits(0);
        assert!(ran.stderr.contains(&format!("warning: steady.pcap: there are {lacks}")), "{}", ran.stderr);
        assert_eq!(ran.ledger().learned, 2400);
        // What hosts do was learnt: of the same capture, nothing stands out.
        let gate = "replay steady.pcap --model m.nad --contamination 1e-9 --fail-on-anomaly";
        folder.nad(gate).exits(0);
    }
}

#[test]
fn a_capture_is_learnt_as_a_whole_unless_less_is_asked_for() {
    let folder = folder();
    folder.write("steady.pcap", Capture::steady(8000).pcap());
    let whole = folder.nad("train steady.pcap --out m.nad").exits(0);
    assert_eq!((whole.ledger().learned, whole.stdout.as_str()), (8000, "Model written to m.nad.\n"));
    assert!(whole.stderr.contains("baseline learnt: 8000 packets in 80.0 s"), "{}", whole.stderr);
    let less = folder.nad("train steady.pcap --train-for 12s --out n.nad").exits(0);
    assert!(less.stderr.contains("packets in 12.0 s"), "{}", less.stderr);
}

#[test]
fn what_hosts_can_not_be_learnt_from_is_refused_and_leaves_no_model() {
    let folder = folder();
    let mut timeless = Capture::steady(2400);
    timeless.packets.iter_mut().for_each(|(time_us, _)| *time_us = 0);
    folder.write("timeless.pcap", timeless.pcap());
    folder.write("quiet.pcap", Capture::default().pcap());
    for (file, parts) in [
        ("office.pcap", ["office.pcap: 6.0 s are too short", "no model was made"]),
        ("office.pcap --train-for 20s", ["office.pcap: 6.0 s are too short", "no model was made"]),
        ("timeless.pcap", ["timeless.pcap: all packets have the same time", "record them"]),
        ("timeless.pcap --train-packets 300", ["timeless.pcap: all packets have the same time", ""]),
        ("quiet.pcap", ["quiet.pcap: 0 packets are too few", ""]),
    ] {
        folder.nad(&format!("train {file} --out m.nad")).exits(1).says_only(&parts);
        assert!(!folder.path("m.nad").exists(), "{file}");
    }
}

#[test]
fn captures_of_different_days_are_one_baseline_in_which_nothing_is_forgotten() {
    const DAYS_US: u64 = 20 * 86_400 * 1_000_000;
    let folder = folder();
    let whole = Capture::steady(6000);
    let (first, second) = whole.packets.split_at(3000);
    folder.write("first.pcap", Capture { packets: first.to_vec() }.pcap());
    let later = second.iter().map(|(time_us, frame)| (time_us + DAYS_US, frame.clone())).collect();
    folder.write("later.pcap", Capture { packets: later }.pcap());
    let ran = folder.nad("train first.pcap later.pcap --out m.nad").exits(0);
    // A minute of the 20 days counts.
    assert!(ran.stderr.contains("baseline learnt: 6000 packets in 120.0 s"), "{}", ran.stderr);
    for file in ["first.pcap", "later.pcap"] {
        let gate = format!("replay {file} --model m.nad --contamination 1e-9 --fail-on-anomaly");
        folder.nad(&gate).exits(0);
    }
}

#[test]
fn several_captures_and_directories_are_learnt_in_the_order_of_their_packets() {
    let folder = folder();
    let whole = Capture::steady(3000);
    let part = |range: std::ops::Range<usize>| Capture { packets: whole.packets[range].to_vec() }.pcap();
    folder.write("whole.pcap", whole.pcap());
    // The name of the first sorts last, as in a ring buffer that began anew; two overlap.
    std::fs::create_dir(folder.path("ring")).unwrap();
    folder.write("ring/z.pcap", part(0..1000));
    folder.write("ring/a.pcap", part(1000..2000));
    folder.write("ring/notes.txt", "no capture");
    folder.write("ring/.hidden", "no capture either");
    folder.write("last.pcap", part(2000..3000));
    let ran = folder.nad("train last.pcap ring --out m.nad").exits(0);
    assert_eq!(ran.ledger().learned, 3000);
    assert!(ran.stderr.contains("1 file left out, which are no captures: notes.txt"), "{}", ran.stderr);
    assert!(ran.stderr.contains("baseline learnt: 3000 packets in 30.0 s"), "{}", ran.stderr);
    folder.nad("train whole.pcap --out n.nad").exits(0);
    let scores = |model: &str| {
        folder.nad(&format!("replay whole.pcap --model {model} --scores {model}.csv")).exits(0);
        folder.read(&format!("{model}.csv"))
    };
    assert!(scores("m.nad") == scores("n.nad"), "the parts give the model of the whole");

    std::fs::create_dir(folder.path("empty")).unwrap();
    folder.nad("train empty --out o").exits(1).says_only(&["empty: no file in this directory is a capture"]);
    folder.nad("train whole.pcap - --out o").exits(1).says_only(&["-: what can be read only once"]);
    folder.nad("train - --out o").exits(1).says_only(&["standard input: empty"]);
    let ran = folder.nad("train whole.pcap ring --out ring/a.pcap").exits(1);
    ran.says_only(&["ring/a.pcap", "it is the capture"]);
    assert!(!folder.path("o").exists());
}

#[test]
fn of_damaged_captures_what_comes_before_is_learnt_with_a_warning() {
    let folder = folder();
    let whole = Capture::steady(2400).pcap();
    folder.write("cut.pcap", &whole[..whole.len() - 7]);
    let ran = folder.nad("train cut.pcap --out m.nad").exits(0);
    assert_eq!(ran.ledger().learned, 2399);
    assert!(ran.stderr.contains("warning: cut.pcap: damaged at byte"), "{}", ran.stderr);
}

#[test]
fn training_never_overwrites_the_capture() {
    let folder = folder();
    let before = fs::read(folder.path("office.pcap")).unwrap();
    folder
        .nad("train office.pcap --train-packets 300 --out ./office.pcap")
        .exits(1)
        .says_only(&["office.pcap"]);
    for flag in ["--scores", "--alerts", "--log"] {
        let ran =
            folder.nad(&format!("replay office.pcap --train-packets 300 {flag} ./office.pcap")).exits(1);
        ran.says_only(&["office.pcap", "is the capture"]);
    }
    assert_eq!(fs::read(folder.path("office.pcap")).unwrap(), before);
}
