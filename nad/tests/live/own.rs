//! What nad's outputs send over the interface that it watches is none of what it reports.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    incidents::Life,
    lab::{Lab, SENDER_IP, SENSOR, SENSOR_IP, has, inside, succeed, until},
    nad_process::Nad,
    skip::skipped,
    tools::Server,
};

/// Where nobody dealt with before, and whoever posts there is refused each time.
const HOOK_PORT: u16 = 9911;
/// Attempts to post, at least: each is a connection of some ten packets.
const ATTEMPTS: u64 = 2;
const LEAST_PACKETS: u64 = 8;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_nad_posts_is_counted_as_its_own_and_never_reported() {
    for tool in ["python3", "curl", "nc", "ping", "nmap"] {
        if !has(tool) {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let lab = Lab::new("own");
    let server = Server::start(&lab).expect("python3 is there");
    let _hook = Hook::start(&lab);
    let life = Life::begin(&lab);
    let train = ["train", "--iface", SENSOR, "--direction", "both", "--train-for", "14s", "--out", "m"];
    let trained = Nad::capturing(&lab, &train).end_within(Duration::from_secs(40));
    assert_eq!(trained.code, Some(0), "{trained:?}");

    let url = format!("http://{SENDER_IP}:{HOOK_PORT}/");
    fs::write(lab.path("c.toml"), format!("[[webhook]]\nurl = \"{url}\"\n")).expect("it can be written");
    let run = ["run", "--iface", SENSOR, "--direction", "both", "--model", "m", "--config", "c.toml"];
    let mut nad = Nad::capturing(&lab, &[&run[..], &["--incidents", "i.jsonl"]].concat());
    succeed(inside(&lab.sender, "nmap").args(["-sS", "-n", "-Pn", "-p", "1-300", SENSOR_IP]));
    nad.wait_for("INCIDENT ");
    // Refused ones are tried again after pauses of half a second and more.
    thread::sleep(Duration::from_secs(5));
    let ended = nad.interrupt();
    life.end();
    drop(server);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let own = ended.ledger().get("own");
    assert!(own >= ATTEMPTS * LEAST_PACKETS, "{own} packets of its own: {ended:?}");
    let incidents = lab.read("i.jsonl");
    let incidents: Vec<Value> =
        incidents.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [scan] = &incidents[..] else { panic!("one of these: {incidents:#?}") };
    assert_eq!((&scan["shape"], &scan["sources"]), (&"port scan".into(), &serde_json::json!([SENDER_IP])));
    let ports = scan["ports"].as_array().expect("a list");
    assert!(!ports.contains(&HOOK_PORT.into()), "{scan:#}");
}

/// A web server on the sender's machine that takes no posts.
struct Hook(Child);

impl Hook {
    fn start(lab: &Lab) -> Self {
        lab.sender.ip(&["link", "set", "dev", "lo", "up"]);
        let server = inside(&lab.sender, "python3")
            .args(["-m", "http.server", &HOOK_PORT.to_string(), "--bind", SENDER_IP])
            .current_dir(lab.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let hook = Self(server.expect("python3 starts"));
        until("the hook answers", || lab.sender.enter(|| TcpStream::connect((SENDER_IP, HOOK_PORT)).is_ok()));
        hook
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
