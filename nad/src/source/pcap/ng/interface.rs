//! What a pcapng interface says about its packets.

use nad_common::parse::LinkType;
use pcap_parser::{InterfaceDescriptionBlock, OptionCode};

use crate::source::pcap::link::link_type;

pub(super) struct Interface {
    /// The link type, or the number of one that isn't supported.
    pub(super) link_type: Result<LinkType, u32>,
    /// Captured bytes of a packet at most; 0 means no limit.
    pub(super) snap_length: u32,
    pub(super) time: Clock,
}

/// From an interface's units to Unix nanoseconds.
pub(super) struct Clock {
    resolution: Resolution,
    /// Nanoseconds to add (`if_tsoffset`).
    offset_ns: i128,
}

/// What one unit (`if_tsresol`) is, split so that the usual ones need no division.
enum Resolution {
    /// This many nanoseconds.
    Multiple(u64),
    /// One of this many parts of a nanosecond.
    Part(u128),
    /// Two to the minus this many seconds.
    Binary(u32),
}

impl Interface {
    pub(super) fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let number = description.linktype.0 as u32;
        Self {
            link_type: link_type(number).ok_or(number),
            snap_length: description.snaplen,
            time: Clock::new(description, big_endian),
        }
    }
}

impl Clock {
    /// The crate's own reading of the two options takes the offset for little-endian in every file and knows no
    /// binary resolution, so they are read from the options' bytes.
    fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        const MICROSECONDS: u8 = 6;
        let option = |code| description.options.iter().find(|option| option.code == code)?.as_bytes().ok();
        let resolution = match option(OptionCode::IfTsresol) {
            Some([byte, ..]) => *byte,
            _ => MICROSECONDS,
        };
        let seconds =
            option(OptionCode::IfTsoffset).and_then(|bytes| bytes.try_into().ok()).map_or(0, |bytes| {
                if big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
            });
        Self { resolution: Resolution::new(resolution), offset_ns: i128::from(seconds) * 1_000_000_000 }
    }

    /// Clamped to what 64 bits hold (the years 1970 to 2554).
    #[inline]
    pub(super) fn unix_ns(&self, units: u64) -> u64 {
        let scaled = match self.resolution {
            Resolution::Multiple(ns) => u128::from(units) * u128::from(ns),
            Resolution::Part(parts) => u128::from(units) / parts,
            Resolution::Binary(exponent) => (u128::from(units) * 1_000_000_000) >> exponent,
        };
        // Below 2^94, so it fits, and the offset's 2^93 can't make it overflow.
        (scaled as i128 + self.offset_ns).clamp(0, u64::MAX.into()) as u64
    }
}

impl Resolution {
    /// From `if_tsresol`: the top bit clear, it is a negative power of ten; set, of two.
    fn new(byte: u8) -> Self {
        const NANOSECONDS: u32 = 9;
        let exponent = u32::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            return Self::Binary(exponent);
        }
        match NANOSECONDS.checked_sub(exponent) {
            Some(power) => Self::Multiple(10_u64.pow(power)),
            // A unit so small that its power of ten doesn't fit makes every time 0.
            None => Self::Part(10_u128.checked_pow(exponent - NANOSECONDS).unwrap_or(u128::MAX)),
        }
    }
}
