//! Facts about a network interface: what decides whether and how nad can watch it. Read only, and without
//! privileges.

mod ethtool;
mod link;
mod netdev;
mod netlink;
mod route;
mod selection;
mod stack;

use std::{fs, io};

use rustix::param::page_size;

pub use self::ethtool::Offloads;
pub use self::link::Changes;
pub use self::netdev::NativeXdp;
pub use self::selection::{Selected, Selection, is_pattern};
pub use self::stack::{Node, Role, Stack};

/// The routing tables and the interfaces of the calling thread's network namespace. `/proc/net` would be those
/// of the process's first thread.
const PROC_NET: &str = "/proc/thread-self/net";

/// What could not be learnt about an interface.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// There is no interface of that name in this network namespace.
    #[error("no interface {name:?}; there are: {}", .existing.join(", "))]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// The names of all interfaces.
        existing: Vec<String>,
    },
    /// Neither IPv4 nor IPv6 has a default route.
    #[error("no default route, so no interface to choose; name one with --iface (there are: {})", .existing.join(", "))]
    NoDefaultRoute {
        /// The names of all interfaces.
        existing: Vec<String>,
    },
    /// The kernel refused to say.
    #[error("can't read {what}: {source}")]
    Read {
        /// What was asked for.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// An interface as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Name, at most 15 bytes.
    pub name: String,
    /// Index, from 1, unique in its network namespace.
    pub index: u32,
    /// Whether it was set up (`ip link set dev X up`).
    pub up: bool,
    /// Whether it can carry frames: the cable is in, the peer is up.
    pub carrier: bool,
    /// Largest payload of a frame in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Whether frames begin with an Ethernet header. Tunnels that carry bare IP packets have none.
    pub ethernet: bool,
    /// The driver, or the kind of virtual interface where the driver has no name.
    pub driver: Option<String>,
    /// Whether the driver runs XDP programs itself.
    pub native_xdp: NativeXdp,
    /// What is done to frames before an XDP program may see them.
    pub offloads: Offloads,
    /// The XDP programs attached to it, one for each mode at most.
    pub attached: Vec<AttachedProgram>,
}

/// An XDP program attached to an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachedProgram {
    /// Where it runs.
    pub mode: AttachedMode,
    /// The kernel's id of the program, as `bpftool prog show id` takes it.
    pub program_id: u32,
}

/// Where an attached XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachedMode {
    /// In the driver, before the kernel has made a socket buffer.
    Native,
    /// In the kernel's receive path, on a socket buffer.
    Generic,
    /// In the network card.
    Offloaded,
}

impl AttachedMode {
    /// The word that people use for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offloaded => "offloaded",
        }
    }

    /// The word that `ip link` has for it.
    pub fn ip_link_name(self) -> &'static str {
        match self {
            Self::Native => "xdpdrv",
            Self::Generic => "xdpgeneric",
            Self::Offloaded => "xdpoffload",
        }
    }
}

impl Interface {
    /// Asks the kernel about the interface `name` of the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// [`InterfaceError::NotFound`] with the names that there are, or [`InterfaceError::Read`] where netlink or
    /// sockets are refused (a seccomp filter). Facts that a kernel or driver doesn't know are `None` or unknown.
    pub fn inspect(name: &str) -> Result<Self, InterfaceError> {
        let link = link::get(name).map_err(|source| match source.raw_os_error() {
            Some(libc::ENODEV | libc::EINVAL | libc::ERANGE) => {
                InterfaceError::NotFound { name: name.to_owned(), existing: names() }
            }
            _ => InterfaceError::Read { what: format!("interface {name}"), source },
        })?;
        Ok(Self {
            index: link.index,
            up: link.up,
            carrier: link.carrier,
            mtu: link.mtu,
            ethernet: link.ethernet,
            driver: ethtool::driver(&link.name).or(link.kind),
            native_xdp: netdev::native_xdp(link.index),
            offloads: Offloads::of(&link.name),
            attached: link.attached,
            name: link.name,
        })
    }
}

/// The interface of the default route: of IPv4 the one with the lowest metric, otherwise of IPv6.
///
/// # Errors
///
/// [`InterfaceError::NoDefaultRoute`] where there is none, [`InterfaceError::Read`] where the routing tables
/// can't be read.
pub fn default_route() -> Result<String, InterfaceError> {
    let ipv4 = read_table("route")?;
    if let Some(name) = route::default_ipv4(&ipv4) {
        return Ok(name.to_owned());
    }
    let ipv6 = read_table("ipv6_route")?;
    match route::default_ipv6(&ipv6) {
        Some(name) => Ok(name.to_owned()),
        None => Err(InterfaceError::NoDefaultRoute { existing: names() }),
    }
}

/// The names of all interfaces; none where they can't be read.
pub fn names() -> Vec<String> {
    let table = fs::read_to_string(format!("{PROC_NET}/dev")).unwrap_or_default();
    parse_names(&table).map(str::to_owned).collect()
}

/// The largest MTU, in bytes, at which most drivers take a native XDP program that wants each frame in one page.
pub fn native_mtu(page_bytes: u32) -> u32 {
    /// What a driver takes from a page beside the payload: room before the frame (`XDP_PACKET_HEADROOM`), the socket
    /// buffer's tail (`struct skb_shared_info`), and an Ethernet header with two VLAN tags.
    const BESIDE_THE_PAYLOAD: u32 = 256 + 320 + 22;
    page_bytes.saturating_sub(BESIDE_THE_PAYLOAD)
}

/// Bytes of a memory page.
pub fn page_bytes() -> u32 {
    u32::try_from(page_size()).unwrap_or(4096)
}

/// A routing table; a kernel without that protocol has an empty one.
fn read_table(name: &str) -> Result<String, InterfaceError> {
    let path = format!("{PROC_NET}/{name}");
    match fs::read_to_string(&path) {
        Ok(table) => Ok(table),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(InterfaceError::Read { what: path, source }),
    }
}

/// The names in the text of `/proc/net/dev`.
fn parse_names(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_table_of_devices() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 6230440   27013    0    0    0     0          0         0  6230440   27013    0    0    0     0       0          0
enp0s31f6:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
";
        assert_eq!(parse_names(table).collect::<Vec<_>>(), ["lo", "enp0s31f6"]);
        assert_eq!(parse_names("").count(), 0);
    }

    #[test]
    fn an_unknown_interface_is_an_error_that_lists_those_there_are() {
        let error = Interface::inspect("nad-no-such0").unwrap_err();
        let InterfaceError::NotFound { existing, .. } = &error else { panic!("{error}") };
        assert!(existing.iter().any(|name| name == "lo"), "{error}");
        assert!(error.to_string().starts_with("no interface \"nad-no-such0\"; there are: "), "{error}");
    }

    #[test]
    fn a_name_that_no_interface_can_have_is_not_found() {
        for name in ["", "a-name-of-more-than-fifteen-bytes", "with/slash", "with space"] {
            let error = Interface::inspect(name).unwrap_err();
            assert!(matches!(error, InterfaceError::NotFound { .. }), "{name:?}: {error}");
        }
    }
}
