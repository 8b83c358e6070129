//! Model files: written, and refused where they can't be trusted.

use std::fs;

use crate::{folder, sensor::Folder};

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
    refused(&changed(VERSION_AT), "of version 5, and this nad reads version 4");
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
fn a_capture_shorter_than_the_baseline_gives_a_model_with_a_warning() {
    let folder = folder();
    let ran = folder.nad("train office.pcap --train-for 1h --out m.nad").exits(0);
    assert!(
        ran.stderr.contains("warning: the capture ended before the baseline was complete"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.ledger().learned, 600);
    folder.nad(WITH_MODEL).exits(0);
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
