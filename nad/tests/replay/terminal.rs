//! What is printed of incidents: on a terminal, into a pipe, as JSON, and when it is to be quiet.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{
    network::Network,
    sensor::{Folder, Ran},
    skip::skipped,
};

const REPLAY: &str = "replay office.pcap --train-for 120s";

/// A network that is learnt, and then scanned.
fn scanned() -> Folder {
    let mut network = Network::benign(200);
    network.scan(150, [192, 168, 1, 66], 1, 1000, 5_000);
    crate::folder(&network.capture())
}

/// Runs nad on a terminal of this width; both of its streams.
fn on_terminal(folder: &Folder, columns: usize, variables: &str, arguments: &str) -> Option<String> {
    if Command::new("script").arg("--version").output().is_err() {
        skipped("there is no `script` to make a terminal with");
        return None;
    }
    let program = folder.command().get_program().display().to_string();
    let line = format!("stty cols {columns} rows 24; env {variables} {program} {arguments}");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(folder).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "NAD_FORMAT"] {
        script.env_remove(name);
    }
    Some(Ran::of(script.env("TERM", "xterm")).exits(0).stdout)
}

/// What is left on the terminal's lines: control sequences taken out, and of each line what was written last.
fn seen(text: &str) -> Vec<String> {
    let mut bare = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.find(|letter| letter.is_ascii_alphabetic());
        } else {
            bare.push(letter);
        }
    }
    let last = |line: &str| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().to_owned();
    bare.split('\n').map(last).collect()
}

#[test]
fn a_pipe_gets_an_incident_in_one_line_without_control_characters() {
    let folder = scanned();
    let ran = folder.nad(REPLAY).exits(0);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
    assert_eq!(ran.stdout.matches(" INCIDENT ").count(), 1, "{}", ran.stdout);
    let named = Ran::of(folder.command().args(REPLAY.split(' ')).env("NAD_FORMAT", "plain")).exits(0);
    assert_eq!(named.stdout, ran.stdout);
    let colored = folder.nad(&format!("{REPLAY} --format table --color always")).exits(0).stdout;
    assert_eq!(colored.matches("\u{1b}[31mINCIDENT\u{1b}[0m").count(), 1, "{colored:?}");
}

#[test]
fn an_incident_fits_into_terminals_of_any_width_and_nothing_of_it_is_lost() {
    let folder = scanned();
    let incident = folder.nad(&format!("{REPLAY} --format json")).exits(0);
    let incident: Value = serde_json::from_str(incident.stdout.lines().next().unwrap()).unwrap();
    for columns in [40, 60, 80, 120, 400] {
        let Some(text) = on_terminal(&folder, columns, "", REPLAY) else { return };
        assert_eq!(text.matches("\u{1b}[31mINCIDENT\u{1b}[0m").count(), 1, "{text:?}");
        let lines = seen(&text);
        let begin = lines.iter().position(|line| line.contains(" INCIDENT ")).unwrap();
        let end = begin + 1 + lines[begin + 1..].iter().take_while(|line| line.starts_with("    ")).count();
        let told = lines[begin..end].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        assert!(told.ends_with(incident["reason"].as_str().unwrap()), "{told}");
        assert!(
            lines[begin..end].iter().all(|line| line.chars().count() <= columns),
            "{columns}: {lines:#?}"
        );
        assert_eq!(end - begin > 1, columns < 400, "{columns}: {lines:#?}");
    }
}

#[test]
fn no_color_leaves_no_colour() {
    let folder = scanned();
    for (variables, arguments) in
        [("NO_COLOR=1", REPLAY.to_owned()), ("TERM=xterm", format!("{REPLAY} --color never"))]
    {
        let Some(text) = on_terminal(&folder, 100, variables, &arguments) else { return };
        assert!(text.contains(" INCIDENT "), "{text:?}");
        for color in ["\u{1b}[31m", "\u{1b}[33m", "\u{1b}[2m"] {
            assert!(!text.contains(color), "{text:?}");
        }
    }
}

#[test]
fn json_is_an_object_a_line_and_the_summary_the_last() {
    let folder = scanned();
    let ran = folder.nad(&format!("{REPLAY} --format json --packets --incidents i.jsonl --follow")).exits(0);
    let objects: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, told) = objects.split_last().unwrap();
    let summary = &summary["summary"];
    let incidents: Vec<&Value> = told.iter().filter(|object| !object["shape"].is_null()).collect();
    let alerts = told.iter().filter(|object| !object["src_ip"].is_null()).count();
    assert_eq!(incidents.len() + alerts, told.len(), "one or the other");
    assert_eq!(
        (incidents[0]["state"].as_str(), incidents[0]["shape"].as_str()),
        (Some("open"), Some("port scan"))
    );
    assert_eq!(incidents.last().unwrap()["state"], "closed");
    assert_eq!(
        (summary["incidents"].as_u64(), summary["anomalous_packets"].as_u64()),
        (Some(1), Some(alerts as u64))
    );
    let ledger = &summary["ledger"];
    let count = |name: &str| ledger[name].as_u64().unwrap();
    assert_eq!(
        count("drained"),
        count("learned") + count("scored") + count("self_traffic") + count("discarded")
    );
    assert_eq!(summary["captured"], ledger["seen"]);
    assert!(
        ran.stderr.contains("Starting packet capture…\n") && ran.stderr.contains("ledger: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn quiet_leaves_incidents_and_errors() {
    let folder = scanned();
    let whole = folder.nad(REPLAY).exits(0).stdout;
    let ran = folder.nad(&format!("{REPLAY} --quiet --log q.log")).exits(0);
    assert_eq!(ran.stderr, "");
    let incidents: String =
        whole.lines().filter(|line| line.contains("Z ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(ran.stdout, incidents);
    assert!(folder.read("q.log").contains("ledger: "), "the log has the rest");
    let failed = folder.nad("replay missing.pcap --quiet").exits(1);
    assert!(failed.stderr.starts_with("error: ") && failed.stdout.is_empty(), "{failed:?}");
    let Some(text) = on_terminal(&folder, 80, "", &format!("{REPLAY} --quiet")) else { return };
    assert!(text.contains("INCIDENT") && !text.contains("bytes/s") && !text.contains("Detected"), "{text:?}");
}
