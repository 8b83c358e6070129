//! The files of a spool.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::Entry;

const ENDING: &str = ".json";
/// What is being written; where nad was killed meanwhile, half of it.
const UNFINISHED: &str = ".tmp";
const LOCK: &str = "lock";

/// See the module. Only nad's user may read what is in it.
pub(super) struct Directory {
    path: PathBuf,
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
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = private().truncate(false).open(path.join(LOCK))?;
        Ok(Self { path: path.into(), lock, is_own: false, is_other_said: false, is_failing: false })
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
                        "webhook spool {} is in use by another nad: messages wait in memory until that one ends; give \
                         each a directory of its own",
                        self.path.display()
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
        for file in fs::read_dir(&self.path)? {
            let path = file?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.ends_with(UNFINISHED) {
                fs::remove_file(&path)?;
            } else if let Some((number, id)) = parse(name) {
                let body = fs::read(&path)?;
                if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
                    found.push(Entry { number, id: id.into(), body, is_on_disk: true });
                } else {
                    tracing::warn!("webhook spool: {} is no whole message and is removed", path.display());
                    fs::remove_file(&path)?;
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
        let path = self.path_of(entry);
        let unfinished = path.with_extension("json.tmp");
        let write = || -> io::Result<()> {
            let mut file = private().truncate(true).open(&unfinished)?;
            file.write_all(&entry.body)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        match write() {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                // So that a full disk is no fuller for it.
                let _ = fs::remove_file(&unfinished);
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(
                        "webhook spool {} can't be written: {error}; messages wait in memory and are lost if nad ends",
                        self.path.display()
                    );
                }
            }
        }
        !self.is_failing
    }

    /// Removes a message; one that can't be removed is posted again after the next start.
    pub(super) fn remove(&self, entry: &Entry) {
        let path = self.path_of(entry);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("webhook spool: {} can't be removed: {error}", path.display());
        }
    }

    fn path_of(&self, entry: &Entry) -> PathBuf {
        self.path.join(format!("{:020}-{}{ENDING}", entry.number, entry.id))
    }
}

/// Files that nobody else may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Number and id of a message's file; nothing for other files, which are left alone.
fn parse(name: &str) -> Option<(u64, &str)> {
    let (number, id) = name.strip_suffix(ENDING)?.split_once('-')?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    number.parse().ok().filter(|_| is_id).map(|number| (number, id))
}
