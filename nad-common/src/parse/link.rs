//! Link headers: Ethernet with up to two VLAN tags, Linux cooked captures, and none.

use network_types::{
    eth::{EthHdr, EtherType},
    vlan::VlanHdr,
};

use super::Layer;
use crate::{
    counters::Refusal,
    frame::Frame,
    record::{AddressKind, PacketRecord, flag},
};

pub(super) const ETHER_TYPE_IPV4: u16 = u16::from_be(EtherType::Ipv4 as u16);
pub(super) const ETHER_TYPE_IPV6: u16 = u16::from_be(EtherType::Ipv6 as u16);
pub(super) const ETHER_TYPE_ARP: u16 = u16::from_be(EtherType::Arp as u16);
const ETHER_TYPE_VLAN: u16 = u16::from_be(EtherType::Ieee8021q as u16);
const ETHER_TYPE_SERVICE_VLAN: u16 = u16::from_be(EtherType::Ieee8021ad as u16);
const ETHER_TYPE_OLD_QINQ: u16 = u16::from_be(EtherType::Ieee8021QinQ1 as u16);

/// What a frame starts with. The kernel sees Ethernet only; the others come from files.
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
        LinkType::RawIp => parse_raw(frame),
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
    if record.has(flag::VLAN)
        || matches!(layer.ether_type, ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 | ETHER_TYPE_ARP)
    {
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

/// Up to two tags, of which the first may be beside the frame; a third one stays as the EtherType of a frame
/// without IP.
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

#[inline(always)]
fn is_vlan(ether_type: u16) -> bool {
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

fn parse_raw<F: Frame>(frame: &F) -> Result<Layer, Refusal> {
    let [first]: [u8; 1] = frame.read(0).ok_or(Refusal::LinkTruncated)?;
    let ether_type = match first >> 4 {
        4 => ETHER_TYPE_IPV4,
        6 => ETHER_TYPE_IPV6,
        _ => return Err(Refusal::NotIp),
    };
    Ok(Layer { ether_type, offset: 0 })
}

#[inline(always)]
fn set_macs(record: &mut PacketRecord, source: [u8; 6], destination: [u8; 6]) {
    record.set_address_kind(AddressKind::Link);
    record.source_mac = source;
    record.address_bytes[..6].copy_from_slice(&source);
    record.address_bytes[6..12].copy_from_slice(&destination);
}
