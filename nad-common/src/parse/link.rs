//! Link headers: Ethernet with up to two VLAN tags, those of captures without Ethernet, and none.

use network_types::{
    eth::{EthHdr, EtherType},
    vlan::VlanHdr,
};

use super::{
    Layer,
    between::{MPLS, PPPOE_SESSION},
};
use crate::{
    frame::Frame,
    record::{AddressKind, PacketRecord, flag},
    refusal::Refusal,
};

pub(super) const ETHER_TYPE_IPV4: u16 = u16::from_be(EtherType::Ipv4 as u16);
pub(super) const ETHER_TYPE_IPV6: u16 = u16::from_be(EtherType::Ipv6 as u16);
pub(super) const ETHER_TYPE_ARP: u16 = u16::from_be(EtherType::Arp as u16);
const ETHER_TYPE_VLAN: u16 = u16::from_be(EtherType::Ieee8021q as u16);
const ETHER_TYPE_SERVICE_VLAN: u16 = u16::from_be(EtherType::Ieee8021ad as u16);
const ETHER_TYPE_OLD_QINQ: u16 = u16::from_be(EtherType::Ieee8021QinQ1 as u16);

/// What a frame starts with. The kernel sees Ethernet and raw IP; the others come from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet (`LINKTYPE_ETHERNET`).
    Ethernet,
    /// Linux cooked capture, version 1 (`LINKTYPE_LINUX_SLL`).
    LinuxCooked,
    /// Linux cooked capture, version 2 (`LINKTYPE_LINUX_SLL2`).
    LinuxCooked2,
    /// An IPv4 or IPv6 packet without link header (`LINKTYPE_RAW`).
    RawIp,
    /// The address family in four bytes, of either byte order (`LINKTYPE_NULL`, `LINKTYPE_LOOP`).
    Loopback,
    /// PPP, with or without the framing of HDLC (`LINKTYPE_PPP`, `LINKTYPE_PPP_HDLC`).
    Ppp,
    /// A PPPoE session without the Ethernet header (`LINKTYPE_PPP_ETHER`).
    PppoeSession,
    /// Cisco's framing of HDLC (`LINKTYPE_C_HDLC`).
    CiscoHdlc,
    /// An MPLS label stack (`LINKTYPE_MPLS`).
    Mpls,
}

impl LinkType {
    /// Whether a frame names its sender also where it holds no IP.
    #[inline(always)]
    pub(super) const fn has_addresses(self) -> bool {
        matches!(self, Self::Ethernet | Self::LinuxCooked | Self::LinuxCooked2)
    }
}

#[inline(always)]
pub(super) fn parse<F: Frame>(
    frame: &F,
    link_type: LinkType,
    tag_beside: Option<u16>,
    record: &mut PacketRecord,
) -> Result<Layer, Refusal> {
    match link_type {
        LinkType::Ethernet => {
            let layer = parse_ethernet(frame, 0, tag_beside, record)?;
            if begins_with_ip(layer, record) { Err(Refusal::NoLinkHeader) } else { Ok(layer) }
        }
        LinkType::LinuxCooked => parse_cooked(frame, record),
        LinkType::LinuxCooked2 => parse_cooked2(frame, record),
        LinkType::RawIp => parse_raw(frame, 0),
        LinkType::Loopback => parse_loopback(frame),
        LinkType::Ppp => parse_ppp(frame),
        LinkType::PppoeSession => Ok(Layer { ether_type: PPPOE_SESSION, offset: 0 }),
        LinkType::CiscoHdlc => parse_cisco(frame),
        LinkType::Mpls => Ok(Layer { ether_type: MPLS, offset: 0 }),
    }
}

/// Ethernet, at an offset because it also comes inside tunnels, where no tag is beside the frame.
#[inline(always)]
pub(super) fn parse_ethernet<F: Frame>(
    frame: &F,
    offset: usize,
    tag_beside: Option<u16>,
    record: &mut PacketRecord,
) -> Result<Layer, Refusal> {
    let header: EthHdr = frame.read(offset).ok_or(Refusal::LinkTruncated)?;
    set_macs(record, header.src_addr, header.dst_addr);
    if header.dst_addr[0] & 1 != 0 {
        record.flags |= flag::LINK_MULTICAST;
    }
    if header.dst_addr == [0xff; 6] {
        record.flags |= flag::LINK_BROADCAST;
    }
    let layer = Layer { ether_type: u16::from_be(header.ether_type), offset: offset + EthHdr::LEN };
    parse_tags(frame, layer, tag_beside, record)
}

/// Whether the frame, whose EtherType says nothing of IP, is to the byte an IP packet: what would be its destination
/// address are the first bytes of an IP header that tells the frame's length.
#[inline(always)]
fn begins_with_ip(layer: Layer, record: &PacketRecord) -> bool {
    const IPV6_HEADER: u32 = 40;
    if record.has(flag::VLAN) || is_network(layer.ether_type) {
        return false;
    }
    let at = |index: usize| {
        u32::from(record.address_bytes[6 + index]) << 8 | u32::from(record.address_bytes[7 + index])
    };
    match record.address_bytes[6] {
        0x45..=0x4f => at(2) == record.length,
        0x60..=0x6f => at(4) + IPV6_HEADER == record.length,
        _ => false,
    }
}

/// Up to two tags, of which the first may be beside the frame; what follows them may be a third one.
#[inline(always)]
fn parse_tags<F: Frame>(
    frame: &F,
    layer: Layer,
    tag_beside: Option<u16>,
    record: &mut PacketRecord,
) -> Result<Layer, Refusal> {
    let (tag, layer) = match tag_beside {
        Some(tag) => (tag, layer),
        None if is_vlan(layer.ether_type) => parse_tag(frame, layer)?,
        None => {
            record.ether_type = layer.ether_type;
            return Ok(layer);
        }
    };
    record.vlan_outer = tag;
    record.flags |= flag::VLAN;
    if !is_vlan(layer.ether_type) {
        record.ether_type = layer.ether_type;
        return Ok(layer);
    }
    let (_, layer) = parse_tag(frame, layer)?;
    record.flags |= flag::VLAN_STACKED;
    record.ether_type = layer.ether_type;
    Ok(layer)
}

/// Whether it is what is read of a network.
#[inline(always)]
pub(super) fn is_network(ether_type: u16) -> bool {
    matches!(ether_type, ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 | ETHER_TYPE_ARP)
}

#[inline(always)]
pub(super) fn is_vlan(ether_type: u16) -> bool {
    matches!(ether_type, ETHER_TYPE_VLAN | ETHER_TYPE_SERVICE_VLAN | ETHER_TYPE_OLD_QINQ)
}

#[inline(always)]
fn parse_tag<F: Frame>(frame: &F, layer: Layer) -> Result<(u16, Layer), Refusal> {
    let header: VlanHdr = frame.read(layer.offset).ok_or(Refusal::VlanTruncated)?;
    let ether_type = u16::from_be(header.ether_type);
    Ok((u16::from_be_bytes(header.tci), Layer { ether_type, offset: layer.offset + size_of::<VlanHdr>() }))
}

/// 16 bytes: packet type, hardware type, address length, address (8), protocol.
fn parse_cooked<F: Frame>(frame: &F, record: &mut PacketRecord) -> Result<Layer, Refusal> {
    let header: [u8; 16] = frame.read(0).ok_or(Refusal::LinkTruncated)?;
    set_cooked(record, u16::from_be_bytes([header[0], header[1]]), &header[6..12]);
    let layer = Layer { ether_type: u16::from_be_bytes([header[14], header[15]]), offset: header.len() };
    parse_tags(frame, layer, None, record)
}

/// 20 bytes: protocol, reserved (2), interface (4), hardware type, packet type (1), address length (1), address (8).
fn parse_cooked2<F: Frame>(frame: &F, record: &mut PacketRecord) -> Result<Layer, Refusal> {
    let header: [u8; 20] = frame.read(0).ok_or(Refusal::LinkTruncated)?;
    set_cooked(record, u16::from(header[10]), &header[12..18]);
    let layer = Layer { ether_type: u16::from_be_bytes([header[0], header[1]]), offset: header.len() };
    parse_tags(frame, layer, None, record)
}

/// Cooked captures have no destination address; the packet type says whether it was a group's.
fn set_cooked(record: &mut PacketRecord, packet_type: u16, address: &[u8]) {
    const BROADCAST: u16 = 1;
    const MULTICAST: u16 = 2;
    let mut source = [0; 6];
    source.copy_from_slice(address);
    set_macs(record, source, [0; 6]);
    match packet_type {
        BROADCAST => record.flags |= flag::LINK_BROADCAST | flag::LINK_MULTICAST,
        MULTICAST => record.flags |= flag::LINK_MULTICAST,
        _ => {}
    }
}

/// The version field tells IPv4 from IPv6 also where something before it does.
#[inline(always)]
fn parse_raw<F: Frame>(frame: &F, offset: usize) -> Result<Layer, Refusal> {
    let [first]: [u8; 1] = frame.read(offset).ok_or(Refusal::LinkTruncated)?;
    let ether_type = match first >> 4 {
        4 => ETHER_TYPE_IPV4,
        6 => ETHER_TYPE_IPV6,
        _ => return Err(Refusal::NotIp),
    };
    Ok(Layer { ether_type, offset })
}

/// The families have other numbers on other systems, and the byte order is that of the machine which captured.
fn parse_loopback<F: Frame>(frame: &F) -> Result<Layer, Refusal> {
    const LENGTH: usize = 4;
    let family: [u8; LENGTH] = frame.read(0).ok_or(Refusal::LinkTruncated)?;
    let family = match family {
        [family, 0, 0, 0] | [0, 0, 0, family] => family,
        _ => return Err(Refusal::NotIp),
    };
    // IPv4 everywhere; IPv6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin.
    if matches!(family, 2 | 10 | 23 | 24 | 28 | 30) { parse_raw(frame, LENGTH) } else { Err(Refusal::NotIp) }
}

/// Address and control bytes of HDLC where they are, and the protocol in one byte or two (RFC 1661, 6.5 and 6.6).
fn parse_ppp<F: Frame>(frame: &F) -> Result<Layer, Refusal> {
    const FRAMING: [u8; 2] = [0xff, 0x03];
    let start: [u8; 2] = frame.read(0).ok_or(Refusal::LinkTruncated)?;
    let at = if start == FRAMING { FRAMING.len() } else { 0 };
    let protocol: [u8; 2] = frame.read(at).ok_or(Refusal::LinkTruncated)?;
    match protocol {
        [0, 0x21 | 0x57] => parse_raw(frame, at + 2),
        [0x21 | 0x57, _] => parse_raw(frame, at + 1),
        [0x02, 0x81] => Ok(Layer { ether_type: MPLS, offset: at + 2 }),
        _ => Err(Refusal::NotIp),
    }
}

/// Address, control, EtherType.
fn parse_cisco<F: Frame>(frame: &F) -> Result<Layer, Refusal> {
    let [_, _, high, low]: [u8; 4] = frame.read(0).ok_or(Refusal::LinkTruncated)?;
    let layer = Layer { ether_type: u16::from_be_bytes([high, low]), offset: 4 };
    if layer.ether_type == ETHER_TYPE_ARP { Err(Refusal::NotIp) } else { Ok(layer) }
}

#[inline(always)]
pub(super) fn set_macs(record: &mut PacketRecord, source: [u8; 6], destination: [u8; 6]) {
    record.set_address_kind(AddressKind::Link);
    record.source_mac = source;
    record.address_bytes[..6].copy_from_slice(&source);
    record.address_bytes[6..12].copy_from_slice(&destination);
}
