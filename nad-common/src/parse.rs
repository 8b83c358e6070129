//! From a frame to a record: link header, network header, transport header, once more inside a tunnel.
//!
//! Every loop has a fixed bound and every read is checked, so the work for a frame is bounded whatever it
//! holds. What is read beyond the transport header is a few facts at the start of the payload, and what kind of
//! [head](crate::head) that is.

mod application;
mod between;
mod link;
mod network;
mod transport;
mod tunnel;

use bytemuck::Zeroable;
use link::is_network;
use network_types::vlan::VlanHdr;

pub use application::MAX_DNS_LABELS;
pub use between::{MAX_BETWEEN, MAX_BETWEEN_INSIDE};
pub use link::LinkType;
pub use network::MAX_EXTENSION_HEADERS;

/// The EtherTypes and ports of what carries packets.
pub(crate) mod carriers {
    pub(crate) use super::{
        between::{BACKBONE, HSR, MACSEC, MPLS, MPLS_MULTICAST, NSH, PORT_EXTENDER, PPPOE_SESSION, VN_TAG},
        tunnel::{GENEVE_PORT, GTP_PORT, MPLS_PORT, TZSP_PORT, VXLAN_PORT, VXLAN_PORT_LINUX},
    };
}

use crate::{
    frame::Frame,
    record::{AddressKind, Defect, Direction, PacketRecord, Tunnel, flag},
    refusal::Refusal,
};

/// What is known of a packet besides its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// See [`PacketRecord::time_ns`].
    pub time_ns: u64,
    /// See [`PacketRecord::length`]; without the tag of `tag_beside`.
    pub length: u32,
    /// See [`PacketRecord::interface`].
    pub interface: u32,
    /// See [`PacketRecord::direction`].
    pub direction: Direction,
    /// Tag control information of a VLAN tag that is on the wire in front of any other, but that the kernel keeps
    /// beside the frame, for the card to put in.
    pub tag_beside: Option<u16>,
}

/// Parses one frame into `record`, whose earlier content is overwritten. Gives the offset of the transport protocol's payload
/// in the frame, or 0 where that is not known.
///
/// # Errors
///
/// A [`Refusal`] where the frame does not tell who sent it to whom; `record` then holds nothing of use.
#[inline(always)]
pub fn parse<F: Frame>(
    frame: &F,
    link_type: LinkType,
    stamp: Stamp,
    record: &mut PacketRecord,
) -> Result<usize, Refusal> {
    parse_with(frame, link_type, stamp, record, &mut PacketRecord::zeroed())
}

/// The same, with room for a tunnel's outer record that is not on the stack, of which the kernel has 512 bytes for a
/// chain of calls. What `outer` holds before and afterwards means nothing.
///
/// # Errors
///
/// As [`parse`].
#[inline(always)]
pub fn parse_with<F: Frame>(
    frame: &F,
    link_type: LinkType,
    stamp: Stamp,
    record: &mut PacketRecord,
    outer: &mut PacketRecord,
) -> Result<usize, Refusal> {
    *record = PacketRecord::zeroed();
    record.time_ns = stamp.time_ns;
    // A capture may claim fewer bytes than it holds; every offset below counts on the contrary.
    let length = stamp.length.max(frame.captured() as u32);
    let beside = if stamp.tag_beside.is_some() { size_of::<VlanHdr>() as u32 } else { 0 };
    record.length = length.saturating_add(beside);
    record.interface = stamp.interface;
    if frame.captured() < stamp.length as usize {
        record.flags |= flag::CUT;
    }
    if stamp.direction == Direction::Egress {
        record.flags |= flag::EGRESS;
    }
    let layer = link::parse(frame, link_type, stamp.tag_beside, record)?;
    let mut next = network::parse::<F, MAX_BETWEEN>(frame, layer, length as usize, record)?;
    if !link_type.has_addresses() && record.address_kind() == AddressKind::Link {
        return Err(Refusal::NotIp);
    }
    if let Some(tunnel) = next.tunnel {
        next = step_into(frame, tunnel, next, record, outer);
    }
    if !matches!(next.follows, Follows::Payload) {
        return Ok(0);
    }
    let offset = frame.meet(next.layer.offset);
    application::parse(frame, offset, record);
    Ok(offset)
}

/// Where a header starts, and what it is.
#[derive(Clone, Copy)]
struct Layer {
    /// EtherType in the machine's byte order.
    ether_type: u16,
    /// Bytes from the start of the frame.
    offset: usize,
}

impl Layer {
    /// The same, where many ways meet (see [`Frame::meet`]): each of them would know another EtherType.
    #[inline(always)]
    fn meet<F: Frame>(self, frame: &F) -> Self {
        let both = frame.meet(self.offset << 16 | usize::from(self.ether_type));
        Self { ether_type: both as u16, offset: both >> 16 }
    }
}

/// Bytes from `offset` up to `end`, less than 0 where that lies before. The kernel's verifier notes what a comparison of
/// the two says of each, and would then follow the ways with different notes one by one; of a difference it notes nothing.
#[inline(always)]
fn room(offset: usize, end: usize) -> isize {
    end.wrapping_sub(offset) as isize
}

/// What comes after the headers of one packet. A flat struct, because the compiler shifts the parts of nested
/// enums about, and the verifier allows no shift of a register that may hold a pointer.
#[derive(Clone, Copy)]
struct Next {
    follows: Follows,
    /// The tunnel, where another packet follows.
    tunnel: Option<Tunnel>,
    layer: Layer,
    /// Where a tunnel's packet ends, which bounds the one inside.
    end: usize,
}

#[derive(Clone, Copy)]
enum Follows {
    /// Nothing that is read further.
    Nothing,
    /// The payload of the transport protocol.
    Payload,
    /// The packet inside a tunnel, or its frame.
    Inside,
}

/// In place of an EtherType: an Ethernet header comes next.
const FRAME: u16 = 0;

impl Next {
    const NOTHING: Self =
        Self { follows: Follows::Nothing, tunnel: None, layer: Layer { ether_type: 0, offset: 0 }, end: 0 };

    #[inline(always)]
    const fn payload(offset: usize) -> Self {
        Self { follows: Follows::Payload, tunnel: None, layer: Layer { ether_type: 0, offset }, end: 0 }
    }

    #[inline(always)]
    const fn network(tunnel: Tunnel, layer: Layer, end: usize) -> Self {
        Self { follows: Follows::Inside, tunnel: Some(tunnel), layer, end }
    }

    #[inline(always)]
    const fn ethernet(tunnel: Tunnel, offset: usize, end: usize) -> Self {
        Self {
            follows: Follows::Inside,
            tunnel: Some(tunnel),
            layer: Layer { ether_type: FRAME, offset },
            end,
        }
    }
}

/// Reports the inner packet where it can be read, and the outer one as it is where it can't. A tunnel inside
/// the tunnel is reported as the packet that carries it.
#[inline(always)]
fn step_into<F: Frame>(
    frame: &F,
    tunnel: Tunnel,
    inner: Next,
    record: &mut PacketRecord,
    outer: &mut PacketRecord,
) -> Next {
    *outer = *record;
    record.set_tunnel(tunnel);
    let start = inner.layer.meet(frame);
    let is_frame = start.ether_type == FRAME;
    let layer = if is_frame {
        record.forget_frame();
        link::parse_ethernet(frame, start.offset, None, record)
    } else {
        record.forget_network();
        Ok(start)
    };
    match layer.and_then(|layer| network::parse::<F, MAX_BETWEEN_INSIDE>(frame, layer, inner.end, record)) {
        // Without Ethernet around it, a packet of the wrong version has no addresses at all.
        Ok(next) if is_frame || record.address_kind() != AddressKind::Link => {
            // The inner packet goes on in the other fragments.
            if outer.has(flag::FRAGMENT) {
                record.clear_defect(Defect::IpLength);
            }
            next
        }
        layer => {
            *record = *outer;
            // What is no IP need not be wrong: labels say nothing of what they carry.
            if layer.is_err() || is_frame || is_network(start.ether_type) {
                network::set_truncated::<F>(record, Defect::TunnelContent);
            }
            Next::NOTHING
        }
    }
}
