//! The parser in userspace, for comparison.

use nad_common::{
    frame::SliceFrame,
    parse::{self, LinkType, Stamp},
    record::{Direction, LONG_RECORD, PacketRecord},
    refusal::Refusal,
};

/// What `nad-common` makes of a whole Ethernet frame.
pub(crate) fn parse(
    frame: &[u8],
    direction: Direction,
    time_ns: u64,
    interface: u32,
) -> Result<PacketRecord, Refusal> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    let stamp = Stamp { time_ns, length: frame.len() as u32, interface, direction, tag_beside: None };
    parse::parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).map(|()| record)
}
