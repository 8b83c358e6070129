//! Files that nad trusts: settings, secrets, models.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustix::fs::{Mode, OFlags, Stat};

use super::{
    place::{LastLink, Place, is_link},
    refused, trust,
};

/// A file that only those may write whom nad trusts, open to be read.
#[derive(Debug)]
pub struct Trusted {
    file: File,
    stat: Stat,
}

/// Opens a file that nad trusts. It never waits: a pipe is refused like everything that is no regular file.
///
/// # Errors
///
/// When it is not there or can't be read, is no regular file, or when others may write it or a link that leads to it.
pub fn open_trusted(path: &Path) -> io::Result<Trusted> {
    let place = Place::walk(path, LastLink::Followed)?;
    open_checked(&place)
}

/// Opens a regular file that belongs to those whom nad trusts, whoever else may write it; never through a link.
///
/// # Errors
///
/// When it is not there or can't be read, is no regular file, or belongs to somebody else.
pub fn open_own(path: &Path) -> io::Result<Trusted> {
    whose_is_trusted(open(&Place::find(path)?)?)
}

/// Opens a file that holds a secret. It may be anybody's who could say another one: its mode is for the caller to judge.
///
/// # Errors
///
/// When it is not there or can't be read, is no regular file, or belongs to somebody whom nad does not trust.
pub fn open_secret(path: &Path) -> io::Result<Trusted> {
    whose_is_trusted(open(&Place::walk(path, LastLink::Followed)?)?)
}

fn whose_is_trusted(file: Trusted) -> io::Result<Trusted> {
    match trust::whose(&file.stat) {
        Some(who) => Err(trust::distrusted(&who, &file.stat)),
        None => Ok(file),
    }
}

/// Reads a small text of the working directory, where there is one of this name. As root, only one that root alone may
/// write, in a directory that root alone may write: whoever starts nad there did not name the file.
///
/// # Errors
///
/// As for [`open_trusted`], and when the file has more than `most` bytes or is no text.
pub fn read_working_directory(name: &str, most: u64) -> io::Result<Option<String>> {
    let place = match Place::find(Path::new(name)) {
        Ok(place) => place,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let stat = match place.stat() {
        Ok(stat) => stat,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if rustix::process::geteuid().is_root() {
        const REMEDY: &str = "root takes the working directory's only where root alone may write it: name it with \
                              --config, or start nad elsewhere";
        let directory = rustix::fs::fstat(place.directory())?;
        if is_link(&stat) {
            return Err(refused(format!("it is a symbolic link; {REMEDY}")));
        }
        if let Some(who) = trust::who_but_root(&stat) {
            return Err(refused(format!("{who}; {REMEDY}")));
        }
        if let Some(who) = trust::who_but_root(&directory) {
            return Err(refused(format!("of its directory, {who}; {REMEDY}")));
        }
    }
    open_trusted(Path::new(name))?.text(most).map(Some)
}

impl Trusted {
    /// The file's bytes.
    pub fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }

    /// The file's mode, without its kind.
    pub fn mode(&self) -> u32 {
        self.stat.st_mode & 0o7777
    }

    /// All of it.
    ///
    /// # Errors
    ///
    /// When it can't be read, or has more than `most` bytes.
    pub fn bytes(self, most: u64) -> io::Result<Vec<u8>> {
        let too_large = || refused(format!("it is larger than {most} bytes"));
        if self.size() > most {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        self.file.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
    }

    /// At most so many bytes of its start.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn start(self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// All of it as text.
    ///
    /// # Errors
    ///
    /// As for [`Self::bytes`], and when it is no UTF-8.
    pub fn text(self, most: u64) -> io::Result<String> {
        String::from_utf8(self.bytes(most)?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
    }
}

/// Opens a file that only those may write whom nad trusts.
pub(super) fn open_checked(place: &Place) -> io::Result<Trusted> {
    let trusted = open(place)?;
    trust::check(&trusted.stat)?;
    Ok(trusted)
}

/// Opens a regular file, and nothing else, without waiting.
fn open(place: &Place) -> io::Result<Trusted> {
    // Asked first: opening a device may do something.
    trust::regular(&place.stat()?)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: File = rustix::fs::openat(place.directory(), place.name(), flags, Mode::empty())?.into();
    let stat = rustix::fs::fstat(&file)?;
    trust::regular(&stat)?;
    Ok(Trusted { file, stat })
}
