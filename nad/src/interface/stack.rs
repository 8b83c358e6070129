//! Which interfaces see each other's packets: a VLAN and its parent, a bridge and its ports, the two ends of a veth.

use super::{InterfaceError, link};

/// The kinds of virtual interfaces that come in pairs: what one end sends, the other receives.
const PAIRS: [&str; 3] = ["veth", "netkit", "vxcan"];

/// The interfaces of a network namespace, and how they depend on each other.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    nodes: Vec<Node>,
}

/// Why two interfaces see the same packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// They are the two ends of one cable: each receives what the other sends.
    Ends,
    /// The first passes its packets on to the second, and gets them from there.
    StandsOn,
    /// The same the other way round.
    Carries,
}

#[derive(Debug, Clone)]
struct Node {
    index: u32,
    is_loopback: bool,
    end: Option<u32>,
    lower: Option<u32>,
    master: Option<u32>,
}

impl Stack {
    /// Asks the kernel about the interfaces of the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// [`InterfaceError::Read`] where netlink is refused.
    pub fn read() -> Result<Self, InterfaceError> {
        let links = link::all()
            .map_err(|source| InterfaceError::Read { what: "the list of interfaces".into(), source })?;
        let nodes = links.into_iter().map(|link| {
            let kind = link.kind.as_deref().unwrap_or_default();
            let is_end = PAIRS.contains(&kind);
            Node {
                index: link.index,
                is_loopback: kind == "loopback",
                end: link.linked.filter(|_| is_end),
                lower: link.linked.filter(|_| !is_end),
                master: link.master,
            }
        });
        Ok(Self { nodes: nodes.collect() })
    }

    /// Whether the interface receives every packet that it sends.
    pub fn is_loopback(&self, index: u32) -> bool {
        self.node(index).is_some_and(|node| node.is_loopback)
    }

    /// Why two interfaces, given by their indices, see the same packets; `None` where they don't.
    pub fn shared(&self, one: u32, other: u32) -> Option<Shared> {
        if self.node(one)?.end == Some(other) {
            Some(Shared::Ends)
        } else if self.below(one).contains(&other) {
            Some(Shared::StandsOn)
        } else if self.below(other).contains(&one) {
            Some(Shared::Carries)
        } else {
            None
        }
    }

    /// Everything that the interface stands on, directly or not: what carries it, and its ports.
    fn below(&self, index: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut next = vec![index];
        while let Some(upper) = next.pop() {
            let carrier = self.node(upper).and_then(|node| node.lower);
            let ports = self.nodes.iter().filter(|node| node.master == Some(upper)).map(|node| node.index);
            for lower in carrier.into_iter().chain(ports) {
                if !found.contains(&lower) {
                    found.push(lower);
                    next.push(lower);
                }
            }
        }
        found
    }

    fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.index == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH0: u32 = 2;
    const ETH1: u32 = 3;
    const VLAN: u32 = 4;
    const BRIDGE: u32 = 5;
    const VETH: u32 = 6;
    const PEER: u32 = 7;

    fn node(index: u32) -> Node {
        Node { index, is_loopback: index == 1, end: None, lower: None, master: None }
    }

    /// A VLAN over eth0 is a port of a bridge, and so is one end of a veth pair.
    fn stack() -> Stack {
        Stack {
            nodes: vec![
                node(1),
                node(ETH0),
                node(ETH1),
                Node { lower: Some(ETH0), master: Some(BRIDGE), ..node(VLAN) },
                node(BRIDGE),
                Node { end: Some(PEER), master: Some(BRIDGE), ..node(VETH) },
                Node { end: Some(VETH), ..node(PEER) },
            ],
        }
    }

    #[test]
    fn a_bridge_stands_on_its_ports_and_on_what_carries_them() {
        let stack = stack();
        for lower in [VLAN, ETH0, VETH] {
            assert_eq!(stack.shared(BRIDGE, lower), Some(Shared::StandsOn), "{lower}");
            assert_eq!(stack.shared(lower, BRIDGE), Some(Shared::Carries), "{lower}");
        }
        assert_eq!(stack.shared(VLAN, ETH0), Some(Shared::StandsOn));
    }

    #[test]
    fn the_ends_of_a_pair_receive_what_the_other_sends() {
        assert_eq!(stack().shared(VETH, PEER), Some(Shared::Ends));
        assert_eq!(stack().shared(PEER, VETH), Some(Shared::Ends));
    }

    #[test]
    fn interfaces_side_by_side_share_nothing() {
        for (one, other) in [(ETH0, ETH1), (VLAN, VETH), (BRIDGE, ETH1), (1, ETH0)] {
            assert_eq!(stack().shared(one, other), None, "{one}, {other}");
        }
        assert_eq!(stack().shared(ETH0, 99), None);
    }

    #[test]
    fn interfaces_that_stand_on_each_other_end_the_search() {
        let nodes = vec![Node { lower: Some(3), ..node(2) }, Node { lower: Some(2), ..node(3) }];
        assert_eq!(Stack { nodes }.shared(2, 3), Some(Shared::StandsOn));
    }

    #[test]
    fn the_loopback_interface_of_this_machine_is_known() {
        let stack = Stack::read().unwrap();
        let loopback = crate::interface::Interface::inspect("lo").unwrap().index;
        assert!(stack.is_loopback(loopback));
    }
}
