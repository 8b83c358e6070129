//! A few facts at the start of the payload: the first DNS question, and what kind of conversation it is.

use network_types::ip::IpProto;

use super::room;
use crate::{
    frame::Frame,
    head::{self, HeadKind},
    record::{Defect, PacketRecord, flag},
};

/// Labels of a DNS name that are stepped over; a name with more is noted as a [`Defect::DnsName`]. The reverse name of
/// an IPv6 address has 34, and service discovery puts three before it.
pub const MAX_DNS_LABELS: usize = 40;

const DNS_PORT: u16 = 53;
const MDNS_PORT: u16 = 5353;
const LLMNR_PORT: u16 = 5355;

#[inline(always)]
pub(super) fn parse<F: Frame>(frame: &F, offset: usize, record: &mut PacketRecord) {
    if record.protocol == IpProto::Tcp as u8 {
        parse_stream(frame, offset, record);
    } else if is_dns(record.source_port) || is_dns(record.destination_port) {
        parse_dns(frame, offset, record);
    } else if record.protocol == IpProto::Udp as u8 {
        parse_datagram(frame, offset, record);
    }
}

#[inline(always)]
fn is_dns(port: u16) -> bool {
    matches!(port, DNS_PORT | MDNS_PORT | LLMNR_PORT)
}

/// What a TCP payload is the head of. An answer may be no longer than four bytes.
#[inline(always)]
fn parse_stream<F: Frame>(frame: &F, offset: usize, record: &mut PacketRecord) {
    const LEAST: usize = 4;
    let start = if record.payload_length >= 8 {
        frame.read::<[u8; 8]>(offset)
    } else if usize::from(record.payload_length) >= LEAST {
        frame.read::<[u8; LEAST]>(offset).map(|[a, b, c, d]| [a, b, c, d, 0, 0, 0, 0])
    } else {
        None
    };
    if let Some(kind) = start.and_then(|start| head::of_stream(start, record)) {
        record.head = kind as u8;
    }
}

/// What a UDP payload other than DNS is the head of.
#[inline(always)]
fn parse_datagram<F: Frame>(frame: &F, offset: usize, record: &mut PacketRecord) {
    if record.payload_length >= 8
        && let Some(start) = frame.read::<[u8; 8]>(offset)
        && let Some(kind) = head::of_datagram(start, record)
    {
        record.head = kind as u8;
    }
}

/// DNS, mDNS and LLMNR, which share the format of RFC 1035, section 4.
#[inline(always)]
fn parse_dns<F: Frame>(frame: &F, offset: usize, record: &mut PacketRecord) {
    const HEADER: usize = 12;
    const RESPONSE: u8 = 0x80;
    const RESPONSE_CODE: u8 = 0x0f;
    if usize::from(record.payload_length) < HEADER {
        return;
    }
    let Some(header) = frame.read::<[u8; HEADER]>(offset) else { return };
    record.flags |= flag::DNS;
    record.head = HeadKind::Dns as u8;
    if header[2] & RESPONSE != 0 {
        record.flags |= flag::DNS_RESPONSE;
        record.message_code = header[3] & RESPONSE_CODE;
    }
    let questions = u16::from_be_bytes([header[4], header[5]]);
    if questions != 0 {
        parse_question(frame, offset + HEADER, offset + usize::from(record.payload_length), record);
    }
}

/// Walks the first question's name by its length bytes; a name that the capture cut counts as far as it goes.
#[inline(always)]
fn parse_question<F: Frame>(frame: &F, start: usize, end: usize, record: &mut PacketRecord) {
    const LABEL: u8 = 63;
    let mut offset = start;
    for label in 0..=MAX_DNS_LABELS {
        offset = frame.meet(offset);
        if room(offset, end) <= 0 {
            record.set_defect(Defect::DnsName);
            break;
        }
        let Some([length]) = frame.read::<[u8; 1]>(offset) else { break };
        if length > LABEL || label == MAX_DNS_LABELS && length != 0 {
            record.set_defect(Defect::DnsName);
            break;
        }
        if length == 0 {
            if room(offset, end) >= 3
                && let Some(kind) = frame.read::<[u8; 2]>(offset + 1)
            {
                record.dns_query_type = u16::from_be_bytes(kind);
            }
            break;
        }
        offset += 1 + usize::from(length);
    }
    let name = offset.min(end) - start;
    // 255 bytes with the root label (RFC 1035, 2.3.4).
    if name > 254 {
        record.set_defect(Defect::DnsName);
    }
    record.dns_name_length = if name > 255 { 255 } else { name as u8 };
}
