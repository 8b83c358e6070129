//! How the interfaces of a network namespace depend on each other: a VLAN and its parent, a bridge and its ports, the two
//! ends of a veth.

use super::{InterfaceError, link};

/// The kinds of virtual interfaces that come in pairs: what one end sends, the other receives.
const PAIRS: [&str; 3] = ["veth", "netkit", "vxcan"];
/// The kinds whose packets are encrypted on the interface below them, where they are other packets.
const ENCRYPTING: [&str; 5] = ["macsec", "xfrm", "vti", "vti6", "ovpn"];

/// The interfaces of a network namespace, and how they depend on each other.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    nodes: Vec<Node>,
}

/// What an interface does with the packets of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Nothing.
    #[default]
    Plain,
    /// It receives every packet that it sends.
    Loopback,
    /// A bridge: passes packets from port to port; what this machine sends through it may go out of several.
    Bridge,
    /// A bond or team: its ports are one link.
    Bond,
    /// Several share the interface below, and pass packets to each other above it (macvlan, ipvlan).
    Sharing,
}

/// One interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Index, from 1, unique in its network namespace.
    pub index: u32,
    /// Name, at most 15 bytes.
    pub name: String,
    /// Its other names.
    pub altnames: Vec<String>,
    /// Whether it was set up (`ip link set dev X up`).
    pub is_up: bool,
    /// What it does with the packets of others.
    pub role: Role,
    /// The other end of the cable, in this network namespace.
    pub end: Option<u32>,
    /// The interface below, which carries its packets unencrypted.
    pub lower: Option<u32>,
    /// The bridge, bond, … that it is a port of.
    pub master: Option<u32>,
}

impl Node {
    /// Whether it has this name, or another name that is this one.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.altnames.iter().any(|other| other == name)
    }
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
        Ok(Self { nodes: links.into_iter().map(node).collect() })
    }

    /// Of these interfaces.
    pub fn of(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    /// All of them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The interface with an index.
    pub fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.index == index)
    }

    /// The interface that has a name, or has it as one of its others.
    pub fn named(&self, name: &str) -> Option<&Node> {
        // No two interfaces share a name of any kind.
        self.nodes.iter().find(|node| node.is_called(name))
    }

    /// The name of the interface with an index.
    pub fn name(&self, index: u32) -> String {
        self.node(index).map_or_else(|| format!("interface {index}"), |node| node.name.clone())
    }

    /// All names, without other names.
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// What it does with the packets of others.
    pub fn role(&self, index: u32) -> Role {
        self.node(index).map(|node| node.role).unwrap_or_default()
    }

    /// The interfaces that are ports of this one.
    pub fn ports(&self, index: u32) -> Vec<u32> {
        self.nodes.iter().filter(|node| node.master == Some(index)).map(|node| node.index).collect()
    }

    /// Where what it receives comes from: its ports, and the interface below it.
    pub fn inputs(&self, index: u32) -> Vec<u32> {
        let mut inputs = self.ports(index);
        inputs.extend(self.node(index).and_then(|node| node.lower));
        inputs
    }

    /// Everything that the interface stands on, directly or not.
    pub fn below(&self, index: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut next = vec![index];
        while let Some(upper) = next.pop() {
            for lower in self.inputs(upper) {
                if !found.contains(&lower) {
                    found.push(lower);
                    next.push(lower);
                }
            }
        }
        found
    }
}

fn node(link: link::Link) -> Node {
    let kind = link.kind.as_deref().unwrap_or_default();
    let is_end = PAIRS.contains(&kind);
    let role = match kind {
        "loopback" => Role::Loopback,
        "bridge" => Role::Bridge,
        "bond" | "team" => Role::Bond,
        "macvlan" | "macvtap" | "ipvlan" | "ipvtap" => Role::Sharing,
        _ => Role::Plain,
    };
    let is_encrypting = ENCRYPTING.contains(&kind);
    Node {
        index: link.index,
        is_up: link.up,
        role,
        end: link.linked.filter(|_| is_end),
        lower: link.linked.filter(|_| !is_end && !is_encrypting),
        master: link.master,
        name: link.name,
        altnames: link.altnames,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_stands_on_its_ports_and_on_what_carries_them() {
        let node = |index, lower, master| Node { index, lower, master, ..Node::default() };
        let stack = Stack::of(vec![
            node(2, None, None),
            node(3, Some(2), Some(5)),
            node(4, None, Some(5)),
            node(5, None, None),
        ]);
        let mut below = stack.below(5);
        below.sort_unstable();
        assert_eq!(below, [2, 3, 4]);
        assert_eq!((stack.inputs(3), stack.ports(5)), (vec![2], vec![3, 4]));
        assert!(stack.below(2).is_empty() && stack.below(99).is_empty());
    }

    #[test]
    fn interfaces_that_stand_on_each_other_end_the_search() {
        let node = |index, lower| Node { index, lower: Some(lower), ..Node::default() };
        assert_eq!(Stack::of(vec![node(2, 3), node(3, 2)]).below(2), [3, 2]);
    }

    #[test]
    fn the_loopback_interface_of_this_machine_is_known() {
        let stack = Stack::read().unwrap();
        let loopback = stack.named("lo").unwrap().index;
        assert_eq!(stack.role(loopback), Role::Loopback);
    }
}
