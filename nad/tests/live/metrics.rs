//! Metrics and health of the running sensor, and a real Prometheus that scrapes them.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    lab::{Lab, SENDER, SENSOR, has, inside, until},
    nad_process::Nad,
    raw::RawSender,
    skip::skipped,
    traffic::{commonplace, unusual, usual},
};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/prometheus/alerts.yml");
/// Nobody else is in the sensor's namespace.
const PROMETHEUS: &str = "127.0.0.1:9090";
/// Packets of the baseline.
const LEARNT: usize = 600;

/// The status and the body of a page that is served in the sensor's namespace.
pub(crate) fn get(lab: &Lab, address: &str, path: &str) -> Option<(u16, String)> {
    lab.sensor.enter(|| {
        let mut stream = TcpStream::connect(address).ok()?;
        // Of HTTP 1.0, whose answers come in one piece.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    })
}

/// Where the sensor says that its metrics are.
pub(crate) fn address(nad: &mut Nad) -> String {
    nad.wait_for("metrics at http://");
    let said = nad.said();
    let (_, rest) = said.split_once("metrics at http://").expect("it was said");
    rest.split('/').next().expect("there is a path").to_owned()
}

/// A value of the page, 0 where it is not there.
pub(crate) fn value(page: &str, series: &str) -> f64 {
    let start = format!("{series} ");
    page.lines()
        .find_map(|line| line.strip_prefix(&start))
        .map_or(0.0, |value| value.parse().expect("a number"))
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_sensor_tells_how_it_goes_and_prometheus_understands() {
    let lab = Lab::new("metrics");
    lab.sensor.ip(&["link", "set", "dev", "lo", "up"]);
    let count = LEARNT.to_string();
    let run = ["run", "--iface", SENSOR, "--train-packets", &count, "--contamination", "0.01", "--packets"];
    let mut nad = Nad::capturing(&lab, &[&run[..], &["--metrics", "127.0.0.1:0"]].concat());
    let address = address(&mut nad);
    let page = |path: &str| get(&lab, &address, path).expect("the sensor answers");

    let (status, body) = page("/readyz");
    assert_eq!(status, 503, "{body}");
    assert!(body.starts_with("not ready: a baseline is being learnt (0 packets"), "{body}");
    assert_eq!(page("/healthz"), (200, "alive\n".into()));
    assert_eq!(page("/").0, 404);
    assert_eq!(value(&page("/metrics").1, "nad_stage{stage=\"learning\"}"), 1.0);

    let sender = RawSender::open(&lab.sender, SENDER);
    usual(LEARNT).iter().for_each(|frame| sender.send(frame));
    until("a model is in force", || page("/readyz") == (200, "ready\n".into()));
    // What stands out is told at once, and between what does not.
    for _ in 0..5 {
        sender.send(&commonplace());
        sender.send(&unusual());
    }
    until("an anomaly is told", || value(&page("/metrics").1, "nad_alert_latency_seconds_count") > 0.0);
    let (status, metrics) = page("/metrics");
    assert_eq!(status, 200);
    let latency =
        value(&metrics, "nad_alert_latency_seconds_sum") / value(&metrics, "nad_alert_latency_seconds_count");
    assert!((1e-6..5.0).contains(&latency), "{latency} s\n{metrics}");
    assert_eq!(value(&metrics, "nad_stage{stage=\"detecting\"}"), 1.0);
    assert_eq!(value(&metrics, "nad_coverage_ratio"), 1.0);
    assert_eq!(value(&metrics, "nad_ledger_unaccounted_packets"), 0.0);
    assert!(value(&metrics, "nad_model_trained_timestamp_seconds") > 1.7e9, "{metrics}");
    assert!(value(&metrics, "nad_records_learned_total") >= LEARNT as f64, "{metrics}");

    check(&metrics);
    scrape(&lab, &address);

    let (_, last) = page("/metrics");
    let ended = nad.interrupt();
    let ledger = ended.ledger();
    for (series, name) in [
        ("nad_packets_seen_total", "seen"),
        ("nad_records_learned_total", "learned"),
        ("nad_records_scored_total", "scored"),
    ] {
        assert_eq!(value(&last, series), ledger.get(name) as f64, "{name}");
    }
    assert!(get(&lab, &address, "/healthz").is_none(), "it has ended");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_the_setting_nothing_listens() {
    let lab = Lab::new("no-metrics");
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR]);
    let sockets = fs::read_to_string(format!("/proc/{}/net/tcp", nad.id())).expect("it runs");
    assert_eq!(sockets.lines().count(), 1, "{sockets}");
    assert!(!nad.said().contains("metrics at"));
    assert_eq!(nad.interrupt().code, Some(0));
}

/// `promtool check metrics` has nothing to say.
fn check(page: &str) {
    if !has("promtool") {
        return skipped("promtool check metrics: promtool (Debian's prometheus) is not installed");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    promtool.stdin.take().expect("a pipe").write_all(page.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
}

/// A Prometheus, ended with the test.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It has ended already, where the test failed because of that.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A real Prometheus scrapes the sensor, answers queries about it, and evaluates every alert rule.
fn scrape(lab: &Lab, address: &str) {
    if !has("prometheus") {
        return skipped("a real Prometheus scrapes nad: it is not installed");
    }
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [\"{RULES}\"]\n\
         scrape_configs:\n  - job_name: nad\n    static_configs: [{{targets: [\"{address}\"]}}]\n"
    );
    fs::write(lab.path("prometheus.yml"), config).expect("the folder is there");
    let log = fs::File::create(lab.path("prometheus.log")).expect("the folder is there");
    let mut command = inside(&lab.sensor, "prometheus");
    command
        .arg(format!("--config.file={}", lab.path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", lab.path("prometheus").display()))
        .arg(format!("--web.listen-address={PROMETHEUS}"))
        .current_dir(lab.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let _prometheus = Prometheus(command.spawn().expect("prometheus starts"));

    let ask = |path: &str| -> Option<Value> {
        let (status, body) = get(lab, PROMETHEUS, path)?;
        (status == 200).then(|| serde_json::from_str(&body).ok()).flatten()
    };
    let number = |query: &str| -> Option<f64> {
        let answer = ask(&format!("/api/v1/query?query={query}"))?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    };
    until("Prometheus has scraped nad", || number("up") == Some(1.0));
    until("Prometheus knows what was learnt", || {
        number("nad_records_learned_total").is_some_and(|learnt| learnt >= LEARNT as f64)
    });
    assert_eq!(number("nad_stage%7Bstage=%22detecting%22%7D"), Some(1.0));
    assert!(number("process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    let version = format!("nad_build_info%7Bversion=%22{}%22%7D", env!("CARGO_PKG_VERSION"));
    assert_eq!(number(&version), Some(1.0));
    let target = ask("/api/v1/targets").expect("Prometheus answers")["data"]["activeTargets"][0].take();
    assert_eq!((target["health"].as_str(), target["lastError"].as_str()), (Some("up"), Some("")), "{target}");
    // Of OpenMetrics, too, which it prefers, it takes every series: as many as there are lines.
    assert!(number("scrape_samples_scraped").is_some_and(|samples| samples > 80.0));

    let rules = || ask("/api/v1/rules").map(|mut answer| answer["data"]["groups"][0]["rules"].take());
    let is_evaluated = |rule: &Value| rule["health"] != "unknown";
    let written = fs::read_to_string(RULES).expect("the rules are there").matches("- alert: ").count();
    until("every alert rule was evaluated", || {
        rules()
            .and_then(|rules| {
                let rules = rules.as_array()?;
                Some(rules.len() == written && rules.iter().all(is_evaluated))
            })
            .unwrap_or(false)
    });
    assert!(written > 5, "{written} rules");
    for rule in rules().expect("Prometheus answers").as_array().expect("a list") {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
