//! Whole evaluations of small captures, with a program that stands in for nad.

use std::fs;

use serde_json::Value;

use super::*;

/// A capture with an attack, a continuation of it that has no labels, and what nad is to make of them.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let incident = |at: f64, source: &str| {
        format!(
            "{{\"detected_at\":{at},\"start\":{at},\"end\":{at},\"sources\":[\"{source}\"],\"targets\":[],\
             \"shape\":\"port scan\",\"reason\":\"{source} touched 3 ports\"}}\n"
        )
    };
    let both = incident(1022.5, "10.0.0.7") + &incident(1028.0, "10.0.0.3");
    let other = incident(1028.0, "10.0.0.3");
    let files = [
        ("lab.pcap", ""),
        (
            "lab.labels.csv",
            "index,ts,attack,direction\n0,1000,benign,\n1,1010,benign,\n2,1020,scan,attacker\n3,1028,benign,\n",
        ),
        (
            "lab.windows.csv",
            "attack,start_epoch,end_epoch,attacker_ips,victim_ips\nscan,1020,1025,10.0.0.7,10.0.0.2\n",
        ),
        ("lab.pcap.scores", "index,score\n1,0.25\n2,0.75\n3,0.5\n"),
        ("lab.pcap.incidents", &both),
        ("lab.pcap.without.scores", "index,score\n1,0.25\n2,0.125\n3,0.5\n"),
        ("lab.pcap.without.incidents", &other),
        ("lab.pcap.train", "a model"),
        ("lab-night.pcap", ""),
        ("lab-night.pcap.features", "index,time,TTL\n0,5000,64\n1,5000.5,64\n2,12200,64\n"),
        ("lab-night.pcap.scores", "index,score\n"),
        ("lab-night.pcap.incidents", &incident(6000.0, "10.0.0.3")),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn args(data: &Path, out: &Path) -> Args {
    Args {
        dir: Some(data.into()),
        out: Some(out.into()),
        seeds: 2,
        captures: Vec::new(),
        train_for: Some(Length(10.0)),
        benign_share: None,
        settings: None,
        nad: Some(shell::workspace().join("xtask/src/eval/tests/nad.sh")),
        no_sklearn: true,
        check_with: None,
        no_check: true,
        ablate: None,
        groups: groups::Args {
            groups: vec![Group::Captures],
            cases: None,
            specimens: None,
            real: None,
            docs: false,
        },
    }
}

fn json(out: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(out.join(name)).unwrap()).unwrap()
}

#[test]
fn a_scoreboard_has_every_capture_with_every_seed() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    eval(&args(data.path(), out.path())).unwrap();

    let board = json(out.path(), "scoreboard.json");
    assert_eq!((&board["nad"], &board["seeds"]), (&"nad 9.9".into(), &serde_json::json!([1, 2])));
    let [lab, night] = [0, 1].map(|place| &board["captures"][place]);
    assert_eq!((&lab["capture"], &lab["training"]), (&"lab".into(), &"its first 10s".into()));
    assert_eq!((&night["capture"], &night["training"]), (&"lab-night".into(), &"lab's".into()));
    assert_eq!((&night["packets"], &night["seconds"]), (&3.into(), &7200.0.into()));
    for run in [0, 1] {
        let (lab, night) = (&lab["runs"][run], &night["runs"][run]);
        assert_eq!(lab["seed"], run + 1);
        assert_eq!((&lab["ranking"]["roc_auc"], &lab["ranking"]["packets"]), (&1.0.into(), &3.into()));
        assert_eq!(lab["incidents"]["attacks"][0]["delay_s"], 2.5);
        assert_eq!(lab["incidents"]["false_incidents"].as_array().unwrap().len(), 1);
        assert_eq!((&night["ranking"], &night["incidents"]["hours"]), (&Value::Null, &2.0.into()));
    }

    let text = fs::read_to_string(out.path().join("scoreboard.md")).unwrap();
    for part in [
        "nad 9.9, seeds 1, 2.",
        "| lab | its first 10s | 1 of 1 | 2.5 s | 1 | 1 | 0.01 | 200.00 |",
        "| lab-night | lab's | – | – | – | 1 | 2.00 | 0.50 |",
        "| lab | nad | 1.0000 | 1.0000 | 1.000 | 1.000 | 1.000 | 1 of 1 |",
        "| scan | 2 of 2 | 2.5 s | 1 | port scan | 1.000 | – |",
        "- scan: 10.0.0.7 touched 3 ports\n",
        "- 6000.0: port scan, 10.0.0.3 → : 10.0.0.3 touched 3 ports\n",
        "- scikit-learn was left out: --no-sklearn\n- not checked with the scripts: --no-check\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_model_is_trained_once_a_seed_on_the_capture_that_it_is_of() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    eval(&args(data.path(), out.path())).unwrap();
    let calls = fs::read_to_string(out.path().join("runs/calls")).unwrap();
    let runs = out.path().canonicalize().unwrap().join("runs");
    let captures = data.path().canonicalize().unwrap();
    let (runs, captures) = (runs.display(), captures.display());
    for expected in [
        format!("train {captures}/lab.pcap --out {runs}/lab.seed2.model --train-for 10s --seed 2 --log none"),
        format!(
            "replay {captures}/lab.pcap --train-for 10s --seed 2 --scores {runs}/lab.seed2.scores.csv \
             --incidents {runs}/lab.seed2.incidents.jsonl --log none"
        ),
        format!(
            "replay {captures}/lab-night.pcap --model {runs}/lab.seed2.model --seed 2 --scores \
             {runs}/lab-night.seed2.scores.csv --incidents {runs}/lab-night.seed2.incidents.jsonl --log none"
        ),
    ] {
        assert_eq!(calls.lines().filter(|call| **call == expected).count(), 1, "{expected}\n{calls}");
    }
    assert_eq!(calls.lines().filter(|call| call.starts_with("train ")).count(), 2, "{calls}");
}

#[test]
fn an_ablation_tells_what_is_lost_without_each_feature() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let ablate = Some(vec!["packet/TTL".to_owned(), "rate".to_owned()]);
    eval(&Args { ablate, captures: vec!["lab".into()], ..args(data.path(), out.path()) }).unwrap();

    let ablation = json(out.path(), "ablation.json");
    assert_eq!(ablation["full"]["attacks_found"]["mean"], 1.0);
    let without = ablation["without"].as_array().unwrap();
    let names: Vec<_> = without.iter().map(|one| format!("{} {}", one["feature"], one["views"])).collect();
    assert_eq!(names, ["\"packet/TTL\" [\"packet\"]", "\"rate\" [\"source\"]"]);
    for one in without {
        let change = &one["change"];
        assert_eq!(
            (&change["attacks_found"]["mean"], &change["roc_auc"]["mean"]),
            (&(-1.0).into(), &(-1.0).into())
        );
        assert_eq!(
            (&change["false_incidents"]["mean"], &change["median_delay_s"]),
            (&0.0.into(), &Value::Null)
        );
    }
    let text = fs::read_to_string(out.path().join("ablation.md")).unwrap();
    assert!(text.contains("| all features |  | 1.0 | 2.5 | 1.0 | 1.0000 |"), "{text}");
    assert!(text.contains("| rate | source | -1.0 | – | 0.0 | -1.0000 |"), "{text}");
    assert!(!out.path().join("scoreboard.md").exists());
}

#[test]
fn what_is_asked_for_and_not_there_is_an_error() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let cases = [
        (Args { captures: vec!["attic".into()], ..args(data.path(), out.path()) }, "no capture 'attic'"),
        (Args { ablate: Some(vec!["speed".into()]), ..args(data.path(), out.path()) }, "no feature 'speed'"),
        (
            Args { check_with: Some(out.path().into()), no_check: false, ..args(data.path(), out.path()) },
            "evaluate_scores.py is not there",
        ),
        (args(&data.path().join("missing"), out.path()), "missing"),
    ];
    for (args, part) in cases {
        let error = format!("{:#}", eval(&args).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}
