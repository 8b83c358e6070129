//! What ICMP messages of either version, and IGMP, are about.

use nad_common::record::PacketRecord;

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const ICMPV6: u8 = 58;

/// Whether it is ICMP of either version.
pub fn is_icmp(record: &PacketRecord) -> bool {
    matches!(record.protocol, ICMP | ICMPV6)
}

/// Whether it is ICMP that one host sends another of its own accord: errors are about somebody's packet, and neighbour
/// discovery and group management are the network's own business.
pub fn is_ping(record: &PacketRecord) -> bool {
    is_icmp(record) && !is_icmp_error(record) && !is_discovery(record) && !is_group_management(record)
}

/// Whether it is an ICMP error or a redirect, which quote the packet that they are about (RFC 792, RFC 4443).
pub fn is_icmp_error(record: &PacketRecord) -> bool {
    match record.protocol {
        ICMP => matches!(record.message_type, 3 | 4 | 5 | 11 | 12),
        ICMPV6 => matches!(record.message_type, 1..=4),
        _ => false,
    }
}

/// Whether it is about membership of groups: IGMP (RFC 3376), multicast listeners (RFC 3810) and multicast routers (RFC 4286).
pub fn is_group_management(record: &PacketRecord) -> bool {
    match record.protocol {
        IGMP => true,
        ICMPV6 => matches!(record.message_type, 130..=132 | 143 | 151..=153),
        _ => false,
    }
}

/// Whether it is neighbour discovery, IPv6's ARP (RFC 4861, and its inverse, RFC 3122), or numbers routers anew (RFC 2894): what a
/// router does of it for others is not its own doing.
pub fn is_discovery(record: &PacketRecord) -> bool {
    record.protocol == ICMPV6 && matches!(record.message_type, 133..=138 | 141 | 142)
}

/// Whether it asks for the MAC address of an IPv6 address (RFC 4861, 4.3).
pub fn is_solicitation(record: &PacketRecord) -> bool {
    record.protocol == ICMPV6 && record.message_type == 135
}

/// Whether an ICMP message answers another packet: echo, timestamp and mask replies.
pub fn is_icmp_answer(record: &PacketRecord) -> bool {
    match record.protocol {
        ICMP => matches!(record.message_type, 0 | 14 | 16 | 18),
        _ => matches!(record.message_type, 129 | 136),
    }
}

/// Whether an ICMP message says that a packet could not be delivered: unreachable and, in IPv6, such as are
/// errors. Time exceeded is not one: traceroute lives on it.
pub fn is_unreachable(record: &PacketRecord) -> bool {
    match record.protocol {
        ICMP => record.message_type == 3,
        ICMPV6 => record.message_type == 1,
        _ => false,
    }
}
