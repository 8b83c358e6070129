//! Captures without Ethernet, headers that captures cut, and the names of what is not looked into.

use crate::frames::cases;
use nad_common::{
    counters::Refusal,
    frame::SliceFrame,
    opaque::Opaque,
    parse::{self, LinkType, Stamp},
    record::{LONG_RECORD, PacketRecord, flag},
};

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
    let cut = |bytes: usize| parse(&frame[..tcp + bytes], frame.len()).unwrap();
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
        Opaque::of(&parse(&case.frame, case.frame.len()).unwrap()).map(Opaque::name)
    };
    assert_eq!(named("More labels than are stepped over are the frame's"), Some("mpls"));
    assert_eq!(named("MACsec is the frame's"), Some("macsec"));
    assert_eq!(named("GTP-U's echo is the outer packet's"), Some("gtp_u"));
    assert_eq!(named("PPTP's GRE of version 1 is opaque"), Some("gre"));
    assert_eq!(named("A tunnel in a tunnel is reported one level in"), Some("vxlan"));
    assert_eq!(named("Three MPLS labels are stepped over"), None);
    assert_eq!(named("An ARP reply names both sides"), None);
}

fn parse(frame: &[u8], length: usize) -> Result<PacketRecord, Refusal> {
    parse_as(frame, LinkType::Ethernet, Stamp { length: length as u32, ..Stamp::default() })
}

fn parse_linked(frame: &[u8], link_type: LinkType) -> Result<PacketRecord, Refusal> {
    parse_as(frame, link_type, Stamp { length: frame.len() as u32, ..Stamp::default() })
}

fn parse_as(frame: &[u8], link_type: LinkType, stamp: Stamp) -> Result<PacketRecord, Refusal> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    parse::parse(&SliceFrame(frame), link_type, stamp, &mut record).map(|()| record)
}
