//! Packets of a capture that can't be read, or not in full, and why.

use nad_common::{
    counters::KernelCounters,
    opaque::Opaque,
    record::{PacketRecord, flag},
    refusal::Refusal,
};

use super::{error::CaptureError, link::SUPPORTED};

/// Link types that are named one by one; a file has rarely more than two.
const NAMED: usize = 16;

/// The link types that packets were skipped for.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    numbers: Vec<u32>,
    packets: u64,
}

impl Skipped {
    /// Notes a packet of a link type that isn't supported, and says so of the first one.
    pub(super) fn add(&mut self, number: u32, name: &str) -> Refusal {
        self.packets += 1;
        if self.numbers.len() < NAMED && !self.numbers.contains(&number) {
            self.numbers.push(number);
            tracing::warn!(
                "{name}: packets of link type {number} are skipped and counted as unparsed; nad reads {SUPPORTED}"
            );
        }
        Refusal::LinkType
    }

    /// A file that held nothing else must not pass for a quiet one.
    pub(super) fn refuse_if_all(&self, name: &str, packets: u64) -> Result<(), CaptureError> {
        match self.numbers.first() {
            Some(&number) if self.packets == packets => {
                Err(CaptureError::OtherLinkType { name: name.to_owned(), number, packets })
            }
            _ => Ok(()),
        }
    }
}

/// Why a packet gave no record: a header that is too short is the recorder's doing where the capture was cut.
pub(super) fn reason(refusal: Refusal, is_cut: bool) -> Refusal {
    match refusal {
        Refusal::LinkTruncated
        | Refusal::VlanTruncated
        | Refusal::ArpTruncated
        | Refusal::Ipv4Truncated
        | Refusal::Ipv6Truncated
            if is_cut =>
        {
            Refusal::Cut
        }
        _ => refusal,
    }
}

/// Counts what was not looked into. A header counts as cut also where all that is read of it is there: more bytes are
/// missing than the payload, a frame check sequence, and what pads a short frame can be.
pub(super) fn count(record: &PacketRecord, missing: u32, counters: &mut KernelCounters) {
    /// The shortest frame of Ethernet, with its check sequence.
    const SHORTEST: u32 = 64;
    const CHECK_SEQUENCE: u32 = 4;
    let is_cut = record.has(flag::CUT)
        && record.length > SHORTEST
        && missing > u32::from(record.payload_length) + CHECK_SEQUENCE;
    if is_cut {
        counters.opaque[Opaque::HeaderCut as usize] += 1;
    } else {
        counters.add_opaque(record);
    }
}
