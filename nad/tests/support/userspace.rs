//! The parser in userspace, for comparison.

use nad_common::{
    frame::SliceFrame,
    head::{self, MAX_HEAD},
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
    parse_with_head(frame, direction, time_ns, interface).map(|(record, _)| record)
}

/// The same with the head that the payload is.
pub(crate) fn parse_with_head(
    frame: &[u8],
    direction: Direction,
    time_ns: u64,
    interface: u32,
) -> Result<(PacketRecord, Option<Vec<u8>>), Refusal> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    let stamp = Stamp { time_ns, length: frame.len() as u32, interface, direction, tag_beside: None };
    let payload = parse::parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record)?;
    let head = record.head_kind().map(|_| {
        let mut head = [0; MAX_HEAD];
        let limit = usize::from(record.payload_length).min(MAX_HEAD);
        let length = head::copy(&SliceFrame(frame), payload, limit, &mut head);
        head[..length].to_vec()
    });
    Ok((record, head))
}
