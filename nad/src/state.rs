//! The state directory: what a sensor has learnt and found, for its next start.
//!
//! There is one file, `nad.state`, which is replaced in one step. One that is damaged or of another version is set aside, and what was
//! learnt is learnt anew. A lock tells other sensors that the directory is taken.

mod saver;

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use nad_engine::detector::Snapshot;

use crate::{files, text};
pub use saver::{Saver, Saves};

/// The file.
pub const FILE: &str = "nad.state";
/// The variable by which systemd names directories of a service, with colons between them.
pub const SYSTEMD_VARIABLE: &str = "STATE_DIRECTORY";
const LOCK: &str = "nad.lock";
/// What files are called that were set aside; the moment follows.
const SET_ASIDE: &str = "nad.state.set-aside-";
/// Files that are kept of those.
const KEPT: usize = 3;
/// Bytes of the largest file: several times what full tables take.
pub const LARGEST: u64 = 128 << 20;
/// Characters of a reason that are shown.
const MOST_REASON: usize = 400;

/// Settings of the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// The directory.
    pub directory: PathBuf,
    /// How often it is written.
    pub every: Duration,
    /// The flag that says how to start, so that what was learnt before is not gone on with.
    pub starts_anew: Option<&'static str>,
}

/// Why a state directory or a state is not used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory can't be made or opened.
    #[error(
        "state directory {}: {source}; choose another one with --state-dir or [state] dir",
        text::path(path)
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another sensor has it.
    #[error(
        "state directory {} is in use by another nad ({LOCK} in it is locked): give each sensor a directory of its own with \
         --state-dir or [state] dir",
        text::path(path)
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file can't be read or written.
    #[error("state {}: {source}", text::path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is none.
    #[error("there is no state in {}: `nad run --state-dir` with that directory makes one", text::path(path))]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
    /// A file is something else, damaged, or of another version.
    #[error("state {} is refused: {}", text::path(path), text::printable(reason, MOST_REASON))]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why. What the file says may be in it.
        reason: String,
    },
}

impl StateError {
    /// Whether it takes other settings, and not another try.
    pub fn is_of_settings(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }
}

/// A state directory of this process alone.
#[derive(Debug)]
pub struct StateDirectory {
    files: files::Directory,
    /// Held as long as it is open.
    _lock: File,
}

impl StateDirectory {
    /// Opens it, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// When it can't be made or may be written by others, or when another sensor has it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |source| StateError::Directory { path: path.into(), source };
        let files = files::Directory::make(path).map_err(failed)?;
        let lock = files.lock_file(LOCK).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { files, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { path: path.into() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The state, and the bytes that it has. One that can't be gone on with is set aside, with a warning.
    ///
    /// # Errors
    ///
    /// When there is one that can't be read or set aside.
    pub fn resume(&self) -> Result<Option<Box<Snapshot>>, StateError> {
        let reason = match self.files.read(FILE.as_ref(), LARGEST) {
            Ok(bytes) => match Snapshot::from_bytes(&bytes) {
                Ok(snapshot) => return Ok(Some(Box::new(snapshot))),
                Err(reason) => reason,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if files::is_refusal(&error) => error.to_string(),
            Err(source) => return Err(self.failed(source)),
        };
        let aside = self.set_aside()?;
        tracing::warn!(
            "the state in {} can't be gone on with: {}; it is set aside as {aside}, and nad learns anew",
            text::path(self.files.path()),
            text::printable(&reason, MOST_REASON)
        );
        Ok(None)
    }

    /// Sets aside what is there, because a flag says how to start.
    ///
    /// # Errors
    ///
    /// When that can't be done.
    pub fn start_anew(&self, flag: &str) -> Result<(), StateError> {
        match self.files.names() {
            Ok(names) if names.iter().any(|name| name == FILE) => {}
            Ok(_) => return Ok(()),
            Err(source) => return Err(self.failed(source)),
        }
        let aside = self.set_aside()?;
        tracing::warn!(
            "{flag} says how nad starts, so it does not go on from the state in {}, which is set aside as {aside}: leave \
             the flag out to go on, or give its value in the config file, where it counts for the first start alone",
            text::path(self.files.path())
        );
        Ok(())
    }

    /// Replaces the state.
    ///
    /// # Errors
    ///
    /// What the system says; what was there before is then still there.
    pub fn save(&self, bytes: &[u8]) -> io::Result<()> {
        self.files.write_private(FILE.as_ref(), bytes)
    }

    /// Removes the state and all that was set aside; how many files that were.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn reset(&self) -> Result<usize, StateError> {
        let names = self.files.names().map_err(|source| self.failed(source))?;
        let of_state = |name: &OsString| name == FILE || is_aside(name);
        let mut removed = 0;
        for name in names.iter().filter(|name| of_state(name)) {
            self.files.remove(name).map_err(|source| self.failed(source))?;
            removed += 1;
        }
        Ok(removed)
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// Gives the file another name, which is returned, and removes all but the newest of those that have such a name.
    fn set_aside(&self) -> Result<String, StateError> {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let aside = format!("{SET_ASIDE}{now}");
        let renamed = self.files.rename(FILE.as_ref(), aside.as_ref()).and_then(|()| self.forget_old());
        renamed.map_err(|source| self.failed(source))?;
        Ok(aside)
    }

    fn forget_old(&self) -> io::Result<()> {
        let mut asides: Vec<OsString> = self.files.names()?.into_iter().filter(is_aside).collect();
        asides.sort_unstable();
        let too_many = asides.len().saturating_sub(KEPT);
        asides[..too_many].iter().try_for_each(|name| self.files.remove(name))
    }

    fn failed(&self, source: io::Error) -> StateError {
        StateError::File { path: self.files.path().join(FILE), source }
    }
}

/// Reads a state, which another nad may be writing to; with its size.
///
/// # Errors
///
/// When there is none, or it is refused.
pub fn read(directory: &Path) -> Result<(Snapshot, u64), StateError> {
    match read_file(&directory.join(FILE)) {
        Err(StateError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(StateError::Nothing { path: directory.into() })
        }
        Ok((snapshot, bytes)) => Ok((snapshot, bytes.len() as u64)),
        Err(error) => Err(error),
    }
}

/// Reads a state from any file, with its bytes.
///
/// # Errors
///
/// When there is none, or it is refused.
pub fn read_file(path: &Path) -> Result<(Snapshot, Vec<u8>), StateError> {
    let refused = |reason: String| StateError::Refused { path: path.into(), reason };
    let read = files::open_trusted(path).and_then(|file| file.bytes(LARGEST));
    let bytes = read.map_err(|source| match files::is_refusal(&source) {
        true => refused(source.to_string()),
        false => StateError::File { path: path.into(), source },
    })?;
    let snapshot = Snapshot::from_bytes(&bytes).map_err(refused)?;
    Ok((snapshot, bytes))
}

fn is_aside(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(SET_ASIDE))
}

#[cfg(test)]
mod tests;
