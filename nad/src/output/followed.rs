//! A file that is found by its path: where it is deleted or moved away, another is made.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::files::{self, Identity, Place};

/// How often a file may be deleted while a few lines are written.
const MOST_ROUNDS: usize = 3;

/// What may be behind a right that is missing.
pub(super) const REPLACED: &str =
    "if its directory was deleted or replaced, the sandbox knows only the one before: start nad again";

/// See the module. What is no regular file, or was opened before nad was started, is followed nowhere.
#[derive(Debug)]
pub(super) struct Followed {
    path: PathBuf,
    file: File,
    is_regular: bool,
    /// Whether half a line is at its end.
    is_broken: bool,
    /// Whether it was said that the path can't be followed.
    is_astray: bool,
}

impl Followed {
    /// Takes a file that this path leads to, and that is open to add to it.
    pub(super) fn of(path: &Path, file: File) -> io::Result<Self> {
        let is_regular = is_regular(path, &file.metadata()?);
        Ok(Self { path: path.into(), file, is_regular, is_broken: false, is_astray: false })
    }

    /// Adds whole lines, all of them or none, to the file that the path leads to. They are there once this returns: a file
    /// that was deleted meanwhile is made again with them.
    ///
    /// # Errors
    ///
    /// When they can't be written.
    pub(super) fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        for _ in 0..MOST_ROUNDS {
            self.follow()?;
            self.write(lines)?;
            if !self.is_regular || !is_deleted(&self.file) {
                return Ok(());
            }
        }
        Err(io::Error::other("it is deleted as soon as it is made"))
    }

    /// Goes on in the file that the path leads to, which is made, with its directory, where it is missing; in the one before
    /// where that fails and the one before still has a name.
    ///
    /// # Errors
    ///
    /// When there is no file to go on in.
    pub(super) fn follow(&mut self) -> io::Result<()> {
        if !self.is_regular || leads_to(&self.path, &self.file) {
            return Ok(());
        }
        match reopen(&self.path) {
            Ok(file) => *self = Self::of(&self.path, file)?,
            Err(error) if is_deleted(&self.file) => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut self.is_astray, true) {
                    let path = crate::text::path(&self.path);
                    tracing::warn!(
                        "{path} was moved away and can't be made anew: {error}; it is written where it is"
                    );
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_broken {
            write_whole(&mut self.file, b"\n").map_err(Torn::into_cause)?;
            self.is_broken = false;
        }
        write_whole(&mut self.file, lines).map_err(|torn| {
            self.is_broken = torn.is_left;
            torn.cause
        })
    }
}

/// Opens a file to add to it, and makes it and its directory where they are missing.
pub(super) fn open(path: &Path) -> io::Result<File> {
    Place::make(path)?;
    files::append(path)
}

/// The same once more: the sandbox lets nad write in the directory that there was when it started.
pub(super) fn reopen(path: &Path) -> io::Result<File> {
    open(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied if !files::is_refusal(&error) => {
            io::Error::new(error.kind(), format!("{error}; {REPLACED}"))
        }
        _ => error,
    })
}

/// Whether a path leads to this very file.
pub(super) fn leads_to(path: &Path, file: &File) -> bool {
    let there = Place::find(path).and_then(|place| place.identity());
    matches!((there, Identity::of_file(file)), (Ok(there), Ok(own)) if there == own)
}

/// Whether a file that is written from its beginning to its end can be found under its path.
///
/// # Errors
///
/// When it was deleted or moved away meanwhile.
pub(super) fn is_still_there(path: &Path, file: &File) -> io::Result<()> {
    if !is_regular(path, &file.metadata()?) || leads_to(path, file) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "it was deleted or moved away while it was written"))
}

/// Whether nobody will find what is written into a file, as it has no name any more.
pub(super) fn is_deleted(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

pub(super) fn is_regular(path: &Path, metadata: &fs::Metadata) -> bool {
    metadata.is_file() && !files::is_descriptor(path)
}

/// What was not written whole.
#[derive(Debug)]
pub(super) struct Torn {
    cause: io::Error,
    /// Whether a part of it is in the file.
    pub(super) is_left: bool,
}

impl Torn {
    pub(super) fn into_cause(self) -> io::Error {
        self.cause
    }
}

/// Writes all of it to a file's end. Where there is no room for it, nothing is left of it that would spoil what comes next.
pub(super) fn write_whole(file: &mut File, bytes: &[u8]) -> Result<(), Torn> {
    let before = file.metadata().map(|metadata| metadata.len());
    let mut written = 0;
    while written < bytes.len() {
        let cause = match file.write(&bytes[written..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(count) => {
                written += count;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let mut is_left = written > 0;
        let after = file.metadata().map(|metadata| metadata.len());
        // Unless another nad has added to it meanwhile.
        if let (Ok(before), Ok(after)) = (before, after)
            && is_left
            && after == before + written as u64
        {
            is_left = file.set_len(before).is_err();
        }
        return Err(Torn { cause, is_left });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
