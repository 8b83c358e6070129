//! Opening files anew at SIGUSR1, as whoever moves them away asks for.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// How often it was asked for. A signal is for the whole process, and so is this.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Asks that every file that is written is opened anew before the next line.
pub fn request() {
    REQUESTS.fetch_add(1, Relaxed);
}

/// What a file knows of the requests.
#[derive(Debug)]
pub struct Reopening {
    seen: u64,
}

impl Default for Reopening {
    /// Knows of those so far.
    fn default() -> Self {
        Self { seen: REQUESTS.load(Relaxed) }
    }
}

impl Reopening {
    /// Whether there was a request since the last time.
    pub fn is_due(&mut self) -> bool {
        let requests = REQUESTS.load(Relaxed);
        std::mem::replace(&mut self.seen, requests) != requests
    }
}

/// Opens a file to add to it; it is made where it is missing.
///
/// # Errors
///
/// When it can't be opened.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_once_by_each_file() {
        let (mut one, mut other) = (Reopening::default(), Reopening::default());
        request();
        assert!(one.is_due() && other.is_due());
    }
}
