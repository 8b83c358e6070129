//! TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, RFC 4443), and protocols of which the ports are read.

use network_types::{ip::IpProto, tcp::TcpHdr, udp::UdpHdr};

use super::{
    Next,
    link::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6},
    network::{Segment, set_truncated},
    tunnel,
};
use crate::{
    frame::{Frame, Header},
    record::{Defect, PacketRecord, flag},
};

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
    const ETHER_IP: u8 = 97;
    const MPLS: u8 = 137;

    record.payload_length = segment.length();
    match record.protocol {
        TCP => parse_tcp(frame, segment, record),
        UDP => parse_udp(frame, segment, record),
        ICMP | ICMPV6 | IGMP => parse_icmp(frame, segment, record),
        SCTP | DCCP => parse_ports::<F, 12>(frame, segment, record),
        UDP_LITE => parse_ports::<F, 8>(frame, segment, record),
        IPV4 => tunnel::ip_in_ip(ETHER_TYPE_IPV4, segment),
        IPV6 => tunnel::ip_in_ip(ETHER_TYPE_IPV6, segment),
        GRE => tunnel::parse_gre(frame, segment, record),
        ETHER_IP => tunnel::parse_etherip(frame, segment, record),
        MPLS => tunnel::mpls_in_ip(segment),
        _ => Next::NOTHING,
    }
}

#[inline(always)]
fn parse_tcp<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    /// Up to the flags: window, checksum and urgent pointer may be cut off.
    const READ: usize = 14;
    if !segment.holds(TcpHdr::LEN) {
        record.set_defect(Defect::TransportTruncated);
        return Next::NOTHING;
    }
    // By bytes: the crate's bit field walks its flags one at a time.
    let Some(header) = read_header::<F, [u8; READ]>(frame, segment, record) else {
        take_ports(frame, segment, record);
        return Next::NOTHING;
    };
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, data_offset, flags] = header;
    record.source_port = u16::from_be_bytes([s0, s1]);
    record.destination_port = u16::from_be_bytes([d0, d1]);
    record.tcp_sequence = u32::from_be_bytes([q0, q1, q2, q3]);
    record.tcp_acknowledgement = u32::from_be_bytes([a0, a1, a2, a3]);
    record.tcp_flags = flags;
    let header_length = usize::from(data_offset >> 4) * 4;
    if header_length < TcpHdr::LEN || !segment.holds(header_length) {
        record.set_defect(Defect::TcpHeaderLength);
        return Next::NOTHING;
    }
    let payload = segment.skip(header_length);
    record.payload_length = payload.length();
    Next::payload(payload.offset)
}

#[inline(always)]
fn parse_udp<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    let Some(header) = read_header::<F, UdpHdr>(frame, segment, record) else {
        take_ports(frame, segment, record);
        return Next::NOTHING;
    };
    record.source_port = u16::from_be_bytes(header.src);
    record.destination_port = u16::from_be_bytes(header.dst);
    let payload = segment.skip(UdpHdr::LEN);
    let length = usize::from(u16::from_be_bytes(header.len));
    record.payload_length = payload.length();
    // The first fragment carries the length of the whole datagram; 0 stands for a jumbogram (RFC 2675).
    if record.flags & flag::FRAGMENT == 0 && length != 0 {
        if length < UdpHdr::LEN || !segment.holds(length) {
            record.set_defect(Defect::UdpLength);
        } else {
            record.payload_length = (length - UdpHdr::LEN) as u16;
        }
    }
    tunnel::parse_datagram(frame, record.destination_port, payload.offset, segment.end, record)
}

#[inline(always)]
fn parse_icmp<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) -> Next {
    /// Type, code, checksum and the four bytes that every message has.
    const HEADER: usize = 8;
    let Some(header) = read_header::<F, [u8; HEADER]>(frame, segment, record) else {
        if F::MAY_BE_CUT
            && record.has(flag::HEADER_CUT)
            && let Some([kind, code]) = frame.read::<[u8; 2]>(segment.offset)
        {
            (record.message_type, record.message_code) = (kind, code);
        }
        return Next::NOTHING;
    };
    record.message_type = header[0];
    record.message_code = header[1];
    record.payload_length = segment.skip(HEADER).length();
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
    let Some(header) = read_header::<F, [u8; HEADER]>(frame, segment, record) else {
        take_ports(frame, segment, record);
        return Next::NOTHING;
    };
    record.source_port = u16::from_be_bytes([header[0], header[1]]);
    record.destination_port = u16::from_be_bytes([header[2], header[3]]);
    let length = if record.protocol == IpProto::Dccp as u8 { usize::from(header[4]) * 4 } else { HEADER };
    record.payload_length = segment.skip(length).length();
    Next::NOTHING
}

/// Reads a transport header that must lie inside the packet as well as inside the frame.
#[inline(always)]
pub(super) fn read_header<F: Frame, T: Header>(
    frame: &F,
    segment: Segment,
    record: &mut PacketRecord,
) -> Option<T> {
    if !segment.holds(size_of::<T>()) {
        record.set_defect(Defect::TransportTruncated);
        return None;
    }
    let header = frame.read(segment.offset);
    if header.is_none() {
        set_truncated::<F>(record, Defect::TransportTruncated);
    }
    header
}

/// Takes the ports where the capture cut the rest of the header.
#[inline(always)]
fn take_ports<F: Frame>(frame: &F, segment: Segment, record: &mut PacketRecord) {
    if F::MAY_BE_CUT
        && record.has(flag::HEADER_CUT)
        && let Some([s0, s1, d0, d1]) = frame.read::<[u8; 4]>(segment.offset)
    {
        record.source_port = u16::from_be_bytes([s0, s1]);
        record.destination_port = u16::from_be_bytes([d0, d1]);
    }
}
