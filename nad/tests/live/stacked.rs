//! Interfaces that stand on others: each packet counts once, wherever it passes.

use std::process::Command;

use crate::{
    egress::{PINGS, counted, ping},
    lab::{Lab, SENDER, SENDER_IP, SENSOR, SENSOR_IP, inside, until, without_ipv6},
    nad_process::Nad,
    netns::Namespace,
    raw::RawSender,
    skip::skipped,
    traffic::commonplace,
};

/// A machine at the other end of a cable, with an address that all others know.
struct Machine {
    namespace: Namespace,
    port: String,
    number: u8,
}

impl Machine {
    /// Lays a cable from `port` of the sensor's.
    fn new(lab: &Lab, port: &str, number: u8) -> Self {
        let namespace = Namespace::empty(&format!("stacked-{port}"));
        namespace.enter(without_ipv6);
        let mac = mac(number);
        lab.sensor.ip(&[
            "link",
            "add",
            port,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "address",
            &mac,
            "netns",
            &namespace.name,
        ]);
        lab.sensor.ip(&["link", "set", "dev", port, "up"]);
        namespace.ip(&["link", "set", "dev", "eth0", "up"]);
        namespace.ip(&["addr", "add", &format!("{}/24", ip(number)), "dev", "eth0"]);
        let machine = Self { namespace, port: port.into(), number };
        (0..4).filter(|other| *other != number).for_each(|other| know(&machine.namespace, "eth0", other));
        machine
    }
}

fn ip(number: u8) -> String {
    format!("10.79.0.{}", number + 1)
}

fn mac(number: u8) -> String {
    format!("02:00:00:00:79:{:02x}", number + 1)
}

fn know(namespace: &Namespace, interface: &str, number: u8) {
    namespace.ip(&[
        "neigh",
        "add",
        &ip(number),
        "lladdr",
        &mac(number),
        "dev",
        interface,
        "nud",
        "permanent",
    ]);
}

/// A bridge without ports, with the address of number 0.
fn bridge(lab: &Lab) {
    lab.sensor.ip(&["link", "add", "br0", "address", &mac(0), "type", "bridge", "mcast_snooping", "0"]);
    lab.sensor.ip(&["link", "set", "dev", "br0", "up"]);
    lab.sensor.ip(&["addr", "add", &format!("{}/24", ip(0)), "dev", "br0"]);
    (1..4).for_each(|other| know(&lab.sensor, "br0", other));
}

fn join(lab: &Lab, machine: &Machine) {
    lab.sensor.ip(&["link", "set", "dev", &machine.port, "master", "br0"]);
    let answers = |machine: &Machine| {
        let address = ip(machine.number);
        let ping = ["-n", "-q", "-c1", "-W1", &address];
        inside(&lab.sensor, "ping").args(ping).output().is_ok_and(|output| output.status.success())
    };
    until("the port forwards", || answers(machine));
}

fn capturing(lab: &Lab, interfaces: &[&str]) -> Nad {
    let named = interfaces.iter().flat_map(|interface| ["--iface", interface]);
    Nad::capturing(lab, &["run", "--direction", "both"].into_iter().chain(named).collect::<Vec<_>>())
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_a_bridge_passes_and_what_its_machine_says_counts_once() {
    let lab = Lab::new("bridge");
    bridge(&lab);
    let machines = [Machine::new(&lab, "p1", 1), Machine::new(&lab, "p2", 2)];
    machines.iter().for_each(|machine| join(&lab, machine));
    for interfaces in [&["br0"][..], &["br0", "p1"], &["p2", "br0", "p1"], &["all"], &["p*"], &["p1", "p2"]] {
        let nad = capturing(&lab, interfaces);
        ping(&machines[0].namespace, &ip(2));
        ping(&machines[1].namespace, &ip(1));
        counted(&nad.interrupt(), 4 * PINGS, 0);
        // What comes from the machine itself is sent, and what is answered received.
        let nad = capturing(&lab, interfaces);
        ping(&lab.sensor, &ip(1));
        ping(&machines[1].namespace, &ip(0));
        counted(&nad.interrupt(), 4 * PINGS, 2 * PINGS);
    }
    // To all ports at once, and still one packet.
    let nad = capturing(&lab, &["br0"]);
    let said = nad.said();
    assert!(
        said.contains("br0: a bridge, watched at its ports p1, p2, and what this machine sends"),
        "{said}"
    );
    assert!(
        said.contains("p1: native XDP, no egress (what p1 sends passes br0 or came in elsewhere)"),
        "{said}"
    );
    let mut frame = commonplace();
    frame[..6].fill(0xff);
    let sender = RawSender::open(&lab.sensor, "br0");
    (0..5).for_each(|_| sender.send(&frame));
    counted(&nad.interrupt(), 5, 5);
    let nad = capturing(&lab, &["br0"]);
    let sender = RawSender::open(&machines[0].namespace, "eth0");
    (0..5).for_each(|_| sender.send(&frame));
    counted(&nad.interrupt(), 5, 0);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_port_that_joins_is_watched_and_one_that_leaves_is_not() {
    let lab = Lab::new("joins");
    bridge(&lab);
    let mut nad = capturing(&lab, &["br0"]);
    assert!(nad.said().contains("br0: a bridge without ports"), "{}", nad.said());
    let machines = [Machine::new(&lab, "p1", 1), Machine::new(&lab, "p2", 2)];
    assert!(!lab.has_program("p1"));
    for machine in &machines {
        lab.sensor.ip(&["link", "set", "dev", &machine.port, "master", "br0"]);
        until("the port is watched", || lab.has_program(&machine.port));
    }
    ping(&machines[0].namespace, &ip(2));
    lab.sensor.ip(&["link", "set", "dev", "p2", "nomaster"]);
    nad.wait_for("p2 is not watched any more");
    assert!(!lab.has_program("p2") && lab.has_program("p1"));
    counted(&nad.interrupt(), 2 * PINGS, 0);
}

/// An interface on each end of the cable that stands on it, of which it has the name `upper0`; each knows the other.
fn stand(lab: &Lab, kind: &str, more: &[&str]) -> bool {
    for (namespace, interface, number) in [(&lab.sensor, SENSOR, 0), (&lab.sender, SENDER, 1)] {
        let mac = mac(number);
        let remote = if number == 0 { SENDER_IP } else { SENSOR_IP };
        let on: &[&str] =
            if kind == "vxlan" { &["dev", interface, "remote", remote] } else { &["link", interface] };
        let (before, after): (&[&str], &[&str]) = if kind == "vxlan" { (&[], on) } else { (on, &[]) };
        let add = [
            &["-n", &namespace.name, "link", "add"],
            before,
            &["name", "upper0", "address", &mac, "type", kind],
            more,
            after,
        ];
        let made = Command::new("ip").args(add.concat()).output();
        if !made.is_ok_and(|output| output.status.success()) {
            return false;
        }
        namespace.ip(&["link", "set", "dev", "upper0", "up"]);
        namespace.ip(&["addr", "add", &format!("{}/24", ip(number)), "dev", "upper0"]);
        know(namespace, "upper0", 1 - number);
    }
    true
}

/// Watches it with what it stands on, and alone.
fn each_counts_once(lab: &Lab) {
    for interfaces in [["upper0", SENSOR], [SENSOR, "upper0"]] {
        let nad = capturing(lab, &interfaces);
        let said = nad.said();
        assert!(said.contains(&format!("upper0: its packets pass {SENSOR}, and count there once")), "{said}");
        assert!(!lab.has_program("upper0") && lab.egress_programs("upper0") == 0);
        ping(&lab.sensor, &ip(1));
        ping(&lab.sensor, SENDER_IP);
        counted(&nad.interrupt(), 4 * PINGS, 2 * PINGS);
    }
    let nad = capturing(lab, &["upper0"]);
    assert!(!lab.has_program(SENSOR));
    ping(&lab.sensor, &ip(1));
    ping(&lab.sensor, SENDER_IP);
    counted(&nad.interrupt(), 2 * PINGS, PINGS);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn of_a_macvlan_and_its_parent_each_packet_counts_once() {
    let lab = Lab::new("macvlan");
    assert!(stand(&lab, "macvlan", &["mode", "bridge"]), "the kernel has macvlan");
    each_counts_once(&lab);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn of_a_tunnel_and_what_carries_it_each_packet_counts_once() {
    let lab = Lab::new("vxlan");
    if !stand(&lab, "vxlan", &["id", "7", "dstport", "4789"]) {
        return skipped("watching a tunnel: this kernel has no vxlan");
    }
    each_counts_once(&lab);
}
