//! Both directions: each packet once, on whichever side it is seen.

use std::net::{Ipv4Addr, UdpSocket};

use crate::{
    lab::{Lab, SENDER_IP, SENSOR, SENSOR_IP, inside, succeed, until, without_ipv6},
    nad_process::{Ended, Nad, STARTED},
    netns::Namespace,
    raw::RawSender,
    traffic::usual,
};

pub(crate) const PINGS: u64 = 20;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn each_direction_sees_its_half_of_a_ping_and_both_see_each_packet_once() {
    let lab = Lab::new("directions");
    // An empty variable stands for none, so the first is the default.
    for (direction, seen, egress) in
        [("", 2 * PINGS, PINGS), ("both", 2 * PINGS, PINGS), ("ingress", PINGS, 0), ("egress", PINGS, PINGS)]
    {
        for mode in ["native", "generic"] {
            let mut command = inside(&lab.sensor, "env");
            command.arg(format!("NAD_DIRECTION={direction}")).arg(env!("CARGO_BIN_EXE_nad"));
            let arguments = ["run", "--iface", SENSOR, "--xdp-mode", mode];
            let mut nad = Nad::start_as(&lab, "nad", &mut command, &arguments);
            nad.wait_for(STARTED);
            assert_eq!(
                (lab.has_program(SENSOR), lab.egress_programs(SENSOR)),
                (direction != "egress", usize::from(egress > 0))
            );
            ping(&lab.sender, SENSOR_IP);
            let ended = nad.interrupt();
            counted(&ended, seen, egress);
            let attached = match direction {
                "ingress" => format!("{SENSOR}: {mode} XDP\n"),
                "egress" => format!("{SENSOR}: egress by TCX\n"),
                _ => format!("{SENSOR}: {mode} XDP, egress by TCX\n"),
            };
            assert!(ended.stderr.contains(&attached), "{attached}{ended:?}");
            assert_eq!((lab.has_program(SENSOR), lab.egress_programs(SENSOR)), (false, 0));
        }
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_loopback_interface_sees_each_packet_once() {
    let lab = Lab::new("loopback");
    lab.sensor.ip(&["link", "set", "dev", "lo", "up"]);
    for (direction, egress) in [("both", 0), ("ingress", 0), ("egress", 2 * PINGS)] {
        let nad = Nad::capturing(&lab, &["run", "--iface", "lo", "--direction", direction]);
        ping(&lab.sensor, "127.0.0.1");
        let ended = nad.interrupt();
        counted(&ended, 2 * PINGS, egress);
        assert_eq!(ended.stderr.contains("no egress (what lo sends arrives at lo"), direction == "both");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn of_a_cable_with_both_ends_watched_each_packet_is_seen_once() {
    let lab = Lab::new("ends-watched");
    lab.sensor.ip(&["link", "add", "left", "type", "veth", "peer", "name", "right"]);
    for end in ["left", "right"] {
        lab.sensor.ip(&["link", "set", "dev", end, "up"]);
    }
    for direction in ["both", "ingress", "egress"] {
        let arguments = ["run", "--iface", "left", "--iface", "right", "--direction", direction];
        let nad = Nad::capturing(&lab, &arguments);
        let sender = RawSender::open(&lab.sensor, "left");
        usual(30).iter().for_each(|frame| sender.send(frame));
        let ended = nad.interrupt();
        counted(&ended, 30, if direction == "egress" { 30 } else { 0 });
        let left_out = "left: native XDP, no egress (what left sends arrives at right";
        assert_eq!(ended.stderr.contains(left_out), direction == "both", "{ended:?}");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_is_passed_on_counts_where_it_comes_in_or_else_where_it_goes_out() {
    let lab = Lab::new("router");
    let far = Namespace::empty("router-far");
    far.enter(without_ipv6);
    let (near_mac, far_mac) = ("02:00:00:00:78:01", "02:00:00:00:78:02");
    for (namespace, command) in [
        (
            &lab.sensor,
            format!(
                "link add out0 address {near_mac} type veth peer name out1 address {far_mac} netns {}",
                far.name
            ),
        ),
        (&lab.sensor, "addr add 10.78.0.1/24 dev out0".into()),
        (&lab.sensor, "link set dev out0 up".into()),
        (&lab.sensor, format!("neigh add 10.78.0.2 lladdr {far_mac} dev out0 nud permanent")),
        (&far, "addr add 10.78.0.2/24 dev out1".into()),
        (&far, "link set dev out1 up".into()),
        (&far, format!("neigh add 10.78.0.1 lladdr {near_mac} dev out1 nud permanent")),
        (&far, "route add default via 10.78.0.1".into()),
        (&lab.sender, format!("route add default via {SENSOR_IP}")),
    ] {
        namespace.ip(&command.split(' ').collect::<Vec<_>>());
    }
    lab.sensor.enter(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("it is ours"));
    let way = ["-c1", "-W1", "10.78.0.2"];
    until("the way is open", || {
        inside(&lab.sender, "ping").args(way).output().is_ok_and(|ping| ping.status.success())
    });
    for (interfaces, direction, egress) in [
        // Requests come in through one, replies through the other.
        (&[SENSOR, "out0"][..], "both", 0),
        (&[SENSOR, "out0"], "egress", 2 * PINGS),
        (&[SENSOR], "both", PINGS),
        (&["out0"], "both", PINGS),
    ] {
        let named = interfaces.iter().flat_map(|interface| ["--iface", interface]);
        let arguments: Vec<&str> = ["run", "--direction", direction].into_iter().chain(named).collect();
        let nad = Nad::capturing(&lab, &arguments);
        ping(&lab.sender, "10.78.0.2");
        counted(&nad.interrupt(), 2 * PINGS, egress);
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_a_machine_hears_of_itself_is_recorded_once() {
    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 1, 1);
    let lab = Lab::new("multicast");
    let own: Ipv4Addr = SENSOR_IP.parse().expect("an address");
    for (mode, copies) in [("native", 0), ("generic", PINGS)] {
        let socket = lab.sensor.enter(|| UdpSocket::bind((own, 0))).expect("a socket can be bound");
        let listener = lab.sensor.enter(|| UdpSocket::bind((GROUP, 0))).expect("a socket can be bound");
        listener.join_multicast_v4(&GROUP, &own).expect("the group can be joined");
        let heard_at = listener.local_addr().expect("it is bound");
        // Joining is told twice on the wire; nothing is counted before that is over.
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let nad =
            Nad::capturing(&lab, &["run", "--iface", SENSOR, "--xdp-mode", mode, "--direction", "both"]);
        for number in 0..PINGS {
            socket.send_to(&number.to_le_bytes(), heard_at).expect("it can be sent");
            listener.recv(&mut [0; 8]).expect("the machine hears itself");
        }
        let ended = nad.interrupt();
        let ledger = ended.ledger();
        let names = ["egress", "recorded", "no_link_header"];
        assert_eq!(names.map(|name| ledger.get(name)), [PINGS, PINGS, copies], "{mode}: {ledger:?}");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_interface_under_two_of_its_names_is_watched_once() {
    let lab = Lab::new("names");
    lab.sensor.ip(&["link", "property", "add", "dev", SENSOR, "altname", "uplink"]);
    let nad = Nad::capturing(&lab, &["run", "--iface", "uplink", "--iface", SENSOR, "--direction", "both"]);
    assert_eq!(lab.egress_programs(SENSOR), 1);
    ping(&lab.sensor, SENDER_IP);
    counted(&nad.interrupt(), 2 * PINGS, PINGS);
}

pub(crate) fn ping(from: &Namespace, to: &str) {
    succeed(inside(from, "ping").args(["-n", "-q", "-c", &PINGS.to_string(), "-i", "0.01", to]));
}

pub(crate) fn counted(ended: &Ended, seen: u64, egress: u64) {
    let ledger = ended.ledger();
    let numbers = ["seen", "egress", "recorded", "drained"].map(|name| ledger.get(name));
    assert_eq!(numbers, [seen, egress, seen, seen], "{ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
