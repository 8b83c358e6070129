//! The files of a spool.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use super::Entry;
use crate::{files, text};

const ENDING: &str = ".json";
/// What is being written; where nad was killed meanwhile, half of it.
const UNFINISHED: &str = ".tmp";
const LOCK: &str = "lock";
/// Bytes of the largest message; nad's have a few thousand.
const LARGEST: u64 = 1 << 20;

/// See the module. Only nad's user may read what is in it.
pub(super) struct Directory {
    files: files::Directory,
    /// Held as long as it is open.
    lock: File,
    is_own: bool,
    /// Whether it was said that another nad has it.
    is_other_said: bool,
    /// Whether writing fails, which was said.
    is_failing: bool,
}

impl Directory {
    /// Makes the directory where it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let files = files::Directory::make(path)?;
        let lock = files.lock_file(LOCK)?;
        Ok(Self { files, lock, is_own: false, is_other_said: false, is_failing: false })
    }

    /// Takes it and gives what waits there, in its order, where nobody had it until now; nothing otherwise.
    pub(super) fn take(&mut self) -> io::Result<Option<Vec<Entry>>> {
        if self.is_own {
            return Ok(None);
        }
        match self.lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut self.is_other_said, true) {
                    tracing::warn!(
                        "{} is in use by another nad: messages wait in memory until that one ends; give each a \
                         directory of its own",
                        self.name()
                    );
                }
                return Ok(None);
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let found = self.read()?;
        self.is_own = true;
        Ok(Some(found))
    }

    fn read(&self) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        for name in self.files.names()? {
            let Some(text) = name.to_str() else { continue };
            if text.strip_suffix(UNFINISHED).is_some_and(|whole| parse(whole).is_some()) {
                self.files.remove(&name)?;
            } else if let Some((number, id)) = parse(text) {
                let body = match self.files.read(&name, LARGEST) {
                    Ok(body) => body,
                    Err(error) if files::is_refusal(&error) => {
                        tracing::warn!("{}: {text} is not posted: {error}", self.name());
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
                    found.push(Entry { number, id: id.into(), body, is_on_disk: true });
                } else {
                    tracing::warn!("{}: {text} is no whole message and is removed", self.name());
                    self.files.remove(&name)?;
                }
            }
        }
        found.sort_by_key(|entry| entry.number);
        Ok(found)
    }

    /// Writes a message beside, and renames it once it is whole; whether it is there now. That it fails is said once.
    pub(super) fn write(&mut self, entry: &Entry) -> bool {
        if !self.is_own {
            return false;
        }
        match self.files.write(file_name(entry).as_ref(), &entry.body) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(
                        "{} can't be written: {error}; messages wait in memory and are lost if nad ends",
                        self.name()
                    );
                }
            }
        }
        !self.is_failing
    }

    /// Goes on in the directory that the path leads to, which is made where it was deleted or moved away; whether that was
    /// needed. Then nothing that it held is there any more.
    pub(super) fn renew(&mut self) -> io::Result<bool> {
        if !self.files.is_lost() {
            return Ok(false);
        }
        *self = Self::open(self.files.path())?;
        tracing::warn!("{} was deleted or moved away, and is begun anew", self.name());
        Ok(true)
    }

    /// Removes a message; one that can't be removed is posted again after the next start.
    pub(super) fn remove(&self, entry: &Entry) {
        let name = file_name(entry);
        if let Err(error) = self.files.remove(name.as_ref()) {
            tracing::warn!("{}: {name} can't be removed: {error}", self.name());
        }
    }

    fn name(&self) -> String {
        format!("webhook spool {}", text::path(self.files.path()))
    }
}

fn file_name(entry: &Entry) -> String {
    format!("{:020}-{}{ENDING}", entry.number, entry.id)
}

/// Number and id of a message's file; nothing for other files, which are left alone.
fn parse(name: &str) -> Option<(u64, &str)> {
    let (number, id) = name.strip_suffix(ENDING)?.split_once('-')?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Numbers are times; from a larger one no next one could be made.
    number.parse().ok().filter(|number| is_id && *number <= u64::MAX / 2).map(|number| (number, id))
}
