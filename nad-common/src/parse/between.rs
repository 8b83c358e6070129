//! What may stand between a link header and the network header: VLAN tags beyond the second, and the headers of
//! provider networks and switches. A packet without any of it does not come here.

use network_types::eth::EthHdr;

use super::{
    Layer,
    link::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, is_network, is_vlan, set_macs},
};
use crate::{
    frame::Frame,
    record::{PacketRecord, flag},
};

/// Headers that are stepped over; what has more is reported as the frame that carries it.
pub const MAX_BETWEEN: usize = 4;

/// The same for the packet inside a tunnel.
pub const MAX_BETWEEN_INSIDE: usize = 3;

pub(crate) const MPLS: u16 = 0x8847;
pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
pub(crate) const PPPOE_SESSION: u16 = 0x8864;
/// IEEE 802.1ah (provider backbone bridges).
pub(crate) const BACKBONE: u16 = 0x88e7;
/// IEEE 802.1BR (port extenders), which is Cisco's VN-Tag as well.
pub(crate) const PORT_EXTENDER: u16 = 0x893f;
pub(crate) const VN_TAG: u16 = 0x8926;
/// IEC 62439-3 (rings without a switchover).
pub(crate) const HSR: u16 = 0x892f;
/// Cisco's metadata header, which carries security groups.
pub(crate) const METADATA: u16 = 0x8909;
/// RFC 8300.
pub(crate) const NSH: u16 = 0x894f;
/// IEEE 802.1AE.
pub(crate) const MACSEC: u16 = 0x88e5;

/// In place of an EtherType: a whole Ethernet frame comes next.
const WHOLE_FRAME: u32 = 1 << 16;
/// Nothing that is read comes next.
const NOTHING: u32 = 0;

/// What a header says of the one behind it: two numbers, because the compiler shifts the parts of nested enums about
/// (see [`Next`](super::Next)).
#[derive(Clone, Copy)]
struct Step {
    /// An EtherType, [`WHOLE_FRAME`] or [`NOTHING`].
    next: u32,
    /// Bytes up to it.
    length: usize,
}

/// Steps over at most `MAX` of the headers that are known, up to the network header. Where the next one can't be read, the layer is
/// that one: its EtherType names what was not looked into.
#[inline(always)]
pub(super) fn parse<F: Frame, const MAX: usize>(frame: &F, start: Layer, record: &mut PacketRecord) -> Layer {
    let mut layer = start;
    for _ in 0..MAX {
        layer = layer.meet(frame);
        let Layer { ether_type, offset } = layer;
        if is_network(ether_type) {
            break;
        }
        // No header needs more, and no packet behind one has less.
        let Some(bytes) = frame.read::<[u8; 8]>(offset) else { break };
        let step = step(ether_type, frame.meet(u64::from_be_bytes(bytes) as usize) as u64);
        if step.next == NOTHING {
            break;
        }
        if is_vlan(ether_type) {
            record.flags |= flag::VLAN | flag::VLAN_STACKED;
        }
        if step.next == WHOLE_FRAME {
            let at = frame.meet(offset + step.length);
            let Some(header) = frame.read::<EthHdr>(at) else { break };
            // The stations' addresses, not those of the bridges between them.
            set_macs(record, header.src_addr, header.dst_addr);
            layer = Layer { ether_type: u16::from_be(header.ether_type), offset: at + EthHdr::LEN };
        } else {
            layer = Layer { ether_type: step.next as u16, offset: offset + step.length };
        }
    }
    layer
}

/// By the first eight bytes of the header that `ether_type` names, in the order of the network.
#[inline(always)]
fn step(ether_type: u16, word: u64) -> Step {
    /// Headers of fixed length whose last two bytes are the EtherType of what follows.
    #[inline(always)]
    fn tag(word: u64, length: usize) -> Step {
        let next = (word >> (64 - 8 * length)) as u32 & 0xffff;
        Step { next, length }
    }
    match ether_type {
        PPPOE_SESSION => after_pppoe(word),
        MPLS | MPLS_MULTICAST => after_label(ether_type, word),
        NSH => after_nsh(word),
        // The service's tag, then the customer's frame.
        BACKBONE => Step { next: WHOLE_FRAME, length: 4 },
        VN_TAG | HSR => tag(word, 6),
        PORT_EXTENDER | METADATA => tag(word, 8),
        ether_type if is_vlan(ether_type) => tag(word, 4),
        _ => Step { next: NOTHING, length: 0 },
    }
}

/// A session's packet (RFC 2516): version and type, code 0, session, length, and the protocol of PPP, which may be
/// shortened to one byte (RFC 1661, 6.5).
#[inline(always)]
fn after_pppoe(word: u64) -> Step {
    const SESSION: u64 = 0x1100;
    const LENGTH: usize = 8;
    let (next, length) = if word >> 48 != SESSION {
        (NOTHING, 0)
    } else {
        match word & 0xffff {
            0x0021 => (u32::from(ETHER_TYPE_IPV4), LENGTH),
            0x0057 => (u32::from(ETHER_TYPE_IPV6), LENGTH),
            0x2100..=0x21ff => (u32::from(ETHER_TYPE_IPV4), LENGTH - 1),
            0x5700..=0x57ff => (u32::from(ETHER_TYPE_IPV6), LENGTH - 1),
            _ => (NOTHING, 0),
        }
    };
    Step { next, length }
}

/// One label (RFC 3032). Nothing says what follows the last one: the version of IP tells it, and 0 is the control word in
/// front of an Ethernet frame (RFC 4448).
#[inline(always)]
fn after_label(ether_type: u16, word: u64) -> Step {
    const BOTTOM: u64 = 1 << 40;
    const LABEL: usize = 4;
    if word & BOTTOM == 0 {
        return Step { next: u32::from(ether_type), length: LABEL };
    }
    let (next, length) = match word >> 28 & 0xf {
        4 => (u32::from(ETHER_TYPE_IPV4), LABEL),
        6 => (u32::from(ETHER_TYPE_IPV6), LABEL),
        0 => (WHOLE_FRAME, 2 * LABEL),
        _ => (NOTHING, 0),
    };
    Step { next, length }
}

/// RFC 8300, 2.2: the length of the whole header in units of 4 bytes, and the kind of what follows.
#[inline(always)]
fn after_nsh(word: u64) -> Step {
    let length = (word >> 48 & 0x3f) as usize * 4;
    let next = match word >> 32 & 0xff {
        1 => u32::from(ETHER_TYPE_IPV4),
        2 => u32::from(ETHER_TYPE_IPV6),
        3 => WHOLE_FRAME,
        _ => NOTHING,
    };
    Step { next, length }
}
