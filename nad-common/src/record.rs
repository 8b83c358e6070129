//! The wire struct: the raw header facts of one packet.

mod tunnel;
mod wire;

use core::mem::offset_of;

use bytemuck::{Pod, Zeroable};
pub use tunnel::Tunnel;

/// Bytes of a record whose addresses are IPv4: one cache line.
pub const SHORT_RECORD: usize = 64;
/// Bytes of every other record (IPv6, ARP and what has no IP).
pub const LONG_RECORD: usize = 88;
/// Bytes that either has more where packets that were not recorded travel with it.
pub const SAMPLED_OUT_BYTES: usize = 8;
/// Where those are in the struct.
pub const SAMPLED_OUT_OFFSET: usize = offset_of!(PacketRecord, sampled_out_packets);

/// One packet as the parser saw it. All numbers are in the machine's byte order; a field that the packet does
/// not have is 0.
///
/// In the ring a record takes [`SHORT_RECORD`] bytes where its addresses are IPv4 and [`LONG_RECORD`] bytes
/// otherwise: the same struct, cut after the fourth byte of each address. Where [`Self::sampled_out_packets`] is not 0, it and
/// [`Self::sampled_out_bytes`] follow, [`SAMPLED_OUT_BYTES`] more; otherwise they are cut off as well.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct PacketRecord {
    /// Nanoseconds: `CLOCK_MONOTONIC` in the kernel, the capture's Unix time in replay. In the kernel it is exact where
    /// a CPU sees less than 8,000 packets a second (32 a tick of 4 ms); where it sees more, up to 16 packets share
    /// the time of the first, which lies less than a tick before the true one. A CPU's times never run backwards. See
    /// [`ClockState`](crate::clock::ClockState).
    pub time_ns: u64,
    /// Bytes on the wire, link header included, also where a capture holds fewer. Of a packet that the kernel has
    /// merged from several, or has yet to cut into several, those of the whole.
    pub length: u32,
    /// Index of the interface that received or sent the packet; 0 in replay.
    pub interface: u32,
    /// [`flag`] bits, the [`AddressKind`], the [`Tunnel`] and the [`Defect`].
    pub flags: u32,
    /// TCP sequence number.
    pub tcp_sequence: u32,
    /// TCP acknowledgement number.
    pub tcp_acknowledgement: u32,
    /// EtherType after any VLAN tags (values below 0x0600 are an 802.3 length); of the inner packet in a tunnel.
    pub ether_type: u16,
    /// Bytes after the transport header, by the packet's own length fields; saturates at 65,535.
    pub payload_length: u16,
    /// Source port of TCP, UDP, UDP-Lite, SCTP or DCCP.
    pub source_port: u16,
    /// Destination port of the same.
    pub destination_port: u16,
    /// Source MAC address of the frame, of the inner one where a tunnel carries whole frames; zero where the link has
    /// none.
    pub source_mac: [u8; 6],
    /// Fragment offset in units of 8 bytes.
    pub fragment_offset: u16,
    /// Tag control information of the first VLAN tag (priority, drop eligible, VLAN id in the low 12 bits); of the
    /// inner frame where a tunnel carries whole frames, as is all that is said of the link.
    pub vlan_outer: u16,
    /// Type of the first DNS question (RFC 1035, 3.2.2).
    pub dns_query_type: u16,
    /// IP protocol number after extension headers.
    pub protocol: u8,
    /// IPv4 time to live or IPv6 hop limit.
    pub ttl: u8,
    /// TCP flags from FIN (bit 0) to CWR (bit 7).
    pub tcp_flags: u8,
    /// ICMP, ICMPv6 or IGMP type, or the ARP operation.
    pub message_type: u8,
    /// ICMP or ICMPv6 code, or the DNS response code.
    pub message_code: u8,
    /// Bytes of the first DNS question's name as on the wire, without the root label; 255 also for more.
    pub dns_name_length: u8,
    /// The [`HeadKind`](crate::head::HeadKind) of a payload that begins something; 0 for every other.
    pub head: u8,
    /// On its way from the kernel: which of this CPU's heads belongs to the record, where one does. Otherwise 0.
    pub head_number: u8,
    /// Source and destination, laid out by the [`AddressKind`]; see [`PacketRecord::addresses`].
    pub address_bytes: [u8; 32],
    /// Packets that were not recorded and travel with this one, see [`PacketRecord::sampled_out`]; live only.
    pub sampled_out_packets: u32,
    /// Their bytes on the wire.
    pub sampled_out_bytes: u32,
}

const _: () = assert!(size_of::<PacketRecord>() == LONG_RECORD + SAMPLED_OUT_BYTES);
const _: () = assert!(SAMPLED_OUT_OFFSET == LONG_RECORD && align_of::<PacketRecord>() == 8);
const _: () = assert!(offset_of!(PacketRecord, address_bytes) + 8 == SHORT_RECORD);

/// Bits of [`PacketRecord::flags`]. Its lowest two are the [`AddressKind`], bits 17 and 18 the level of sampling, 20 to 23
/// the [`Tunnel`], 24 to 28 the [`Defect`], and 29 to 31 whose packets travel with the record.
pub mod flag {
    /// A fragment: more follow, or the offset is not 0.
    pub const FRAGMENT: u32 = 1 << 2;
    /// More fragments follow.
    pub const MORE_FRAGMENTS: u32 = 1 << 3;
    /// IPv4 "don't fragment".
    pub const DONT_FRAGMENT: u32 = 1 << 4;
    /// IPv4 options or IPv6 extension headers are present.
    pub const IP_OPTIONS: u32 = 1 << 5;
    /// The capture holds fewer bytes than the packet had (files only).
    pub const CUT: u32 = 1 << 6;
    /// The destination MAC address is a group address.
    pub const LINK_MULTICAST: u32 = 1 << 7;
    /// The destination MAC address is the broadcast address.
    pub const LINK_BROADCAST: u32 = 1 << 8;
    /// One VLAN tag or more.
    pub const VLAN: u32 = 1 << 9;
    /// Two VLAN tags or more.
    pub const VLAN_STACKED: u32 = 1 << 10;
    /// A DNS, mDNS or LLMNR message over UDP.
    pub const DNS: u32 = 1 << 11;
    /// That message is a response.
    pub const DNS_RESPONSE: u32 = 1 << 12;
    /// The interface sent the packet (live only; without it, the interface received it).
    pub const EGRESS: u32 = 1 << 16;
    /// The capture holds less than the headers that would be read (files only): what is 0 of ports, TCP flags and
    /// numbers is not known.
    pub const HEADER_CUT: u32 = 1 << 19;
}

const ADDRESS_KIND_MASK: u32 = 0b11;
pub(crate) const LEVEL_SHIFT: u32 = 17;
pub(crate) const LEVEL_MASK: u32 = 0b11 << LEVEL_SHIFT;
const TUNNEL_SHIFT: u32 = 20;
const TUNNEL_MASK: u32 = 0b1111 << TUNNEL_SHIFT;
const DEFECT_SHIFT: u32 = 24;
const DEFECT_MASK: u32 = 0b1_1111 << DEFECT_SHIFT;
pub(crate) const SCOPE_SHIFT: u32 = 29;
pub(crate) const SCOPE_MASK: u32 = 0b111 << SCOPE_SHIFT;

/// How [`PacketRecord::address_bytes`] is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AddressKind {
    /// MAC addresses, and what ARP said.
    Link = 0,
    /// IPv4 addresses.
    V4 = 1,
    /// IPv6 addresses.
    V6 = 2,
}

/// What is wrong with a packet that still tells who sent it to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Defect {
    /// The version field contradicts the EtherType.
    IpVersion = 1,
    /// An IPv4 header length below 20 bytes or past the end of the packet.
    IpHeaderLength = 2,
    /// An IP length field that is larger than the frame, or smaller than the header.
    IpLength = 3,
    /// More extension headers than [`parse::MAX_EXTENSION_HEADERS`](crate::parse::MAX_EXTENSION_HEADERS).
    ExtensionChain = 4,
    /// The packet ends inside an extension header.
    ExtensionTruncated = 5,
    /// The packet ends inside its transport header.
    TransportTruncated = 6,
    /// A TCP header length below 20 bytes or past the end of the packet.
    TcpHeaderLength = 7,
    /// A UDP length field that contradicts the IP length.
    UdpLength = 8,
    /// An ARP packet that is not about IPv4 over Ethernet.
    ArpFormat = 9,
    /// A tunnel whose inner packet can't be read; the record reports the outer one.
    TunnelContent = 10,
    /// A DNS name that is longer than allowed, compressed in a question, or cut off by the packet's end.
    DnsName = 11,
}

impl Defect {
    const ALL: [Self; 11] = [
        Self::IpVersion,
        Self::IpHeaderLength,
        Self::IpLength,
        Self::ExtensionChain,
        Self::ExtensionTruncated,
        Self::TransportTruncated,
        Self::TcpHeaderLength,
        Self::UdpLength,
        Self::ArpFormat,
        Self::TunnelContent,
        Self::DnsName,
    ];

    /// The defect in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpVersion => "IP version contradicts the EtherType",
            Self::IpHeaderLength => "impossible IP header length",
            Self::IpLength => "impossible IP length",
            Self::ExtensionChain => "too many IPv6 extension headers",
            Self::ExtensionTruncated => "truncated IPv6 extension header",
            Self::TransportTruncated => "truncated transport header",
            Self::TcpHeaderLength => "impossible TCP header length",
            Self::UdpLength => "impossible UDP length",
            Self::ArpFormat => "ARP not about IPv4 over Ethernet",
            Self::TunnelContent => "unreadable packet inside a tunnel",
            Self::DnsName => "impossible DNS name",
        }
    }
}

/// Which way a packet went through the interface.
#[repr(u8)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The interface received it; also every packet of a capture file, which doesn't say.
    #[default]
    Ingress = 0,
    /// The interface sent it.
    Egress = 1,
}

impl Direction {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];
}

/// Source and destination of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// MAC addresses of the frame, for ARP with what it says: sender and target, protocol (IPv4) and hardware.
    Link {
        /// Source MAC address of the frame.
        source: [u8; 6],
        /// Destination MAC address of the frame.
        destination: [u8; 6],
        /// ARP sender IPv4 address.
        sender_ip: [u8; 4],
        /// ARP target IPv4 address.
        target_ip: [u8; 4],
        /// ARP sender MAC address.
        sender_mac: [u8; 6],
        /// ARP target MAC address.
        target_mac: [u8; 6],
    },
    /// IPv4 source and destination, in network order.
    V4([u8; 4], [u8; 4]),
    /// IPv6 source and destination, in network order.
    V6([u8; 16], [u8; 16]),
}

impl PacketRecord {
    /// How the addresses are laid out.
    pub const fn address_kind(&self) -> AddressKind {
        match self.flags & ADDRESS_KIND_MASK {
            1 => AddressKind::V4,
            2 => AddressKind::V6,
            _ => AddressKind::Link,
        }
    }

    /// Source and destination.
    pub fn addresses(&self) -> Addresses {
        let bytes = &self.address_bytes;
        match self.address_kind() {
            AddressKind::V4 => Addresses::V4(part(bytes, 0), part(bytes, 4)),
            AddressKind::V6 => Addresses::V6(part(bytes, 0), part(bytes, 16)),
            AddressKind::Link => Addresses::Link {
                source: part(bytes, 0),
                destination: part(bytes, 6),
                sender_ip: part(bytes, 12),
                target_ip: part(bytes, 16),
                sender_mac: part(bytes, 20),
                target_mac: part(bytes, 26),
            },
        }
    }

    /// Whether it is an ARP packet (or one inside a tunnel).
    pub const fn is_arp(&self) -> bool {
        const ETHER_TYPE_ARP: u16 = 0x0806;
        matches!(self.address_kind(), AddressKind::Link) && self.ether_type == ETHER_TYPE_ARP
    }

    /// Which way it went through the interface.
    pub const fn direction(&self) -> Direction {
        if self.has(flag::EGRESS) { Direction::Egress } else { Direction::Ingress }
    }

    /// Whether all the bits of `mask` (of [`flag`]) are set.
    pub const fn has(&self, mask: u32) -> bool {
        self.flags & mask == mask
    }

    /// The tunnel that was stepped into.
    pub fn tunnel(&self) -> Option<Tunnel> {
        let code = (self.flags & TUNNEL_MASK) >> TUNNEL_SHIFT;
        Tunnel::ALL.into_iter().find(|tunnel| *tunnel as u32 == code)
    }

    /// What is wrong with the packet.
    pub fn defect(&self) -> Option<Defect> {
        let code = (self.flags & DEFECT_MASK) >> DEFECT_SHIFT;
        Defect::ALL.into_iter().find(|defect| *defect as u32 == code)
    }

    /// Whether there is a [`Defect`].
    #[inline(always)]
    pub const fn is_defective(&self) -> bool {
        self.flags & DEFECT_MASK != 0
    }

    #[inline(always)]
    pub(crate) fn set_address_kind(&mut self, kind: AddressKind) {
        self.flags = self.flags & !ADDRESS_KIND_MASK | kind as u32;
    }

    /// Clears what the network and transport headers of a tunnel's outer packet said; the tunnel and its link facts stay.
    #[inline(always)]
    pub(crate) fn forget_network(&mut self) {
        const LINK_FLAGS: u32 = flag::LINK_MULTICAST | flag::LINK_BROADCAST | flag::VLAN | flag::VLAN_STACKED;
        let link = *self;
        self.forget_frame();
        self.flags |= link.flags & LINK_FLAGS;
        self.vlan_outer = link.vlan_outer;
        self.source_mac = link.source_mac;
    }

    /// Clears everything that a tunnel's outer frame said but the tunnel, where a whole frame is inside.
    #[inline(always)]
    pub(crate) fn forget_frame(&mut self) {
        *self = Self {
            time_ns: self.time_ns,
            length: self.length,
            interface: self.interface,
            flags: self.flags & (flag::CUT | flag::EGRESS | TUNNEL_MASK),
            ..Self::zeroed()
        };
    }

    #[inline(always)]
    pub(crate) fn set_tunnel(&mut self, tunnel: Tunnel) {
        self.flags = self.flags & !TUNNEL_MASK | (tunnel as u32) << TUNNEL_SHIFT;
    }

    /// Takes a defect back.
    #[inline(always)]
    pub(crate) fn clear_defect(&mut self, defect: Defect) {
        if self.flags & DEFECT_MASK == (defect as u32) << DEFECT_SHIFT {
            self.flags &= !DEFECT_MASK;
        }
    }

    /// Notes a defect; the first one found stays.
    #[inline(always)]
    pub(crate) fn set_defect(&mut self, defect: Defect) {
        if self.flags & DEFECT_MASK == 0 {
            self.flags |= (defect as u32) << DEFECT_SHIFT;
        }
    }
}

fn part<const N: usize>(bytes: &[u8; 32], at: usize) -> [u8; N] {
    core::array::from_fn(|i| bytes[at + i])
}
