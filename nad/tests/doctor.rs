//! What `doctor` says about real interfaces, in network namespaces that the tests make.

#[path = "support/netns.rs"]
mod netns;
#[path = "support/veth.rs"]
mod veth;
#[path = "interface/xdp.rs"]
mod xdp;

use nad::{
    doctor::{Finding, Status, any_failed, examine},
    interface::Interface,
};
use netns::Namespace;

const RING_BYTES: u64 = 8 << 20;

fn examine_veth(namespace: &Namespace) -> Vec<Finding> {
    let findings = namespace.enter(|| examine(&["veth0".to_owned()], RING_BYTES));
    for finding in &findings {
        println!("{finding}");
    }
    findings
}

fn of<'findings>(findings: &'findings [Finding], check: &str) -> &'findings Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("no finding {check}"))
}

#[test]
fn the_loopback_interface_is_examined_without_privileges() {
    let findings = examine(&["lo".to_owned()], RING_BYTES);
    for finding in &findings {
        println!("{finding}");
    }
    assert!(of(&findings, "interface").what.starts_with("lo: driver loopback"));
    assert_ne!(of(&findings, "kernel").status, Status::Fail);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_veth_is_fit_for_nad() {
    let namespace = Namespace::with_veth("doctor");
    let findings = examine_veth(&namespace);
    assert!(!any_failed(&findings));
    assert_eq!(of(&findings, "interface").what, "veth0: driver veth, up");
    assert_eq!(of(&findings, "ring buffer").status, Status::Ok);
    assert_eq!(of(&findings, "privileges").status, Status::Ok);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn another_program_is_told_and_the_remedy_removes_it() {
    let namespace = Namespace::with_veth("other");
    for (flags, mode) in [(xdp::GENERIC, "generic"), (xdp::NATIVE, "native")] {
        namespace.enter(|| xdp::attach(Interface::inspect("veth0").unwrap().index, flags)).unwrap();
        let findings = examine_veth(&namespace);
        let other = of(&findings, "other xdp");
        assert_eq!(other.status, Status::Fail);
        assert!(other.what.contains(&format!("nad_test_pass is attached, {mode}")), "{other}");

        let (_, command) = other.remedy.as_deref().unwrap().split_once("or ip ").unwrap();
        namespace.ip(&command.split(' ').collect::<Vec<_>>());
        assert!(!any_failed(&examine_veth(&namespace)));
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_large_mtu_and_a_missing_peer_are_warnings() {
    let namespace = Namespace::with_veth("troubles");
    namespace.ip(&["link", "set", "dev", "veth0", "mtu", "9000"]);
    namespace.ip(&["link", "set", "dev", "veth1", "down"]);
    let findings = examine_veth(&namespace);
    assert!(!any_failed(&findings));
    assert_eq!(of(&findings, "mtu").status, Status::Warn);
    let state = of(&findings, "interface");
    assert!(state.status == Status::Warn && state.what.contains("without carrier"), "{state}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_a_named_interface_that_of_the_default_route_is_examined() {
    let namespace = Namespace::with_veth("doctor-route");
    let findings = namespace.enter(|| examine(&[], RING_BYTES));
    assert!(of(&findings, "interface").what.starts_with("no default route"));
    namespace.ip(&["route", "add", "default", "dev", "veth1"]);
    let findings = namespace.enter(|| examine(&[], RING_BYTES));
    assert!(of(&findings, "interface").what.starts_with("veth1: "));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_tunnel_without_ethernet_headers_is_a_warning() {
    let namespace = Namespace::with_veth("tunnel");
    namespace.ip(&["tuntap", "add", "dev", "tun0", "mode", "tun"]);
    let findings = namespace.enter(|| examine(&["tun0".to_owned()], RING_BYTES));
    let state = of(&findings, "interface");
    assert!(state.status == Status::Warn && state.what.contains("without Ethernet header"), "{state}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_bridge_is_told_to_merge_packets() {
    let namespace = Namespace::with_veth("bridge");
    namespace.ip(&["link", "add", "bridge0", "type", "bridge"]);
    namespace.ip(&["link", "set", "dev", "veth1", "master", "bridge0"]);
    let findings = namespace.enter(|| examine(&["bridge0".to_owned()], RING_BYTES));
    let offloads = of(&findings, "offloads");
    assert!(offloads.status == Status::Warn && offloads.what.contains("merges packets"), "{offloads}");
}
