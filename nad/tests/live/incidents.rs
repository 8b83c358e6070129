//! Real tools attack a network that was learnt: what the sensor tells live, and what a replay of the same packets tells.

use std::{
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::{
    lab::{Lab, SENDER, SENDER_MAC, SENSOR, SENSOR_IP, has, inside, succeed, until},
    nad_process::Nad,
    skip::skipped,
    tools::{PORT, Server},
};

/// Another address of the sender's machine.
const ATTACKER: &str = "10.77.0.66";
/// By the packets' clock, an attack is told within this many seconds of its beginning.
const SOON: f64 = 5.0;
/// Live and replay may put an incident's times this many seconds apart: a tick and its rounding.
const APART: f64 = 1.5;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_real_scan_and_a_real_flood_are_incidents_live_and_in_replay_alike() {
    for tool in ["python3", "curl", "nc", "ping", "nmap", "hping3", "tcpdump", "ethtool"] {
        if !has(tool) {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let lab = Lab::new("incidents");
    prepare(&lab);
    let server = Server::start(&lab).expect("python3 is there");
    let life = Life::begin(&lab);
    let train = ["train", "--iface", SENSOR, "--direction", "both", "--train-for", "24s", "--out", "m"];
    let trained = Nad::capturing(&lab, &train).end_within(Duration::from_secs(60));
    assert_eq!(trained.code, Some(0), "{trained:?}");

    let scan =
        attack(&lab, "scan", "nmap", &["-sS", "-n", "-Pn", "-p", "1-300", "-e", SENDER, "-S", ATTACKER]);
    scan.is("port scan", "services in 10 s");
    let port = PORT.to_string();
    let syns = ["-S", "-q", "-n", "-i", "u2000", "-c", "3000", "-p", &port, "-a", ATTACKER];
    let flood = attack(&lab, "flood", "hping3", &syns);
    flood.is("SYN flood", "10 s");
    life.end();
    drop(server);
}

/// Packets pass one by one, as on a wire, so that everyone sees the same; and the attacker has an address.
pub(crate) fn prepare(lab: &Lab) {
    for (namespace, interface) in [(&lab.sensor, SENSOR), (&lab.sender, SENDER)] {
        succeed(
            inside(namespace, "ethtool").args(["-K", interface, "tso", "off", "gso", "off", "gro", "off"]),
        );
    }
    lab.sender.ip(&["addr", "add", &format!("{ATTACKER}/24"), "dev", SENDER]);
    let mac = SENDER_MAC.map(|byte| format!("{byte:02x}")).join(":");
    lab.sensor.ip(&["neigh", "add", ATTACKER, "lladdr", &mac, "dev", SENSOR, "nud", "permanent"]);
}

/// What was told of an attack.
struct Told {
    /// Unix time just before it.
    begun: f64,
    live: Vec<Value>,
    replayed: Vec<Value>,
}

/// Runs a tool against the sensor's machine, with the sensor and tcpdump watching, and replays what tcpdump saw.
fn attack(lab: &Lab, name: &str, tool: &str, arguments: &[&str]) -> Told {
    let (capture, live) = (format!("{name}.pcap"), format!("{name}.jsonl"));
    let recorder = Recorder::start(lab, &capture);
    let run = ["run", "--iface", SENSOR, "--direction", "both", "--model", "m", "--incidents", &live];
    // Live with several threads, replayed with one.
    let mut nad = Nad::capturing(lab, &[&run[..], &["--shards", "2", "--cpus", "0,1"]].concat());
    thread::sleep(Duration::from_secs(2));
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    // hping3 takes unanswered packets for a failure; what it sent shows in the incident.
    inside(&lab.sender, tool).args(arguments).arg(SENSOR_IP).output().expect("the tool runs");
    nad.wait_for("INCIDENT ");
    thread::sleep(Duration::from_secs(3));
    let ended = nad.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.ledger();
    recorder.end();
    let replayed = format!("{name}-replayed.jsonl");
    let replay = ["replay", &capture, "--model", "m", "--incidents", &replayed, "--log", "none"];
    let ended = Nad::start(lab, &[&replay[..], &["--shards", "1"]].concat()).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let read =
        |file: &str| lab.read(file).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    Told { begun, live: read(&live), replayed: read(&replayed) }
}

impl Told {
    /// Asserts that live there was this one incident and nothing else, and in replay the same.
    fn is(&self, shape: &str, said: &str) {
        let [incident] = &self.live[..] else { panic!("one of these: {:#?}", self.live) };
        assert_eq!(incident["shape"], shape, "{incident:#}");
        assert_eq!(incident["sources"], serde_json::json!([ATTACKER]), "{incident:#}");
        assert_eq!(incident["targets"], serde_json::json!([SENSOR_IP]), "{incident:#}");
        assert_eq!(
            (&incident["interface_name"], incident.get("vlan")),
            (&SENSOR.into(), None),
            "{incident:#}"
        );
        let reason = incident["reason"].as_str().expect("words");
        assert!(reason.starts_with(ATTACKER) && reason.contains(said), "{reason}");
        let detected = incident["detected_at"].as_f64().expect("a number");
        assert!((self.begun..self.begun + SOON).contains(&detected), "{detected}, begun {}", self.begun);

        let [replayed] = &self.replayed[..] else { panic!("one of these: {:#?}", self.replayed) };
        for name in ["shape", "sources", "targets"] {
            assert_eq!(incident[name], replayed[name], "{incident:#}\n{replayed:#}");
        }
        for name in ["detected_at", "start", "end"] {
            let apart =
                incident[name].as_f64().expect("a number") - replayed[name].as_f64().expect("a number");
            assert!(apart.abs() <= APART, "{name} is {apart} s apart:\n{incident:#}\n{replayed:#}");
        }
        assert!(
            say_the_same(reason, replayed["reason"].as_str().expect("words")),
            "{incident:#}\n{replayed:#}"
        );
    }
}

/// Whether two reasons are the same sentence; a packet on the other side of a second's end may change a count by a few.
fn say_the_same(one: &str, other: &str) -> bool {
    let number = |word: &str| word.trim_matches(['(', ')', ',']).replace(',', "").parse::<f64>().ok();
    let same = |(one, other): (&str, &str)| match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= 0.05 * one.max(other),
        _ => one == other,
    };
    one.split(' ').count() == other.split(' ').count() && one.split(' ').zip(other.split(' ')).all(same)
}

/// tcpdump at the sensor's end of the cable.
pub(crate) struct Recorder(Child);

impl Recorder {
    pub(crate) fn start(lab: &Lab, capture: &str) -> Self {
        let mut command = inside(&lab.sensor, "tcpdump");
        command.args(["-i", SENSOR, "-w", capture, "-U", "--immediate-mode", "-Z", "root", "-q"]);
        let child =
            command.current_dir(lab.folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let recorder = Self(child.expect("tcpdump starts"));
        until("tcpdump records", || lab.path(capture).metadata().is_ok_and(|file| file.len() >= 24));
        recorder
    }

    pub(crate) fn end(mut self) {
        let id = libc::pid_t::try_from(self.0.id()).expect("a process id");
        // SAFETY: the process is our own child and not waited for yet.
        assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0, "{}", std::io::Error::last_os_error());
        self.0.wait().expect("it is our own process");
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What goes on every day: pages, pings and a line to the web server by hand, each every few hundred milliseconds.
pub(crate) struct Life {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Life {
    pub(crate) fn begin(lab: &Lab) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let page = format!("http://{SENSOR_IP}:{PORT}/page");
        let line = format!("printf 'HEAD /page HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {SENSOR_IP} {PORT}");
        let habits: [(&str, Vec<String>, u64); 3] = [
            ("curl", ["-sS", "--max-time", "5", "-o", "/dev/null", &page].map(String::from).into(), 400),
            ("ping", ["-n", "-q", "-c", "1", "-W", "1", SENSOR_IP].map(String::from).into(), 500),
            ("sh", ["-c", &line].map(String::from).into(), 900),
        ];
        let threads = habits.map(|(program, arguments, pause_ms)| {
            let mut command = inside(&lab.sender, program);
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Relaxed) {
                    // What is lost in a flood is part of life.
                    let _ = command.status();
                    thread::sleep(Duration::from_millis(pause_ms));
                }
            })
        });
        Self { is_over, threads: threads.into() }
    }

    pub(crate) fn end(mut self) {
        self.is_over.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("its thread ends"));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
    }
}
