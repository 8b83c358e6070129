//! Where nad attaches, how, and what it says where it can't.

use crate::{
    lab::{Lab, SENDER, SENSOR, inside},
    nad_process::Nad,
    raw::RawSender,
    traffic::usual,
};

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_a_name_the_interface_of_the_default_route_is_watched() {
    let lab = Lab::new("route");
    let error = Nad::start(&lab, &["run"]).end();
    assert!(error.error().contains("--iface"), "{error:?}");

    lab.connect("uplink0", [2, 0, 0, 0, 0x78, 1], "uplink1", [2, 0, 0, 0, 0x78, 2]);
    lab.sensor.ip(&["route", "add", "default", "dev", "uplink0"]);
    let nad = Nad::capturing(&lab, &["run"]);
    assert_eq!((lab.has_program("uplink0"), lab.has_program(SENSOR)), (true, false));
    let ended = nad.interrupt();
    assert!(ended.stderr.contains("uplink0: native XDP"), "{ended:?}");
    assert_eq!(ended.code, Some(0));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn two_interfaces_are_watched_at_once() {
    let lab = Lab::new("two");
    lab.connect("second0", [2, 0, 0, 0, 0x78, 1], "second1", [2, 0, 0, 0, 0x78, 2]);
    let senders = [SENDER, "second1"].map(|interface| RawSender::open(&lab.sender, interface));
    let arguments = ["run", "--iface", SENSOR, "--iface", "second0", "--train-packets", "1000"];
    let nad = Nad::capturing(&lab, &arguments);
    assert!(lab.has_program(SENSOR) && lab.has_program("second0"));
    usual(30).iter().for_each(|frame| senders[0].send(frame));
    usual(12).iter().for_each(|frame| senders[1].send(frame));
    let ended = nad.interrupt();
    assert_eq!(ended.ledger().get("learned"), 42, "{ended:?}");
    assert!(!lab.has_program(SENSOR) && !lab.has_program("second0"));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_second_nad_on_an_interface_is_refused_with_the_remedy() {
    let lab = Lab::new("second");
    for (first, second) in
        [("native", "native"), ("generic", "generic"), ("generic", "auto"), ("native", "auto")]
    {
        let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--xdp-mode", first]);
        let refused = Nad::start_as(
            &lab,
            "second",
            &mut inside(&lab.sensor, env!("CARGO_BIN_EXE_nad")),
            &["run", "--iface", SENSOR, "--xdp-mode", second],
        );
        let refused = refused.end();
        let error = refused.error();
        assert!(error.contains(&format!("another XDP program is attached to {SENSOR}")), "{error}");
        assert!(error.contains(&format!("ip link set dev {SENSOR} xdp off")), "{error}");
        assert!(lab.has_program(SENSOR), "the first one goes on");
        assert_eq!(nad.interrupt().code, Some(0), "{first}, {second}");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_mtu_too_large_for_native_xdp_is_told() {
    let lab = Lab::new("mtu");
    lab.sensor.ip(&["link", "set", "dev", SENSOR, "mtu", "9000"]);
    lab.sender.ip(&["link", "set", "dev", SENDER, "mtu", "9000"]);
    let refused = Nad::start(&lab, &["run", "--iface", SENSOR, "--xdp-mode", "native"]).end();
    let error = refused.error();
    assert!(error.contains("MTU 9000 is too large") && error.contains("--xdp-mode generic"), "{error}");
    assert!(!lab.has_program(SENSOR));

    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--train-packets", "1000"]);
    let said = nad.said();
    let fallback = format!("{SENSOR}: generic XDP (native was refused: MTU 9000 is too large");
    assert!(said.contains(&fallback), "{said}");
    let sender = RawSender::open(&lab.sender, SENDER);
    let mut jumbo = usual(1).remove(0);
    jumbo.resize(8000, 0);
    sender.send(&jumbo);
    assert_eq!(nad.interrupt().ledger().get("learned"), 1);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_missing_interface_is_told_with_those_that_there_are() {
    let lab = Lab::new("missing");
    for mode in ["auto", "native", "generic"] {
        let refused = Nad::start(&lab, &["run", "--iface", "veth7", "--xdp-mode", mode]).end();
        let error = refused.error();
        assert!(error.starts_with("interface veth7 does not exist: this machine has lo, "), "{error}");
        assert!(error.contains(SENSOR), "{error}");
    }
    // The one that does exist is given back.
    let refused = Nad::start(&lab, &["run", "--iface", SENSOR, "--iface", "veth7"]).end();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("interface veth7 does not exist"), "{refused:?}");
    assert!(!lab.has_program(SENSOR));
}
