//! The stretch of the (uncompressed) file that is in memory.

use std::io::{self, Read};

/// Bytes that the window has room for at first; it grows only for a record that needs more.
const ROOM: usize = 1 << 20;
/// Bytes that one read of a decompressor asks for. What a read has decompressed before it fails is lost, so it
/// is kept small; it still costs nothing beside the decompression.
const COMPRESSED_READ: usize = 64 << 10;

pub(super) struct Window {
    reader: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the file before `start`.
    offset: u64,
    ended: bool,
    most_per_read: usize,
}

impl Window {
    pub(super) fn new(reader: Box<dyn Read + Send>, compressed: bool) -> Self {
        let most_per_read = if compressed { COMPRESSED_READ } else { usize::MAX };
        Self { reader, bytes: vec![0; ROOM], start: 0, end: 0, offset: 0, ended: false, most_per_read }
    }

    /// What is in memory and not consumed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Where [`bytes`](Self::bytes) start, in bytes from the start of the uncompressed file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves past the first `count` bytes, which must be there.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        self.offset += count as u64;
    }

    /// Reads until `count` bytes are there, and says whether they are: not where the file ends before.
    ///
    /// The window grows to hold them, so the caller limits `count`.
    pub(super) fn ensure(&mut self, count: usize) -> io::Result<bool> {
        if self.bytes().len() >= count {
            return Ok(true);
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < count && !self.ended {
            if self.end == self.bytes.len() {
                // Doubles only as bytes really come: a length field alone makes nothing grow.
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
            let until = self.bytes.len().min(self.end.saturating_add(self.most_per_read));
            match self.reader.read(&mut self.bytes[self.end..until]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end >= count)
    }
}
