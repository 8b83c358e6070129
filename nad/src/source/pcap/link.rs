//! Link types by their number in capture files (<https://www.tcpdump.org/linktypes.html>).

use nad_common::parse::LinkType;

/// The supported numbers as messages say them.
pub(super) const SUPPORTED: &str = "BSD loopback (0, 108), Ethernet (1), PPP (9, 50, 51), raw IP (12, 14, 101), \
     Cisco HDLC (104), Linux cooked (113, 276), MPLS (219), IPv4 (228) or IPv6 (229)";

/// The parser's name for a number, or `None` where it has none.
pub(super) fn link_type(number: u32) -> Option<LinkType> {
    match number {
        0 | 108 => Some(LinkType::Loopback),
        1 => Some(LinkType::Ethernet),
        9 | 50 => Some(LinkType::Ppp),
        51 => Some(LinkType::PppoeSession),
        // 12 and 14 are the raw IP of BSD systems, whose own numbers got into files. The version field tells
        // IPv4 from IPv6 also where the link type does.
        12 | 14 | 101 | 228 | 229 => Some(LinkType::RawIp),
        104 => Some(LinkType::CiscoHdlc),
        113 => Some(LinkType::LinuxCooked),
        219 => Some(LinkType::Mpls),
        276 => Some(LinkType::LinuxCooked2),
        _ => None,
    }
}
