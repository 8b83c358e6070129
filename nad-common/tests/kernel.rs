//! What only the kernel meets: a direction, a VLAN tag beside the frame, a packet without an Ethernet header.

mod frames;

use frames::cases;
use nad_common::{
    frame::{MAX_OFFSET, SliceFrame},
    parse::{self, LinkType, Stamp},
    record::{Direction, LONG_RECORD, PacketRecord, flag},
    refusal::Refusal,
};

#[test]
fn the_direction_is_one_bit_of_every_record_and_changes_no_other() {
    for case in cases() {
        let Ok(received) = case.expected.outcome() else { continue };
        let sent = parse(&case.frame, Stamp { direction: Direction::Egress, ..Stamp::default() }).unwrap();
        assert_eq!((received.direction(), sent.direction()), (Direction::Ingress, Direction::Egress));
        assert_eq!(sent, PacketRecord { flags: received.flags | flag::EGRESS, ..*received }, "{}", case.name);
    }
}

#[test]
fn a_tag_beside_the_frame_reads_as_the_first_one_in_it() {
    const TAG: u16 = 0x6123;
    // An Ethernet header's addresses, then the tag, then the rest.
    const ADDRESSES: usize = 12;
    for case in cases() {
        for length in 14..=case.frame.len().min(MAX_OFFSET - 64) {
            let frame = &case.frame[..length];
            let tag = [[0x81, 0x00], TAG.to_be_bytes()].concat();
            let inside = [&frame[..ADDRESSES], &tag, &frame[ADDRESSES..]].concat();
            let expected = parse(&inside, Stamp::default());
            let found = parse(frame, Stamp { tag_beside: Some(TAG), ..Stamp::default() });
            assert_eq!(found, expected, "{} (the first {length} bytes)", case.name);
        }
    }
}

#[test]
fn an_ip_packet_in_place_of_an_ethernet_header_is_refused() {
    // From 10.9.0.1 to 239.1.1.1, and from fe80::1 to ff02::fb; the payload's content does not matter.
    let ipv4 = [0x46, 0xc0, 0, 40, 0, 0, 0x40, 0, 1, 2, 0, 0, 10, 9, 0, 1, 239, 1, 1, 1];
    let ipv6 =
        [[0x60, 3, 4, 5, 0, 8, 17, 1, 0xfe, 0x80], [0; 10], [0, 0, 0, 1, 0xff, 2, 0, 0, 0, 0]].concat();
    for (header, length) in [(&ipv4[..], 40), (&ipv6, 48)] {
        let mut packet = header.to_vec();
        packet.resize(length, 0x5a);
        assert_eq!(parse(&packet, Stamp::default()), Err(Refusal::NoLinkHeader));
        // Of any other length it is a frame, to an odd address.
        assert!(parse(&packet[..length - 1], Stamp::default()).is_ok());
        packet.push(0x5a);
        assert!(parse(&packet, Stamp::default()).is_ok());
        // And so it is with an EtherType that is good.
        packet.truncate(length);
        packet[12..14].copy_from_slice(&[0x08, 0x00]);
        assert!(parse(&packet, Stamp::default()).is_ok());
    }
}

fn parse(frame: &[u8], stamp: Stamp) -> Result<PacketRecord, Refusal> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    let stamp = Stamp { length: frame.len() as u32, ..stamp };
    parse::parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).map(|_| record)
}
