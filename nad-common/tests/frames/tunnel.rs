//! Packets inside packets.

use nad_common::{
    head::HeadKind,
    record::{Defect, PacketRecord, Tunnel, flag},
};

use super::{
    Case,
    build::{CLIENT_MAC, Ipv4, Ipv6, ethernet, ethernet_to, extension, join, padded, tag, tcp, udp},
    case, expect_defect, expect_inner_ipv4, expect_inner_ipv6, expect_ipv4, expect_ipv6, expect_macs,
    expect_tcp, expect_tunnel, expect_udp,
};

const GRE: u8 = 47;
const IPV4: u8 = 4;
const IPV6: u8 = 41;

/// RFC 7348, 5: flags (the I bit), reserved, network identifier, reserved.
pub(super) fn vxlan(payload: &[u8]) -> Vec<u8> {
    join(&[&[0x08, 0, 0, 0, 0, 0x30, 0x39, 0], payload])
}

/// RFC 8926, 3.4: version and option words, flags, protocol, network identifier, reserved, options.
fn geneve(protocol: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    join(&[&[(options.len() / 4) as u8, 0], &protocol.to_be_bytes(), &[0, 0x30, 0x39, 0], options, payload])
}

/// RFC 2890, 2: flags, version, protocol, and the optional words that the flags announce.
pub(super) fn gre(flags: u8, version: u8, protocol: u16, words: usize, payload: &[u8]) -> Vec<u8> {
    join(&[&[flags, version], &protocol.to_be_bytes(), &vec![0x77; words * 4], payload])
}

pub(super) fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &Ipv4::outer().packet(protocol, payload))
}

fn v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x86dd, &Ipv6::outer().packet(protocol, payload))
}

/// The inner packet's "hello" over IPv4.
pub(super) fn in4(tunnel: Tunnel) -> impl Fn(&mut PacketRecord) {
    move |record| {
        expect_inner_ipv4(record, tunnel, 6);
        expect_tcp(record, 0x18, 5);
    }
}

/// The same over IPv6.
pub(super) fn in6(tunnel: Tunnel) -> impl Fn(&mut PacketRecord) {
    move |record| {
        expect_inner_ipv6(record, tunnel, 6);
        expect_tcp(record, 0x18, 5);
    }
}

/// Tunnels that are stepped into.
pub(crate) fn cases() -> Vec<Case> {
    let segment = tcp(0x18, &[], b"hello");
    let inner4 = Ipv4::inner().packet(6, &segment);
    let inner6 = Ipv6::inner().packet(6, &segment);
    let framed = ethernet(0x0800, &inner4);
    let option = [0x01, 0x02, 0x80, 0x01, 0xde, 0xad, 0xbe, 0xef];
    let query = [0x1a, 0x2b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 0, 0, 28, 0, 1];
    let nested = Ipv4::inner().packet(17, &udp(5000, 4789, &vxlan(&framed)));
    vec![
        case(
            "VXLAN on its own port shows the inner packet",
            v4(17, &udp(50_000, 4789, &vxlan(&framed))),
            in4(Tunnel::Vxlan),
        ),
        case(
            "VXLAN on Linux's port shows the inner packet",
            v6(17, &udp(50_000, 8472, &vxlan(&framed))),
            in4(Tunnel::Vxlan),
        ),
        case(
            "A VLAN tag inside VXLAN is read",
            v4(17, &udp(50_000, 4789, &vxlan(&ethernet(0x8100, &tag(0x6007, 0x86dd, &inner6))))),
            |r| {
                in6(Tunnel::Vxlan)(r);
                r.flags |= flag::VLAN;
                r.vlan_outer = 0x6007;
            },
        ),
        case(
            "The VLAN tag outside a tunnel without Ethernet stays",
            ethernet(0x8100, &tag(0x0042, 0x0800, &Ipv4::outer().packet(IPV4, &inner4))),
            |r| {
                in4(Tunnel::IpInIp)(r);
                r.flags |= flag::VLAN;
                r.vlan_outer = 0x42;
            },
        ),
        case(
            "A whole frame in a tunnel has tags and group addresses of its own",
            ethernet_to(
                [0x01, 0, 0x5e, 0, 0, 1],
                0x8100,
                &tag(
                    0x0042,
                    0x0800,
                    &Ipv4::outer().packet(
                        17,
                        &udp(50_000, 4789, &vxlan(&ethernet(0x8100, &tag(0x6007, 0x86dd, &inner6)))),
                    ),
                ),
            ),
            |r| {
                in6(Tunnel::Vxlan)(r);
                r.flags |= flag::VLAN;
                r.vlan_outer = 0x6007;
            },
        ),
        case(
            "ARP inside VXLAN is ARP",
            v4(
                17,
                &udp(
                    50_000,
                    4789,
                    &vxlan(&ethernet_to(
                        [0xff; 6],
                        0x0806,
                        &join(&[
                            &[0, 1, 8, 0, 6, 4, 0, 1],
                            &CLIENT_MAC,
                            &[172, 16, 5, 6],
                            &[0; 6],
                            &[172, 16, 5, 1],
                        ]),
                    )),
                ),
            ),
            |r| {
                expect_macs(r, CLIENT_MAC, [0xff; 6]);
                r.flags = flag::LINK_BROADCAST | flag::LINK_MULTICAST;
                r.ether_type = 0x0806;
                r.message_type = 1;
                r.address_bytes[12..20].copy_from_slice(&[172, 16, 5, 6, 172, 16, 5, 1]);
                r.address_bytes[20..26].copy_from_slice(&CLIENT_MAC);
                expect_tunnel(r, Tunnel::Vxlan);
            },
        ),
        case(
            "GENEVE with Ethernet shows the inner packet",
            v4(17, &udp(50_000, 6081, &geneve(0x6558, &[], &framed))),
            in4(Tunnel::Geneve),
        ),
        case(
            "GENEVE with options and IPv4 shows the inner packet",
            v4(17, &udp(50_000, 6081, &geneve(0x0800, &option, &inner4))),
            in4(Tunnel::Geneve),
        ),
        case(
            "GENEVE with the most options and IPv6 shows the inner packet",
            v6(17, &udp(50_000, 6081, &geneve(0x86dd, &[0; 252], &inner6))),
            in6(Tunnel::Geneve),
        ),
        case("Plain GRE shows the inner packet", v4(GRE, &gre(0, 0, 0x0800, 0, &inner4)), in4(Tunnel::Gre)),
        case(
            "GRE with a checksum shows the inner packet",
            v4(GRE, &gre(0x80, 0, 0x0800, 1, &inner4)),
            in4(Tunnel::Gre),
        ),
        case(
            "GRE with a key shows the inner packet",
            v4(GRE, &gre(0x20, 0, 0x86dd, 1, &inner6)),
            in6(Tunnel::Gre),
        ),
        case(
            "GRE with a sequence number shows the inner packet",
            v6(GRE, &gre(0x10, 0, 0x0800, 1, &inner4)),
            in4(Tunnel::Gre),
        ),
        case(
            "GRE with every optional field shows the inner packet",
            v4(GRE, &gre(0xb0, 0, 0x0800, 3, &inner4)),
            in4(Tunnel::Gre),
        ),
        case(
            "GRE with bridged Ethernet shows the inner packet",
            v4(GRE, &gre(0x20, 0, 0x6558, 1, &framed)),
            in4(Tunnel::Gre),
        ),
        case("IPv4 in IPv4 shows the inner packet", v4(IPV4, &inner4), in4(Tunnel::IpInIp)),
        case("IPv6 in IPv4 shows the inner packet", v4(IPV6, &inner6), in6(Tunnel::IpInIp)),
        case("IPv4 in IPv6 shows the inner packet", v6(IPV4, &inner4), in4(Tunnel::IpInIp)),
        case("IPv6 in IPv6 shows the inner packet", v6(IPV6, &inner6), in6(Tunnel::IpInIp)),
        case(
            "IPv6 in IPv6 behind a tunnel encapsulation limit shows the inner packet without options",
            v6(60, &extension(IPV6, 0, &inner6)),
            in6(Tunnel::IpInIp),
        ),
        case(
            "Padding around a tunnel is no payload",
            padded(v4(IPV4, &Ipv4::inner().packet(17, &udp(40_000, 9, &[]))), 0xff),
            |r| {
                expect_inner_ipv4(r, Tunnel::IpInIp, 17);
                expect_udp(r, 40_000, 9, 0);
            },
        ),
        case(
            "A later fragment inside a tunnel has no ports",
            v4(IPV4, &Ipv4 { fragment: 0x2001, ..Ipv4::inner() }.packet(17, &[1; 8])),
            |r| {
                expect_inner_ipv4(r, Tunnel::IpInIp, 17);
                r.flags |= flag::FRAGMENT | flag::MORE_FRAGMENTS;
                r.fragment_offset = 1;
                r.payload_length = 8;
            },
        ),
        case(
            "DNS inside a tunnel is read",
            v4(GRE, &gre(0, 0, 0x0800, 0, &Ipv4::inner().packet(17, &udp(40_000, 53, &query)))),
            |r| {
                expect_inner_ipv4(r, Tunnel::Gre, 17);
                expect_udp(r, 40_000, 53, 20);
                r.flags |= flag::DNS;
                r.head = HeadKind::Dns as u8;
                r.dns_query_type = 28;
                r.dns_name_length = 3;
            },
        ),
        case("A tunnel in a tunnel is reported one level in", v4(IPV4, &nested), |r| {
            expect_inner_ipv4(r, Tunnel::IpInIp, 17);
            expect_udp(r, 5000, 4789, 67);
        }),
        case(
            "In the first fragment of a tunnel the inner packet's length is no defect",
            ethernet(
                0x0800,
                &Ipv4 { fragment: 0x2000, ..Ipv4::outer() }
                    .packet(IPV4, &Ipv4 { total: Some(1460), ..Ipv4::inner() }.packet(6, &segment)),
            ),
            in4(Tunnel::IpInIp),
        ),
        case(
            "An inner packet that is longer than the outer one is impossible, padding or not",
            ethernet(0x0800, &Ipv4 { total: Some(64), ..Ipv4::outer() }.packet(IPV4, &inner4)),
            |r| {
                expect_inner_ipv4(r, Tunnel::IpInIp, 6);
                expect_tcp(r, 0x18, 4);
                expect_defect(r, Defect::IpLength);
            },
        ),
        case(
            "A defect inside a tunnel is reported with the inner addresses",
            v4(IPV4, &Ipv4::inner().packet(6, &segment[..10])),
            |r| {
                expect_inner_ipv4(r, Tunnel::IpInIp, 6);
                r.payload_length = 10;
                expect_defect(r, Defect::TransportTruncated);
            },
        ),
        case(
            "A wrong IP version behind Ethernet inside VXLAN keeps the inner MAC addresses",
            v4(17, &udp(50_000, 4789, &vxlan(&ethernet(0x86dd, &inner4)))),
            |r| {
                expect_macs(r, CLIENT_MAC, super::build::SERVER_MAC);
                r.ether_type = 0x86dd;
                expect_tunnel(r, Tunnel::Vxlan);
                expect_defect(r, Defect::IpVersion);
            },
        ),
    ]
}

/// Tunnels that are reported as what carries them.
pub(crate) fn opaque_cases() -> Vec<Case> {
    let inner4 = Ipv4::inner().packet(6, &tcp(0x18, &[], b"hello"));
    let framed = ethernet(0x0800, &inner4);
    let outer = |protocol: u8, payload: u16| {
        move |r: &mut PacketRecord| {
            expect_ipv4(r, protocol);
            r.payload_length = payload;
        }
    };
    let unreadable = |protocol: u8, payload: u16| {
        move |r: &mut PacketRecord| {
            outer(protocol, payload)(r);
            expect_defect(r, Defect::TunnelContent);
        }
    };
    vec![
        case(
            "PPTP's GRE of version 1 is opaque",
            v4(GRE, &gre(0x30, 0x81, 0x880b, 2, &[0; 10])),
            outer(GRE, 22),
        ),
        case(
            "GRE of version 1 is opaque also where it says IPv4",
            v4(GRE, &gre(0, 1, 0x0800, 0, &inner4)),
            outer(GRE, 49),
        ),
        case("GRE with source routing is opaque", v4(GRE, &gre(0x40, 0, 0x0800, 1, &inner4)), outer(GRE, 53)),
        case("A GRE header one byte short is truncated", v4(GRE, &gre(0, 0, 0x0800, 0, &[])[..3]), |r| {
            outer(GRE, 3)(r);
            expect_defect(r, Defect::TransportTruncated);
        }),
        case(
            "VXLAN without network identifier is opaque",
            v4(17, &udp(50_000, 4789, &join(&[&[0; 8], &framed]))),
            |r| {
                outer(17, 0)(r);
                expect_udp(r, 50_000, 4789, 67);
            },
        ),
        case("A VXLAN port as source is no tunnel", v4(17, &udp(4789, 50_000, &vxlan(&framed))), |r| {
            outer(17, 0)(r);
            expect_udp(r, 4789, 50_000, 67);
        }),
        case(
            "GENEVE of another version is opaque",
            v4(17, &udp(50_000, 6081, &join(&[&[0x40, 0, 0x65, 0x58, 0, 0, 0, 0], &framed]))),
            |r| {
                outer(17, 0)(r);
                expect_udp(r, 50_000, 6081, 67);
            },
        ),
        case(
            "GENEVE with an unknown protocol is opaque",
            v4(17, &udp(50_000, 6081, &geneve(0x88b5, &[], &[1; 9]))),
            |r| {
                outer(17, 0)(r);
                expect_udp(r, 50_000, 6081, 17);
            },
        ),
        case(
            "A tunnel whose content lies in the frame's padding is empty",
            ethernet(0x0800, &Ipv4 { total: Some(20), ..Ipv4::outer() }.packet(IPV4, &inner4)),
            unreadable(IPV4, 0),
        ),
        case("An empty tunnel shows the outer packet", v4(IPV4, &[]), unreadable(IPV4, 0)),
        case(
            "A tunnel with less than an IPv4 header shows the outer packet",
            v4(IPV4, &inner4[..19]),
            unreadable(IPV4, 19),
        ),
        case(
            "A tunnel with less than an IPv6 header shows the outer packet",
            v4(IPV6, &Ipv6::inner().packet(6, &[])[..39]),
            unreadable(IPV6, 39),
        ),
        case(
            "A tunnel with less than an Ethernet header shows the outer packet",
            v4(GRE, &gre(0, 0, 0x6558, 0, &framed[..13])),
            unreadable(GRE, 17),
        ),
        case(
            "A tunnel with less than a VLAN tag shows the outer packet",
            v4(GRE, &gre(0, 0, 0x6558, 0, &ethernet(0x8100, &[0, 1, 8]))),
            unreadable(GRE, 21),
        ),
        case(
            "A VXLAN header one byte short shows the outer packet",
            v4(17, &udp(50_000, 4789, &vxlan(&[])[..7])),
            |r| {
                unreadable(17, 0)(r);
                expect_udp(r, 50_000, 4789, 7);
            },
        ),
        case(
            "A GENEVE header one byte short shows the outer packet",
            v4(17, &udp(50_000, 6081, &geneve(0x6558, &[], &[])[..7])),
            |r| {
                unreadable(17, 0)(r);
                expect_udp(r, 50_000, 6081, 7);
            },
        ),
        case(
            "A tunnel that says IPv4 and holds IPv6 shows the outer packet",
            v4(IPV4, &Ipv6::inner().packet(6, &[0; 20])),
            unreadable(IPV4, 60),
        ),
        case("A tunnel that says IPv6 and holds IPv4 shows the outer packet", v6(IPV6, &inner4), |r| {
            expect_ipv6(r, IPV6);
            r.payload_length = 45;
            expect_defect(r, Defect::TunnelContent);
        }),
        case(
            "A later fragment of a tunnel is not stepped into",
            ethernet(0x0800, &Ipv4 { fragment: 0x2002, ..Ipv4::outer() }.packet(IPV4, &inner4)),
            |r| {
                expect_ipv4(r, IPV4);
                r.flags = 1 | flag::FRAGMENT | flag::MORE_FRAGMENTS;
                r.fragment_offset = 2;
                r.payload_length = 45;
            },
        ),
    ]
}
