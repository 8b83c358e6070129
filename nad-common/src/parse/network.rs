//! ARP (RFC 826), IPv4 (RFC 791) with options and fragments, IPv6 (RFC 8200) with extension headers.

use network_types::{
    arp::ArpHdr,
    ip::{IpProto, Ipv4Hdr, Ipv6Hdr},
};

use super::{
    Layer, Next, between,
    link::{ETHER_TYPE_ARP, ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, is_network},
    room, transport,
};
use crate::{
    frame::{Frame, Header},
    record::{AddressKind, Defect, PacketRecord, flag},
    refusal::Refusal,
};

/// IPv6 extension headers that are stepped over; a packet with more keeps its addresses and no ports.
pub const MAX_EXTENSION_HEADERS: usize = 6;

/// The part of the frame that belongs to the transport protocol.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// Where it starts, in bytes from the start of the frame.
    pub(super) offset: usize,
    /// Where it ends by the packet's own length field; may lie past what was captured.
    pub(super) end: usize,
}

impl Segment {
    #[inline(always)]
    fn room(self) -> isize {
        room(self.offset, self.end)
    }

    /// As a record has it.
    #[inline(always)]
    pub(super) fn length(self) -> u16 {
        saturate(self.room())
    }

    /// Whether so many bytes are in it.
    #[inline(always)]
    pub(super) fn holds(self, length: usize) -> bool {
        self.room() >= length as isize
    }

    /// The same without its first bytes.
    #[inline(always)]
    pub(super) fn skip(self, length: usize) -> Self {
        Self { offset: self.offset + length, ..self }
    }
}

#[inline(always)]
pub(super) fn parse<F: Frame, const MAX_BETWEEN: usize>(
    frame: &F,
    layer: Layer,
    limit: usize,
    record: &mut PacketRecord,
) -> Result<Next, Refusal> {
    let layer = if is_network(layer.ether_type) {
        layer
    } else {
        between::parse::<F, MAX_BETWEEN>(frame, layer, record)
    };
    let Layer { ether_type, offset } = layer.meet(frame);
    record.ether_type = ether_type;
    match ether_type {
        ETHER_TYPE_IPV4 => parse_ipv4(frame, offset, frame.meet(limit), record),
        ETHER_TYPE_IPV6 => parse_ipv6(frame, offset, frame.meet(limit), record),
        ETHER_TYPE_ARP => parse_arp(frame, offset, frame.meet(limit), record).map(|()| Next::NOTHING),
        _ => Ok(Next::NOTHING),
    }
}

#[inline(always)]
fn parse_arp<F: Frame>(
    frame: &F,
    offset: usize,
    limit: usize,
    record: &mut PacketRecord,
) -> Result<(), Refusal> {
    const HARDWARE_ETHERNET: [u8; 2] = [0, 1];
    let header: ArpHdr = read_within(frame, offset, limit).ok_or(Refusal::ArpTruncated)?;
    record.message_type = if header.oper[0] == 0 { header.oper[1] } else { u8::MAX };
    let is_ipv4_over_ethernet = header.htype == HARDWARE_ETHERNET
        && header.ptype == ETHER_TYPE_IPV4.to_be_bytes()
        && header.hlen == 6
        && header.plen == 4;
    if !is_ipv4_over_ethernet {
        record.set_defect(Defect::ArpFormat);
        return Ok(());
    }
    let addresses = &mut record.address_bytes;
    addresses[12..16].copy_from_slice(&header.spa);
    addresses[16..20].copy_from_slice(&header.tpa);
    addresses[20..26].copy_from_slice(&header.sha);
    addresses[26..32].copy_from_slice(&header.tha);
    Ok(())
}

#[inline(always)]
fn parse_ipv4<F: Frame>(
    frame: &F,
    offset: usize,
    limit: usize,
    record: &mut PacketRecord,
) -> Result<Next, Refusal> {
    const FRAGMENT_OFFSET: u16 = 0x1fff;
    const MORE_FRAGMENTS: u16 = 0x2000;
    const DONT_FRAGMENT: u16 = 0x4000;
    let header: Ipv4Hdr = read_within(frame, offset, limit).ok_or(Refusal::Ipv4Truncated)?;
    if header.vihl >> 4 != 4 {
        record.set_defect(Defect::IpVersion);
        return Ok(Next::NOTHING);
    }
    record.set_address_kind(AddressKind::V4);
    record.address_bytes = [0; 32];
    record.address_bytes[..4].copy_from_slice(&header.src_addr);
    record.address_bytes[4..8].copy_from_slice(&header.dst_addr);
    record.protocol = header.proto;
    record.ttl = header.ttl;
    let fragment = u16::from_be_bytes(header.frags);
    if fragment & DONT_FRAGMENT != 0 {
        record.flags |= flag::DONT_FRAGMENT;
    }
    set_fragment(record, fragment & FRAGMENT_OFFSET, fragment & MORE_FRAGMENTS != 0);

    let header_length = usize::from(header.vihl & 0x0f) * 4;
    if header_length < Ipv4Hdr::LEN || room(offset, limit) < header_length as isize {
        record.set_defect(Defect::IpHeaderLength);
        return Ok(Next::NOTHING);
    }
    if header_length > Ipv4Hdr::LEN {
        record.flags |= flag::IP_OPTIONS;
    }
    let total = usize::from(u16::from_be_bytes(header.tot_len));
    let end = packet_end(record, offset, total, header_length, limit);
    parse_transport(frame, Segment { offset: offset + header_length, end }, record)
}

#[inline(always)]
fn parse_ipv6<F: Frame>(
    frame: &F,
    offset: usize,
    limit: usize,
    record: &mut PacketRecord,
) -> Result<Next, Refusal> {
    let header: Ipv6Hdr = read_within(frame, offset, limit).ok_or(Refusal::Ipv6Truncated)?;
    if header.vcf[0] >> 4 != 6 {
        record.set_defect(Defect::IpVersion);
        return Ok(Next::NOTHING);
    }
    record.set_address_kind(AddressKind::V6);
    record.address_bytes[..16].copy_from_slice(&header.src_addr);
    record.address_bytes[16..].copy_from_slice(&header.dst_addr);
    record.ttl = header.hop_limit;
    let payload = usize::from(u16::from_be_bytes(header.payload_len));
    // A jumbo payload (RFC 2675) says 0 here and its length in a hop-by-hop option, which Linux leaves out where
    // it has yet to cut the packet up.
    let is_jumbo =
        header.next_hdr == IpProto::HopOpt as u8 || room(offset, limit) > Ipv6Hdr::LEN as isize + MOST;
    let total = if payload == 0 && is_jumbo { 0 } else { Ipv6Hdr::LEN + payload };
    let end = packet_end(record, offset, total, Ipv6Hdr::LEN, limit);
    let start = Segment { offset: offset + Ipv6Hdr::LEN, end };
    match skip_extensions(frame, header.next_hdr, start, record) {
        Some(segment) => parse_transport(frame, segment, record),
        None => Ok(Next::NOTHING),
    }
}

/// Steps over extension headers and sets the protocol; `None` where no transport header can be reached.
#[inline(always)]
fn skip_extensions<F: Frame>(
    frame: &F,
    first: u8,
    start: Segment,
    record: &mut PacketRecord,
) -> Option<Segment> {
    const HOP_BY_HOP: u8 = IpProto::HopOpt as u8;
    const ROUTING: u8 = IpProto::Ipv6Route as u8;
    const FRAGMENT: u8 = IpProto::Ipv6Frag as u8;
    const AUTHENTICATION: u8 = IpProto::Ah as u8;
    const DESTINATION: u8 = IpProto::Ipv6Opts as u8;
    const MOBILITY: u8 = IpProto::MobilityHeader as u8;
    const HIP: u8 = 139;
    const SHIM6: u8 = 140;

    let mut protocol = first;
    let mut offset = start.offset;
    for count in 0..=MAX_EXTENSION_HEADERS {
        (protocol, offset) = meet(frame, protocol, offset);
        record.protocol = protocol;
        if !matches!(
            protocol,
            HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6
        ) {
            return Some(Segment { offset, end: start.end });
        }
        record.flags |= flag::IP_OPTIONS;
        if count == MAX_EXTENSION_HEADERS {
            break;
        }
        if room(offset, start.end) < 8 {
            record.set_defect(Defect::ExtensionTruncated);
            return None;
        }
        let Some(header) = frame.read::<[u8; 8]>(offset) else {
            set_truncated::<F>(record, Defect::ExtensionTruncated);
            return None;
        };
        let units = usize::from(header[1]);
        match protocol {
            FRAGMENT => {
                let fragment = u16::from_be_bytes([header[2], header[3]]);
                set_fragment(record, fragment >> 3, fragment & 1 != 0);
                offset += 8;
                // What follows in a later fragment is the middle of something, not a header.
                if fragment >> 3 != 0 {
                    record.protocol = header[0];
                    return Some(Segment { offset, end: start.end });
                }
            }
            AUTHENTICATION => offset += (units + 2) * 4,
            _ => offset += (units + 1) * 8,
        }
        if room(offset, start.end) < 0 {
            record.set_defect(Defect::ExtensionTruncated);
            return None;
        }
        protocol = header[0];
    }
    record.set_defect(Defect::ExtensionChain);
    None
}

/// What the next header is and where, where many ways meet (see [`Frame::meet`]).
#[inline(always)]
fn meet<F: Frame>(frame: &F, protocol: u8, offset: usize) -> (u8, usize) {
    let both = frame.meet(offset << 8 | usize::from(protocol));
    (both as u8, both >> 8)
}

/// A later fragment has no transport header; what would be read there is payload.
#[inline(always)]
fn parse_transport<F: Frame>(
    frame: &F,
    segment: Segment,
    record: &mut PacketRecord,
) -> Result<Next, Refusal> {
    if record.fragment_offset != 0 {
        record.payload_length = segment.length();
        return Ok(Next::NOTHING);
    }
    let segment = Segment { offset: frame.meet(segment.offset), end: frame.meet(segment.end) };
    Ok(transport::parse(frame, segment, record))
}

#[inline(always)]
fn set_fragment(record: &mut PacketRecord, offset: u16, more: bool) {
    record.fragment_offset = offset;
    if more {
        record.flags |= flag::MORE_FRAGMENTS;
    }
    if more || offset != 0 {
        record.flags |= flag::FRAGMENT;
    }
}

/// Where the packet ends, from its length field `total` (0: not said, as in packets above 64 KiB that the
/// kernel has not yet cut up); not past `limit`, the end of the frame or of the tunnel's packet.
#[inline(always)]
fn packet_end(
    record: &mut PacketRecord,
    offset: usize,
    total: usize,
    header_length: usize,
    limit: usize,
) -> usize {
    if total == 0 && room(offset, limit) > MOST {
        return limit;
    }
    if total < header_length || room(offset, limit) < total as isize {
        record.set_defect(Defect::IpLength);
        return limit;
    }
    offset + total
}

/// Reads a header that must end before `limit`.
#[inline(always)]
fn read_within<F: Frame, T: Header>(frame: &F, offset: usize, limit: usize) -> Option<T> {
    if room(offset, limit) < size_of::<T>() as isize {
        return None;
    }
    frame.read(offset)
}

/// Notes a header that is not all there: the sender's defect, or the capture's cut.
#[inline(always)]
pub(super) fn set_truncated<F: Frame>(record: &mut PacketRecord, defect: Defect) {
    if F::MAY_BE_CUT && record.has(flag::CUT) {
        note_cut::<F>(record);
    } else {
        record.set_defect(defect);
    }
}

/// Notes that the capture, if anything, cut a header.
#[inline(always)]
pub(super) fn note_cut<F: Frame>(record: &mut PacketRecord) {
    if F::MAY_BE_CUT && record.has(flag::CUT) {
        record.flags |= flag::HEADER_CUT;
    }
}

/// What a length field can say at most.
const MOST: isize = u16::MAX as isize;

#[inline(always)]
fn saturate(length: isize) -> u16 {
    if length < 0 {
        0
    } else if length > MOST {
        u16::MAX
    } else {
        length as u16
    }
}
