//! Interfaces: whether nad can attach to them, in which mode, and what it will see there.

use aya::programs::loaded_programs;

use super::{Finding, missing_interface};
use crate::{
    interface::{
        AttachedProgram, Interface, InterfaceError, NativeXdp, Selection, Stack, native_mtu, page_bytes,
    },
    source::xdp::{Directions, Plan, Remark},
};

/// Of the interfaces that are meant, and of those that are watched in their place.
pub(super) fn examine_all(selection: &Selection) -> Vec<Finding> {
    let stack = match Stack::read() {
        Ok(stack) => stack,
        Err(error) => return vec![missing_interface(&error)],
    };
    let mut findings = Vec::new();
    for name in selection.missing(&stack) {
        let existing = stack.names();
        findings.push(missing_interface(&InterfaceError::NotFound { name: name.to_owned(), existing }));
    }
    for pattern in selection.unmatched(&stack) {
        let what = format!("{pattern}: no interface fits now");
        findings.push(Finding::warn("interface", what).remedy("none, where one that fits will come"));
    }
    let plan = Plan::new(&selection.find(&stack), Directions::Both, &stack);
    for (name, _) in &plan.interfaces {
        let is_entrance = plan.watches.iter().any(|watch| watch.interface == *name && watch.ingress);
        match Interface::inspect(name) {
            Ok(interface) if is_entrance => findings.extend(examine(&interface)),
            Ok(interface) => findings.push(state(&interface)),
            Err(error) => findings.push(missing_interface(&error)),
        }
    }
    findings.extend(plan.remarks.into_iter().map(|Remark { what, remedy }| match remedy {
        Some(remedy) => Finding::warn("seen", what).remedy(remedy),
        None => Finding::ok("seen", what),
    }));
    findings
}

fn examine(interface: &Interface) -> Vec<Finding> {
    let mut findings = vec![state(interface), mtu(interface, page_bytes()), mode(interface)];
    findings.extend(offloads(interface));
    findings.extend(interface.attached.iter().map(|&program| attached(&interface.name, program)));
    findings
}

fn state(interface: &Interface) -> Finding {
    const CHECK: &str = "interface";
    let name = &interface.name;
    let driver = interface.driver.as_deref().unwrap_or("unknown");
    let form = if interface.ethernet { "" } else { ", packets without Ethernet header, read as IP" };
    let what = format!("{name}: driver {driver}{form}");
    if !interface.up {
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
        // The driver refuses what would not fit into one page at the end that receives (`veth_xdp_set`).
        NativeXdp::Supported { .. } if interface.driver.as_deref() == Some("veth") => {
            let limit = native_mtu(page_bytes());
            Finding::ok(
                CHECK,
                format!(
                    "{name}: the driver supports native; while nad is attached so, the other end's MTU can't be set \
                     above about {limit} (--xdp-mode generic leaves it free)"
                ),
            )
        }
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
const UPPER: [&str; 3] = ["802.1Q VLAN Support", "macvlan", "ipvlan"];

/// Generic programs run after the kernel's GRO. Their being there switches it off on their own interface, but not on
/// one below: 10,011 packets on a veth came as 242 to a program on an interface above it.
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
