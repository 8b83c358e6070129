//! Opening the file: what is missing or isn't a file, and decompression.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek},
    path::Path,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
};

use flate2::bufread::MultiGzDecoder;

use super::error::{CaptureError, Compression, Offset, Stop};

/// Bytes of the compressed file that are read at once.
const COMPRESSED_BUFFER: usize = 256 << 10;

pub(super) struct Input {
    /// The uncompressed bytes.
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) compression: Option<Compression>,
    /// Bytes of the stored file that were read, counted as `reader` reads.
    pub(super) bytes_read: Arc<AtomicU64>,
    /// Bytes of the stored file; `None` where it is a pipe or a device.
    pub(super) bytes_total: Option<u64>,
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn open(path: &Path, name: &str) -> Result<Input, CaptureError> {
    if is_stdin(path) {
        return read(Box::new(io::stdin()), None, name);
    }
    of_file(File::open(path).map_err(|cause| CaptureError::unreadable(name, cause))?, name)
}

/// The same of a file that is open, from its beginning on where it has one.
pub(super) fn of_file(mut file: File, name: &str) -> Result<Input, CaptureError> {
    let unreadable = |cause| CaptureError::unreadable(name, cause);
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(CaptureError::Directory { name: name.into() });
    }
    if metadata.is_file() {
        file.rewind().map_err(unreadable)?;
    }
    read(Box::new(file), metadata.is_file().then_some(metadata.len()), name)
}

fn read(
    mut reader: Box<dyn Read + Send>,
    bytes_total: Option<u64>,
    name: &str,
) -> Result<Input, CaptureError> {
    let unreadable = |cause| CaptureError::unreadable(name, cause);
    let read_start = || -> io::Result<_> {
        let mut start = Vec::with_capacity(8);
        reader.by_ref().take(6).read_to_end(&mut start)?;
        Ok((start, reader))
    };
    let (start, rest) = read_start().map_err(unreadable)?;
    let bytes_read = Arc::new(AtomicU64::new(start.len() as u64));
    let compression = compression(&start, name)?;
    let stored = Cursor::new(start).chain(Counting { reader: rest, count: Arc::clone(&bytes_read) });
    let reader = decompress(stored, compression)
        .map_err(|cause| Stop::Read(cause).explain(name, Offset::new(0, compression), 0))?;
    Ok(Input { reader, compression, bytes_read, bytes_total })
}

/// How a file that starts so is compressed.
fn compression(start: &[u8], name: &str) -> Result<Option<Compression>, CaptureError> {
    let other = |format, tool| Err(CaptureError::OtherCompression { name: name.into(), format, tool });
    match start {
        [0x1f, 0x8b, 0x08, ..] => Ok(Some(Compression::Gzip)),
        // A frame, or one of the frames to skip that parallel compressors write first.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Some(Compression::Zstd)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => other("xz", "xz -dk"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => other("bzip2", "bzip2 -dk"),
        [0x04, 0x22, 0x4d, 0x18, ..] => other("lz4", "lz4 -d"),
        [b'P', b'K', 3, 4, ..] => other("zip", "unzip"),
        _ => Ok(None),
    }
}

fn decompress(
    stored: impl Read + Send + 'static,
    compression: Option<Compression>,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        None => Box::new(stored),
        Some(Compression::Gzip) => {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED_BUFFER, stored)))
        }
        Some(Compression::Zstd) => {
            Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(COMPRESSED_BUFFER, stored))?)
        }
    })
}

/// Counts what is read.
struct Counting<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
