//! The parser, on bytes as they come from a wire: what the kernel programs run, too.

use bytemuck::Zeroable;
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::{AddressKind, Direction, PacketRecord, flag},
};

use crate::frames;

const LINK_TYPES: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::RawIp,
    LinkType::Loopback,
    LinkType::Ppp,
    LinkType::PppoeSession,
    LinkType::CiscoHdlc,
    LinkType::Mpls,
];
/// Link type, ways to come, bytes that were cut off.
const HEAD: usize = 3;
const EGRESS: u8 = 1;
const TAG_BESIDE: u8 = 2;
const LONGEST_CLAIM: u8 = 4;

pub(crate) fn run(input: &[u8]) {
    let Some((&[link, ways, cut], frame)) = input.split_first_chunk::<HEAD>() else { return };
    let length = if ways & LONGEST_CLAIM != 0 { u32::MAX } else { frame.len() as u32 + u32::from(cut) };
    let stamp = Stamp {
        time_ns: 1,
        length,
        interface: 7,
        direction: if ways & EGRESS != 0 { Direction::Egress } else { Direction::Ingress },
        tag_beside: (ways & TAG_BESIDE != 0).then_some(u16::from(cut)),
    };
    let link_type = LINK_TYPES[usize::from(link) % LINK_TYPES.len()];
    let mut record = PacketRecord::zeroed();
    let outcome = parse(&SliceFrame(frame), link_type, stamp, &mut record);

    let mut other = PacketRecord::zeroed();
    bytemuck::bytes_of_mut(&mut other).fill(0xff);
    let again = parse(&SliceFrame(frame), link_type, stamp, &mut other);
    assert_eq!(outcome, again, "what a record held before decides nothing");
    if outcome.is_err() {
        return;
    }
    assert_eq!(record, other, "what a record held before is overwritten");
    assert_eq!(
        PacketRecord::from_wire(&record.wire_bytes()),
        Some(record),
        "a record comes back from a ring"
    );
    assert!(record.length >= frame.len() as u32, "{record:?}");
    assert_eq!(record.has(flag::CUT), (frame.len() as u32) < length);
    assert!(record.head == 0 || record.head_kind().is_some(), "{record:?}");
    assert_eq!(record.head_number, 0, "{record:?}");
    assert_eq!((record.time_ns, record.interface, record.direction()), (1, 7, stamp.direction));
    let _ = (record.addresses(), record.tunnel(), record.defect(), record.sampled_out());
    if record.address_kind() == AddressKind::Link {
        assert_eq!((record.source_port, record.destination_port), (0, 0), "ports without IP: {record:?}");
    }
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let ethernet = frames::cases().into_iter().map(|case| (0, case.frame));
    // The same without its Ethernet header is what a raw capture holds.
    let raw = frames::cases()
        .into_iter()
        .filter(|case| case.frame.len() > 34)
        .map(|case| (3, case.frame[14..].to_vec()));
    ethernet
        .chain(raw)
        .enumerate()
        .map(|(number, (link, frame))| {
            (number.to_string(), [&[link, number as u8 & 3, 0], &frame[..frame.len().min(1024)]].concat())
        })
        .collect()
}
