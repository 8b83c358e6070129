//! Interfaces that go away, come back, and are new.

use std::process::Command;

use crate::{
    egress::{PINGS, counted, ping},
    lab::{Lab, SENDER, SENDER_IP, SENDER_MAC, SENSOR, SENSOR_MAC, succeed, until, without_ipv6},
    metrics::{address, get, value},
    nad_process::{Ended, Nad},
    netns::Namespace,
    privileges::child_of,
    raw::RawSender,
    traffic::usual,
};

const RUN: [&str; 7] = ["run", "--train-packets", "1000", "--direction", "both", "--metrics", "127.0.0.1:0"];
const NONE_LEFT: &str = "not ready: no interface is left to watch";

/// A lab whose sensor serves metrics.
fn lab(label: &str) -> Lab {
    let lab = Lab::new(label);
    lab.sensor.ip(&["link", "set", "dev", "lo", "up"]);
    lab
}

fn capturing(lab: &Lab, interface: &str) -> (Nad, String) {
    capturing_by(lab, interface, "auto")
}

fn capturing_by(lab: &Lab, interface: &str, mode: &str) -> (Nad, String) {
    let mut nad = Nad::capturing(lab, &[&RUN[..], &["--iface", interface, "--xdp-mode", mode]].concat());
    let address = address(&mut nad);
    (nad, address)
}

/// Waits until the metric of an interface is 1, or 0.
fn until_up(lab: &Lab, address: &str, interface: &str, is_up: bool) {
    let series = format!("nad_interface_up{{interface=\"{interface}\"}}");
    until(&format!("{series} is {is_up}"), || {
        let page = get(lab, address, "/metrics").expect("the sensor answers").1;
        page.contains(&series) && (value(&page, &series) == 1.0) == is_up
    });
}

fn ready(lab: &Lab, address: &str) -> String {
    get(lab, address, "/readyz").expect("the sensor answers").1
}

/// Packets that it received; what the sensor's machine answers is counted as well.
fn received(ended: &Ended) -> u64 {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ledger = ended.ledger();
    assert_eq!(ledger.get("seen"), ledger.get("drained"), "{ended:?}");
    ledger.get("seen") - ledger.get("egress")
}

fn send(lab: &Lab, interface: &str, count: usize) {
    let sender = RawSender::open(&lab.sender, interface);
    usual(count).iter().for_each(|frame| sender.send(frame));
}

fn delete(lab: &Lab, interface: &str) {
    lab.sensor.ip(&["link", "del", "dev", interface]);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_interface_that_was_deleted_is_told_and_attached_again_when_it_comes_back() {
    let lab = lab("gone");
    for mode in ["native", "generic"] {
        let (nad, address) = capturing_by(&lab, SENSOR, mode);
        until_up(&lab, &address, SENSOR, true);
        assert!(ready(&lab, &address).starts_with("not ready: a baseline"));
        send(&lab, SENDER, 30);

        delete(&lab, SENSOR);
        until_up(&lab, &address, SENSOR, false);
        assert!(ready(&lab, &address).starts_with(NONE_LEFT));
        assert_eq!(get(&lab, &address, "/healthz").expect("the sensor answers").0, 200);

        lab.connect(SENSOR, SENSOR_MAC, SENDER, SENDER_MAC);
        until_up(&lab, &address, SENSOR, true);
        assert_eq!((lab.has_program(SENSOR), lab.egress_programs(SENSOR)), (true, 1));
        assert!(ready(&lab, &address).starts_with("not ready: a baseline"));
        send(&lab, SENDER, 12);
        let ended = nad.interrupt();
        assert_eq!(received(&ended), 42, "{ended:?}");
        assert_eq!((lab.has_program(SENSOR), lab.egress_programs(SENSOR)), (false, 0));
        for said in [
            "warning: veth0 is gone: its packets are not seen until it comes back",
            "warning: no interface is left to watch",
            "an interface that comes back is attached by a process of its own (nad-attach",
        ] {
            assert_eq!(ended.stderr.matches(said).count(), 1, "{said}\n{ended:?}");
        }
        assert_eq!(
            ended.stderr.matches(&format!("{SENSOR}: {mode} XDP, egress by TCX")).count(),
            2,
            "{ended:?}"
        );
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_new_interface_that_fits_the_pattern_is_watched_and_no_other_one() {
    let lab = lab("fits");
    lab.sender.ip(&["link", "set", "dev", "lo", "up"]);
    let (nad, address) = capturing(&lab, "veth*");
    assert!(nad.said().contains("an interface that comes back, or is new and fits, is attached by"));
    lab.connect("other0", [2, 0, 0, 0, 0x79, 1], "far1", [2, 0, 0, 0, 0x79, 2]);
    lab.connect("veth7", [2, 0, 0, 0, 0x78, 1], "far0", [2, 0, 0, 0, 0x78, 2]);
    until_up(&lab, &address, "veth7", true);
    assert!(!lab.has_program("other0") && !lab.has_program("lo"));
    for (interface, count) in [(SENDER, 20), ("far0", 7), ("far1", 100)] {
        send(&lab, interface, count);
    }
    delete(&lab, SENSOR);
    until_up(&lab, &address, SENSOR, false);
    assert!(ready(&lab, &address).starts_with("not ready: a baseline"), "one is left");
    send(&lab, "far0", 5);
    let ended = nad.interrupt();
    assert_eq!(received(&ended), 32, "{ended:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_pattern_that_nothing_fits_waits_and_all_leaves_out_the_loopback_interface() {
    let lab = lab("waits");
    let (nad, address) = capturing(&lab, "ppp*");
    assert!(nad.said().contains("warning: ppp*: no interface fits now; what comes later is watched"));
    assert!(ready(&lab, &address).starts_with("not ready: no interface is there that --iface says"));
    lab.connect("ppp0", [2, 0, 0, 0, 0x78, 1], "far0", [2, 0, 0, 0, 0x78, 2]);
    until_up(&lab, &address, "ppp0", true);
    send(&lab, "far0", 5);
    assert_eq!(received(&nad.interrupt()), 5);

    let (nad, address) = capturing(&lab, "all");
    for interface in ["ppp0", SENSOR] {
        until_up(&lab, &address, interface, true);
        assert!(lab.has_program(interface));
    }
    assert!(!lab.has_program("lo"));
    assert_eq!(nad.interrupt().code, Some(0));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_interface_that_is_set_down_is_told_until_it_is_up_again() {
    let lab = lab("down");
    let (nad, address) = capturing(&lab, SENSOR);
    for (state, is_up) in [("down", false), ("up", true)] {
        lab.sensor.ip(&["link", "set", "dev", SENSOR, state]);
        until_up(&lab, &address, SENSOR, is_up);
        assert_eq!(ready(&lab, &address).starts_with(NONE_LEFT), !is_up);
    }
    let ended = nad.interrupt();
    assert_eq!(
        ended.stderr.matches("warning: veth0 is down, so no packet comes there").count(),
        1,
        "{ended:?}"
    );
    assert_eq!(ended.stderr.matches("\nveth0 is up\n").count(), 1, "{ended:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_interface_is_known_by_its_other_name_when_it_comes_back() {
    let lab = lab("altname");
    let alternative = ["link", "property", "add", "dev", SENSOR, "altname", "uplink"];
    lab.sensor.ip(&alternative);
    let (nad, address) = capturing(&lab, "uplink");
    until_up(&lab, &address, SENSOR, true);
    delete(&lab, SENSOR);
    until_up(&lab, &address, SENSOR, false);
    lab.connect(SENSOR, SENSOR_MAC, SENDER, SENDER_MAC);
    assert!(!lab.has_program(SENSOR), "nobody asked for it by this name");
    lab.sensor.ip(&alternative);
    until_up(&lab, &address, SENSOR, true);
    send(&lab, SENDER, 9);
    assert_eq!(received(&nad.interrupt()), 9);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_interface_that_moves_to_another_namespace_is_let_go() {
    let lab = lab("moves");
    let other = Namespace::empty("moves-c");
    other.enter(without_ipv6);
    let (nad, address) = capturing(&lab, SENSOR);
    lab.sensor.ip(&["link", "set", "dev", SENSOR, "netns", &other.name]);
    until_up(&lab, &address, SENSOR, false);
    let show = ["-n", &other.name, "-d", "link", "show", "dev", SENSOR];
    let shown = String::from_utf8(succeed(Command::new("ip").args(show)).stdout).expect("text");
    assert!(!shown.contains("xdp"), "{shown}");
    other.ip(&["link", "set", "dev", SENSOR, "netns", &lab.sensor.name]);
    lab.sensor.ip(&["link", "set", "dev", SENSOR, "up"]);
    until_up(&lab, &address, SENSOR, true);
    send(&lab, SENDER, 9);
    assert_eq!(received(&nad.interrupt()), 9);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_was_attached_later_goes_with_a_nad_that_is_killed() {
    let lab = lab("killed-later");
    let (nad, address) = capturing(&lab, "veth*");
    lab.connect("veth7", [2, 0, 0, 0, 0x78, 1], "far0", [2, 0, 0, 0, 0x78, 2]);
    until_up(&lab, &address, "veth7", true);
    nad.signal(libc::SIGKILL);
    assert_eq!(nad.end().code, None);
    until("no program is attached", || {
        ["veth7", SENSOR].iter().all(|name| !lab.has_program(name) && lab.egress_programs(name) == 0)
    });
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_the_process_that_attaches_nad_ends_and_says_why() {
    let lab = lab("keeper-killed");
    let (nad, _) = capturing(&lab, SENSOR);
    ping(&lab.sensor, SENDER_IP);
    let keeper = child_of(nad.id()).expect("it runs");
    let keeper = libc::pid_t::try_from(keeper).expect("a process id");
    // SAFETY: the process is the child of our own child, which has not waited for it.
    assert_eq!(unsafe { libc::kill(keeper, libc::SIGKILL) }, 0);
    let ended = nad.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the process nad-attach has ended"), "{ended:?}");
    // The kernel closes a killed process's descriptors one by one, and nad knows with the first.
    until("its program is gone", || !lab.has_program(SENSOR));
    // The next one counts as if nothing had been.
    let (nad, _) = capturing(&lab, SENSOR);
    ping(&lab.sensor, SENDER_IP);
    counted(&nad.interrupt(), 2 * PINGS, PINGS);
}
