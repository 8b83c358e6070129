//! TCP, UDP, ICMP and the protocols of which less is read.

use nad_common::record::{Defect, PacketRecord};

use super::{
    Case,
    build::{Ipv4, Ipv6, authentication, ethernet, join, padded, tcp, tcp_with_offset, udp, udp_with_length},
    case, expect_defect, expect_ipv4, expect_ipv6, expect_tcp, expect_udp,
};

pub(crate) fn cases() -> Vec<Case> {
    let v4 = |protocol: u8, payload: &[u8]| ethernet(0x0800, &Ipv4::outer().packet(protocol, payload));
    let v6 = |protocol: u8, payload: &[u8]| ethernet(0x86dd, &Ipv6::outer().packet(protocol, payload));
    let message = |r: &mut PacketRecord, kind: u8, code: u8, payload: u16| {
        r.message_type = kind;
        r.message_code = code;
        r.payload_length = payload;
    };
    // FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128 (RFC 9293, 3.1; RFC 3168, 6.1).
    let flags: [(&'static str, u8); 12] = [
        ("A TCP SYN", 0x02),
        ("A TCP SYN-ACK", 0x12),
        ("A TCP ACK", 0x10),
        ("A TCP PSH-ACK", 0x18),
        ("A TCP FIN-ACK", 0x11),
        ("A TCP RST", 0x04),
        ("A TCP RST-ACK", 0x14),
        ("A TCP null scan", 0x00),
        ("A TCP FIN scan", 0x01),
        ("A TCP Xmas scan", 0x29),
        ("A TCP SYN that asks for ECN", 0xc2),
        ("A TCP segment with every flag", 0xff),
    ];
    let mut cases: Vec<_> = flags
        .map(|(name, bits)| {
            case(name, v4(6, &tcp(bits, &[], b"data")), move |r| {
                expect_ipv4(r, 6);
                expect_tcp(r, bits, 4);
            })
        })
        .into();
    let mss_and_timestamps = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    // RFC 9260, 3.1: ports, verification tag, checksum; then one INIT chunk's first 4 bytes.
    let sctp = [0x0b, 0x59, 0x0b, 0x5a, 1, 2, 3, 4, 0, 0, 0, 0, 1, 0, 0, 20];
    // RFC 4340, 5.1: ports, data offset 4 words, CCVal and coverage, checksum, type and X, sequence number.
    let dccp = [0x14, 0x00, 0x14, 0x01, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0xaa, 0xbb];
    cases.extend([
        case("TCP options are no payload", v4(6, &tcp(0x02, &mss_and_timestamps, &[])), |r| {
            expect_ipv4(r, 6);
            expect_tcp(r, 0x02, 0);
        }),
        case("The longest TCP header has 40 bytes of options", v6(6, &tcp(0x18, &[1; 40], b"xyz")), |r| {
            expect_ipv6(r, 6);
            expect_tcp(r, 0x18, 3);
        }),
        case("A TCP header of 16 bytes is impossible", v4(6, &tcp_with_offset(4, 0x10, &[], b"data")), |r| {
            expect_ipv4(r, 6);
            expect_tcp(r, 0x10, 24);
            expect_defect(r, Defect::TcpHeaderLength);
        }),
        case(
            "A TCP header that ends in the frame's padding is impossible",
            padded(v4(6, &tcp_with_offset(6, 0x10, &[], &[])), 0),
            |r| {
                expect_ipv4(r, 6);
                expect_tcp(r, 0x10, 20);
                expect_defect(r, Defect::TcpHeaderLength);
            },
        ),
        case("A TCP header one byte short is truncated", v4(6, &tcp(0x10, &[], &[])[..19]), |r| {
            expect_ipv4(r, 6);
            r.payload_length = 19;
            expect_defect(r, Defect::TransportTruncated);
        }),
        case(
            "A TCP header that goes on in the frame's padding is truncated",
            ethernet(0x0800, &Ipv4 { total: Some(32), ..Ipv4::outer() }.packet(6, &tcp(0x02, &[], &[]))),
            |r| {
                expect_ipv4(r, 6);
                r.payload_length = 12;
                expect_defect(r, Defect::TransportTruncated);
            },
        ),
        case("A UDP datagram over IPv6", v6(17, &udp(546, 547, &[0x5a; 21])), |r| {
            expect_ipv6(r, 17);
            expect_udp(r, 546, 547, 21);
        }),
        case("A UDP datagram may be empty", padded(v4(17, &udp(1, 65_535, &[])), 0xff), |r| {
            expect_ipv4(r, 17);
            expect_udp(r, 1, 65_535, 0);
        }),
        case(
            "A UDP length below the IP length tells the payload",
            v4(17, &udp_with_length(7001, 7002, 13, &[1; 9])),
            |r| {
                expect_ipv4(r, 17);
                expect_udp(r, 7001, 7002, 5);
            },
        ),
        case(
            "A UDP length past the packet is impossible",
            v4(17, &udp_with_length(7001, 7002, 18, &[1; 9])),
            |r| {
                expect_ipv4(r, 17);
                expect_udp(r, 7001, 7002, 9);
                expect_defect(r, Defect::UdpLength);
            },
        ),
        case(
            "A UDP length below its header is impossible",
            v4(17, &udp_with_length(7001, 7002, 7, &[1; 9])),
            |r| {
                expect_ipv4(r, 17);
                expect_udp(r, 7001, 7002, 9);
                expect_defect(r, Defect::UdpLength);
            },
        ),
        case("A UDP header one byte short is truncated", v6(17, &udp(7001, 7002, &[])[..7]), |r| {
            expect_ipv6(r, 17);
            r.payload_length = 7;
            expect_defect(r, Defect::TransportTruncated);
        }),
        case("An ICMP echo request", v4(1, &join(&[&[8, 0, 0, 0, 0x12, 0x34, 0, 1], &[0x61; 56]])), |r| {
            expect_ipv4(r, 1);
            message(r, 8, 0, 56);
        }),
        case(
            "An ICMP port unreachable does not show the ports of what it quotes",
            v4(1, &join(&[&[3, 3, 0, 0, 0, 0, 0, 0], &Ipv4::inner().packet(17, &udp(9, 53, &[]))])),
            |r| {
                expect_ipv4(r, 1);
                message(r, 3, 3, 28);
            },
        ),
        case("An ICMP message one byte short is truncated", v4(1, &[8, 0, 0, 0, 0, 0, 0]), |r| {
            expect_ipv4(r, 1);
            r.payload_length = 7;
            expect_defect(r, Defect::TransportTruncated);
        }),
        case("An ICMPv6 echo reply", v6(58, &[129, 0, 0, 0, 0x12, 0x34, 0, 1, 1, 2, 3]), |r| {
            expect_ipv6(r, 58);
            message(r, 129, 0, 3);
        }),
        case("An ICMPv6 unreachable has a code", v6(58, &[1, 4, 0, 0, 0, 0, 0, 0]), |r| {
            expect_ipv6(r, 58);
            message(r, 1, 4, 0);
        }),
        case(
            "A neighbour solicitation",
            v6(58, &join(&[&[135, 0, 0, 0, 0, 0, 0, 0], &[0xfe; 16], &[1, 1, 2, 0x1a, 0x2b, 0x3c, 0x4d, 1]])),
            |r| {
                expect_ipv6(r, 58);
                message(r, 135, 0, 24);
            },
        ),
        case(
            "A neighbour advertisement",
            v6(58, &join(&[&[136, 0, 0, 0, 0x60, 0, 0, 0], &[0xfe; 16]])),
            |r| {
                expect_ipv6(r, 58);
                message(r, 136, 0, 16);
            },
        ),
        case("An IGMPv2 membership report", v4(2, &[0x16, 0, 0, 0, 224, 0, 0, 251]), |r| {
            expect_ipv4(r, 2);
            message(r, 0x16, 0, 0);
        }),
        case("SCTP shows its ports, and its chunks are the payload", v4(132, &sctp), |r| {
            expect_ipv4(r, 132);
            expect_udp(r, 2905, 2906, 4);
        }),
        case("DCCP shows its ports, and what its data offset says is the payload", v4(33, &dccp), |r| {
            expect_ipv4(r, 33);
            expect_udp(r, 5120, 5121, 2);
        }),
        case("UDP-Lite shows its ports", v6(136, &udp_with_length(1234, 5678, 8, b"voice")), |r| {
            expect_ipv6(r, 136);
            expect_udp(r, 1234, 5678, 5);
        }),
        case("An SCTP packet without ports is truncated", v4(132, &sctp[..3]), |r| {
            expect_ipv4(r, 132);
            r.payload_length = 3;
            expect_defect(r, Defect::TransportTruncated);
        }),
        case("ESP is opaque", v4(50, &[0xc4; 40]), |r| {
            expect_ipv4(r, 50);
            r.payload_length = 40;
        }),
        case(
            "An authentication header in IPv4 is opaque",
            v4(51, &authentication(6, &tcp(0x02, &[], &[]))),
            |r| {
                expect_ipv4(r, 51);
                r.payload_length = 44;
            },
        ),
        case("OSPF is a protocol like any other", v4(89, &[2, 1, 0, 44]), |r| {
            expect_ipv4(r, 89);
            r.payload_length = 4;
        }),
    ]);
    cases
}
