//! Captures that aren't, or not to their end.

use std::{io::Write, process::Stdio};

use crate::{
    PACKETS, PCAP_HEADER, PCAP_PACKET_HEADER,
    captures::{self, Capture},
    folder,
    sensor::Ran,
};

#[test]
fn what_is_no_capture_is_refused_by_replay_and_train_alike() {
    let folder = folder();
    folder.write("notes.txt", "the mail server was slow today\n");
    folder.write("empty.pcap", "");
    folder.write("half.pcap", &Capture::default().pcap()[..10]);
    for command in ["replay {} --train-packets 300", "train {} --train-packets 300 --out m"] {
        let refused = |file: &str, parts: &[&str]| {
            let ran = folder.nad(&command.replace("{}", file)).exits(1);
            ran.says_only(parts);
        };
        refused("missing.pcap", &["missing.pcap: no such file"]);
        refused("notes.txt", &["notes.txt: neither pcap nor pcapng", "\"the mail server "]);
        refused("empty.pcap", &["empty.pcap: empty"]);
        refused("half.pcap", &["half.pcap: damaged at byte 0"]);
    }
    folder.nad("replay . --train-packets 300").exits(1).says_only(&[".: a directory"]);
    assert!(!folder.path("m").exists());
}

#[test]
fn a_capture_without_packets_is_told_as_such() {
    let folder = folder();
    folder.write("quiet.pcap", Capture::default().pcap());
    let ran = folder.nad("replay quiet.pcap --train-packets 300").exits(1);
    assert_eq!(
        ran.stdout,
        "Starting packet capture…\nCaptured 0 packets.\nNothing was judged: there are no packets; record for longer.\n"
    );
    assert_eq!(ran.ledger().seen, 0);
    ran.says(&["quiet.pcap", "no packets"]);
    folder
        .nad("train quiet.pcap --train-packets 300 --out m")
        .exits(1)
        .says(&["quiet.pcap", "0 packets are too few"]);
}

#[test]
fn packets_before_the_damage_are_scored_and_then_the_place_is_told() {
    let folder = folder();
    let whole = std::fs::read(folder.path("office.pcap")).unwrap();
    let last = PCAP_PACKET_HEADER + captures::xmas_scan().len();
    folder.write("cut.pcap", &whole[..whole.len() - 7]);
    let ran = folder
        .nad("replay cut.pcap --train-packets 300 --contamination 0.001 --scores s.csv --alerts a.jsonl --format json")
        .exits(1);
    let place = format!("damaged at byte {}", whole.len() - last);
    let summary = ran.summary();
    assert_eq!((summary.captured, summary.anomalous_packets), (PACKETS - 1, 2));
    assert_eq!((summary.ledger.seen, summary.ledger.scored), (PACKETS - 1, PACKETS - 1 - 300));
    assert_eq!(folder.read("s.csv").lines().count(), 1 + PACKETS - 1 - 300);
    assert_eq!(folder.read("a.jsonl").lines().count(), 2);
    ran.says(&["cut.pcap", &place]);

    folder.write("cut.pcap", &whole[..PCAP_HEADER + 7]);
    let ran = folder.nad("replay cut.pcap --train-packets 300").exits(1);
    ran.says(&["cut.pcap", &format!("damaged at byte {PCAP_HEADER}")]);
}

#[test]
fn damage_after_the_baseline_keeps_no_model_from_being_trained() {
    let folder = folder();
    let whole = std::fs::read(folder.path("office.pcap")).unwrap();
    folder.write("cut.pcap", &whole[..whole.len() - 7]);
    let ran = folder.nad("train cut.pcap --train-packets 300 --out m").exits(0);
    assert_eq!(ran.ledger().learned, 300);
    // What is left is too short for hosts.
    folder
        .nad("train cut.pcap --train-packets 600 --out n")
        .exits(1)
        .says(&["cut.pcap: 6.0 s are too short"]);
    assert!(folder.path("m").exists() && !folder.path("n").exists());
}

#[test]
fn a_hyphen_is_standard_input() {
    let folder = folder();
    folder.nad("train office.pcap --train-packets 300 --out m").exits(0);
    let mut command = folder.command();
    command.args(["replay", "-", "--model", "m"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(folder.path("office.pcap")).unwrap()).unwrap();
    let piped = Ran::from(child.wait_with_output().unwrap()).exits(0);
    assert_eq!(piped.stdout, folder.nad("replay office.pcap --model m").exits(0).stdout);

    let nothing = folder.nad("replay - --train-packets 300").exits(1);
    nothing.says_only(&["standard input: empty"]);
}

#[test]
fn a_capture_that_ends_while_learning_says_what_to_do() {
    let folder = folder();
    for wanted in ["--train-packets 601", "--train-for 1h"] {
        let ran = folder.nad(&format!("replay office.pcap {wanted} --scores s.csv --format json")).exits(1);
        let ledger = ran.summary().ledger;
        assert_eq!((ledger.learned, ledger.scored), (PACKETS, 0));
        assert_eq!(folder.read("s.csv"), "index,score\n");
        ran.says(&["ended while the baseline was being learnt", "600 packets, 6.0 s", "--model"]);
    }
}
