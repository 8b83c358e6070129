//! The pcap container (draft-ietf-opsawg-pcap): a file header, then packets.

use nad_common::parse::LinkType;
use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader,
    nom::{self, IResult, Needed},
    parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::{MAX_PACKET, Packet, Step, damage::Damage, error::Stop, link::link_type, window::Window};

const FILE_HEADER: usize = 24;
/// Where the link type stands in the file header.
const LINK_TYPE_AT: usize = 20;
/// The bits of that field which number the link type; those above say how many check bytes end a frame.
const LINK_TYPE_BITS: u32 = 0x03ff_ffff;

type ParseFrame = for<'a> fn(&'a [u8]) -> IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

pub(super) struct Classic {
    parse_frame: ParseFrame,
    /// Bytes before each packet's own.
    packet_header: usize,
    /// Nanoseconds of one unit of the fraction of a second.
    fraction_ns: u64,
    link_type: LinkType,
}

/// Whether a file that starts so is pcap: microseconds, nanoseconds, or the "modified" format of old Linux
/// systems with 8 more bytes a packet.
pub(super) fn recognizes(start: &[u8]) -> bool {
    matches!(
        start,
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0xc3, 0xd4, ..]
            | [0x4d, 0x3c, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0x3c, 0x4d, ..]
            | [0x34, 0xcd, 0xb2, 0xa1, ..]
    )
}

impl Classic {
    pub(super) fn open(window: &mut Window) -> Result<Self, Stop> {
        window.ensure(FILE_HEADER)?;
        let cut = Damage::Cut { part: "the file header", has: window.bytes().len(), needs: FILE_HEADER };
        let (_, header) = parse_pcap_header(window.bytes()).map_err(|_| Stop::Damage(cut))?;
        // The field is unsigned; the crate has it signed.
        let number = header.network.0 as u32 & LINK_TYPE_BITS;
        let Some(link_type) = link_type(number) else {
            window.consume(LINK_TYPE_AT);
            return Err(Stop::LinkType(number));
        };
        window.consume(FILE_HEADER);
        Ok(Self {
            parse_frame: frame_parser(&header),
            packet_header: if header.is_modified_format() { 24 } else { 16 },
            fraction_ns: if header.is_nanosecond_precision() { 1 } else { 1_000 },
            link_type,
        })
    }

    #[inline]
    pub(super) fn next(&self, window: &mut Window, may_wait: bool) -> Result<Step, Stop> {
        loop {
            let missing = match (self.parse_frame)(window.bytes()) {
                Ok((_, block)) => return self.packet(&block),
                Err(nom::Err::Incomplete(Needed::Size(missing))) => missing.get(),
                Err(_) => 1,
            };
            let has = window.bytes().len();
            let needs = has.saturating_add(missing);
            check_length(needs.saturating_sub(self.packet_header))?;
            if !may_wait {
                return Ok(Step::Wait);
            }
            if window.ensure(needs)? {
                continue;
            }
            let part = match window.bytes().len() {
                0 => return Ok(Step::End),
                has if has < self.packet_header => "a packet header",
                _ => "a packet",
            };
            return Err(Damage::Cut { part, has: window.bytes().len(), needs }.into());
        }
    }

    #[inline]
    fn packet(&self, block: &LegacyPcapBlock<'_>) -> Result<Step, Stop> {
        let captured = block.data.len();
        check_length(captured)?;
        Ok(Step::Packet(Packet {
            time_ns: u64::from(block.ts_sec) * 1_000_000_000 + u64::from(block.ts_usec) * self.fraction_ns,
            link_type: Ok(self.link_type),
            start: self.packet_header,
            captured,
            original: block.origlen,
            size: self.packet_header + captured,
        }))
    }
}

fn frame_parser(header: &PcapHeader) -> ParseFrame {
    if header.is_modified_format() {
        parse_pcap_frame_modified
    } else if header.is_bigendian() {
        parse_pcap_frame_be
    } else {
        parse_pcap_frame
    }
}

#[inline]
fn check_length(captured: usize) -> Result<(), Damage> {
    if captured > MAX_PACKET {
        return Err(Damage::PacketTooLong { captured: captured as u64 });
    }
    Ok(())
}
