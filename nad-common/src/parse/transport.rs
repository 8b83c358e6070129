//! TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, RFC 4443), and the tunnels that IP or UDP carry.

use network_types::{geneve::GeneveHdr, ip::IpProto, tcp::TcpHdr, udp::UdpHdr, vxlan::VxlanHdr};

use super::{
    Layer, Next,
    link::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6},
    network::{Segment, saturate, set_truncated},
};
use crate::{
    frame::{Frame, Header},
    record::{Defect, PacketRecord, Tunnel, flag},
};

const VXLAN_PORT: u16 = 4789;
const VXLAN_PORT_LINUX: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
/// Ethernet inside GRE or GENEVE ("transparent Ethernet bridging").
const ETHER_TYPE_BRIDGED: u16 = 0x6558;

#[inline(always)]
pub(super) fn parse<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    const TCP: u8 = IpProto::Tcp as u8;
    const UDP: u8 = IpProto::Udp as u8;
    const ICMP: u8 = IpProto::Icmp as u8;
    const IGMP: u8 = IpProto::Igmp as u8;
    const ICMPV6: u8 = IpProto::Ipv6Icmp as u8;
    const SCTP: u8 = IpProto::Sctp as u8;
    const DCCP: u8 = IpProto::Dccp as u8;
    const UDP_LITE: u8 = IpProto::UdpLite as u8;
    const IPV4: u8 = IpProto::Ipv4 as u8;
    const IPV6: u8 = IpProto::Ipv6 as u8;
    const GRE: u8 = IpProto::Gre as u8;

    record.payload_length = saturate(segment.end.saturating_sub(segment.offset));
    match record.protocol {
        TCP => parse_tcp(frame, segment, record),
        UDP => parse_udp(frame, segment, record),
        ICMP | ICMPV6 | IGMP => parse_icmp(frame, segment, record),
        SCTP | DCCP => parse_ports::<F, 12>(frame, segment, record),
        UDP_LITE => parse_ports::<F, 8>(frame, segment, record),
        IPV4 => ip_in_ip(ETHER_TYPE_IPV4, segment),
        IPV6 => ip_in_ip(ETHER_TYPE_IPV6, segment),
        GRE => parse_gre(frame, segment, record),
        _ => Next::NOTHING,
    }
}

#[inline(always)]
fn parse_tcp<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    // By bytes: the crate's bit field walks its flags one at a time.
    let Some(header) = read_header::<F, [u8; TcpHdr::LEN]>(frame, segment, record) else {
        return Next::NOTHING;
    };
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, data_offset, flags, ..] = header;
    record.source_port = u16::from_be_bytes([s0, s1]);
    record.destination_port = u16::from_be_bytes([d0, d1]);
    record.tcp_sequence = u32::from_be_bytes([q0, q1, q2, q3]);
    record.tcp_acknowledgement = u32::from_be_bytes([a0, a1, a2, a3]);
    record.tcp_flags = flags;
    let header_length = usize::from(data_offset >> 4) * 4;
    let payload = segment.offset + header_length;
    if header_length < TcpHdr::LEN || payload > segment.end {
        record.set_defect(Defect::TcpHeaderLength);
        return Next::NOTHING;
    }
    record.payload_length = saturate(segment.end - payload);
    Next::payload(payload)
}

#[inline(always)]
fn parse_udp<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    let Some(header) = read_header::<F, UdpHdr>(frame, segment, record) else { return Next::NOTHING };
    record.source_port = u16::from_be_bytes(header.src);
    record.destination_port = u16::from_be_bytes(header.dst);
    let payload = segment.offset + UdpHdr::LEN;
    let length = usize::from(u16::from_be_bytes(header.len));
    record.payload_length = saturate(segment.end - payload);
    // The first fragment carries the length of the whole datagram; 0 stands for a jumbogram (RFC 2675).
    if record.flags & flag::FRAGMENT == 0 && length != 0 {
        if length < UdpHdr::LEN || segment.offset + length > segment.end {
            record.set_defect(Defect::UdpLength);
        } else {
            record.payload_length = (length - UdpHdr::LEN) as u16;
        }
    }
    match record.destination_port {
        VXLAN_PORT | VXLAN_PORT_LINUX => parse_vxlan(frame, payload, segment.end, record),
        GENEVE_PORT => parse_geneve(frame, payload, segment.end, record),
        _ => Next::payload(payload),
    }
}

#[inline(always)]
fn parse_icmp<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    /// Type, code, checksum and the four bytes that every message has.
    const HEADER: usize = 8;
    let Some(header) = read_header::<F, [u8; HEADER]>(frame, segment, record) else { return Next::NOTHING };
    record.message_type = header[0];
    record.message_code = header[1];
    record.payload_length = saturate(segment.end - segment.offset - HEADER);
    Next::NOTHING
}

/// Protocols of which only the ports are read: UDP-Lite (RFC 3828), SCTP (RFC 9260) and DCCP (RFC 4340), with
/// the least length of their headers.
#[inline(always)]
fn parse_ports<F: Frame, const HEADER: usize>(
    frame: &F,
    segment: Segment,
    record: &mut PacketRecord,
) -> Next {
    let Some(header) = read_header::<F, [u8; HEADER]>(frame, segment, record) else { return Next::NOTHING };
    record.source_port = u16::from_be_bytes([header[0], header[1]]);
    record.destination_port = u16::from_be_bytes([header[2], header[3]]);
    let length = if record.protocol == IpProto::Dccp as u8 { usize::from(header[4]) * 4 } else { HEADER };
    record.payload_length = saturate((segment.end - segment.offset).saturating_sub(length));
    Next::NOTHING
}

#[inline(always)]
fn ip_in_ip(ether_type: u16, segment: Segment) -> Next {
    Next::network(Tunnel::IpInIp, Layer { ether_type, offset: segment.offset }, segment.end)
}

/// Version 0 with its optional checksum, key and sequence number; what carries neither IP nor Ethernet is
/// reported as GRE.
#[inline(always)]
fn parse_gre<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
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
    carried(Tunnel::Gre, u16::from_be_bytes([header[2], header[3]]), offset, segment.end)
}

#[inline(always)]
fn parse_vxlan<F: Frame>(frame: &F, offset: usize, end: usize, record: &mut PacketRecord) -> Next {
    const NETWORK_IDENTIFIER: u8 = 0x08;
    let Some(header) = frame.read::<VxlanHdr>(offset) else {
        set_truncated(record, Defect::TunnelContent);
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
        set_truncated(record, Defect::TunnelContent);
        return Next::NOTHING;
    };
    if header.ver_opt_len >> 6 != 0 {
        return Next::NOTHING;
    }
    let options = usize::from(header.ver_opt_len & 0x3f) * 4;
    let inner = offset + size_of::<GeneveHdr>() + options;
    carried(Tunnel::Geneve, u16::from_be_bytes(header.protocol_type), inner, end)
}

#[inline(always)]
fn carried(tunnel: Tunnel, ether_type: u16, offset: usize, end: usize) -> Next {
    match ether_type {
        ETHER_TYPE_BRIDGED => Next::ethernet(tunnel, offset, end),
        ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 => Next::network(tunnel, Layer { ether_type, offset }, end),
        _ => Next::NOTHING,
    }
}

/// Reads a transport header that must lie inside the packet as well as inside the frame.
#[inline(always)]
fn read_header<F: Frame, T: Header>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Option<T> {
    if segment.offset + size_of::<T>() > segment.end {
        record.set_defect(Defect::TransportTruncated);
        return None;
    }
    let header = frame.read(segment.offset);
    if header.is_none() {
        set_truncated(record, Defect::TransportTruncated);
    }
    header
}
