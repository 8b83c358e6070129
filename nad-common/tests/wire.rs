//! A record in a ring.

mod frames;

use frames::cases;
use nad_common::{
    frame::SliceFrame,
    parse::{self, LinkType, Stamp},
    record::{AddressKind, LONG_RECORD, PacketRecord, SAMPLED_OUT_BYTES, SHORT_RECORD},
};

#[test]
fn a_record_comes_back_from_the_ring_as_it_was() {
    for case in cases() {
        let Ok(expected) = case.expected.outcome() else { continue };
        let record = parse(&case.frame).unwrap();
        assert_eq!(record, *expected, "{}", case.name);
        let own = if record.address_kind() == AddressKind::V4 { SHORT_RECORD } else { LONG_RECORD };
        let attributed = PacketRecord { sampled_out_packets: 3, sampled_out_bytes: 1 << 31, ..record };
        for (record, expected) in [(record, own), (attributed, own + SAMPLED_OUT_BYTES)] {
            let bytes = record.wire_bytes();
            assert_eq!(bytes.len(), expected, "{}", case.name);
            assert_eq!(PacketRecord::from_wire(&bytes), Some(record), "{}", case.name);
            let mut longer = bytes.to_vec();
            longer.resize(LONG_RECORD + 2 * SAMPLED_OUT_BYTES, 0);
            // Without what travels with it, a record is one as well.
            for wrong in (0..longer.len()).filter(|length| ![expected, own].contains(length)) {
                assert_eq!(PacketRecord::from_wire(&longer[..wrong]), None, "{}: {wrong} bytes", case.name);
            }
        }
    }
    assert_eq!((SHORT_RECORD, LONG_RECORD, SAMPLED_OUT_BYTES), (64, 88, 8));
}

fn parse(frame: &[u8]) -> Option<PacketRecord> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD])?;
    let stamp = Stamp { length: frame.len() as u32, ..Stamp::default() };
    parse::parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).ok().map(|_| record)
}
