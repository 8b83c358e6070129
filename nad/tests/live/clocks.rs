//! Time that passes without packets, and clocks that are set.

use std::{
    os::unix::process::CommandExt as _,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::{
    lab::{Lab, SENDER, SENSOR, inside, until},
    nad_process::{BINARY, Nad, STARTED},
    raw::RawSender,
    traffic::segment,
};

const SYN: u8 = 2;
const SCANNER: [u8; 4] = [10, 77, 0, 65];
const TARGET: [u8; 4] = [10, 77, 0, 9];
const PORTS: u16 = 200;
/// From an incident's last packet on, on a link on which nothing comes any more. A second has to end first.
const SOON: Duration = Duration::from_millis(1900);

/// Packets of an ordinary day, for so long.
fn everyday(lab: &Lab, length: Duration) {
    let sender = RawSender::open(&lab.sender, SENDER);
    let begun = Instant::now();
    while begun.elapsed() < length {
        for (port, flags) in [(443, 0x10), (80, 0x10)] {
            sender.send(&segment([10, 77, 0, 3], [10, 77, 0, 5], (40_000, port), flags, 100));
            sender.send(&segment([10, 77, 0, 5], [10, 77, 0, 3], (port, 40_000), flags, 100));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn scan(lab: &Lab) {
    let sender = RawSender::open(&lab.sender, SENDER);
    for port in 1..=PORTS {
        sender.send(&segment(SCANNER, TARGET, (50_000, port), SYN, 0));
        thread::sleep(Duration::from_millis(1));
    }
}

fn incidents(lab: &Lab) -> Vec<Value> {
    let text = std::fs::read_to_string(lab.path("i.jsonl")).unwrap_or_default();
    let whole = text.lines().filter(|line| line.ends_with('}'));
    whole.map(|line| serde_json::from_str(line).expect("an incident is JSON")).collect()
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64()
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_baseline_ends_and_a_scan_is_told_while_nothing_comes() {
    let lab = Lab::alone("silence");
    let run = ["run", "--iface", SENSOR, "--train-for", "12s", "--incidents", "i.jsonl", "--follow"];
    let mut nad = Nad::capturing(&lab, &run);
    everyday(&lab, Duration::from_secs(11));
    // The rest of the baseline is silence.
    nad.wait_for("baseline learnt");
    scan(&lab);
    let last = Instant::now();
    until("the scan is told", || !incidents(&lab).is_empty());
    let delay = last.elapsed();
    println!("told {delay:?} after the last packet");
    assert!(delay < SOON, "{delay:?}");
    assert_eq!(incidents(&lab)[0]["shape"], "port scan");
    assert_eq!(nad.interrupt().code, Some(0));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_idle_interface_says_that_packets_are_missing_when_the_baseline_should_be_over() {
    let lab = Lab::without_addresses("nothing");
    let mut nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--train-for", "2s"]);
    nad.wait_for("the 2 s of the baseline are over, and no packet came");
    let _ = nad.interrupt();
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn in_a_time_namespace_incidents_have_true_times() {
    let lab = Lab::without_addresses("timens");
    let mut command = inside(&lab.sensor, "unshare");
    // In it, the monotonic clock is ahead of the machine's, by which packets are stamped.
    command.args(["--time", "--fork", "--kill-child", "--monotonic", "1000000", BINARY]);
    let run = ["run", "--iface", SENSOR, "--train-for", "12s", "--incidents", "i.jsonl", "--follow"];
    let mut nad = Nad::start_as(&lab, "nad", &mut command, &run);
    nad.wait_for(STARTED);
    everyday(&lab, Duration::from_secs(12));
    nad.wait_for("baseline learnt");
    let before = unix_seconds();
    scan(&lab);
    until("the scan is told", || !incidents(&lab).is_empty());
    let detected = incidents(&lab)[0]["detected_at"].as_f64().expect("a number");
    assert!((before..unix_seconds() + 1.0).contains(&detected), "{detected} is not after {before}");
    drop(nad);
}

/// In a process that sets its machine's clock, only where it has one of its own: see below.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    static struct timespec begun;
    struct timespec now;
    real(CLOCK_MONOTONIC, &now);
    if (!begun.tv_sec) begun = now;
    if (!result && clock == CLOCK_REALTIME && now.tv_sec < begun.tv_sec + 14) time->tv_sec -= 40000000;
    return result;
}
"#;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn after_the_systems_clock_was_set_incidents_have_true_times_and_the_step_is_said() {
    let lab = Lab::without_addresses("clock");
    lab.write("shim.c", SHIM);
    // Setting the machine's clock would disturb everybody: nad alone sees another one, for 14 s.
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"])
        .current_dir(lab.folder.path())
        .status();
    assert!(built.expect("a C compiler is there, as for building").success());
    let mut command = inside(&lab.sensor, BINARY);
    command.env("LD_PRELOAD", lab.path("shim.so")).arg0("nad");
    let run = ["run", "--iface", SENSOR, "--train-for", "12s", "--incidents", "i.jsonl", "--follow"];
    let mut nad = Nad::start_as(&lab, "nad", &mut command, &run);
    nad.wait_for(STARTED);
    everyday(&lab, Duration::from_secs(12));
    nad.wait_for("the clock that stamps packets was set ahead by 462 d");
    let before = unix_seconds();
    scan(&lab);
    until("the scan is told", || !incidents(&lab).is_empty());
    let detected = incidents(&lab)[0]["detected_at"].as_f64().expect("a number");
    assert!((before..unix_seconds() + 1.0).contains(&detected), "{detected} is not after {before}");
    assert_eq!(nad.interrupt().ledger().get("time_steps"), 1);
}
