//! Which payloads are heads, and what is copied of them.

use bytemuck::Zeroable;
use nad_common::{
    frame::SliceFrame,
    head::{self, HeadKind, MAX_HEAD},
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
};

use crate::frames::build::{Ipv4, ethernet, join, tcp, udp};

fn parsed(frame: &[u8]) -> (PacketRecord, usize) {
    let stamp = Stamp { length: frame.len() as u32, ..Stamp::default() };
    let mut record = PacketRecord::zeroed();
    let offset = parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).expect("a good frame");
    (record, offset)
}

fn stream(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let mut segment = tcp(0x18, &[], payload);
    segment[..4].copy_from_slice(&join(&[&ports[0].to_be_bytes(), &ports[1].to_be_bytes()]));
    ethernet(0x0800, &Ipv4::outer().packet(6, &segment))
}

#[test]
fn servers_answers_are_heads_at_the_ports_of_their_protocols_only() {
    let cases: [(u16, &[u8], HeadKind); 12] = [
        (21, b"530 Login incorrect.\r\n", HeadKind::Reply),
        (25, b"535 5.7.8 no\r\n", HeadKind::Reply),
        (110, b"-ERR no\r\n", HeadKind::Reply),
        (143, b"a1 NO [AUTHENTICATIONFAILED]\r\n", HeadKind::Reply),
        (88, b"\0\0\0\x5e\x7e\x5c\x30\x5a", HeadKind::Kerberos),
        (389, b"\x30\x0c\x02\x01\x01\x61\x07\x0a", HeadKind::Ldap),
        (1433, b"\x04\x01\0\x61\0\x37\x01\0", HeadKind::Tds),
        (1883, b"\x20\x02\0\x05", HeadKind::Mqtt),
        (3306, b"\x4a\0\0\x02\xff\x15\x04#28000", HeadKind::MySql),
        (5432, b"E\0\0\0\x65SFATAL", HeadKind::Postgres),
        (6379, b"-WRONGPASS invalid\r\n", HeadKind::Redis),
        (3268, b"\x30\x0c\x02\x01\x01\x61\x07\x0a", HeadKind::Ldap),
    ];
    for (port, payload, kind) in cases {
        let of = |ports| parsed(&stream(ports, payload)).0.head_kind();
        assert_eq!(of([port, 50_000]), Some(kind), "port {port}");
        assert_eq!(of([50_000, port]), None, "a client's at port {port}");
        assert_eq!(of([40_000, 50_000]), None, "elsewhere: port {port}");
    }
    for (port, content) in
        [(3306, &b"\x01\0\0\x01\x05rows"[..]), (5432, b"T\0\0\0\x65row"), (6379, b"$3\r\nabc")]
    {
        assert_eq!(parsed(&stream([port, 50_000], content)).0.head_kind(), None, "content from port {port}");
    }
    let long = [b'x'; 600];
    assert_eq!(parsed(&stream([143, 50_000], &long)).0.head_kind(), None, "a mail, no reply");
}

#[test]
fn dhcp_and_quic_are_heads_of_datagrams() {
    let datagram = |from, to, payload: &[u8]| {
        parsed(&ethernet(0x0800, &Ipv4::outer().packet(17, &udp(from, to, payload)))).0.head_kind()
    };
    let initial = b"\xc3\0\0\0\x01\x08abcdefgh";
    assert_eq!(datagram(68, 67, &[1, 1, 6, 0, 0, 0, 0, 1]), Some(HeadKind::Dhcp));
    assert_eq!(datagram(68, 5000, &[1, 1, 6, 0, 0, 0, 0, 1]), None);
    assert_eq!(datagram(50_000, 443, initial), Some(HeadKind::QuicInitial));
    assert_eq!(datagram(443, 50_000, initial), Some(HeadKind::QuicInitial));
    assert_eq!(datagram(50_000, 444, initial), None);
    assert_eq!(datagram(50_000, 443, b"\xe3\0\0\0\x01\x08abcdefgh"), None, "a handshake");
    assert_eq!(datagram(50_000, 443, b"\xc3\x1a\x2a\x3a\x4a\x08abcdefgh"), None, "another version");
}

#[test]
fn as_much_is_copied_as_there_is_and_as_is_wanted() {
    let request = |length: usize| {
        let filler: Vec<u8> = (0..length).map(|at| at as u8).collect();
        join(&[b"GET ", &filler[..]])
    };
    for length in [4, 5, 11, 12, 13, 100, 508, 509, 1000] {
        let payload = request(length);
        let frame = stream([40_000, 80], &payload);
        let (record, offset) = parsed(&frame);
        assert_eq!(record.head_kind(), Some(HeadKind::HttpRequest), "{length}");
        for limit in [0, 1, 7, 8, 9, 63, 64, 65, 511, 512] {
            let mut head = [0xaa; MAX_HEAD];
            let wanted = limit.min(usize::from(record.payload_length));
            let copied = head::copy(&SliceFrame(&frame), offset, wanted, &mut head);
            assert_eq!(copied, wanted, "{length} bytes, at most {limit}");
            assert_eq!(head[..copied], payload[..copied]);
            assert!(head[copied..].iter().all(|byte| *byte == 0xaa), "nothing beyond");
        }
        // A capture that was cut has less.
        for cut in [offset, offset + 3, offset + 12] {
            let mut head = [0; MAX_HEAD];
            let copied = head::copy(&SliceFrame(&frame[..cut.min(frame.len())]), offset, 512, &mut head);
            assert_eq!(copied, cut.min(frame.len()) - offset);
        }
    }
}

#[test]
fn every_number_is_that_of_its_kind() {
    for (place, kind) in HeadKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place + 1);
    }
    assert_eq!(PacketRecord { head: 18, ..PacketRecord::zeroed() }.head_kind(), None);
}
