//! Why there is no record of a frame.

/// Why a frame gave no record: nothing in it tells who sent it to whom.
///
/// What can be attributed but is wrong further on is recorded with a [`Defect`](crate::record::Defect) instead.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Shorter than its link header (14 bytes for Ethernet).
    LinkTruncated = 0,
    /// Ends inside an 802.1Q or 802.1ad tag.
    VlanTruncated = 1,
    /// Announced as ARP, but shorter than an ARP packet for IPv4 over Ethernet (28 bytes).
    ArpTruncated = 2,
    /// Announced as IPv4, but shorter than an IPv4 header (20 bytes).
    Ipv4Truncated = 3,
    /// Announced as IPv6, but shorter than an IPv6 header (40 bytes).
    Ipv6Truncated = 4,
    /// A packet without Ethernet header that is neither IPv4 nor IPv6.
    NotIp = 5,
    /// An IP packet where an Ethernet header belongs. With generic XDP this is the copy of a multicast or broadcast
    /// packet by which the kernel lets this machine hear itself; the packet is seen as it is sent.
    NoLinkHeader = 6,
    /// The capture holds less than its link and network headers: the recorder's doing (files only).
    Cut = 7,
    /// Of a link type that nad can't read, among others that it can (files only).
    LinkType = 8,
}

impl Refusal {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 9] = [
        Self::LinkTruncated,
        Self::VlanTruncated,
        Self::ArpTruncated,
        Self::Ipv4Truncated,
        Self::Ipv6Truncated,
        Self::NotIp,
        Self::NoLinkHeader,
        Self::Cut,
        Self::LinkType,
    ];

    /// The reason's name in status lines, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkTruncated => "link_truncated",
            Self::VlanTruncated => "vlan_truncated",
            Self::ArpTruncated => "arp_truncated",
            Self::Ipv4Truncated => "ipv4_truncated",
            Self::Ipv6Truncated => "ipv6_truncated",
            Self::NotIp => "not_ip",
            Self::NoLinkHeader => "no_link_header",
            Self::Cut => "cut",
            Self::LinkType => "link_type",
        }
    }
}
