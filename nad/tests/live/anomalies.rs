//! What is unusual is printed, logged and written down; what is usual is not.

use std::time::{SystemTime, UNIX_EPOCH};

use nad::interface::Interface;
use serde_json::Value;

use crate::{
    lab::{Lab, SENDER, SENSOR},
    nad_process::{Ended, Nad, STARTED},
    raw::RawSender,
    traffic::{STRANGE_PORT, commonplace, unusual, usual},
};

const STRANGER: &str = "203.0.113.66";
const LOG: &str = "logs/anomaly_detector.log";
const LEARNT: &str = "baseline learnt";

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn native_xdp_leads_to_an_anomaly_in_every_output() {
    an_anomaly_reaches_every_output("native");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn generic_xdp_leads_to_an_anomaly_in_every_output() {
    an_anomaly_reaches_every_output("generic");
}

fn an_anomaly_reaches_every_output(mode: &str) {
    let lab = Lab::new(&format!("outputs-{mode}"));
    let sender = RawSender::open(&lab.sender, SENDER);
    let arguments = ["run", "--iface", SENSOR, "--xdp-mode", mode, "--train-packets", "400"];
    let mut nad =
        Nad::capturing(&lab, &[&arguments[..], &["--packets", "--alerts", "alerts.jsonl"]].concat());
    learn(&mut nad, &sender);
    (0..100).for_each(|_| sender.send(&commonplace()));
    sender.send(&unusual());
    nad.wait_for(STRANGER);
    let ended = nad.interrupt();

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ledger = ended.ledger();
    assert_eq!(["seen", "learned", "scored"].map(|name| ledger.get(name)), [501, 400, 101], "{ledger:?}");
    assert_eq!(ended.detected().1, 1);
    let lines: Vec<&str> = ended.stdout.lines().filter(|line| !is_of_an_incident(line)).collect();
    let [started, heading, row, captured, _] = lines[..] else { panic!("{}", ended.stdout) };
    assert_eq!([started, captured], [STARTED, "Captured 501 packets."]);
    assert!(heading.starts_with("src_ip"), "{heading}");
    is_the_stranger(row);

    let alerts = lab.read("alerts.jsonl");
    let [alert] = alerts.lines().collect::<Vec<_>>()[..] else { panic!("{alerts}") };
    let alert: Value = serde_json::from_str(alert).expect("an alert is JSON");
    assert_eq!(alert["src_ip"], STRANGER);
    assert_eq!(alert["dst_ip"], "10.77.0.1");
    assert_eq!((&alert["src_port"], &alert["dst_port"]), (&4.into(), &STRANGE_PORT.into()));
    assert_eq!((&alert["protocol"], &alert["length"]), (&"TCP".into(), &unusual().len().into()));
    assert!(alert["score"].as_f64() > alert["threshold"].as_f64(), "{alert}");
    let index = lab.sensor.enter(|| Interface::inspect(SENSOR)).expect("it is there").index;
    assert_eq!(alert["interface"], index);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    assert!(
        (now - 60.0..=now).contains(&alert["time"].as_f64().expect("a number")),
        "{alert}, and now it is {now}"
    );

    let log = lab.read(LOG);
    let anomalies: Vec<&str> = log.lines().filter(|line| line.contains("src_ip=")).collect();
    let [anomaly] = anomalies[..] else { panic!("{log}") };
    assert!(anomaly.contains("WARN") && anomaly.contains(&format!("src_ip={STRANGER} ")), "{anomaly}");
    assert!(anomaly.contains(&format!("dst_port={STRANGE_PORT}")), "{anomaly}");
    for said in [STARTED, LEARNT, "Captured 501 packets.", "Detected 1 anomalous packet", "ledger: seen 501"]
    {
        assert!(log.contains(said), "no '{said}' in\n{log}");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_number_of_packets_is_captured_judged_and_reported() {
    let lab = Lab::new("count");
    let sender = RawSender::open(&lab.sender, SENDER);
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--count", "200"]);
    send_with_a_stranger(&sender);
    let ended = nad.end();

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ledger = ended.ledger();
    assert_eq!(["seen", "learned"].map(|name| ledger.get(name)), [200, 200], "{ledger:?}");
    let lines: Vec<&str> = ended.stdout.lines().filter(|line| !is_of_an_incident(line)).collect();
    assert_eq!(lines[..2], [STARTED, "Captured 200 packets."]);
    assert!(lines[2].starts_with("src_ip"), "{}", lines[2]);
    let (detected, rows) = (lines[lines.len() - 1], &lines[3..lines.len() - 1]);
    assert_eq!(detected, format!("Detected {} anomalies.", rows.len()));
    // One of a hundred is the share that is reported.
    assert!((1..=2).contains(&rows.len()), "{}", ended.stdout);
    is_the_stranger(rows.iter().find(|row| row.starts_with(STRANGER)).expect("the stranger is reported"));
    let log = lab.read(LOG);
    assert!(log.contains(&format!("src_ip={STRANGER} ")) && log.contains(detected), "{log}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn more_packets_than_wanted_are_accounted_for() {
    let lab = Lab::new("surplus");
    let sender = RawSender::open(&lab.sender, SENDER);
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--count", "50"]);
    // In the ring before the sensor can stop.
    nad.halt();
    send_with_a_stranger(&sender);
    nad.resume();
    let ended = nad.end();
    let ledger = ended.ledger();
    assert!(ended.stdout.contains("Captured 50 packets."), "{ended:?}");
    assert_eq!(["seen", "learned", "discarded"].map(|name| ledger.get(name)), [200, 50, 150], "{ledger:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_anomaly_makes_the_exit_code_3_where_that_is_wanted() {
    let lab = Lab::new("exit-code");
    let sender = RawSender::open(&lab.sender, SENDER);
    let arguments = ["run", "--iface", SENSOR, "--train-packets", "400", "--packets", "--fail-on-anomaly"];
    // Of so short a baseline, hosts are not judged: that nothing was found says little.
    for (strangers, code) in [(0, 4), (1, 3)] {
        let mut nad = Nad::capturing(&lab, &arguments);
        learn(&mut nad, &sender);
        (0..20).for_each(|_| sender.send(&commonplace()));
        if strangers > 0 {
            sender.send(&unusual());
            nad.wait_for(STRANGER);
        }
        let ended = nad.interrupt();
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.ledger().get("scored"), 20 + strangers);
    }
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--count", "200", "--fail-on-anomaly"]);
    send_with_a_stranger(&sender);
    assert_eq!(nad.end().code, Some(3));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_model_trained_live_detects_live() {
    let lab = Lab::new("model");
    let sender = RawSender::open(&lab.sender, SENDER);
    let train = ["train", "--iface", SENSOR, "--train-packets", "400", "--out", "usual.model"];
    let nad = Nad::capturing(&lab, &train);
    usual(400).iter().for_each(|frame| sender.send(frame));
    let ended = nad.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with("Model written to usual.model.\n"), "{ended:?}");
    assert_eq!(ended.ledger().get("learned"), 400);
    assert!(!lab.has_program(SENSOR));

    let mut nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--model", "usual.model", "--packets"]);
    (0..100).for_each(|_| sender.send(&commonplace()));
    sender.send(&unusual());
    nad.wait_for(STRANGER);
    let ended = nad.interrupt();
    assert_eq!(ended.detected().1, 1, "{ended:?}");
    assert!(ended.stderr.contains(&format!("trained on 400 packets from {SENSOR}")), "{ended:?}");
    let ledger = ended.ledger();
    assert_eq!(["learned", "scored"].map(|name| ledger.get(name)), [0, 101], "{ledger:?}");
}

/// Sends the 400 packets of the baseline.
fn learn(nad: &mut Nad, sender: &RawSender) {
    usual(400).iter().for_each(|frame| sender.send(frame));
    nad.wait_for(LEARNT);
}

/// 200 packets, the unusual one in their middle.
fn send_with_a_stranger(sender: &RawSender) {
    let frames = usual(199);
    frames[..100].iter().for_each(|frame| sender.send(frame));
    sender.send(&unusual());
    frames[100..].iter().for_each(|frame| sender.send(frame));
}

/// Whether a line on standard output tells of an incident: a time, and what became of it.
fn is_of_an_incident(line: &str) -> bool {
    matches!(line.split_whitespace().nth(1), Some("INCIDENT" | "changed" | "closed"))
}

fn is_the_stranger(row: &str) {
    let columns: Vec<&str> = row.split_whitespace().collect();
    let length = unusual().len().to_string();
    assert_eq!(
        columns[..6],
        [STRANGER, "10.77.0.1", "4", &STRANGE_PORT.to_string(), &length, "TCP"],
        "{row}"
    );
}

impl Ended {
    /// Incidents and anomalous packets, as the summary at the end of standard output tells them.
    pub(crate) fn detected(&self) -> (u64, u64) {
        let summary = self.stdout.lines().next_back().unwrap_or_default();
        let words: Vec<&str> = summary.split(' ').collect();
        match words[..] {
            [
                "Detected",
                incidents,
                "incident" | "incidents",
                "and",
                packets,
                "anomalous",
                "packet." | "packets.",
            ] => (incidents.parse().expect("a number"), packets.parse().expect("a number")),
            // Where hosts were not judged, there is no number of incidents.
            [
                "Detected",
                packets,
                "anomalous",
                "packet;" | "packets;",
                "hosts",
                "were",
                "not",
                "judged:",
                ..,
            ] => (0, packets.parse().expect("a number")),
            _ => panic!("no summary: {self:?}"),
        }
    }

    /// The one line that says why it failed.
    pub(crate) fn error(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let [line] = self.stderr.lines().collect::<Vec<_>>()[..] else { panic!("one line: {}", self.stderr) };
        line.strip_prefix("error: ").unwrap_or_else(|| panic!("no error: {line}"))
    }
}
