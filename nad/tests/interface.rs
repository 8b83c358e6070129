//! Facts about real interfaces, in network namespaces that the tests make.

#[path = "support/netns.rs"]
mod netns;
#[path = "support/veth.rs"]
mod veth;
#[path = "interface/xdp.rs"]
mod xdp;

use nad::interface::{AttachedMode, Interface, InterfaceError, NativeXdp, default_route, names};
use netns::Namespace;

#[test]
fn the_loopback_interface_is_known_without_privileges() {
    let loopback = Interface::inspect("lo").unwrap();
    assert_eq!(loopback.name, "lo");
    assert_eq!(loopback.driver.as_deref(), Some("loopback"));
    assert!(loopback.ethernet && loopback.index > 0 && loopback.mtu > 0, "{loopback:?}");
    assert!(!matches!(loopback.native_xdp, NativeXdp::Supported { .. }), "{loopback:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_veth_tells_its_state_mtu_driver_and_native_xdp() {
    let namespace = Namespace::with_veth("facts");
    namespace.ip(&["link", "set", "dev", "veth0", "mtu", "1400"]);
    let veth = namespace.enter(|| Interface::inspect("veth0")).unwrap();
    assert_eq!((&*veth.name, veth.mtu, veth.driver.as_deref()), ("veth0", 1400, Some("veth")));
    assert!(veth.up && veth.carrier && veth.ethernet && veth.attached.is_empty(), "{veth:?}");
    // Before Linux 6.3 the kernel doesn't say.
    assert!(matches!(veth.native_xdp, NativeXdp::Supported { .. } | NativeXdp::Unknown), "{veth:?}");
    assert_eq!(veth.offloads.lro, Some(false));
    assert_eq!(veth.offloads.rx_vlan_stripping, Some(true), "veth hands tags on beside the frame");

    namespace.ip(&["link", "set", "dev", "veth1", "down"]);
    let veth = namespace.enter(|| Interface::inspect("veth0")).unwrap();
    assert!(veth.up && !veth.carrier, "{veth:?}");
    namespace.ip(&["link", "set", "dev", "veth0", "down"]);
    assert!(!namespace.enter(|| Interface::inspect("veth0")).unwrap().up);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn an_attached_program_is_seen_with_its_mode() {
    for (flags, mode) in [(xdp::GENERIC, AttachedMode::Generic), (xdp::NATIVE, AttachedMode::Native)] {
        let namespace = Namespace::with_veth(mode.name());
        let before = namespace.enter(|| Interface::inspect("veth0")).unwrap();
        assert!(before.attached.is_empty());
        namespace.enter(|| xdp::attach(before.index, flags)).unwrap();
        let after = namespace.enter(|| Interface::inspect("veth0")).unwrap();
        assert_eq!(after.attached.len(), 1, "{after:?}");
        assert_eq!(after.attached[0].mode, mode);
        assert!(after.attached[0].program_id > 0);
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn native_xdp_is_refused_above_the_mtu_that_doctor_warns_of() {
    let namespace = Namespace::with_veth("mtu");
    for (mtu, accepted) in [("3498", true), ("3600", false)] {
        namespace.ip(&["link", "set", "dev", "veth0", "mtu", mtu]);
        namespace.ip(&["link", "set", "dev", "veth1", "mtu", mtu]);
        let outcome = namespace.enter(|| {
            let veth = Interface::inspect("veth0").unwrap();
            xdp::attach(veth.index, xdp::NATIVE)
        });
        assert_eq!(outcome.is_ok(), accepted, "MTU {mtu}: {outcome:?}");
        namespace.ip(&["link", "set", "dev", "veth0", "xdp", "off"]);
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_default_route_is_that_of_the_namespace_and_of_the_lowest_metric() {
    let namespace = Namespace::with_veth("route");
    let error = namespace.enter(default_route).unwrap_err();
    assert!(matches!(error, InterfaceError::NoDefaultRoute { .. }), "{error}");
    assert!(error.to_string().contains("--iface"), "{error}");

    namespace.ip(&["-6", "route", "add", "unreachable", "default", "metric", "1"]);
    namespace.enter(default_route).unwrap_err();
    namespace.ip(&["-6", "route", "add", "default", "dev", "veth1", "metric", "50"]);
    assert_eq!(namespace.enter(default_route).unwrap(), "veth1");

    namespace.ip(&["route", "add", "default", "dev", "veth1", "metric", "200"]);
    namespace.ip(&["route", "add", "default", "dev", "veth0", "metric", "100"]);
    assert_eq!(namespace.enter(default_route).unwrap(), "veth0");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_names_are_those_of_the_namespace() {
    let namespace = Namespace::with_veth("names");
    let mut names = namespace.enter(names);
    names.retain(|name| name.starts_with("veth"));
    names.sort();
    assert_eq!(names, ["veth0", "veth1"]);
    namespace.ip(&["link", "property", "add", "dev", "veth0", "altname", "uplink"]);
    assert_eq!(namespace.enter(|| Interface::inspect("uplink")).unwrap().name, "veth0");
}
