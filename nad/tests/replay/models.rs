//! Models from `nad train`, and the same packets in every kind of file.

use crate::{folder, mixed, odd, scores, sensor::Folder};

fn trained() -> Folder {
    let folder = folder(&mixed());
    let ran = folder.nad("train office.pcap --train-packets 2000 --contamination 0.01 --out m").exits(0);
    assert_eq!(ran.ledger().learned, 2000);
    folder
}

#[test]
fn a_model_gives_the_same_scores_on_every_run() {
    let folder = trained();
    let run = |name: &str| {
        let ran =
            folder.nad(&format!("replay office.pcap --model m --scores {name}.csv --alerts {name}.jsonl"));
        (ran.exits(0).stdout, folder.read(&format!("{name}.csv")), folder.read(&format!("{name}.jsonl")))
    };
    let (first, second) = (run("first"), run("second"));
    assert_eq!(first, second);
    assert!(first.2.lines().count() > 0);
}

#[test]
fn learning_gives_the_same_model_and_scores_on_every_run_unless_the_crate_or_another_seed_trains() {
    let folder = folder(&mixed());
    let run = |name: &str, flags: &str| {
        folder.nad(&format!("train office.pcap --train-packets 2000 --out {name} {flags}")).exits(0);
        let replay = format!("replay office.pcap --train-packets 2000 --scores {name}.csv {flags}");
        let ran = folder.nad(&replay).exits(0);
        (std::fs::read(folder.path(name)).unwrap(), ran.stdout, folder.read(&format!("{name}.csv")))
    };
    let first = run("first", "");
    assert!(run("second", "") == first);
    assert!(run("named", "--seed 0 --trainer seeded") == first, "these are the defaults");
    let other = run("other", "--seed 1");
    assert!(other.0 != first.0 && other.2 != first.2);
    assert!(run("again", "--seed 1") == other);
    let crates = run("crates", "--trainer crate");
    assert!(crates.2 != first.2 && run("once-more", "--trainer crate").2 != crates.2);
}

#[test]
fn a_baseline_too_short_for_the_contamination_is_said() {
    let folder = folder(&mixed());
    let said = |contamination: &str| {
        let arguments =
            format!("train office.pcap --train-packets 1000 --out m --contamination {contamination}");
        folder.nad(&arguments).exits(0).stderr.contains("1000 packets are few for contamination")
    };
    assert!(said("0.0009"));
    assert!(!said("0.001"));
}

#[test]
fn the_kind_of_file_makes_no_difference() {
    let folder = trained();
    let capture = mixed();
    let (pcap, pcapng) = (capture.pcap(), capture.pcapng());
    folder.write("b.pcapng", &pcapng);
    folder.write("c.pcap.gz", odd::gzip(&pcap));
    folder.write("d.pcap.zst", odd::zstd(&pcap));
    folder.write("e.pcapng.gz", odd::gzip(&pcapng));
    folder.write("f.pcapng.zst", odd::zstd(&pcapng));
    let run = |file: &str| {
        let replay = format!("replay {file} --model m --scores s.csv --alerts a.jsonl --format json");
        let ran = folder.nad(&replay).exits(0);
        // The summary has counts of its own speed, too: those that must agree are read from it.
        let (told, _) = ran.stdout.trim_end().rsplit_once('\n').unwrap_or_default();
        (ran.summary(), told.to_owned(), folder.read("s.csv"), folder.read("a.jsonl"))
    };
    let expected = run("office.pcap");
    assert_eq!(expected.0.ledger.scored, capture.packets.len() - 8);
    for file in ["b.pcapng", "c.pcap.gz", "d.pcap.zst", "e.pcapng.gz", "f.pcapng.zst"] {
        assert!(run(file) == expected, "{file}");
    }
}

#[test]
fn contamination_moves_the_threshold_of_a_saved_model() {
    let folder = trained();
    let count = |contamination: &str| {
        let ran = folder.nad(&format!(
            "replay office.pcap --model m --scores s.csv --contamination {contamination} --format json"
        ));
        (ran.exits(0).summary().anomalous_packets, folder.read("s.csv"))
    };
    let counts: Vec<_> = ["0.0001", "0.001", "0.01", "0.05", "0.2", "0.5"].map(count).into();
    for pair in counts.windows(2) {
        assert!(pair[0].0 <= pair[1].0, "{} then {}", pair[0].0, pair[1].0);
        assert!(pair[0].1 == pair[1].1, "only the threshold moves, no score");
    }
    assert!(counts[0].0 < counts[3].0 && counts[3].0 < counts[5].0);
    // Without being asked, the threshold is that of the training.
    let ran = folder.nad("replay office.pcap --model m --format json").exits(0);
    assert_eq!(ran.summary().anomalous_packets, counts[2].0);
    // About that share of what the model was trained on lies above it.
    let share = counts[4].0 as f64 / scores(&folder, "s.csv").len() as f64;
    // (more than that: at first the flows of a capture are new to a sensor that has just started).
    assert!((0.1..0.4).contains(&share), "{share}");
}

#[test]
fn training_and_learning_on_the_way_find_the_same_odd_packets() {
    let folder = trained();
    folder.nad("replay office.pcap --model m --contamination 0.01 --alerts saved.jsonl").exits(0);
    folder.nad("replay office.pcap --train-packets 2000 --contamination 0.01 --alerts learnt.jsonl").exits(0);
    for reason in ["malformed 1 ", "TTL 1 ", "length 60042 bytes"] {
        let [saved, learnt] = ["saved.jsonl", "learnt.jsonl"].map(|name| {
            let text = folder.read(name);
            let found = text.lines().filter(|line| line.contains(reason)).map(|line| {
                let alert: serde_json::Value = serde_json::from_str(line).unwrap();
                alert["index"].as_u64().unwrap()
            });
            found.collect::<Vec<_>>()
        });
        assert!(!saved.is_empty() && saved == learnt, "{reason}: {saved:?} and {learnt:?}");
    }
}
