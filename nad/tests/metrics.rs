//! What Prometheus' own tools say of the metrics, the alert rules and the dashboard, and what is refused before any is served.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

#[path = "support/skip.rs"]
mod skip;

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::TcpListener,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use nad::metrics::{Format, Latencies, Vitals};
use nad_common::counters::KernelCounters;
use nad_engine::{
    condition::{Judging, Stage},
    ledger::{SinkCounts, Tally},
};
use skip::skipped;

const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/grafana/nad.json");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/prometheus/alerts.yml");
const RULE_TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/prometheus/alerts_test.yml");

/// A page with everything on it: of a sensor that detects, with an output.
fn page(format: Format) -> String {
    let tally = Arc::new(Tally::default());
    tally.condition.set_judging(Judging {
        stage: Stage::Detecting,
        open_incidents: 1,
        threshold_probability: 1e-7,
        model_ns: 1_700_000_000_000_000_000,
    });
    tally.condition.set_interfaces(vec![("eth0".into(), true), ("odd\"\\".into(), false)]);
    tally.set_outputs(vec![Arc::new(SinkCounts {
        name: "alert file \"a\\b\"".into(),
        ..SinkCounts::default()
    })]);
    let latencies = Latencies::default();
    latencies.alert.observe(0.01);
    let source = || Ok(KernelCounters { seen: 1, recorded: 1, ..KernelCounters::default() });
    Vitals::new(tally, Box::new(source), latencies).page(format).unwrap()
}

/// What `promtool` says, given something to read; nothing where it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let spawned = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        skipped("promtool is not installed (Debian's prometheus)");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn promtool_has_nothing_to_say_against_the_metrics() {
    let Some(output) = promtool(&["check", "metrics"], &page(Format::Prometheus)) else { return };
    // Its advice comes with an exit code of 3.
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let bad = promtool(&["check", "metrics"], "# TYPE nad_things counter\nnad_things 1\n").unwrap();
    assert!(!bad.status.success(), "it would say so: {bad:?}");
}

#[test]
fn promtool_takes_the_alert_rules_and_their_tests_pass() {
    for arguments in [&["check", "rules", RULES], &["test", "rules", RULE_TESTS]] {
        let Some(output) = promtool(arguments, "") else { return };
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn every_metric_that_the_dashboard_and_the_rules_name_is_served() {
    let page = page(Format::Prometheus);
    let served: BTreeSet<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let dashboard: serde_json::Value = serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let mut expressions = vec![fs::read_to_string(RULES).unwrap()];
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            expressions.push(target["expr"].as_str().unwrap().into());
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        expressions.extend(variable["definition"].as_str().map(Into::into));
    }
    let is_in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let named: BTreeSet<&str> = expressions
        .iter()
        .flat_map(|text| text.split(|letter| !is_in_name(letter)))
        .filter(|word| word.starts_with("nad_") || word.starts_with("process_"))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    let missing: Vec<_> = named.difference(&served).collect();
    assert!(missing.is_empty(), "not served: {missing:?}");
}

#[test]
fn every_metric_that_is_served_is_explained_to_users() {
    let text = fs::read_to_string(DOCS).unwrap();
    let page = page(Format::Prometheus);
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for name in kinds.filter_map(|line| line.split(' ').next()) {
        // The second and third of a row are told by their ends.
        let is_told = text.contains(&format!("`{name}"))
            || name.match_indices('_').any(|(place, _)| text.contains(&format!("`…{}`", &name[place..])));
        assert!(is_told, "{name} is not in docs/metrics.md");
    }
}

#[test]
fn the_dashboards_panels_have_a_unit_and_lie_beside_each_other() {
    let dashboard: serde_json::Value = serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        let number = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(number("x") + number("w") <= 24, "{panel}");
        for x in number("x")..number("x") + number("w") {
            for y in number("y")..number("y") + number("h") {
                assert!(taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
    }
}

/// Runs `nad run` on an interface that is not there, so that it ends in any case.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nad"))
        .args(["run", "--iface", "nad-no0", "--log", "none"])
        .args(arguments)
        .env_remove("NAD_METRICS")
        .current_dir(folder.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_port_in_use_is_an_error_before_anything_is_attached() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = run(&["--metrics", &address]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("metrics can't be served at {address}: Address already in use")),
        "{said}"
    );
    assert!(said.contains("choose another address with --metrics"), "{said}");
    assert_eq!(said.matches("(os error").count(), 1, "{said}");
}

#[test]
fn an_address_that_others_reach_is_warned_of_once_and_a_local_one_is_not() {
    let warned = |arguments: &[&str]| {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(1), "there is no such interface: {said}");
        assert!(said.contains("nad-no0"), "{said}");
        said.matches("without a password").count()
    };
    assert_eq!(warned(&["--metrics", "0.0.0.0:0"]), 1);
    for quiet in ["127.0.0.1:0", "none"] {
        assert_eq!(warned(&["--metrics", quiet]), 0, "{quiet}");
    }
}

#[test]
fn what_is_no_address_is_wrong_usage_by_flag_and_in_the_file() {
    let (code, said) = run(&["--metrics", "9469"]);
    assert!(code == Some(2) && said.contains("\"9469\" is no address to listen at"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nad.toml");
    fs::write(&file, "[metrics]\nlisten = \"localhost\"\n").unwrap();
    let (code, said) = run(&["--config", file.to_str().unwrap()]);
    assert!(code == Some(2) && said.contains("line 2: \"localhost\" is no address to listen at"), "{said}");
}
