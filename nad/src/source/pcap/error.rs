//! Why a capture can't be read, or not any further.

use std::{fmt, io};

use thiserror::Error;

use super::{damage::Damage, link::SUPPORTED};

/// Why a capture can't be read, or not any further. Each message is one line.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is nothing of that name.
    #[error("{name}: no such file; check the path")]
    Missing {
        /// The file as it was given.
        name: String,
    },
    /// The name is a directory's.
    #[error("{name}: a directory; name a capture file in it")]
    Directory {
        /// The file as it was given.
        name: String,
    },
    /// Opening it or reading its first bytes failed.
    #[error("{name}: can't be read: {cause}; check its permissions and that it is a file")]
    Unreadable {
        /// The file as it was given.
        name: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Reading failed further on.
    #[error(
        "{name}: reading failed at {at}: {cause}; the {packets} packets before it are good, check the disk \
         for the rest"
    )]
    Read {
        /// The file as it was given.
        name: String,
        /// Where the first packet starts that couldn't be read.
        at: Offset,
        /// Packets before it.
        packets: u64,
        /// What the system said.
        cause: io::Error,
    },
    /// There is not one byte in it.
    #[error("{name}: empty, without even a file header; record it again (`tcpdump -U -w` writes at once)")]
    Empty {
        /// The file as it was given.
        name: String,
    },
    /// It is neither pcap nor pcapng.
    #[error(
        "{name}: neither pcap nor pcapng, it starts with {start}; give a capture as tcpdump, dumpcap or \
         Wireshark write it"
    )]
    NotACapture {
        /// The file as it was given.
        name: String,
        /// Its first bytes, uncompressed: quoted where they are text, else in hexadecimal.
        start: String,
    },
    /// It is compressed in a way that isn't read.
    #[error("{name}: compressed with {format}, which nad does not read; decompress it first with `{tool}`")]
    OtherCompression {
        /// The file as it was given.
        name: String,
        /// The compression.
        format: &'static str,
        /// A command that undoes it.
        tool: &'static str,
    },
    /// The packets are of another kind of link.
    #[error("{name}: link type {number} at {at} is not supported; record on a link of type {SUPPORTED}")]
    LinkType {
        /// The file as it was given.
        name: String,
        /// Where the file says so.
        at: Offset,
        /// See <https://www.tcpdump.org/linktypes.html>.
        number: u32,
    },
    /// No packet is of a kind of link that can be read.
    #[error(
        "{name}: all {packets} packets are of link types that are not supported, the first of type {number}; record \
         on a link of type {SUPPORTED}"
    )]
    OtherLinkType {
        /// The file as it was given.
        name: String,
        /// The link type of the first packet.
        number: u32,
        /// Packets in the file.
        packets: u64,
    },
    /// What is in it can't be.
    #[error(
        "{name}: damaged at {at}: {damage}; the {packets} packets before it are good, copy or record the file \
         again for the rest"
    )]
    Damaged {
        /// The file as it was given.
        name: String,
        /// Where the packet or block starts that couldn't be read.
        at: Offset,
        /// Packets before it.
        packets: u64,
        /// What is wrong there.
        damage: Damage,
    },
}

/// How a capture file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// A place in a capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Bytes from the start of the file, after decompression.
    pub bytes: u64,
    /// How the file is compressed.
    pub compression: Option<Compression>,
}

impl Offset {
    pub(super) fn new(bytes: u64, compression: Option<Compression>) -> Self {
        Self { bytes, compression }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.bytes)?;
        if self.compression.is_some() {
            f.write_str(" of the uncompressed file")?;
        }
        Ok(())
    }
}

/// Why reading stops, before the name and the place are known.
pub(super) enum Stop {
    Damage(Damage),
    LinkType(u32),
    Read(io::Error),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Stop {
    /// Adds where it happened, after how many packets.
    pub(super) fn explain(self, name: &str, at: Offset, packets: u64) -> CaptureError {
        let name = name.to_owned();
        match self {
            Self::Damage(damage) => CaptureError::Damaged { name, at, packets, damage },
            Self::LinkType(number) => CaptureError::LinkType { name, at, number },
            Self::Read(cause) => match at.compression {
                // What a decompressor says has no number of the system's.
                Some(compression) if cause.raw_os_error().is_none() => {
                    explain_stream(name, at, packets, compression, &cause)
                }
                _ => CaptureError::Read { name, at, packets, cause },
            },
        }
    }
}

fn explain_stream(
    name: String,
    at: Offset,
    packets: u64,
    compression: Compression,
    cause: &io::Error,
) -> CaptureError {
    let said = cause.to_string();
    if said.contains("too much memory") {
        let (format, tool) = ("a zstd window above 128 MiB", "zstd -d --long=31");
        return CaptureError::OtherCompression { name, format, tool };
    }
    let damage = match cause.kind() {
        io::ErrorKind::UnexpectedEof => Damage::StreamCut { compression },
        _ => Damage::Stream { compression, cause: said },
    };
    CaptureError::Damaged { name, at, packets, damage }
}

impl CaptureError {
    pub(in crate::source) fn unreadable(name: &str, cause: io::Error) -> Self {
        let name = name.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { name },
            _ => Self::Unreadable { name, cause },
        }
    }

    pub(super) fn not_a_capture(name: &str, start: &[u8]) -> Self {
        const SHOWN: usize = 16;
        let start = &start[..start.len().min(SHOWN)];
        let text = str::from_utf8(start).ok().filter(|text| !text.contains('\0'));
        let start = match text {
            Some(text) => format!("{text:?}"),
            None => start.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        };
        Self::NotACapture { name: name.to_owned(), start }
    }
}
