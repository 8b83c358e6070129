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
    let unread = &of(&findings, "unread").what;
    assert!(["macsec", "esp", "l2tp"].iter().all(|name| unread.contains(name)), "{unread}");
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
fn of_a_tunnel_without_ethernet_headers_it_is_said_that_ip_is_read() {
    let namespace = Namespace::with_veth("tunnel");
    namespace.ip(&["tuntap", "add", "dev", "tun0", "mode", "tun"]);
    let findings = namespace.enter(|| examine(&["tun0".to_owned()], RING_BYTES));
    let state = of(&findings, "interface");
    assert!(state.what.contains("without Ethernet header, read as IP"), "{state}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn of_a_bridge_it_is_said_where_it_is_watched_and_what_is_not_seen() {
    let namespace = Namespace::with_veth("bridge");
    namespace.ip(&["link", "add", "bridge0", "type", "bridge"]);
    let examine = |name: &str| namespace.enter(|| examine(&[name.to_owned()], RING_BYTES));
    let empty = examine("bridge0");
    assert!(of(&empty, "seen").what.starts_with("bridge0: a bridge without ports"), "{empty:?}");

    namespace.ip(&["link", "set", "dev", "veth1", "master", "bridge0"]);
    let findings = examine("bridge0");
    let seen = of(&findings, "seen");
    assert!(seen.what.starts_with("bridge0: a bridge, watched at its ports veth1, and what this"), "{seen}");
    assert!(seen.what.contains("is not seen"), "{seen}");
    assert!(findings.iter().any(|finding| finding.what.starts_with("veth1: driver veth")), "{findings:?}");

    namespace.ip(&["link", "add", "link", "bridge0", "name", "above", "type", "macvlan"]);
    let findings = examine("above");
    let seen = of(&findings, "seen");
    assert!(seen.status == Status::Warn && seen.what.contains("from port to port is not seen"), "{seen}");
    let offloads = of(&findings, "offloads");
    assert!(offloads.status == Status::Warn && offloads.what.contains("merges packets"), "{offloads}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_pattern_is_examined_with_all_that_fits_and_without_anything_it_is_a_warning() {
    let namespace = Namespace::with_veth("pattern");
    let findings = namespace.enter(|| examine(&["veth*".to_owned(), "ppp?".to_owned()], RING_BYTES));
    for name in ["veth0", "veth1"] {
        assert!(
            findings.iter().any(|finding| finding.what.starts_with(&format!("{name}: driver"))),
            "{name}"
        );
    }
    let unmatched = of(&findings, "interface");
    assert!(
        unmatched.status == Status::Warn && unmatched.what == "ppp?: no interface fits now",
        "{unmatched}"
    );
    assert!(!findings.iter().any(|finding| finding.what.starts_with("lo: ")));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn native_xdp_on_a_veth_limits_the_mtu_of_its_peer_as_doctor_says() {
    let namespace = Namespace::with_veth("peer-mtu");
    let findings = examine_veth(&namespace);
    let mode = of(&findings, "xdp mode");
    // Before Linux 6.3 the kernel doesn't say that there is native XDP.
    assert!(mode.what.contains("the other end's MTU") || mode.what.contains("unknown"), "{mode}");
    let set = |mtu: &str| {
        let arguments = ["-n", &namespace.name, "link", "set", "dev", "veth1", "mtu", mtu];
        std::process::Command::new("ip")
            .args(arguments)
            .output()
            .expect("iproute2 is installed")
            .status
            .success()
    };
    for (flags, is_free) in [(xdp::NATIVE, false), (xdp::GENERIC, true)] {
        namespace.enter(|| xdp::attach(Interface::inspect("veth0").unwrap().index, flags)).unwrap();
        assert_eq!(set("9000"), is_free);
        assert!(set("1500"));
        let off = if is_free { "xdpgeneric" } else { "xdpdrv" };
        namespace.ip(&["link", "set", "dev", "veth0", off, "off"]);
    }
}
