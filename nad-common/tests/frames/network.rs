//! IPv4 and IPv6: lengths, options, fragments, extension headers.

use nad_common::{
    parse::MAX_EXTENSION_HEADERS,
    record::{Defect, PacketRecord, flag},
    refusal::Refusal,
};

use super::{
    Case,
    build::{CLIENT_V6, Ipv4, Ipv6, authentication, ethernet, extension, fragment, join, padded, tcp, udp},
    case, expect_defect, expect_ipv4, expect_ipv6, expect_link, expect_tcp, expect_udp, refused,
};

const ACK: u8 = 0x10;
const SYN: u8 = 0x02;

pub(crate) fn cases() -> Vec<Case> {
    let datagram = udp(40_001, 40_002, b"0123456789");
    let v4 = |header: Ipv4, payload: &[u8]| ethernet(0x0800, &header.packet(17, payload));
    let v6 = |header: Ipv6, payload: &[u8]| ethernet(0x86dd, &header.packet(17, payload));
    let plain = |r: &mut PacketRecord| {
        expect_ipv4(r, 17);
        expect_udp(r, 40_001, 40_002, 10);
    };
    let fragmented = |word: u16| Ipv4 { fragment: word, ..Ipv4::outer() };
    vec![
        case("Every field of a plain IPv4 header is read", v4(Ipv4::outer(), &datagram), plain),
        case(
            "Padding of a short frame is no payload",
            padded(ethernet(0x0800, &Ipv4::outer().packet(6, &tcp(ACK, &[], &[]))), 0xff),
            |r| {
                expect_ipv4(r, 6);
                expect_tcp(r, ACK, 0);
            },
        ),
        case(
            "IPv4 options move the transport header",
            v4(Ipv4 { options: vec![0x94, 4, 0, 0], ..Ipv4::outer() }, &datagram),
            |r| {
                plain(r);
                r.flags |= flag::IP_OPTIONS;
            },
        ),
        case(
            "The longest IPv4 header has 40 bytes of options",
            v4(Ipv4 { options: vec![1; 40], ..Ipv4::outer() }, &datagram),
            |r| {
                plain(r);
                r.flags |= flag::IP_OPTIONS;
            },
        ),
        case(
            "The first IPv4 fragment has ports",
            v4(fragmented(0x2000), &udp(40_001, 40_002, &[7; 16])),
            |r| {
                expect_ipv4(r, 17);
                expect_udp(r, 40_001, 40_002, 16);
                r.flags = 1 | flag::FRAGMENT | flag::MORE_FRAGMENTS;
            },
        ),
        case(
            "The length of the whole datagram in its first fragment is no defect",
            v4(fragmented(0x2000), &super::build::udp_with_length(40_001, 40_002, 4000, &[7; 16])),
            |r| {
                expect_ipv4(r, 17);
                expect_udp(r, 40_001, 40_002, 16);
                r.flags = 1 | flag::FRAGMENT | flag::MORE_FRAGMENTS;
            },
        ),
        case("A middle IPv4 fragment has no ports", v4(fragmented(0x2003), &datagram), |r| {
            expect_ipv4(r, 17);
            r.flags = 1 | flag::FRAGMENT | flag::MORE_FRAGMENTS;
            r.fragment_offset = 3;
            r.payload_length = 18;
        }),
        case("The last IPv4 fragment has the largest offset", v4(fragmented(0x1fff), &datagram), |r| {
            expect_ipv4(r, 17);
            r.flags = 1 | flag::FRAGMENT;
            r.fragment_offset = 0x1fff;
            r.payload_length = 18;
        }),
        case("An IPv4 packet may end with its header", v4(Ipv4::outer(), &[]), |r| {
            expect_ipv4(r, 17);
            expect_defect(r, Defect::TransportTruncated);
        }),
        refused(
            "An IPv4 header one byte short is refused",
            v4(Ipv4::outer(), &[])[..33].to_vec(),
            Refusal::Ipv4Truncated,
        ),
        refused(
            "An IPv6 header one byte short is refused",
            v6(Ipv6::outer(), &[])[..53].to_vec(),
            Refusal::Ipv6Truncated,
        ),
        case(
            "IPv4 whose version says 6 keeps the MAC addresses",
            v4(Ipv4 { version: 6, ..Ipv4::outer() }, &datagram),
            |r| {
                expect_link(r, 0x0800);
                expect_defect(r, Defect::IpVersion);
            },
        ),
        case(
            "IPv6 whose version says 4 keeps the MAC addresses",
            v6(Ipv6 { version: 4, ..Ipv6::outer() }, &datagram),
            |r| {
                expect_link(r, 0x86dd);
                expect_defect(r, Defect::IpVersion);
            },
        ),
        case(
            "An IPv4 header of 16 bytes is impossible",
            v4(Ipv4 { header_words: Some(4), ..Ipv4::outer() }, &datagram),
            |r| {
                expect_ipv4(r, 17);
                expect_defect(r, Defect::IpHeaderLength);
            },
        ),
        case(
            "An IPv4 header that ends past the frame is impossible",
            v4(Ipv4 { header_words: Some(15), ..Ipv4::outer() }, &datagram),
            |r| {
                expect_ipv4(r, 17);
                expect_defect(r, Defect::IpHeaderLength);
            },
        ),
        case(
            "An IPv4 length past the frame is impossible, and the frame's end is taken",
            v4(Ipv4 { total: Some(39), ..Ipv4::outer() }, &datagram),
            |r| {
                plain(r);
                expect_defect(r, Defect::IpLength);
            },
        ),
        case(
            "An IPv4 length below its header is impossible",
            v4(Ipv4 { total: Some(19), ..Ipv4::outer() }, &datagram),
            |r| {
                plain(r);
                expect_defect(r, Defect::IpLength);
            },
        ),
        case(
            "An IPv4 length of 0 is impossible in a frame below 64 KiB",
            v4(Ipv4 { total: Some(0), ..Ipv4::outer() }, &datagram),
            |r| {
                plain(r);
                expect_defect(r, Defect::IpLength);
            },
        ),
        case("Every field of a plain IPv6 header is read", v6(Ipv6::outer(), &datagram), |r| {
            expect_ipv6(r, 17);
            expect_udp(r, 40_001, 40_002, 10);
        }),
        case(
            "An IPv6 length past the frame is impossible, and the frame's end is taken",
            v6(Ipv6 { payload_length: Some(19), ..Ipv6::outer() }, &datagram),
            |r| {
                expect_ipv6(r, 17);
                expect_udp(r, 40_001, 40_002, 10);
                expect_defect(r, Defect::IpLength);
            },
        ),
        case(
            "IPv6 without next header carries nothing that is read",
            ethernet(0x86dd, &Ipv6::outer().packet(59, &[1, 2, 3, 4])),
            |r| {
                expect_ipv6(r, 59);
                r.payload_length = 4;
            },
        ),
        case(
            "IPv6 padding is no payload",
            padded(
                v6(Ipv6 { payload_length: Some(18), ..Ipv6::outer() }, &join(&[&datagram, &[0xaa; 9]])),
                0,
            ),
            |r| {
                expect_ipv6(r, 17);
                expect_udp(r, 40_001, 40_002, 10);
            },
        ),
    ]
}

/// Chains of extension headers.
pub(crate) fn extension_cases() -> Vec<Case> {
    const TCP: u8 = 6;
    let segment = tcp(SYN, &[], &[]);
    let v6 = |next: u8, payload: &[u8]| ethernet(0x86dd, &Ipv6::outer().packet(next, payload));
    let stepped = |r: &mut PacketRecord| {
        expect_ipv6(r, TCP);
        r.flags |= flag::IP_OPTIONS;
        expect_tcp(r, SYN, 0);
    };
    let chain = |headers: usize| {
        (0..headers).fold((TCP, segment.clone()), |(next, bytes), _| (60, extension(next, 0, &bytes))).1
    };
    let single: [(&'static str, u8); 6] = [
        ("A hop-by-hop header is stepped over", 0),
        ("A routing header is stepped over", 43),
        ("Destination options are stepped over", 60),
        ("A mobility header is stepped over", 135),
        ("A HIP header is stepped over", 139),
        ("A Shim6 header is stepped over", 140),
    ];
    let mut cases: Vec<_> =
        single.map(|(name, next)| case(name, v6(next, &extension(TCP, 0, &segment)), stepped)).into();
    let jumbo = extension(TCP, 0, &segment);
    cases.extend([
        case("A long extension header counts in units of 8 bytes", v6(60, &extension(TCP, 2, &segment)), stepped),
        case("The longest extension header has 2048 bytes", v6(0, &extension(TCP, 255, &segment)), stepped),
        case("An authentication header counts in units of 4 bytes", v6(51, &authentication(TCP, &segment)), stepped),
        case(
            "Hop-by-hop, destination, routing, fragment, authentication and destination headers are stepped over",
            v6(
                0,
                &extension(
                    60,
                    0,
                    &extension(
                        43,
                        1,
                        &extension(
                            44,
                            2,
                            &fragment(51, 0, false, &authentication(60, &extension(TCP, 0, &segment))),
                        ),
                    ),
                ),
            ),
            |r| {
                stepped(r);
            },
        ),
        case("As many extension headers as allowed are stepped over", v6(60, &chain(MAX_EXTENSION_HEADERS)), stepped),
        case("One extension header too many hides the ports", v6(60, &chain(MAX_EXTENSION_HEADERS + 1)), |r| {
            expect_ipv6(r, 60);
            r.flags |= flag::IP_OPTIONS;
            expect_defect(r, Defect::ExtensionChain);
        }),
        case("An extension header that is not there is truncated", v6(60, &[]), |r| {
            expect_ipv6(r, 60);
            r.flags |= flag::IP_OPTIONS;
            expect_defect(r, Defect::ExtensionTruncated);
        }),
        case("An extension header one byte short is truncated", v6(43, &extension(TCP, 0, &[])[..7]), |r| {
            expect_ipv6(r, 43);
            r.flags |= flag::IP_OPTIONS;
            expect_defect(r, Defect::ExtensionTruncated);
        }),
        case(
            "An extension header that says more than the packet has is truncated",
            v6(60, &extension(TCP, 3, &segment)[..31]),
            |r| {
                expect_ipv6(r, 60);
                r.flags |= flag::IP_OPTIONS;
                expect_defect(r, Defect::ExtensionTruncated);
            },
        ),
        case(
            "An extension header that lies in the frame's padding is truncated",
            ethernet(
                0x86dd,
                &Ipv6 { payload_length: Some(0), ..Ipv6::outer() }.packet(60, &extension(TCP, 0, &segment)),
            ),
            |r| {
                expect_ipv6(r, 60);
                r.flags |= flag::IP_OPTIONS;
                expect_defect(r, Defect::ExtensionTruncated);
            },
        ),
        case("The first IPv6 fragment has ports", v6(44, &fragment(17, 0, true, &udp(4001, 4002, &[9; 8]))), |r| {
            expect_ipv6(r, 17);
            expect_udp(r, 4001, 4002, 8);
            r.flags |= flag::IP_OPTIONS | flag::FRAGMENT | flag::MORE_FRAGMENTS;
        }),
        case("A middle IPv6 fragment has no ports", v6(44, &fragment(17, 2, true, &[9; 24])), |r| {
            expect_ipv6(r, 17);
            r.flags |= flag::IP_OPTIONS | flag::FRAGMENT | flag::MORE_FRAGMENTS;
            r.fragment_offset = 2;
            r.payload_length = 24;
        }),
        case("The last IPv6 fragment has no ports", v6(44, &fragment(17, 0x1fff, false, &[9; 5])), |r| {
            expect_ipv6(r, 17);
            r.flags |= flag::IP_OPTIONS | flag::FRAGMENT;
            r.fragment_offset = 0x1fff;
            r.payload_length = 5;
        }),
        case(
            "A later IPv6 fragment of destination options is payload, whatever it looks like",
            v6(44, &fragment(60, 1, false, &extension(TCP, 0, &segment))),
            |r| {
                expect_ipv6(r, 60);
                r.flags |= flag::IP_OPTIONS | flag::FRAGMENT;
                r.fragment_offset = 1;
                r.payload_length = 28;
            },
        ),
        case("An atomic IPv6 fragment is no fragment", v6(44, &fragment(TCP, 0, false, &segment)), |r| {
            stepped(r);
        }),
        case(
            "A payload length of 0 before a hop-by-hop header is impossible in a frame below 64 KiB",
            ethernet(0x86dd, &Ipv6 { payload_length: Some(0), ..Ipv6::outer() }.packet(0, &jumbo)),
            |r| {
                stepped(r);
                expect_defect(r, Defect::IpLength);
            },
        ),
        case(
            "A multicast listener report comes behind a router alert",
            ethernet(
                0x86dd,
                &Ipv6 { hop_limit: 1, destination: CLIENT_V6, ..Ipv6::outer() }
                    .packet(0, &extension(58, 0, &[143, 0, 0, 0, 0, 0, 0, 0])),
            ),
            |r| {
                expect_ipv6(r, 58);
                r.flags |= flag::IP_OPTIONS;
                r.ttl = 1;
                r.address_bytes[16..].copy_from_slice(&CLIENT_V6);
                r.message_type = 143;
            },
        ),
    ]);
    cases
}
