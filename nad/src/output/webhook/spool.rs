//! What waits to be posted: in memory, and on disk as well where there is a directory.
//!
//! A message is a file of its own, `<number>-<delivery id>.json`, written beside and renamed, so that whatever is there under
//! that name is whole. Numbers only grow, and tell the order. Whoever holds the lock of the directory owns it; a second nad
//! keeps its messages in memory until the first one ends.

mod directory;

use std::{
    collections::VecDeque,
    fmt::Write,
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use super::SpoolConfig;
use directory::Directory;

/// What a message takes at least, on disk as in the sum.
const BLOCK: u64 = 4096;
/// Bytes of a delivery's id, of which each is two characters.
const ID_BYTES: usize = 16;

/// See the module.
pub(super) struct Spool {
    directory: Option<Directory>,
    waiting: VecDeque<Entry>,
    /// Bytes of all that wait, in whole blocks.
    bytes: u64,
    most: u64,
    last_number: u64,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the order.
    pub(super) number: u64,
    /// What every attempt to post it has in common.
    pub(super) id: String,
    /// What is posted.
    pub(super) body: Vec<u8>,
    /// Whether it would survive the end of nad.
    is_on_disk: bool,
}

impl Spool {
    /// Reads what waits from before, where nobody else does.
    ///
    /// # Errors
    ///
    /// When the directory can't be made or read.
    pub(super) fn open(config: &SpoolConfig) -> io::Result<Self> {
        let directory = config.directory.as_deref().map(Directory::open).transpose()?;
        let mut spool =
            Self { directory, waiting: VecDeque::new(), bytes: 0, most: config.bytes, last_number: 0 };
        spool.take_over()?;
        Ok(spool)
    }

    /// Adds a message about something, and gives how many had to leave for it.
    pub(super) fn add(&mut self, about: &str, body: Vec<u8>) -> u64 {
        let number = now_ns().max(self.last_number + 1);
        self.last_number = number;
        let mut entry = Entry { number, id: delivery_id(about, number), body, is_on_disk: false };
        if let Some(directory) = &mut self.directory {
            entry.is_on_disk = directory.write(&entry);
        }
        self.bytes += entry.size();
        self.waiting.push_back(entry);
        self.shorten()
    }

    /// The one that has waited for longest.
    pub(super) fn first(&self) -> Option<&Entry> {
        self.waiting.front()
    }

    /// Forgets it.
    pub(super) fn remove_first(&mut self) {
        let Some(entry) = self.waiting.pop_front() else { return };
        self.bytes -= entry.size();
        if let Some(directory) = self.directory.as_ref().filter(|_| entry.is_on_disk) {
            directory.remove(&entry);
        }
    }

    /// Puts on disk what isn't there yet, because the disk was full or another nad had the directory. Gives how many had
    /// to leave for what was found there.
    pub(super) fn settle(&mut self) -> u64 {
        // Where it can't be made again, that is said with the first message that can't be written.
        if let Some(directory) = &mut self.directory
            && directory.renew().unwrap_or(false)
        {
            self.waiting.iter_mut().for_each(|entry| entry.is_on_disk = false);
        }
        // It was opened before, so this is the disk's trouble and is said there.
        let _ = self.take_over();
        if let Some(directory) = &mut self.directory {
            for entry in self.waiting.iter_mut().filter(|entry| !entry.is_on_disk) {
                entry.is_on_disk = directory.write(entry);
                if !entry.is_on_disk {
                    break;
                }
            }
        }
        self.shorten()
    }

    /// Messages that the next start finds.
    pub(super) fn on_disk(&self) -> u64 {
        self.waiting.len() as u64 - self.in_memory()
    }

    /// Messages that it doesn't.
    pub(super) fn in_memory(&self) -> u64 {
        self.waiting.iter().filter(|entry| !entry.is_on_disk).count() as u64
    }

    /// Takes the directory where it is free: what lies there is older than what is in memory.
    fn take_over(&mut self) -> io::Result<()> {
        let Some(found) = self.directory.as_mut().map(Directory::take).transpose()?.flatten() else {
            return Ok(());
        };
        self.last_number = self.last_number.max(found.last().map_or(0, |entry| entry.number));
        let mut found = found;
        // What is in memory already lies in a directory that is back in its place.
        found.retain(|entry| match self.waiting.iter_mut().find(|waiting| waiting.id == entry.id) {
            Some(waiting) => {
                waiting.is_on_disk = true;
                false
            }
            None => true,
        });
        for entry in found.into_iter().rev() {
            self.bytes += entry.size();
            self.waiting.push_front(entry);
        }
        Ok(())
    }

    /// Lets the oldest go until the rest has room; the newest stays in any case.
    fn shorten(&mut self) -> u64 {
        let mut left = 0;
        while self.bytes > self.most && self.waiting.len() > 1 {
            self.remove_first();
            left += 1;
        }
        left
    }
}

impl Entry {
    fn size(&self) -> u64 {
        (self.body.len() as u64).next_multiple_of(BLOCK).max(BLOCK)
    }
}

/// An id that no other message has: of what it is about, when, and by which process.
pub(super) fn delivery_id(about: &str, number: u64) -> String {
    let digest = Sha256::digest(format!("{} {number} {about}", std::process::id()));
    digest.iter().take(ID_BYTES).fold(String::new(), |mut id, byte| {
        // Writing to a string can't fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// Nanoseconds since the Unix epoch.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests;
