//! Help, and what is refused before anything is done.

use crate::{example::EXAMPLE, folder, sensor::Folder};

#[test]
fn help_tells_the_exit_codes_the_defaults_and_the_environment() {
    let folder = Folder::new();
    let help = |command: &str| folder.nad(&format!("{command} --help")).exits(0).stdout;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected: [(&str, &[&str]); 7] = [
        (
            "",
            &[
                "run",
                "replay",
                "train",
                "features",
                "doctor",
                "test-output",
                "NAD_CONFIG",
                "NAD_LOG",
                "logs/anomaly_detector.log",
            ],
        ),
        (
            "run",
            &[
                "NAD_IFACE",
                "NAD_XDP_MODE",
                "NAD_RING_BYTES",
                "NAD_TRAIN_FOR",
                "NAD_TRAIN_PACKETS",
                "NAD_MODEL",
                "NAD_COUNT",
                "NAD_CONTAMINATION",
                "NAD_EXTENSION_LEVEL",
                "NAD_SEED",
                "[default: 0]",
                "NAD_TRAINER",
                "[default: seeded]",
                "the same packets and the same seed give the same model",
                "NAD_ALERTS",
                "NAD_ALERT_FORMAT",
                "[default: native]",
                "--fail-on-anomaly",
                "[default: auto]",
                "8388608",
                "100",
                "[default: 60s]",
                "0.0001",
                "0.01",
            ],
        ),
        (
            "replay",
            &["<FILE>", "NAD_TRAIN_FOR", "NAD_MODEL", "--scores", "--alerts", "[default: 60s]", "0.0001"],
        ),
        (
            "train",
            &[
                "[FILE]...",
                "--out",
                "NAD_TRAIN_FOR",
                "NAD_TRAIN_PACKETS",
                "NAD_CONTAMINATION",
                "[default: all of the captures, 60s of an interface]",
            ],
        ),
        ("features", &["[FILE]", "--out", "--view", "--list", "log2(1 + value)", "[default: 60s]"]),
        ("doctor", &["NAD_IFACE", "default route"]),
        ("test-output", &["email", "webhook", "NAD_SMTP_PASSWORD", "where it is not enabled"]),
    ];
    for (command, parts) in expected {
        let text = help(command);
        for part in parts.iter().chain(&["Exit codes: 0 fine, 1 failed, 2 "]) {
            assert!(words(&text).contains(part), "\"{part}\" is not in `nad {command} --help`:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(!text.contains("::") && !text.contains("[`"), "a path of the code is in {text}");
    }
    let replay = words(&help("replay"));
    assert!(replay.contains("3 anomalies found, 4 hosts could not be judged"), "{replay}");
}

#[test]
fn help_lists_flags_in_groups_and_each_in_its_own() {
    let help = Folder::new().nad("run --help").exits(0).stdout;
    for (flag, heading) in [
        ("--iface", "Capture"),
        ("--user", "Security"),
        ("--model", "Baseline and model"),
        ("--count", "Baseline and model"),
        ("--alert-budget", "Detection"),
        ("--history", "Outputs"),
        ("--metrics", "Outputs"),
        ("--quiet", "Terminal"),
        ("--config", "Settings and files"),
        ("--help", "Options"),
    ] {
        let (before, _) =
            help.split_once(&format!("{flag}\n")).or_else(|| help.split_once(&format!("{flag} "))).unwrap();
        let mut headings = before.lines().filter(|line| !line.starts_with(' ') && line.ends_with(':'));
        assert_eq!(headings.next_back(), Some(&*format!("{heading}:")), "{flag}: {help}");
    }
}

#[test]
fn help_of_config_is_the_example_whatever_is_set_and_help_of_a_command_is_its_help() {
    let folder = Folder::new();
    folder.write("nad.toml", "no settings");
    let example = folder.nad("help config").exits(0).stdout;
    assert_eq!(example, std::fs::read_to_string(EXAMPLE).unwrap());
    for command in ["", "run", "config show"] {
        let [long, help] =
            [format!("{command} --help"), format!("help {command}")].map(|line| folder.nad(&line));
        assert_eq!(long.exits(0).stdout, help.exits(0).stdout, "{command}");
    }
    folder.nad("help replya").exits(2).says_only(&["unrecognized subcommand 'replya'", "'replay'"]);
}

#[test]
fn the_version_is_the_package_s() {
    let folder = Folder::new();
    assert_eq!(folder.nad("--version").exits(0).stdout, concat!("nad ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn without_a_command_there_is_help_and_the_code_of_wrong_usage() {
    let ran = Folder::new().nad("").exits(2);
    assert!(ran.stderr.contains("Usage: nad"), "{}", ran.stderr);
}

#[test]
fn what_is_not_known_is_refused_with_what_may_have_been_meant() {
    let folder = folder();
    let refused = |arguments: &str, parts: &[&str]| _ = folder.nad(arguments).exits(2).says_only(parts);
    refused("replya office.pcap", &["unrecognized subcommand 'replya'", "'replay'"]);
    refused(
        "replay office.pcap --train-pakets 3",
        &["unexpected argument '--train-pakets'", "'--train-packets'"],
    );
    refused("replay office.pcap --count 3", &["unexpected argument '--count'"]);
    refused("replay", &["required arguments were not provided: <FILE>"]);
    refused("train office.pcap --train-packets 3", &["required arguments were not provided: --out <MODEL>"]);
    refused("run --iface nad-no0 --xdp-mode fast", &["'fast'", "--xdp-mode", "auto, native, generic"]);
    refused("replay a.pcap b.pcap", &["unexpected argument 'b.pcap'"]);
}

#[test]
fn ways_to_get_a_model_exclude_each_other() {
    let folder = folder();
    for arguments in [
        "replay office.pcap --train-packets 300 --train-for 3s",
        "replay office.pcap --train-packets 300 --model m",
        "replay office.pcap --train-for 3s --model m",
        "train office.pcap --train-packets 300 --train-for 3s --out m",
        "run --iface nad-no0 --train-for 3s --model m",
    ] {
        folder.nad(arguments).exits(2).says_only(&["train-for, train-packets and model exclude each other"]);
    }
    folder
        .nad("run --iface nad-no0 --count 50 --train-for 3s")
        .exits(2)
        .says_only(&["count goes with a model"]);
}

#[test]
fn a_value_out_of_range_is_named_with_the_range() {
    let folder = folder();
    let contamination = ["0", "1", "nan", "-0.1", "inf", "0.51", "1e-400"];
    for value in contamination {
        let ran = folder.nad(&format!("replay office.pcap --contamination={value}")).exits(2);
        ran.says_only(&["contamination", "is out of range: it must be above 0 and at most 0.5"]);
    }
    let refused = |arguments: &str, parts: &[&str]| _ = folder.nad(arguments).exits(2).says_only(parts);
    refused("replay office.pcap --contamination few", &["'few'", "--contamination"]);
    refused("replay office.pcap --train-packets 1", &["train-packets 1", "at least 2 packets"]);
    refused("replay office.pcap --train-packets -3", &["'-3'"]);
    refused("replay office.pcap --train-for 300", &["--train-for", "\"300\"", "300s, 5m, 1h"]);
    refused("replay office.pcap --train-for 0s", &["--train-for", "0s is out of range", "1ms"]);
    refused("replay office.pcap --extension-level 32", &["extension_level 32", "0 to 31"]);
    refused("replay office.pcap --seed -1", &["'-1'"]);
    refused("replay office.pcap --seed few", &["'few'", "--seed"]);
    refused("replay office.pcap --trainer best", &["'best'", "--trainer", "seeded, crate"]);
    refused("replay office.pcap --trainer crate --seed 7", &["seed 7 has no effect", "\"crate\""]);
    refused("run --iface nad-no0 --count 1", &["count 1 is out of range", "2 to 1000000"]);
    refused("run --iface nad-no0 --count 1000001", &["count 1000001", "2 to 1000000"]);
    for bytes in ["0", "2048", "12288", "2147483648"] {
        refused(
            &format!("run --iface nad-no0 --ring-bytes {bytes}"),
            &[bytes, "ring_bytes", "a power of two from 4096 to 1073741824"],
        );
    }
    refused("run --iface nad-no0 --ring-bytes 9999999999", &["9999999999", "--ring-bytes"]);
}
