//! Captures without Ethernet, headers that captures cut, and the names of what is not looked into.

use crate::{frames::cases, parse as parse_frame, parse_linked};
use nad_common::{
    opaque::Opaque,
    parse::LinkType,
    record::{Addresses, PacketRecord, flag},
    refusal::Refusal,
};

/// A datagram of 8 bytes of payload from 10.1.2.3:4001 to 192.0.2.80:4002.
const IPV4_DATAGRAM: [u8; 36] = [
    0x45, 0, 0, 36, 0, 7, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3, 192, 0, 2, 80, 0x0f, 0xa1, 0x0f, 0xa2, 0, 16, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8,
];

fn is_the_datagram(record: &PacketRecord) -> bool {
    record.addresses() == Addresses::V4([10, 1, 2, 3], [192, 0, 2, 80])
        && (record.source_port, record.destination_port) == (4001, 4002)
        && (record.protocol, record.ttl, record.payload_length) == (17, 64, 8)
        && record.ether_type == 0x0800
        && record.defect().is_none()
}

#[test]
fn linux_cooked_captures_are_read() {
    for (packet_type, flags) in [
        (0_u8, 0),
        (1, flag::LINK_BROADCAST | flag::LINK_MULTICAST),
        (2, flag::LINK_MULTICAST),
        (3, 0),
        (4, 0),
    ] {
        // Packet type, ARPHRD_ETHER, address length and address, protocol.
        let first = [0, packet_type, 0, 1, 0, 6, 2, 0x1a, 0x2b, 0x3c, 0x4d, 1, 0, 0, 0x08, 0];
        // Protocol, reserved, interface index, ARPHRD_ETHER, packet type, address length, address.
        let second = [0x08, 0, 0, 0, 0, 0, 0, 3, 0, 1, packet_type, 6, 2, 0x1a, 0x2b, 0x3c, 0x4d, 1, 0, 0];
        for (link_type, header) in
            [(LinkType::LinuxCooked, &first[..]), (LinkType::LinuxCooked2, &second[..])]
        {
            let frame = [header, &IPV4_DATAGRAM].concat();
            let record = parse_linked(&frame, link_type).unwrap();
            assert!(is_the_datagram(&record), "{link_type:?}: {record:?}");
            assert_eq!(record.flags & !0b11, flags, "{link_type:?}");
            for length in 0..header.len() {
                assert_eq!(
                    parse_linked(&frame[..length], link_type),
                    Err(Refusal::LinkTruncated),
                    "{link_type:?}: {length} bytes"
                );
            }
            for length in header.len()..header.len() + 20 {
                assert_eq!(
                    parse_linked(&frame[..length], link_type),
                    Err(Refusal::Ipv4Truncated),
                    "{link_type:?}: {length} bytes"
                );
            }
        }
    }
}

#[test]
fn cooked_captures_of_other_protocols_keep_the_source_address() {
    let first = [0, 0, 0, 1, 0, 6, 2, 0x1a, 0x2b, 0x3c, 0x4d, 1, 0, 0, 0x88, 0xcc];
    let second = [0x88, 0xcc, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0x1a, 0x2b, 0x3c, 0x4d, 1, 0, 0];
    for (link_type, frame) in [(LinkType::LinuxCooked, &first[..]), (LinkType::LinuxCooked2, &second[..])] {
        let record = parse_linked(frame, link_type).unwrap();
        assert_eq!(record.ether_type, 0x88cc);
        let Addresses::Link { source, destination, .. } = record.addresses() else { panic!("{record:?}") };
        assert_eq!((source, destination), ([2, 0x1a, 0x2b, 0x3c, 0x4d, 1], [0; 6]));
    }
}

#[test]
fn a_tag_in_a_cooked_capture_is_read() {
    let header = [0, 0, 0, 1, 0, 6, 2, 0x1a, 0x2b, 0x3c, 0x4d, 1, 0, 0, 0x81, 0, 0x20, 0x2a, 0x08, 0];
    let record = parse_linked(&[&header[..], &IPV4_DATAGRAM].concat(), LinkType::LinuxCooked).unwrap();
    assert!(is_the_datagram(&record) && record.has(flag::VLAN), "{record:?}");
    assert_eq!(record.vlan_outer, 0x202a);
}

#[test]
fn packets_without_link_header_are_read() {
    let record = parse_linked(&IPV4_DATAGRAM, LinkType::RawIp).unwrap();
    assert!(is_the_datagram(&record), "{record:?}");
    let mut ipv6 = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    ipv6.extend([0xfe; 16]);
    ipv6.extend([0xfd; 16]);
    ipv6.extend([0x0f, 0xa1, 0x0f, 0xa2, 0, 8, 0, 0]);
    let record = parse_linked(&ipv6, LinkType::RawIp).unwrap();
    assert_eq!(record.addresses(), Addresses::V6([0xfe; 16], [0xfd; 16]));
    assert_eq!((record.ether_type, record.source_port, record.destination_port), (0x86dd, 4001, 4002));
    assert_eq!(record.defect(), None);
    assert_eq!(parse_linked(&[], LinkType::RawIp), Err(Refusal::LinkTruncated));
    assert_eq!(parse_linked(&IPV4_DATAGRAM[..19], LinkType::RawIp), Err(Refusal::Ipv4Truncated));
    assert_eq!(parse_linked(&ipv6[..39], LinkType::RawIp), Err(Refusal::Ipv6Truncated));
    for first in (0..=u8::MAX).filter(|first| !matches!(first >> 4, 4 | 6)) {
        assert_eq!(parse_linked(&[first; 64], LinkType::RawIp), Err(Refusal::NotIp));
    }
}

#[test]
fn bsd_loopback_ppp_and_labels_are_read() {
    let packet =
        cases().into_iter().find(|case| case.name == "One MPLS label is stepped over").unwrap().frame;
    let (label, ip) = (&packet[14..], &packet[18..]);
    let of = |start: &[u8], link_type| {
        let frame = [start, ip].concat();
        let record = parse_linked(&frame, link_type).unwrap();
        assert_eq!((record.destination_port, record.tcp_flags, record.defect()), (443, 0x18, None));
    };
    of(&[2, 0, 0, 0], LinkType::Loopback);
    of(&[0, 0, 0, 2], LinkType::Loopback);
    of(&[0xff, 3, 0, 0x21], LinkType::Ppp);
    of(&[0, 0x21], LinkType::Ppp);
    of(&[0x21], LinkType::Ppp);
    of(&[0x0f, 0, 8, 0], LinkType::CiscoHdlc);
    of(&[0x11, 0, 0, 1, 0, 47, 0, 0x21], LinkType::PppoeSession);
    assert_eq!(parse_linked(label, LinkType::Mpls).unwrap().destination_port, 443);
    for (frame, link_type) in [
        (&[7, 0, 0, 0, 0x45][..], LinkType::Loopback),
        (&[2, 0, 0, 0, 0x15], LinkType::Loopback),
        (&[0xc0, 0x21, 1, 1], LinkType::Ppp),
        (&[0x8f, 0, 0x20, 0], LinkType::CiscoHdlc),
        (&[0x11, 0, 0, 1, 0, 4, 0xc0, 0x21], LinkType::PppoeSession),
    ] {
        assert_eq!(parse_linked(frame, link_type), Err(Refusal::NotIp), "{frame:?}");
    }
}

#[test]
fn of_a_cut_header_what_is_there_is_used_and_what_is_not_is_marked() {
    let frame = cases().into_iter().find(|case| case.name == "One MPLS label is stepped over").unwrap().frame;
    // Behind Ethernet, a label and IPv4.
    let tcp = 14 + 4 + 20;
    let cut = |bytes: usize| parse_frame(&frame[..tcp + bytes], frame.len()).unwrap();
    let whole = cut(14);
    assert_eq!((whole.tcp_flags, whole.payload_length, whole.has(flag::HEADER_CUT)), (0x18, 5, false));
    let ports = cut(8);
    assert_eq!((ports.source_port, ports.destination_port, ports.tcp_flags), (49651, 443, 0));
    assert!(ports.has(flag::HEADER_CUT) && !ports.is_defective());
    assert_eq!(Opaque::of(&ports), Some(Opaque::HeaderCut));
    let nothing = cut(3);
    assert_eq!((nothing.source_port, nothing.destination_port), (0, 0));
    assert!(nothing.has(flag::HEADER_CUT) && !nothing.is_defective());
}

#[test]
fn what_was_not_looked_into_has_a_name() {
    let named = |name: &str| {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        Opaque::of(&parse_frame(&case.frame, case.frame.len()).unwrap()).map(Opaque::name)
    };
    assert_eq!(named("More labels than are stepped over are the frame's"), Some("mpls"));
    assert_eq!(named("MACsec is the frame's"), Some("macsec"));
    assert_eq!(named("GTP-U's echo is the outer packet's"), Some("gtp_u"));
    assert_eq!(named("PPTP's GRE of version 1 is opaque"), Some("gre"));
    assert_eq!(named("A tunnel in a tunnel is reported one level in"), Some("vxlan"));
    assert_eq!(named("Three MPLS labels are stepped over"), None);
    assert_eq!(named("An ARP reply names both sides"), None);
}
