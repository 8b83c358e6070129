//! The example of a config file at the top of the repository.

use std::fs;

use nad_engine::context::Sizes;

use crate::{REPLAY, folder};

pub(crate) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nad.example.toml");

/// The example with every setting in force: what is behind `# ` and looks like a setting or a section.
pub(crate) fn uncommented(text: &str) -> String {
    let is_setting = |rest: &str| {
        let name = rest.split(['=', ' ']).next().unwrap_or_default();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        rest.starts_with('[') || (is_name && rest[name.len()..].trim_start().starts_with('='))
    };
    let lines = text.lines().map(|line| match line.strip_prefix("# ").or(line.strip_prefix('#')) {
        Some(rest) if is_setting(rest) => rest,
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_example_changes_nothing_as_it_is() {
    let folder = folder();
    let replay = format!("{REPLAY} --scores s.csv --alerts a.jsonl --incidents i.jsonl");
    let outcome = || {
        let ran = folder.nad(&replay).exits(0);
        (ran.stdout, ["s.csv", "a.jsonl", "i.jsonl"].map(|name| folder.read(name)))
    };
    let without = outcome();
    fs::copy(EXAMPLE, folder.path("nad.toml")).unwrap();
    assert!(outcome() == without);
    assert!(folder.path("logs/anomaly_detector.log").exists());
}

#[test]
fn every_setting_of_the_example_can_be_put_in_force() {
    let folder = folder();
    let text = uncommented(&fs::read_to_string(EXAMPLE).unwrap());
    // Who runs the test need not be in the group of the example.
    let own_group = format!("group = \"{}\"", rustix::process::getgid().as_raw());
    folder.write("nad.toml", text.replace("group = \"adm\"", &own_group));
    // Flags, because two ways to get a baseline exclude each other.
    folder.nad(REPLAY).exits(0);
    let table: toml::Table = text.parse().unwrap();
    let keys = |section: &str| table[section].as_table().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys("capture"),
        ["direction", "interface", "packet_count", "ring_bytes", "sampling", "xdp_mode"]
    );
    assert_eq!(
        keys("training"),
        [
            "contamination",
            "extension_level",
            "model",
            "samples_per_tree",
            "seed",
            "train_for",
            "train_packets",
            "trainer",
            "trees"
        ]
    );
    assert_eq!(keys("alerts"), ["budget", "relearn", "silence"]);
    assert_eq!(keys("payload"), ["bytes", "heads_per_second", "level"]);
    let mut tables: Vec<&str> = Sizes::USUAL.iter().map(|(name, _)| *name).collect();
    tables.sort_unstable();
    assert_eq!(keys("context"), tables);
    let rules = table["allow"].as_array().unwrap();
    let criteria: Vec<_> =
        rules.iter().map(|rule| rule.as_table().unwrap().keys().collect::<Vec<_>>()).collect();
    assert_eq!(
        criteria,
        [["comment", "destination", "expires", "mac", "port", "protocol", "shape", "source"]]
    );
    assert_eq!(keys("log"), ["format", "keep", "max_size", "path", "rotate"]);
    assert_eq!(keys("files"), ["group", "mode"]);
    assert_eq!(keys("output"), ["alert_format", "color", "format", "on_closed_stdout", "quiet"]);
    assert_eq!(keys("state"), ["dir", "every"]);
    assert_eq!(keys("security"), ["sandbox", "user"]);
    assert_eq!(keys("sensor"), ["name"]);
    assert_eq!(keys("metrics"), ["hosts", "listen"]);
    assert_eq!(keys("status"), ["socket"]);
    assert_eq!(keys("history"), ["max_age", "max_size", "path"]);
    assert_eq!(
        keys("email"),
        [
            "ca_file",
            "enabled",
            "interval",
            "max_per_day",
            "password_file",
            "port",
            "receivers",
            "security",
            "sender",
            "server",
            "timeout",
            "user"
        ]
    );
    let webhook: Vec<_> = table["webhook"].as_array().unwrap()[0].as_table().unwrap().keys().collect();
    assert_eq!(
        webhook,
        ["ca_file", "changes", "enabled", "secret_file", "spool", "spool_max", "template", "timeout", "url"]
    );
    assert_eq!(table.len(), 18);
}

#[test]
fn the_example_names_every_shape() {
    // As for the settings: the refusal of an unknown one lists them.
    let folder = folder();
    let text = fs::read_to_string(EXAMPLE).unwrap();
    folder.write("nad.toml", "[[allow]]\nshape = \"none\"\ncomment = \"c\"\n");
    let ran = folder.nad(REPLAY).exits(2);
    let (_, expected) = ran.stderr.split_once("expected ").unwrap();
    let shapes: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    assert!(shapes.len() > 10 && shapes.iter().all(|shape| text.contains(shape)), "{shapes:?}");
}

#[test]
fn the_example_names_every_setting_that_there_is() {
    // What an unknown key may have been is the list of all.
    let folder = folder();
    let text = fs::read_to_string(EXAMPLE).unwrap();
    for section in [
        "",
        "[capture]\n",
        "[training]\n",
        "[alerts]\n",
        "[[allow]]\n",
        "[context]\n",
        "[log]\n",
        "[state]\n",
        "[security]\n",
        "[metrics]\n",
        "[history]\n",
        "[output]\n",
        "[email]\n",
        "[[webhook]]\n",
    ] {
        folder.write("nad.toml", format!("{section}no_such_key = 1\n"));
        let ran = folder.nad(REPLAY).exits(2);
        let (_, expected) = ran.stderr.split_once("expected ").unwrap();
        for name in expected.split('`').skip(1).step_by(2) {
            let is_there = text.contains(&format!("{name} = ")) || text.contains(&format!("[{name}]"));
            assert!(is_there, "{name} of \"{section}\" is not in the example");
        }
    }
}

#[test]
fn the_defaults_that_the_example_tells_are_those_in_force() {
    let text = fs::read_to_string(EXAMPLE).unwrap();
    for default in [
        "# direction = \"both\"",
        "# ring_bytes = 8388608",
        "# train_for = \"60s\"",
        "# contamination = 0.0001",
        "# trees = 100",
        "# seed = 0",
        "# trainer = \"seeded\"",
        "# budget = \"5/day\"",
        "# silence = \"60s\"",
        "# relearn = \"6h\"",
        "# max_age = \"90d\"",
        "# max_size = \"256MiB\"",
        "# security = \"starttls\"",
        "# interval = \"15m\"",
        "# max_per_day = 50",
        "# spool_max = 16777216",
        "# max_size = \"64MiB\"",
        "# rotate = \"daily\"",
        "# keep = 14",
        "# every = \"5m\"",
        "# color = \"auto\"",
        "# alert_format = \"native\"",
    ] {
        assert!(text.contains(default), "{default}");
    }
    for (table, entries) in Sizes::USUAL {
        assert!(text.contains(&format!("\n# {table} = {entries}\n")), "{table}");
    }
}
