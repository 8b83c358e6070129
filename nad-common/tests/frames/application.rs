//! What the payload starts with.

use nad_common::{
    head::HeadKind,
    parse::MAX_DNS_LABELS,
    record::{Defect, PacketRecord, flag},
};

use super::{
    Case,
    build::{Ipv4, Ipv6, ethernet, ethernet_to, join, padded, tcp, udp},
    case, expect_defect, expect_ipv4, expect_ipv6, expect_tcp, expect_udp,
};

/// RFC 1035, 4.1.1: identification, flags, and the number of questions; the other sections are empty.
fn message(flags: u16, questions: u16, rest: &[u8]) -> Vec<u8> {
    join(&[&[0x1a, 0x2b], &flags.to_be_bytes(), &questions.to_be_bytes(), &[0; 6], rest])
}

/// RFC 1035, 4.1.2: the name by labels, the type, class IN.
fn question(labels: &[&[u8]], kind: u16) -> Vec<u8> {
    join(&[&name(labels), &[0], &kind.to_be_bytes(), &[0, 1]])
}

fn name(labels: &[&[u8]]) -> Vec<u8> {
    labels.iter().flat_map(|label| join(&[&[label.len() as u8], label])).collect()
}

const QUERY: u16 = 0x0100;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = dns_cases();
    cases.extend(defective_dns_cases());
    cases.extend(stream_cases());
    cases
}

fn dns(payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &Ipv4::outer().packet(17, &udp(33_333, 53, payload)))
}

fn expect_dns(r: &mut PacketRecord, payload: u16, name: u8, kind: u16) {
    expect_ipv4(r, 17);
    expect_udp(r, 33_333, 53, payload);
    r.flags |= flag::DNS;
    r.head = HeadKind::Dns as u8;
    r.dns_name_length = name;
    r.dns_query_type = kind;
}

fn dns_cases() -> Vec<Case> {
    let www: [&[u8]; 3] = [b"www", b"example", b"com"];
    // The 32 nibbles of an address, then ip6.arpa (RFC 3596, 2.5).
    let mut reverse: Vec<&[u8]> = vec![b"f"; 32];
    reverse.extend([&b"ip6"[..], b"arpa"]);
    let (full, rest) = ([b'x'; 63], [b'y'; 61]);
    let multicast = |last: u8, port: u16, payload: &[u8]| {
        let packet = Ipv4 { destination: [224, 0, 0, last], ..Ipv4::outer() };
        ethernet_to([1, 0, 0x5e, 0, 0, last], 0x0800, &packet.packet(17, &udp(port, port, payload)))
    };
    vec![
        case(
            "A DNS query shows type and length of its name",
            dns(&message(QUERY, 1, &question(&www, 1))),
            |r| {
                expect_dns(r, 33, 16, 1);
            },
        ),
        case(
            "A DNS query over IPv6",
            ethernet(
                0x86dd,
                &Ipv6::outer().packet(17, &udp(33_333, 53, &message(QUERY, 1, &question(&www, 28)))),
            ),
            |r| {
                expect_ipv6(r, 17);
                expect_udp(r, 33_333, 53, 33);
                r.flags |= flag::DNS;
                r.head = HeadKind::Dns as u8;
                r.dns_name_length = 16;
                r.dns_query_type = 28;
            },
        ),
        case(
            "A query for the root has a name without bytes",
            padded(dns(&message(QUERY, 1, &question(&[], 2))), 0),
            |r| {
                expect_dns(r, 17, 0, 2);
            },
        ),
        case(
            "The longest name has 255 bytes with the root label",
            dns(&message(QUERY, 1, &question(&[&full, &full, &full, &rest], 16))),
            |r| {
                expect_dns(r, 271, 254, 16);
            },
        ),
        case(
            "The reverse name of an IPv6 address has 34 labels",
            dns(&message(QUERY, 1, &question(&reverse, 12))),
            |r| {
                expect_dns(r, 90, 73, 12);
            },
        ),
        case(
            "Only the first of two questions is read",
            dns(&message(QUERY, 2, &join(&[&question(&www, 65), &question(&[b"net"], 1)]))),
            |r| {
                expect_dns(r, 42, 16, 65);
            },
        ),
        case(
            "A DNS response shows its code",
            ethernet(
                0x0800,
                &Ipv4::outer().packet(17, &udp(53, 33_333, &message(0x8183, 1, &question(&www, 1)))),
            ),
            |r| {
                expect_dns(r, 33, 16, 1);
                expect_udp(r, 53, 33_333, 33);
                r.flags |= flag::DNS_RESPONSE;
                r.head = HeadKind::Dns as u8;
                r.message_code = 3;
            },
        ),
        case(
            "The low bits of a query's flags are no response code",
            dns(&message(0x010f, 1, &question(&www, 1))),
            |r| {
                expect_dns(r, 33, 16, 1);
            },
        ),
        case("An mDNS announcement has no question", multicast(251, 5353, &message(0x8400, 0, &[])), |r| {
            expect_ipv4(r, 17);
            expect_udp(r, 5353, 5353, 12);
            r.address_bytes[4..8].copy_from_slice(&[224, 0, 0, 251]);
            r.flags |= flag::DNS | flag::DNS_RESPONSE | flag::LINK_MULTICAST;
            r.head = HeadKind::Dns as u8;
        }),
        case("An LLMNR query is DNS", multicast(252, 5355, &message(0, 1, &question(&[b"wpad"], 1))), |r| {
            expect_ipv4(r, 17);
            expect_udp(r, 5355, 5355, 22);
            r.address_bytes[4..8].copy_from_slice(&[224, 0, 0, 252]);
            r.flags |= flag::DNS | flag::LINK_MULTICAST;
            r.head = HeadKind::Dns as u8;
            r.dns_name_length = 5;
            r.dns_query_type = 1;
        }),
        case("Less than a DNS header on the DNS port is not DNS", dns(&message(QUERY, 1, &[])[..11]), |r| {
            expect_ipv4(r, 17);
            expect_udp(r, 33_333, 53, 11);
        }),
        case(
            "DNS over TCP is not read",
            ethernet(
                0x0800,
                &Ipv4::outer().packet(
                    6,
                    &join(&[
                        &[0x82, 0x35, 0, 53],
                        &tcp(0x18, &[], &message(QUERY, 1, &question(&www, 1)))[4..],
                    ]),
                ),
            ),
            |r| {
                expect_ipv4(r, 6);
                expect_tcp(r, 0x18, 33);
                r.source_port = 33_333;
                r.destination_port = 53;
            },
        ),
    ]
}

fn defective_dns_cases() -> Vec<Case> {
    let (full, rest) = ([b'x'; 63], [b'y'; 62]);
    let many: Vec<&[u8]> = vec![b"a"; MAX_DNS_LABELS + 1];
    let most: Vec<&[u8]> = vec![b"a"; MAX_DNS_LABELS];
    let defective = |payload: u16, name: u8, kind: u16| {
        move |r: &mut PacketRecord| {
            expect_dns(r, payload, name, kind);
            expect_defect(r, Defect::DnsName);
        }
    };
    let name_and_type = 2 * MAX_DNS_LABELS + 5;
    vec![
        case(
            "A name of 256 bytes with the root label is too long",
            dns(&message(QUERY, 1, &question(&[&full, &full, &full, &rest], 16))),
            defective(272, 255, 16),
        ),
        case(
            "A name of 320 bytes is too long",
            dns(&message(QUERY, 1, &question(&[&full[..]; 5], 16))),
            defective(337, 255, 16),
        ),
        case(
            "A name of as many labels as are stepped over is right",
            dns(&message(QUERY, 1, &question(&most, 1))),
            |r| {
                expect_dns(r, (12 + name_and_type) as u16, 2 * MAX_DNS_LABELS as u8, 1);
            },
        ),
        case(
            "A name of one more label is not",
            dns(&message(QUERY, 1, &question(&many, 1))),
            defective((12 + name_and_type + 2) as u16, 2 * MAX_DNS_LABELS as u8, 0),
        ),
        case(
            "A question that is compressed is wrong",
            dns(&message(QUERY, 1, &[0xc0, 0x0c, 0, 1, 0, 1])),
            defective(18, 0, 0),
        ),
        case(
            "A question that ends compressed is wrong",
            dns(&message(QUERY, 1, &[3, b'w', b'w', b'w', 0xc0, 0x0c, 0, 1, 0, 1])),
            defective(22, 4, 0),
        ),
        case(
            "A reserved label type is wrong",
            dns(&message(QUERY, 1, &[0x40, 0, 0, 1, 0, 1])),
            defective(18, 0, 0),
        ),
        case("A question that is missing is cut off", dns(&message(QUERY, 1, &[])), defective(12, 0, 0)),
        case(
            "A name that ends with the frame is cut off",
            dns(&message(QUERY, 1, &name(&[b"www", b"example"]))),
            defective(24, 12, 0),
        ),
        case(
            "A name that ends within a label is cut off there",
            dns(&message(QUERY, 1, &name(&[b"www", b"example"])[..9])),
            defective(21, 9, 0),
        ),
        case(
            "A name that goes on in the frame's padding is cut off",
            padded(dns(&message(QUERY, 1, &[1, b'a'])), 0),
            defective(14, 2, 0),
        ),
        case(
            "A type that lies in the frame's padding is not read",
            padded(dns(&message(QUERY, 1, &[0])), 0xff),
            |r| {
                expect_dns(r, 13, 0, 0);
            },
        ),
    ]
}

fn stream_cases() -> Vec<Case> {
    let stream = |payload: &[u8]| ethernet(0x0800, &Ipv4::outer().packet(6, &tcp(0x18, &[], payload)));
    let expect = |payload: u16, head: Option<HeadKind>| {
        move |r: &mut PacketRecord| {
            expect_ipv4(r, 6);
            expect_tcp(r, 0x18, payload);
            r.head = head.map_or(0, |kind| kind as u8);
        }
    };
    // RFC 8446, 5.1 and 4: handshake record, legacy version, length; client_hello, length, version.
    let hello = [0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3];
    let server_hello = [0x16, 3, 3, 0, 0x7a, 2, 0, 0, 0x76, 3, 3];
    let certificate = [0x16, 3, 3, 0, 0x7a, 11, 0, 0, 0x76, 0, 0];
    let ssl2 = [0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0];
    let methods: [(&'static str, &'static [u8]); 9] = [
        ("An HTTP GET", b"GET / HTTP/1.1\r\n"),
        ("An HTTP HEAD", b"HEAD / HTTP/1.1\r"),
        ("An HTTP POST", b"POST /a HTTP/1.1"),
        ("An HTTP PUT", b"PUT /ab HTTP/1.1"),
        ("An HTTP DELETE", b"DELETE / HTTP/1."),
        ("An HTTP CONNECT", b"CONNECT a:1 HTTP"),
        ("An HTTP OPTIONS", b"OPTIONS * HTTP/1"),
        ("An HTTP TRACE", b"TRACE / HTTP/1.1"),
        ("An HTTP PATCH", b"PATCH / HTTP/1.1"),
    ];
    let mut cases: Vec<_> = methods
        .map(|(name, bytes)| case(name, stream(bytes), expect(16, Some(HeadKind::HttpRequest))))
        .into();
    cases.extend([
        case("A TLS ClientHello is seen", stream(&hello), expect(11, Some(HeadKind::TlsClientHello))),
        case("A TLS ServerHello is seen", stream(&server_hello), expect(11, Some(HeadKind::TlsServerHello))),
        case("A TLS certificate begins nothing", stream(&certificate), expect(11, None)),
        case("An SSLv2 hello is none", stream(&ssl2), expect(9, None)),
        case("An SSH banner is seen", stream(b"SSH-2.0-OpenSSH_9.6\r\n"), expect(21, Some(HeadKind::Ssh))),
        case(
            "An HTTP response is no request",
            stream(b"HTTP/1.1 200 OK\r\n"),
            expect(17, Some(HeadKind::HttpResponse)),
        ),
        case("An SMB message is seen", stream(b"\0\0\0\x40\xfeSMB\x40\0"), expect(10, Some(HeadKind::Smb))),
        case("An older SMB message is seen", stream(b"\0\0\0\x23\xffSMBr"), expect(9, Some(HeadKind::Smb))),
        case("A word that starts like a method is no request", stream(b"GETTING on"), expect(10, None)),
        case("A method in small letters is no request", stream(b"get / http/1.1"), expect(14, None)),
        case(
            "A method in the frame's padding is no request",
            join(&[&stream(&[]), b"GET / HTTP/1.1\r\n"]),
            expect(0, None),
        ),
        case(
            "A ClientHello behind options is seen",
            ethernet(0x86dd, &Ipv6::outer().packet(6, &tcp(0x18, &[1; 12], &hello))),
            |r| {
                expect_ipv6(r, 6);
                expect_tcp(r, 0x18, 11);
                r.head = HeadKind::TlsClientHello as u8;
            },
        ),
        case(
            "A request over UDP is none",
            ethernet(0x0800, &Ipv4::outer().packet(17, &udp(1900, 1901, b"GET / HTTP/1.1"))),
            |r| {
                expect_ipv4(r, 17);
                expect_udp(r, 1900, 1901, 14);
            },
        ),
    ]);
    cases
}
