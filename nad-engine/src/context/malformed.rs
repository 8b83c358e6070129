//! Which packets no ordinary network stack sends.

use nad_common::record::{PacketRecord, flag};

use super::host_key::HostKey;

/// Whether a packet is none that an ordinary network stack sends: a defect, TCP flags that contradict each other
/// or are all absent, or the same address and port at both ends.
#[inline]
pub fn is_malformed(record: &PacketRecord) -> bool {
    const PROTOCOL_TCP: u8 = 6;
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    let has_all = |mask: u8| record.tcp_flags & mask == mask;
    let has_header =
        record.protocol == PROTOCOL_TCP && record.fragment_offset == 0 && !record.has(flag::HEADER_CUT);
    let contradicts = has_header
        && (record.tcp_flags & (FIN | SYN | RST | ACK) == 0
            || has_all(SYN | FIN)
            || has_all(SYN | RST)
            || record.tcp_flags & (FIN | ACK) == FIN);
    let is_land = || {
        let (source, destination) = HostKey::of(record);
        source == destination
    };
    let has_same_ports = record.source_port == record.destination_port && record.source_port != 0;
    record.defect().is_some() || contradicts || has_same_ports && is_land()
}
