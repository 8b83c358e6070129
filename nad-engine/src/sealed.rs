//! Bytes of files that only nad writes: models and states.
//!
//! ```text
//! magic: 8 bytes | version: u32 | head length: u32 | body length: u64 | head | body | SHA-256 of all before
//! ```
//! Numbers are little-endian.

use sha2::{Digest, Sha256};

/// A kind of file.
pub(crate) struct Format {
    /// What it begins with.
    pub(crate) magic: &'static [u8; 8],
    /// The version that is written, and the only one that is read.
    pub(crate) version: u32,
    /// What it is called.
    pub(crate) name: &'static str,
    /// What to do with one of another version.
    pub(crate) remedy: &'static str,
}

/// Bytes before the head.
pub(crate) const PREAMBLE: usize = 8 + 4 + 4 + 8;
/// Bytes after the body.
pub(crate) const CHECKSUM: usize = 32;

impl Format {
    /// The bytes of a file, whose body is what is appended to what comes before it.
    pub(crate) fn seal<E>(
        &self,
        head: &[u8],
        append_body: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let mut bytes = Vec::with_capacity(PREAMBLE + head.len());
        bytes.extend_from_slice(self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&0_u64.to_le_bytes());
        bytes.extend_from_slice(head);
        let mut bytes = append_body(bytes)?;
        let body_length = (bytes.len() - PREAMBLE - head.len()) as u64;
        bytes[PREAMBLE - 8..PREAMBLE].copy_from_slice(&body_length.to_le_bytes());
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        Ok(bytes)
    }

    /// Head and body of a file.
    ///
    /// # Errors
    ///
    /// Why it is refused: it is something else, damaged, or of another version.
    pub(crate) fn open<'a>(&self, bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), String> {
        if !bytes.starts_with(self.magic) {
            return Err(format!("it is not a nad {}", self.name));
        }
        let (preamble, _) = bytes.split_at_checked(PREAMBLE).ok_or("it is cut off")?;
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| preamble[at + i]));
        let version = number(8);
        if version != self.version {
            return Err(format!(
                "it is of version {version}, and this nad reads version {}: {}",
                self.version, self.remedy
            ));
        }
        let head_length = number(12) as usize;
        let body_length = u64::from_le_bytes(std::array::from_fn(|i| preamble[16 + i]));
        let expected = PREAMBLE as u64 + head_length as u64 + CHECKSUM as u64;
        if expected.checked_add(body_length) != Some(bytes.len() as u64) {
            return Err(format!(
                "it has {} bytes and says it has {}",
                bytes.len(),
                expected.saturating_add(body_length)
            ));
        }
        let (content, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        if Sha256::digest(content)[..] != *checksum {
            return Err("its checksum is wrong, so it is damaged".into());
        }
        Ok(content[PREAMBLE..].split_at(head_length))
    }
}
