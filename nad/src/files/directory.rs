//! A directory of nad's own, whose files are found by its descriptor.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{
    input,
    place::{self, Place},
    policy, refused, trust,
};

/// See the module. Whoever else may write it or a file in it could have nad say what they like, so both are refused.
#[derive(Debug)]
pub struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// When others may write it, when a link on the way or it itself is one that is not to be trusted, or what the system
    /// says.
    pub fn make(path: &Path) -> io::Result<Self> {
        let descriptor = place::make_directories(path)?;
        let stat = rustix::fs::fstat(&descriptor)?;
        if let Some(who) = trust::who_may_write(&stat) {
            return Err(trust::distrusted(&who, &stat));
        }
        Ok(Self { descriptor, path: path.into() })
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        place::names(&self.descriptor)
    }

    /// Opens a file to lock it, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// When it is no regular file, or what the system says.
    pub fn lock_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File =
            rustix::fs::openat(&self.descriptor, name, flags, Mode::from_raw_mode(0o600))?.into();
        let stat = rustix::fs::fstat(&file)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(file),
            _ => Err(refused(format!("\"{name}\" in it is {}, and a file is expected", trust::kind(&stat)))),
        }
    }

    /// Reads a file, without waiting.
    ///
    /// # Errors
    ///
    /// When it is no regular file, larger than `most` bytes, or when others may write it.
    pub fn read(&self, name: &OsStr, most: u64) -> io::Result<Vec<u8>> {
        input::open_checked(&Place::within(&self.descriptor, name, &self.path)?)?.bytes(most)
    }

    /// Writes a file under another name, and gives it its own once it is whole and on the disk.
    ///
    /// # Errors
    ///
    /// What the system says; nothing is then left of it.
    pub fn write(&self, name: &OsStr, content: &[u8]) -> io::Result<()> {
        self.write_for(name, content, policy::apply)
    }

    /// The same for nad alone, whatever `[files]` says.
    ///
    /// # Errors
    ///
    /// As for [`Self::write`].
    pub fn write_private(&self, name: &OsStr, content: &[u8]) -> io::Result<()> {
        self.write_for(name, content, |_| Ok(()))
    }

    /// Gives a file another name; what had that one is gone.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    fn write_for(
        &self,
        name: &OsStr,
        content: &[u8],
        give_rights: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        self.is_still_there()?;
        let mut unfinished = name.to_owned();
        unfinished.push(".tmp");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // What a killed nad left.
        self.remove(&unfinished)?;
        let made = rustix::fs::openat(&self.descriptor, &unfinished, flags, Mode::from_raw_mode(0o600))?;
        let mut file: File = made.into();
        let written = give_rights(&file)
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(rustix::fs::renameat(&self.descriptor, &unfinished, &self.descriptor, name)?));
        if written.is_err() {
            // So that a full disk is no fuller for it.
            let _ = self.remove(&unfinished);
        }
        written
    }

    /// Whether another directory, or none, is at its path.
    pub fn is_lost(&self) -> bool {
        self.is_still_there().is_err()
    }

    /// Whether the path still leads to it: what is written into one that was moved away is found by nobody.
    fn is_still_there(&self) -> io::Result<()> {
        let there = rustix::fs::fstat(place::open_directory(&self.path)?)?;
        if place::Identity::of(&there) == place::Identity::of(&rustix::fs::fstat(&self.descriptor)?) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "another directory is in its place: start nad again"))
    }

    /// Removes a file; one that is gone is as good.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Err(rustix::io::Errno::NOENT) => Ok(()),
            result => Ok(result?),
        }
    }
}
