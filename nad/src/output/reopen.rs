//! Files of lines, which follow their paths, and opening files anew at SIGUSR1, as whoever moves them away asks for.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{Done, Failure, OutputError, followed::Followed};
use crate::{files, text};

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

/// What becomes of lines that are in a file already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// They are of an earlier run, and go.
    Replaced,
    /// They are of this run, before other settings came into force, and stay.
    Kept,
}

/// A file that lines are added to.
#[derive(Debug)]
pub struct LineFile {
    name: String,
    file: Followed,
}

impl LineFile {
    /// Opens the file, which is made where it is missing; `what` it is stands in messages.
    ///
    /// # Errors
    ///
    /// When it can't be opened.
    pub fn open(what: &str, path: &Path, earlier: Earlier) -> Result<Self, OutputError> {
        let name = format!("{what} {}", text::path(path));
        // Lines go to the end in any case: those of this nad's other settings may still be on their way into it.
        let opened = files::append(path).and_then(|file| {
            // What standard output leads to holds more than this.
            if earlier == Earlier::Replaced && file.metadata()?.is_file() && !files::is_descriptor(path) {
                file.set_len(0)?;
            }
            Followed::of(path, file)
        });
        match opened {
            Ok(file) => Ok(Self { name, file }),
            Err(error) => Err(OutputError::new(name, error)),
        }
    }

    /// What it is, and its path.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Adds lines, all of them or none, to the file that the path leads to. Those that count as delivered are there.
    ///
    /// # Errors
    ///
    /// When they can't be written.
    pub fn add(&mut self, lines: impl IntoIterator<Item = String>) -> Result<Done, Failure> {
        let (mut text, mut delivered) = (String::new(), 0);
        for line in lines {
            text.push_str(&line);
            text.push('\n');
            delivered += 1;
        }
        if delivered > 0 {
            self.file.add(text.as_bytes())?;
        }
        Ok(Done { delivered, failed: 0 })
    }

    /// Goes on in the file that the path leads to, also where there is nothing to add: whoever moved the old one away
    /// waits for that.
    ///
    /// # Errors
    ///
    /// As for [`Self::add`].
    pub fn follow(&mut self) -> Result<Done, Failure> {
        self.file.follow()?;
        Ok(Done::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_earlier_run_go_and_those_of_other_settings_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let open = |earlier| LineFile::open("alert file", &path, earlier).unwrap();
        let mut old = open(Earlier::Replaced);
        assert_eq!(old.add(["1".into(), "2".into()]).unwrap(), Done { delivered: 2, failed: 0 });
        let mut new = open(Earlier::Kept);
        new.add(["3".into()]).unwrap();
        // What the old one was still to write overwrites nothing.
        old.add(["4".into()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n3\n4\n");
        open(Earlier::Replaced).add(["5".into()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "5\n");
    }

    #[test]
    fn a_request_is_seen_once_by_each_file() {
        let (mut one, mut other) = (Reopening::default(), Reopening::default());
        request();
        assert!(one.is_due() && other.is_due());
    }
}
