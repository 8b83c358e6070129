//! Packets of provider networks, of mobile networks and of mirrors: what is stepped over on the way to IP.

use nad_common::record::{Defect, PacketRecord, Tunnel, flag};

use super::{
    Case,
    build::{CLIENT_MAC, Ipv4, Ipv6, ethernet, ethernet_to, join, tag, tcp, udp},
    case, expect_defect, expect_ipv4, expect_ipv6, expect_link, expect_macs, expect_tcp, expect_udp,
    tunnel::{gre, in4, in6, v4},
};

const GRE: u8 = 47;

fn plain(record: &mut PacketRecord) {
    expect_ipv4(record, 6);
    expect_tcp(record, 0x18, 5);
}

fn plain6(record: &mut PacketRecord) {
    expect_ipv6(record, 6);
    expect_tcp(record, 0x18, 5);
}

/// RFC 2516, 4: version and type, code, session, length; then the protocol of PPP.
fn pppoe(protocol: &[u8], payload: &[u8]) -> Vec<u8> {
    join(&[
        &[0x11, 0, 0x12, 0x34],
        &((protocol.len() + payload.len()) as u16).to_be_bytes(),
        protocol,
        payload,
    ])
}

/// RFC 3032, 2.1: label, traffic class, bottom of stack, time to live.
fn labels(count: u8, payload: &[u8]) -> Vec<u8> {
    let mut stack: Vec<u8> =
        (1..=count).flat_map(|label| [0, label, u8::from(label == count) | 0x40, 63]).collect();
    stack.extend_from_slice(payload);
    stack
}

pub(crate) fn cases() -> Vec<Case> {
    let packet = Ipv4::outer().packet(6, &tcp(0x18, &[], b"hello"));
    let packet6 = Ipv6::outer().packet(6, &tcp(0x18, &[], b"hello"));
    let framed = ethernet(0x0800, &packet);
    let three = |ether_type| tag(1, 0x8100, &tag(2, 0x8100, &tag(3, ether_type, &packet)));
    let tagged = |record: &mut PacketRecord| {
        plain(record);
        record.flags |= flag::VLAN | flag::VLAN_STACKED;
        record.vlan_outer = 1;
    };
    let stations = |record: &mut PacketRecord| {
        plain(record);
        record.source_mac = CLIENT_MAC;
    };
    vec![
        case("Three VLAN tags are read", ethernet(0x88a8, &three(0x0800)), tagged),
        case("Tags of the oldest kind are read three deep", ethernet(0x9100, &three(0x0800)), tagged),
        case("IPv4 in a PPPoE session is read", ethernet(0x8864, &pppoe(&[0, 0x21], &packet)), plain),
        case("IPv6 in a PPPoE session is read", ethernet(0x8864, &pppoe(&[0, 0x57], &packet6)), plain6),
        case("PPP's protocol in one byte is read", ethernet(0x8864, &pppoe(&[0x21], &packet)), plain),
        case(
            "PPPoE behind a tag is read",
            ethernet(0x8100, &tag(1, 0x8864, &pppoe(&[0, 0x21], &packet))),
            |r| {
                plain(r);
                r.flags |= flag::VLAN;
                r.vlan_outer = 1;
            },
        ),
        case("One MPLS label is stepped over", ethernet(0x8847, &labels(1, &packet)), plain),
        case("Three MPLS labels are stepped over", ethernet(0x8847, &labels(3, &packet6)), plain6),
        case("Multicast MPLS is read", ethernet(0x8848, &labels(2, &packet)), plain),
        case(
            "Ethernet behind MPLS and a control word is read",
            ethernet_to([6; 6], 0x8847, &labels(1, &join(&[&[0; 4], &framed]))),
            stations,
        ),
        case(
            "A backbone bridge's frame shows the stations",
            ethernet(0x88e7, &join(&[&[0, 0, 7, 7], &framed])),
            plain,
        ),
        case("A VN-Tag is stepped over", ethernet(0x8926, &join(&[&[0, 1, 2, 3, 8, 0], &packet])), plain),
        case("An HSR tag is stepped over", ethernet(0x892f, &join(&[&[0, 70, 0, 9, 8, 0], &packet])), plain),
        case(
            "A security group's tag is stepped over",
            ethernet(0x8909, &join(&[&[1, 1, 0, 1, 0, 5, 8, 0], &packet])),
            plain,
        ),
        case(
            "A service function chain is stepped over",
            ethernet(0x894f, &join(&[&[0, 2, 1, 1, 0, 0, 9, 255], &packet])),
            plain,
        ),
    ]
}

/// 3GPP TS 29.281, 5.1.
fn gtp(flags: u8, kind: u8, more: &[u8], payload: &[u8]) -> Vec<u8> {
    join(&[
        &[flags, kind],
        &((more.len() + payload.len()) as u16).to_be_bytes(),
        &[0, 0, 0x12, 0x34],
        more,
        payload,
    ])
}

pub(crate) fn tunnel_cases() -> Vec<Case> {
    let segment = tcp(0x18, &[], b"hello");
    let inner4 = Ipv4::inner().packet(6, &segment);
    let inner6 = Ipv6::inner().packet(6, &segment);
    let framed = ethernet(0x0800, &inner4);
    let gtp_to = |payload: &[u8]| v4(17, &udp(50_000, 2152, payload));
    let session = [0, 0, 0, 0x85, 1, 0x10, 9, 0];
    let erspan3 = |last: u8, more: &[u8]| gre(0x10, 0, 0x22eb, 1, &join(&[&[0; 11], &[last], more, &framed]));
    vec![
        case("GTP-U shows the user's packet", gtp_to(&gtp(0x30, 255, &[], &inner4)), in4(Tunnel::GtpU)),
        case(
            "GTP-U with a sequence number shows the user's packet",
            gtp_to(&gtp(0x32, 255, &[0, 1, 0, 0], &inner6)),
            in6(Tunnel::GtpU),
        ),
        case(
            "GTP-U with a session's extension shows the user's packet",
            gtp_to(&gtp(0x34, 255, &session, &inner4)),
            in4(Tunnel::GtpU),
        ),
        case(
            "ERSPAN II shows the mirrored frame",
            v4(GRE, &gre(0x10, 0, 0x88be, 1, &join(&[&[0; 8], &framed]))),
            in4(Tunnel::Erspan),
        ),
        case(
            "ERSPAN I shows the mirrored frame",
            v4(GRE, &gre(0, 0, 0x88be, 0, &framed)),
            in4(Tunnel::Erspan),
        ),
        case("ERSPAN III shows the mirrored frame", v4(GRE, &erspan3(0, &[])), in4(Tunnel::Erspan)),
        case(
            "ERSPAN III with a subheader shows the mirrored frame",
            v4(GRE, &erspan3(1, &[0; 8])),
            in4(Tunnel::Erspan),
        ),
        case(
            "MPLS in GRE shows the inner packet",
            v4(GRE, &gre(0, 0, 0x8847, 0, &labels(2, &inner4))),
            in4(Tunnel::Gre),
        ),
        case("MPLS in IP shows the inner packet", v4(137, &labels(1, &inner6)), in6(Tunnel::Mpls)),
        case(
            "MPLS in UDP shows the inner packet",
            v4(17, &udp(50_000, 6635, &labels(1, &inner4))),
            in4(Tunnel::Mpls),
        ),
        case(
            "Ethernet in IP shows the inner packet",
            v4(97, &join(&[&[0x30, 0], &framed])),
            in4(Tunnel::EtherIp),
        ),
        case(
            "TZSP shows the mirrored frame",
            v4(17, &udp(50_000, 37008, &join(&[&[1, 0, 0, 1, 1], &framed]))),
            in4(Tunnel::Tzsp),
        ),
    ]
}

/// What is reported as the frame or packet that carries it.
pub(crate) fn opaque_cases() -> Vec<Case> {
    let packet = Ipv4::outer().packet(6, &tcp(0x18, &[], b"hello"));
    let link = |ether_type| move |r: &mut PacketRecord| expect_link(r, ether_type);
    let datagram = |port, length| {
        move |r: &mut PacketRecord| {
            expect_ipv4(r, 17);
            expect_udp(r, 50_000, port, length);
        }
    };
    vec![
        case(
            "PPP's own messages are the frame's",
            ethernet(0x8864, &pppoe(&[0xc0, 0x21], &[9, 1, 0, 8, 0, 0, 0, 0])),
            link(0x8864),
        ),
        case("MPLS that holds no IP is the frame's", ethernet(0x8847, &labels(1, &[0x10; 40])), link(0x8847)),
        case(
            "More labels than are stepped over are the frame's",
            ethernet(0x8847, &labels(6, &packet)),
            link(0x8847),
        ),
        case("MACsec is the frame's", ethernet(0x88e5, &[0x0c; 50]), link(0x88e5)),
        case(
            "GTP-U's echo is the outer packet's",
            v4(17, &udp(50_000, 2152, &gtp(0x32, 1, &[0, 1, 0, 0], &[0; 4]))),
            datagram(2152, 16),
        ),
        case(
            "TZSP with fields is the outer packet's",
            v4(17, &udp(50_000, 37008, &[1, 0, 0, 1, 10, 1, 0, 1, 0])),
            datagram(37008, 9),
        ),
        case(
            "MPLS in UDP without IP is no defect",
            v4(17, &udp(50_000, 6635, &labels(1, &[0x10; 20]))),
            datagram(6635, 24),
        ),
        case(
            "A mirrored frame of which nothing is there shows the outer packet",
            v4(GRE, &gre(0x10, 0, 0x88be, 1, &[0; 8])),
            |r| {
                expect_ipv4(r, GRE);
                r.payload_length = 16;
                expect_defect(r, Defect::TunnelContent);
            },
        ),
        case(
            "A backbone bridge's frame without IP has the stations' addresses",
            ethernet_to([6; 6], 0x88e7, &join(&[&[0, 0, 7, 7], &ethernet(0x88b5, &[1; 46])])),
            |r| {
                expect_macs(r, CLIENT_MAC, super::build::SERVER_MAC);
                r.ether_type = 0x88b5;
            },
        ),
    ]
}
