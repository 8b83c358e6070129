//! Any number of threads that share the packets' work gives the same incidents, scores and ledger.

use serde_json::Value;

use crate::{captures::Capture, folder, mixed, network::Network};

/// What a replay leaves: scores, incidents, alerts, the model, and what is printed.
fn replay(capture: &Capture, train: &str, shards: usize) -> Vec<String> {
    let folder = folder(capture);
    let command = format!(
        "replay office.pcap {train} --shards {shards} --scores s.csv --incidents i.jsonl --alerts a.jsonl --format json"
    );
    let ran = folder.nad(&command).exits(0);
    let files = ["s.csv", "i.jsonl", "a.jsonl"].map(|name| folder.read(name));
    assert!(!files[0].is_empty(), "{train}");
    let summary = ran.stdout.lines().next_back().expect("there is a summary");
    let mut summary: Value = serde_json::from_str(summary).expect("JSON");
    // How often a thread waited for another is a matter of speed.
    summary["summary"]["ledger"]["queue_waits"] = 0.into();
    let ledger = summary.to_string();
    [&files[..], &[ledger]].concat()
}

#[test]
fn any_number_of_shards_gives_the_same() {
    let mut attacked = Network::benign(400);
    attacked.scan(210, [192, 168, 1, 66], 1, 1000, 5_000);
    // Fast enough for the work to be shared.
    attacked.flood(260, 40_000, 20);
    attacked.probe(320..350, 5, 60, 22, false);
    attacked.spoof(360, 10, [2, 0, 0, 0, 0, 9], [192, 168, 1, 1], [192, 168, 1, 20]);
    for (name, capture, train) in [
        ("an office", attacked.capture(), "--train-for 150s"),
        ("odd packets", mixed(), "--train-packets 2000"),
    ] {
        let one = replay(&capture, train, 1);
        for shards in [2, 3, 8] {
            let several = replay(&capture, train, shards);
            for (what, (one, several)) in
                ["scores", "incidents", "alerts", "ledger"].into_iter().zip(one.iter().zip(&several))
            {
                assert!(one == several, "{name}: {what} of {shards} shards differ");
            }
        }
    }
}

#[test]
fn a_number_of_shards_that_cannot_be_is_an_error_of_one_line() {
    let folder = folder(&Capture::ordinary(1, 300));
    for wrong in ["--shards 0", "--shards 17", "--shards many", "--cpus 5000"] {
        let error = folder.nad(&format!("replay office.pcap --train-packets 100 {wrong}")).exits(2).stderr;
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains("1 to 16") || error.contains("0 to 1023"), "{error}");
    }
}
