//! What can be wrong in a capture file.

use thiserror::Error;

use super::{MAX_PACKET, error::Compression};

/// What is wrong in a damaged capture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file ends inside something.
    #[error("the file ends inside {part}, with {has} of {needs} bytes")]
    Cut {
        /// What it ends inside.
        part: &'static str,
        /// Bytes of it that are there.
        has: usize,
        /// Bytes of it that are known to be needed.
        needs: usize,
    },
    /// A captured length above [`MAX_PACKET`].
    #[error("the packet header says {captured} bytes, more than the largest packet ({MAX_PACKET})")]
    PacketTooLong {
        /// Bytes as stated.
        captured: u64,
    },
    /// A captured length above what its block holds.
    #[error("the packet header says {captured} bytes, but its block has room for {room}")]
    PacketPastBlock {
        /// Bytes as stated.
        captured: u32,
        /// Bytes that could be.
        room: usize,
    },
    /// A block length above [`MAX_BLOCK`](super::MAX_BLOCK), or above the lower limit for section headers and
    /// interface descriptions.
    #[error("the block says {length} bytes, more than the largest such block ({limit})")]
    BlockTooLong {
        /// Bytes as stated.
        length: u32,
        /// Bytes that it can have.
        limit: usize,
    },
    /// A block length that can't be.
    #[error("the block says {length} bytes, which is below 12 or no multiple of 4")]
    BlockLength {
        /// Bytes as stated.
        length: u32,
    },
    /// The block's two lengths differ.
    #[error("the block says {length} bytes at its start and {trailer} at its end")]
    BlockEnd {
        /// Bytes as stated at the start.
        length: u64,
        /// Bytes as stated at the end.
        trailer: u32,
    },
    /// A block that is too short for what it is, or whose content makes no sense.
    #[error("the {kind} block is too short or makes no sense")]
    BlockBody {
        /// What it says it is.
        kind: &'static str,
    },
    /// A section header without the byte-order magic.
    #[error("the section's byte-order magic is {magic:#010x} instead of 0x1a2b3c4d in either order")]
    ByteOrder {
        /// As read in little-endian order.
        magic: u32,
    },
    /// A section in another version of the format.
    #[error("the section is in version {major}.{minor} of pcapng, and only 1.x is known")]
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A packet of an interface that wasn't described.
    #[error("the packet is of interface {number}, but its section describes {interfaces}")]
    NoInterface {
        /// The interface's number, counted from 0.
        number: u32,
        /// Interfaces described so far.
        interfaces: usize,
    },
    /// More interface descriptions than any capture has.
    #[error("the section describes more than {limit} interfaces")]
    TooManyInterfaces {
        /// The most that is read.
        limit: usize,
    },
    /// The compressed stream ends before its end mark.
    #[error("the {compression} stream is cut off")]
    StreamCut {
        /// How the file is compressed.
        compression: Compression,
    },
    /// The compressed stream makes no sense.
    #[error("the {compression} stream can't be decompressed ({cause})")]
    Stream {
        /// How the file is compressed.
        compression: Compression,
        /// What the decompressor said.
        cause: String,
    },
}
