use super::*;
use crate::interface::Node;

const LO: u32 = 1;
const ETH0: u32 = 2;
const ETH1: u32 = 3;
/// A VLAN on eth0.
const VLAN: u32 = 4;
const BRIDGE: u32 = 5;
const PORT: u32 = 6;
const OTHER_PORT: u32 = 7;
/// The other end of the bridge's port.
const FAR_END: u32 = 8;
const BOND: u32 = 9;
const MACVLAN: u32 = 10;
/// A VLAN on the bridge.
const ABOVE: u32 = 11;

fn node(index: u32, name: &str) -> Node {
    Node { index, name: name.into(), is_up: true, ..Node::default() }
}

/// A VLAN over eth0 and two cables into a bridge with a VLAN on it; eth1 in a bond, a macvlan on that.
fn stack() -> Stack {
    Stack::of(vec![
        Node { role: Role::Loopback, ..node(LO, "lo") },
        node(ETH0, "eth0"),
        Node { master: Some(BOND), ..node(ETH1, "eth1") },
        Node { lower: Some(ETH0), master: Some(BRIDGE), ..node(VLAN, "eth0.5") },
        Node { role: Role::Bridge, ..node(BRIDGE, "br0") },
        Node { end: Some(FAR_END), master: Some(BRIDGE), ..node(PORT, "p0") },
        Node { master: Some(BRIDGE), ..node(OTHER_PORT, "p1") },
        Node { end: Some(PORT), ..node(FAR_END, "q0") },
        Node { role: Role::Bond, ..node(BOND, "bond0") },
        Node { lower: Some(BOND), role: Role::Sharing, ..node(MACVLAN, "mac0") },
        Node { lower: Some(BRIDGE), ..node(ABOVE, "br0.7") },
    ])
}

fn plan(indices: &[u32], directions: Directions) -> Plan {
    let meant: Vec<_> = indices.iter().map(|index| Selected { index: *index, is_named: true }).collect();
    Plan::new(&meant, directions, &stack())
}

/// What is watched as it comes in, and as it goes out.
fn watched(indices: &[u32], directions: Directions) -> (Vec<u32>, Vec<u32>) {
    let watches = plan(indices, directions).watches;
    let of = |is: fn(&Watch) -> bool| {
        let mut indices: Vec<u32> =
            watches.iter().filter(|watch| is(watch)).map(|watch| watch.index).collect();
        indices.sort_unstable();
        indices
    };
    (of(|watch| watch.ingress), of(|watch| watch.egress == Sent::Watched))
}

#[test]
fn each_packet_is_watched_in_one_place() {
    const BOTH: Directions = Directions::Both;
    type Places<'a> = (&'a [u32], &'a [u32]);
    let cases: [(&[u32], Directions, Places<'_>); 22] = [
        (&[ETH0], BOTH, (&[ETH0], &[ETH0])),
        (&[LO], BOTH, (&[LO], &[])),
        (&[LO], Directions::Egress, (&[], &[LO])),
        (&[BRIDGE], BOTH, (&[VLAN, PORT, OTHER_PORT], &[BRIDGE])),
        (&[BRIDGE], Directions::Ingress, (&[VLAN, PORT, OTHER_PORT], &[])),
        (&[BRIDGE], Directions::Egress, (&[], &[VLAN, PORT, OTHER_PORT])),
        // Ports alone are watched as they are named; of the far end, what the port sends counts.
        (&[PORT, OTHER_PORT], BOTH, (&[PORT, OTHER_PORT], &[PORT, OTHER_PORT])),
        (&[PORT, FAR_END], BOTH, (&[PORT, FAR_END], &[])),
        (&[PORT, FAR_END], Directions::Egress, (&[], &[PORT, FAR_END])),
        // The bridge with a port, with both of them, and with what is at the other end of one.
        (&[BRIDGE, PORT], BOTH, (&[VLAN, PORT, OTHER_PORT], &[BRIDGE])),
        (&[PORT, BRIDGE, OTHER_PORT], BOTH, (&[VLAN, PORT, OTHER_PORT], &[BRIDGE])),
        (&[BRIDGE, FAR_END], BOTH, (&[VLAN, PORT, OTHER_PORT], &[BRIDGE])),
        // The bridge with what carries one of its ports: what the bridge sends to eth0 counts there.
        (&[BRIDGE, ETH0], BOTH, (&[ETH0, PORT, OTHER_PORT], &[ETH0, PORT, OTHER_PORT])),
        (&[ETH0, VLAN], BOTH, (&[ETH0], &[ETH0])),
        (&[VLAN], BOTH, (&[VLAN], &[VLAN])),
        (&[VLAN, ETH0], Directions::Egress, (&[], &[ETH0])),
        (&[BOND], BOTH, (&[ETH1], &[BOND])),
        (&[BOND, ETH1, MACVLAN], BOTH, (&[ETH1], &[BOND])),
        (&[ETH1, MACVLAN], BOTH, (&[ETH1], &[ETH1])),
        (&[MACVLAN], BOTH, (&[MACVLAN], &[MACVLAN])),
        (&[BRIDGE, ABOVE], BOTH, (&[VLAN, PORT, OTHER_PORT], &[BRIDGE])),
        (&[ABOVE], BOTH, (&[ABOVE], &[ABOVE])),
    ];
    for (meant, directions, (ingress, egress)) in cases {
        let expected = (ingress.to_vec(), egress.to_vec());
        assert_eq!(watched(meant, directions), expected, "{meant:?} {directions:?}");
        let turned: Vec<u32> = meant.iter().rev().copied().collect();
        assert_eq!(watched(&turned, directions), expected, "{turned:?} {directions:?}");
    }
}

#[test]
fn everything_at_once_is_watched_once() {
    let all: Vec<u32> = (ETH0..=ABOVE).collect();
    let expected = (vec![ETH0, ETH1, PORT, OTHER_PORT], vec![ETH0, PORT, OTHER_PORT, BOND]);
    let (ingress, egress) = watched(&all, Directions::Both);
    // The far end receives what the bridge's port sends, which counts there or came in through another port.
    assert_eq!((ingress, egress), expected);
}

#[test]
fn what_came_in_where_it_counted_is_known_on_every_interface_above() {
    let receivers = |indices: &[u32]| {
        let mut receivers = plan(indices, Directions::Both).receivers;
        receivers.sort_unstable();
        receivers
    };
    assert_eq!(receivers(&[ETH0]), [ETH0, VLAN]);
    assert_eq!(receivers(&[BRIDGE]), [VLAN, BRIDGE, PORT, OTHER_PORT, FAR_END, ABOVE]);
    assert_eq!(receivers(&[ETH1]), [ETH1, BOND, MACVLAN]);
    // One of a bridge's ports says nothing of what the others receive.
    assert_eq!(receivers(&[PORT]), [PORT]);
    assert!(plan(&[ETH0], Directions::Egress).receivers.is_empty());
}

#[test]
fn what_is_watched_elsewhere_and_what_is_not_seen_is_said() {
    let remarks = |indices: &[u32]| {
        let remarks = plan(indices, Directions::Both).remarks;
        remarks.iter().map(Remark::to_string).collect::<Vec<_>>().join("\n")
    };
    let bridge = remarks(&[BRIDGE]);
    assert!(
        bridge.starts_with("br0: a bridge, watched at its ports eth0.5, p0, p1, and what this"),
        "{bridge}"
    );
    assert!(bridge.contains("(spanning tree, LLDP) is not seen; nor is what a switch chip"), "{bridge}");
    assert!(remarks(&[BOND]).contains("(LACP, ARP probes) is not seen"));
    assert_eq!(remarks(&[ETH0, VLAN]), "eth0.5: its packets pass eth0, and count there once");
    assert!(remarks(&[ETH1, MACVLAN]).ends_with("what interfaces on bond0 send to each other is not seen"));
    assert!(remarks(&[ABOVE]).contains("what br0 passes from port to port is not seen (--iface br0 watches"));
    assert_eq!(remarks(&[ETH0]), "");
    let empty = Stack::of(vec![Node { role: Role::Bridge, ..node(2, "br9") }]);
    let meant = [Selected { index: 2, is_named: true }];
    let plan = Plan::new(&meant, Directions::Both, &empty);
    assert!(plan.remarks[0].what.starts_with("br9: a bridge without ports"), "{plan:?}");
    assert_eq!((plan.watches[0].ingress, &plan.watches[0].egress), (false, &Sent::Watched));
}

#[test]
fn interfaces_below_come_first_and_those_of_a_named_one_are_named() {
    let meant = [(BRIDGE, true), (ETH1, false)].map(|(index, is_named)| Selected { index, is_named });
    let plan = Plan::new(&meant, Directions::Both, &stack());
    let watches: Vec<_> = plan.watches.iter().map(|watch| (watch.index, watch.is_named)).collect();
    assert_eq!(watches, [(PORT, true), (OTHER_PORT, true), (ETH1, false), (VLAN, true), (BRIDGE, true)]);
    let names: Vec<_> = plan.interfaces.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["br0", "eth1", "p0", "p1", "eth0.5"]);
}
