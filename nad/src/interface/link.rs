//! What rtnetlink knows about an interface.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{
        InfoData, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage, LinkXdp, Prop,
    },
};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::{AttachedMode, AttachedProgram, netlink};

/// The part of an interface's state that a routing socket tells.
pub(super) struct Link {
    pub(super) name: String,
    /// Its other names (`ip link property add dev X altname Y`).
    pub(super) altnames: Vec<String>,
    pub(super) index: u32,
    pub(super) up: bool,
    pub(super) carrier: bool,
    pub(super) mtu: u32,
    pub(super) ethernet: bool,
    /// `veth`, `bridge`, … of a virtual interface.
    pub(super) kind: Option<String>,
    pub(super) attached: Vec<AttachedProgram>,
    /// The interface in this namespace that carries its frames, or that is its other end.
    pub(super) linked: Option<u32>,
    /// The bridge, bond, … that it is a port of.
    pub(super) master: Option<u32>,
}

/// Asks for the interface `name` (`RTM_GETLINK`).
///
/// # Errors
///
/// `ENODEV` where there is none, `EINVAL` or `ERANGE` where there can't be one of that name.
pub(super) fn get(name: &str) -> io::Result<Link> {
    if name.is_empty() {
        // An empty attribute would be taken for none.
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    let mut question = LinkMessage::default();
    question.attributes.push(LinkAttribute::IfName(name.to_owned()));
    let answer = netlink::request(NETLINK_ROUTE, RouteNetlinkMessage::GetLink(question))?;
    answer
        .into_iter()
        .find_map(|message| match message {
            RouteNetlinkMessage::NewLink(link) => Some(read(name, link)),
            _ => None,
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer names no interface"))
}

/// All interfaces of the calling thread's network namespace.
pub(super) fn all() -> io::Result<Vec<Link>> {
    let answer = netlink::dump(NETLINK_ROUTE, RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let links = answer.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewLink(link) => Some(read("", link)),
        _ => None,
    });
    Ok(links.collect())
}

/// Interfaces that change, come and go in the network namespace of the thread that made this.
#[derive(Debug)]
pub struct Changes(netlink::Listener);

impl Changes {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// Where netlink is refused.
    pub fn listen() -> io::Result<Self> {
        /// `RTNLGRP_LINK`.
        const LINKS: u32 = 1;
        netlink::Listener::join(NETLINK_ROUTE, LINKS).map(Self)
    }

    /// Takes what was said since the last time, and gives the indices of interfaces that went away: another interface may have
    /// one of them by now.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub fn gone(&self) -> io::Result<Vec<u32>> {
        let heard = self.0.heard()?.into_iter();
        Ok(heard
            .filter_map(|message| match message {
                // Of the family of bridges, it is only no port any more.
                RouteNetlinkMessage::DelLink(link)
                    if link.header.interface_family == AddressFamily::Unspec =>
                {
                    Some(link.header.index)
                }
                _ => None,
            })
            .collect())
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn read(asked: &str, message: LinkMessage) -> Link {
    let header = message.header;
    let loopback = header.link_layer_type == LinkLayerType::Loopback;
    let mut link = Link {
        name: asked.to_owned(),
        altnames: Vec::new(),
        index: header.index,
        up: header.flags.contains(LinkFlags::Up),
        carrier: header.flags.contains(LinkFlags::LowerUp),
        mtu: 0,
        ethernet: loopback || header.link_layer_type == LinkLayerType::Ether,
        kind: loopback.then(|| "loopback".to_owned()),
        attached: Vec::new(),
        linked: None,
        master: None,
    };
    let mut is_elsewhere = false;
    for attribute in message.attributes {
        match attribute {
            // Not what was asked for where that was an alternative name.
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::PropList(properties) => {
                link.altnames = properties.into_iter().filter_map(altname).collect();
            }
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::LinkInfo(info) => {
                let kind = info.iter().find_map(|part| match part {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
                link.kind = kind.or(link.kind);
                // Of a VXLAN, what carries it is reported nowhere else.
                let carrier = info.iter().find_map(vxlan_carrier);
                link.linked = link.linked.or(carrier.filter(|index| *index != 0));
            }
            LinkAttribute::Link(index) => {
                link.linked = Some(index).filter(|index| *index != 0).or(link.linked)
            }
            LinkAttribute::LinkNetNsId(_) => is_elsewhere = true,
            LinkAttribute::Controller(index) => link.master = Some(index).filter(|index| *index != 0),
            LinkAttribute::Xdp(xdp) => link.attached = xdp.iter().filter_map(attached).collect(),
            _ => {}
        }
    }
    if is_elsewhere {
        link.linked = None;
    }
    link
}

fn vxlan_carrier(part: &LinkInfo) -> Option<u32> {
    let LinkInfo::Data(InfoData::Vxlan(parts)) = part else { return None };
    parts.iter().find_map(|part| match part {
        InfoVxlan::Link(index) => Some(*index),
        _ => None,
    })
}

fn altname(property: Prop) -> Option<String> {
    match property {
        Prop::AltIfName(name) => Some(name),
        _ => None,
    }
}

/// A kernel since 4.20 names the program of each mode, beside the older summary of all.
fn attached(part: &LinkXdp) -> Option<AttachedProgram> {
    let (mode, program_id) = match *part {
        LinkXdp::DrvProgId(id) => (AttachedMode::Native, id),
        LinkXdp::SkbProgId(id) => (AttachedMode::Generic, id),
        LinkXdp::HwProgId(id) => (AttachedMode::Offloaded, id),
        _ => return None,
    };
    (program_id != 0).then_some(AttachedProgram { mode, program_id })
}
