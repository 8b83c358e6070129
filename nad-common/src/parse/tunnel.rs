//! Tunnels that IP or UDP carry, up to where their inner packet starts.

use network_types::{geneve::GeneveHdr, vxlan::VxlanHdr};

use super::{
    Layer, Next,
    between::{MPLS, MPLS_MULTICAST, NSH},
    link::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6},
    network::{Segment, set_truncated},
    room,
    transport::read_header,
};
use crate::{
    frame::{Frame, Header},
    record::{Defect, PacketRecord, Tunnel},
};

pub(crate) const VXLAN_PORT: u16 = 4789;
pub(crate) const VXLAN_PORT_LINUX: u16 = 8472;
pub(crate) const GENEVE_PORT: u16 = 6081;
pub(crate) const GTP_PORT: u16 = 2152;
pub(crate) const TZSP_PORT: u16 = 37008;
pub(crate) const MPLS_PORT: u16 = 6635;
/// Ethernet inside GRE or GENEVE ("transparent Ethernet bridging").
const ETHER_TYPE_BRIDGED: u16 = 0x6558;
/// ERSPAN of types I and II, and of type III (draft-foschiano-erspan).
const ETHER_TYPE_ERSPAN: u16 = 0x88be;
const ETHER_TYPE_ERSPAN3: u16 = 0x22eb;

/// What a datagram to `port` carries.
#[inline(always)]
pub(super) fn parse_datagram<F: Frame>(
    frame: &F,
    port: u16,
    offset: usize,
    end: usize,
    record: &mut PacketRecord,
) -> Next {
    match port {
        VXLAN_PORT | VXLAN_PORT_LINUX => parse_vxlan(frame, offset, end, record),
        GENEVE_PORT => parse_geneve(frame, offset, end, record),
        GTP_PORT => parse_gtp(frame, offset, end, record),
        TZSP_PORT => parse_tzsp(frame, offset, end, record),
        MPLS_PORT => Next::network(Tunnel::Mpls, Layer { ether_type: MPLS, offset }, end),
        _ => Next::payload(offset),
    }
}

#[inline(always)]
pub(super) fn ip_in_ip(ether_type: u16, segment: Segment) -> Next {
    Next::network(Tunnel::IpInIp, Layer { ether_type, offset: segment.offset }, segment.end)
}

/// RFC 4023.
#[inline(always)]
pub(super) fn mpls_in_ip(segment: Segment) -> Next {
    Next::network(Tunnel::Mpls, Layer { ether_type: MPLS, offset: segment.offset }, segment.end)
}

/// RFC 3378: the version in four bits, then twelve zeros.
#[inline(always)]
pub(super) fn parse_etherip<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    const HEADER: usize = 2;
    // With the frame's first bytes: the compiler would put two bytes and their presence into one register.
    match read_inside::<F, [u8; 8]>(frame, segment.offset, segment.end, record) {
        Some([0x30, 0, ..]) => Next::ethernet(Tunnel::EtherIp, segment.offset + HEADER, segment.end),
        _ => Next::NOTHING,
    }
}

/// Version 0 with its optional checksum, key and sequence number; what carries neither IP nor Ethernet is
/// reported as GRE.
#[inline(always)]
pub(super) fn parse_gre<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const VERSION: u8 = 0x07;
    let Some(header) = read_header::<F, [u8; 4]>(frame, segment, record) else { return Next::NOTHING };
    if header[1] & VERSION != 0 || header[0] & ROUTING != 0 {
        return Next::NOTHING;
    }
    let mut offset = segment.offset + header.len();
    for option in [CHECKSUM, KEY, SEQUENCE] {
        if header[0] & option != 0 {
            offset += 4;
        }
    }
    match u16::from_be_bytes([header[2], header[3]]) {
        ETHER_TYPE_ERSPAN => {
            // Type I has neither a sequence number nor a header of its own.
            let own = if header[0] & SEQUENCE == 0 { 0 } else { 8 };
            Next::ethernet(Tunnel::Erspan, offset + own, segment.end)
        }
        ETHER_TYPE_ERSPAN3 => parse_erspan3(frame, frame.meet(offset), segment.end, record),
        ether_type => carried(Tunnel::Gre, ether_type, offset, segment.end),
    }
}

/// Twelve bytes, and eight more where the last bit says so.
#[inline(always)]
fn parse_erspan3<F: Frame>(frame: &F, offset: usize, end: usize, record: &mut PacketRecord) -> Next {
    const HEADER: usize = 12;
    let Some(header) = read_inside::<F, [u8; HEADER]>(frame, offset, end, record) else {
        return Next::NOTHING;
    };
    let more = if header[HEADER - 1] & 1 == 0 { 0 } else { 8 };
    Next::ethernet(Tunnel::Erspan, offset + HEADER + more, end)
}

#[inline(always)]
fn parse_vxlan<F: Frame>(frame: &F, offset: usize, end: usize, record: &mut PacketRecord) -> Next {
    const NETWORK_IDENTIFIER: u8 = 0x08;
    let Some(header) = frame.read::<VxlanHdr>(offset) else {
        set_truncated::<F>(record, Defect::TunnelContent);
        return Next::NOTHING;
    };
    if header.flags & NETWORK_IDENTIFIER == 0 {
        return Next::NOTHING;
    }
    Next::ethernet(Tunnel::Vxlan, offset + VxlanHdr::LEN, end)
}

#[inline(always)]
fn parse_geneve<F: Frame>(frame: &F, offset: usize, end: usize, record: &mut PacketRecord) -> Next {
    let Some(header) = frame.read::<GeneveHdr>(offset) else {
        set_truncated::<F>(record, Defect::TunnelContent);
        return Next::NOTHING;
    };
    if header.ver_opt_len >> 6 != 0 {
        return Next::NOTHING;
    }
    let options = usize::from(header.ver_opt_len & 0x3f) * 4;
    let inner = offset + size_of::<GeneveHdr>() + options;
    carried(Tunnel::Geneve, u16::from_be_bytes(header.protocol_type), inner, end)
}

/// A user's packet (3GPP TS 29.281, 5.1): flags, message type, length, tunnel; then, where a flag says so, four bytes of
/// which the last is the type of the first extension header. Of those there is one in a 5G network, and two are read.
#[inline(always)]
fn parse_gtp<F: Frame>(frame: &F, offset: usize, end: usize, record: &mut PacketRecord) -> Next {
    const VERSION_AND_KIND: u8 = 0xf0;
    const VERSION_1: u8 = 0x30;
    const OPTIONAL: u8 = 0x07;
    const EXTENSION: u8 = 0x04;
    const USER_PACKET: u8 = 255;
    const HEADER: usize = 8;
    const EXTENSIONS: usize = 2;
    let Some(header) = read_inside::<F, [u8; HEADER]>(frame, offset, end, record) else {
        return Next::NOTHING;
    };
    if header[0] & VERSION_AND_KIND != VERSION_1 || header[1] != USER_PACKET {
        return Next::NOTHING;
    }
    let mut at = offset + HEADER;
    if header[0] & OPTIONAL != 0 {
        at += 4;
        for _ in 0..=EXTENSIONS {
            // The byte before is the type of what follows, which means nothing where the flag is not set.
            at = frame.meet(at);
            let Some(start) = frame.read::<[u8; 2]>(at - 1) else { return Next::NOTHING };
            let start = frame.meet(u16::from_be_bytes(start).into());
            let (kind, words) = (start >> 8, start & 0xff);
            if header[0] & EXTENSION == 0 || kind == 0 {
                break;
            }
            if words == 0 {
                return Next::NOTHING;
            }
            at += words * 4;
        }
    }
    let at = frame.meet(at);
    let Some([first]) = frame.read::<[u8; 1]>(at) else { return Next::NOTHING };
    let ether_type = match frame.meet(first.into()) >> 4 {
        4 => ETHER_TYPE_IPV4,
        6 => ETHER_TYPE_IPV6,
        _ => return Next::NOTHING,
    };
    Next::network(Tunnel::GtpU, Layer { ether_type, offset: at }, end)
}

/// A mirrored frame: version, type, protocol, and tagged fields, of which none but the end mark is read.
#[inline(always)]
fn parse_tzsp<F: Frame>(frame: &F, offset: usize, end: usize, record: &mut PacketRecord) -> Next {
    /// Of a mirrored Ethernet frame (version 1, type 0, protocol 1) without any field (1).
    const PREFIX: usize = 5;
    // With the frame's first bytes, which have to be there.
    match read_inside::<F, [u8; 8]>(frame, offset, end, record) {
        Some([1, 0, 0, 1, 1, ..]) => Next::ethernet(Tunnel::Tzsp, offset + PREFIX, end),
        _ => Next::NOTHING,
    }
}

#[inline(always)]
fn carried(tunnel: Tunnel, ether_type: u16, offset: usize, end: usize) -> Next {
    match ether_type {
        ETHER_TYPE_BRIDGED => Next::ethernet(tunnel, offset, end),
        ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 | MPLS | MPLS_MULTICAST | NSH => {
            Next::network(tunnel, Layer { ether_type, offset }, end)
        }
        _ => Next::NOTHING,
    }
}

/// Reads a tunnel's header that may be another protocol's payload: one that is too short is no defect.
#[inline(always)]
fn read_inside<F: Frame, T: Header>(
    frame: &F,
    offset: usize,
    end: usize,
    record: &mut PacketRecord,
) -> Option<T> {
    if room(offset, end) < size_of::<T>() as isize {
        return None;
    }
    let header = frame.read(offset);
    if header.is_none() {
        super::network::note_cut::<F>(record);
    }
    header
}
