//! One interface: whether nad can attach to it, in which mode, and what it will see there.

use aya::programs::loaded_programs;

use super::Finding;
use crate::interface::{AttachedProgram, Interface, NativeXdp, native_mtu, page_bytes};

pub(super) fn examine(interface: &Interface) -> Vec<Finding> {
    let mut findings = vec![state(interface), mtu(interface, page_bytes()), mode(interface)];
    findings.extend(offloads(interface));
    findings.extend(interface.attached.iter().map(|&program| attached(&interface.name, program)));
    findings
}

fn state(interface: &Interface) -> Finding {
    const CHECK: &str = "interface";
    let name = &interface.name;
    let driver = interface.driver.as_deref().unwrap_or("unknown");
    let what = format!("{name}: driver {driver}");
    if !interface.ethernet {
        Finding::warn(CHECK, format!("{what}, frames without Ethernet header, which nad doesn't parse live"))
            .remedy("--iface with the interface below it, whose frames are Ethernet")
    } else if !interface.up {
        Finding::warn(CHECK, format!("{what}, down: no packet will come"))
            .remedy(format!("ip link set dev {name} up"))
    } else if !interface.carrier {
        Finding::warn(CHECK, format!("{what}, up, but without carrier: no packet will come"))
            .remedy("check the cable or the other end")
    } else {
        Finding::ok(CHECK, format!("{what}, up"))
    }
}

/// Native XDP wants a frame in one page, unless driver and program take several buffers, which nad's doesn't.
fn mtu(interface: &Interface, page_bytes: u32) -> Finding {
    const CHECK: &str = "mtu";
    let Interface { name, mtu, native_xdp, .. } = interface;
    let limit = native_mtu(page_bytes);
    if *mtu <= limit || *native_xdp == NativeXdp::Unsupported {
        return Finding::ok(CHECK, format!("{name}: {mtu} bytes"));
    }
    let what = format!(
        "{name}: {mtu} bytes; above about {limit} most drivers refuse native XDP, and auto falls back to generic"
    );
    Finding::warn(CHECK, what).remedy(format!("where speed matters: ip link set dev {name} mtu {limit}"))
}

fn mode(interface: &Interface) -> Finding {
    const CHECK: &str = "xdp mode";
    let name = &interface.name;
    match interface.native_xdp {
        NativeXdp::Supported { .. } => Finding::ok(CHECK, format!("{name}: the driver supports native")),
        NativeXdp::Unsupported => {
            Finding::ok(CHECK, format!("{name}: generic, as the driver announces no native XDP"))
        }
        NativeXdp::Unknown => Finding::ok(
            CHECK,
            format!(
                "{name}: unknown, this kernel doesn't say (6.3 does); auto tries native first, then generic"
            ),
        ),
    }
}

/// Drivers, as they call themselves, of interfaces that get their frames from another interface's receive path.
const UPPER: [&str; 5] = ["bridge", "802.1Q VLAN Support", "bonding", "team", "macvlan"];

/// Generic programs run after the kernel's GRO. Their being there switches it off on their own interface, but not on
/// one below: 10,011 packets on a veth came as 242 to a program on the bridge above it.
fn offloads(interface: &Interface) -> Vec<Finding> {
    const CHECK: &str = "offloads";
    let Interface { name, offloads, native_xdp, .. } = interface;
    let driver = interface.driver.as_deref().unwrap_or_default();
    let native = matches!(native_xdp, NativeXdp::Supported { .. });
    let mut findings = Vec::new();
    if offloads.lro == Some(true) {
        findings.push(
            Finding::warn(
                CHECK,
                format!("{name}: LRO on: packets are merged before nad sees them, or XDP is refused"),
            )
            .remedy(format!("ethtool -K {name} lro off")),
        );
    }
    if offloads.rx_vlan_stripping == Some(true) {
        findings.push(Finding::ok(
            CHECK,
            format!(
                "{name}: VLAN tags are taken out of frames before nad sees them (to keep them: ethtool -K {name} rxvlan off)"
            ),
        ));
    }
    if driver == "loopback" {
        findings.push(Finding::ok(
            CHECK,
            format!("{name}: local packets come before segmentation, up to 64 KiB each"),
        ));
    } else if UPPER.contains(&driver) && !native {
        findings.push(
            Finding::warn(
                CHECK,
                format!("{name}: GRO on the interface below it merges packets before nad sees them"),
            )
            .remedy("--iface with the interface below, or ethtool -K on that with gro off"),
        );
    } else if offloads.gro == Some(true) {
        findings.push(Finding::ok(
            CHECK,
            format!("{name}: GRO on, which the kernel leaves out under generic XDP"),
        ));
    }
    findings
}

fn attached(name: &str, AttachedProgram { mode, program_id }: AttachedProgram) -> Finding {
    // Names are for the privileged; the id says enough.
    let program = loaded_programs().filter_map(Result::ok).find(|program| program.id() == program_id);
    let called = program.as_ref().and_then(|program| program.name_as_str()).unwrap_or_default();
    let space = if called.is_empty() { "" } else { " " };
    Finding::fail(
        "other xdp",
        format!(
            "{name}: program {program_id}{space}{called} is attached, {}; an interface takes one",
            mode.name()
        ),
    )
    .remedy(format!(
        "stop what attached it (bpftool link; another nad?), or ip link set dev {name} {} off",
        mode.ip_link_name()
    ))
}
