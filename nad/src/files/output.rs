//! Files that nad writes.

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::{
    fs::{FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    place::{Place, is_link},
    policy, refused, trust,
};

const NEW: OFlags = OFlags::CREATE.union(OFlags::EXCL);
const CAREFUL: OFlags = OFlags::WRONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// How often it is looked again where a file comes or goes just then.
const MOST_ROUNDS: usize = 16;

/// Opens a file to add to it; makes it where it is missing. `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` are what nad was
/// started with; a pipe needs a reader.
///
/// # Errors
///
/// When it is a link, a directory, a disk or a pipe that nobody reads, or what the system says.
pub fn append(path: &Path) -> io::Result<File> {
    match descriptor(path) {
        Some(number) => inherited(number),
        None => open(&Place::find(path)?, OFlags::APPEND),
    }
}

/// Creates a file, or empties the one that is there. As for the rest, see [`append`].
///
/// # Errors
///
/// As for [`append`].
pub fn create(path: &Path) -> io::Result<File> {
    if let Some(number) = descriptor(path) {
        return inherited(number);
    }
    let file = open(&Place::find(path)?, OFlags::empty())?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Puts a file in the place of another, or where none is, in one step: no reader ever sees half of it.
///
/// # Errors
///
/// When what is there is no regular file, or what the system says; what was there before is then still there.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let place = Place::find(path)?;
    check_replaceable(&place)?;
    let (unfinished, mut file) = beside(&place)?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| {
        let (directory, from) = (place.directory(), unfinished.name());
        Ok(rustix::fs::renameat(directory, from, directory, place.name())?)
    });
    if written.is_err() {
        // So that a full disk is no fuller for it.
        let _ = rustix::fs::unlinkat(place.directory(), unfinished.name(), rustix::fs::AtFlags::empty());
    }
    written
}

/// Finds out whether [`replace`] could do so, by making a file beside it that is gone again.
///
/// # Errors
///
/// As for [`replace`].
pub fn try_replace(path: &Path) -> io::Result<()> {
    let place = Place::find(path)?;
    check_replaceable(&place)?;
    let (unfinished, _) = beside(&place)?;
    Ok(rustix::fs::unlinkat(place.directory(), unfinished.name(), rustix::fs::AtFlags::empty())?)
}

/// Whether a path names what nad was started with, and no file.
pub fn is_descriptor(path: &Path) -> bool {
    descriptor(path).is_some()
}

fn check_replaceable(place: &Place) -> io::Result<()> {
    match place.stat() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(()),
            FileType::Directory => Err(Errno::ISDIR.into()),
            _ => Err(refused(format!("it is {}, which is not replaced", trust::kind(&stat)))),
        },
    }
}

/// A new file in the same directory, under a name that nobody has.
fn beside(place: &Place) -> io::Result<(Place, File)> {
    use std::hash::{BuildHasher, RandomState};
    for round in 0..MOST_ROUNDS {
        let number = RandomState::new().hash_one(round);
        let unfinished = place.beside(format!(".nad-{number:016x}.tmp"))?;
        match make(&unfinished, OFlags::empty()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return Ok((unfinished, result?)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn open(place: &Place, how: OFlags) -> io::Result<File> {
    for _ in 0..MOST_ROUNDS {
        match place.stat() {
            Ok(stat) => {
                check(place, &stat)?;
                match open_existing(place, &stat, how) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => return result,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match make(place, how) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result,
            },
            Err(error) => return Err(error),
        }
    }
    Err(refused("it comes and goes while it is opened"))
}

/// Makes a file that is not there, for nad alone until it has its rights.
pub(super) fn make(place: &Place, how: OFlags) -> io::Result<File> {
    let flags = CAREFUL | NEW | how;
    let file: File =
        rustix::fs::openat(place.directory(), place.name(), flags, Mode::from_raw_mode(0o600))?.into();
    blocking(&file, how)?;
    if let Err(error) = policy::apply(&file) {
        // It has nothing in it, and would be in the way of the next try with other settings.
        let _ = rustix::fs::unlinkat(place.directory(), place.name(), rustix::fs::AtFlags::empty());
        return Err(error);
    }
    Ok(file)
}

fn open_existing(place: &Place, seen: &Stat, how: OFlags) -> io::Result<File> {
    let opened = rustix::fs::openat(place.directory(), place.name(), CAREFUL | how, Mode::empty());
    let file: File = match opened {
        Err(Errno::NXIO) if FileType::from_raw_mode(seen.st_mode) == FileType::Fifo => {
            return Err(refused("nobody reads the pipe: start its reader first"));
        }
        // Another one took its place after it was looked at.
        Err(Errno::LOOP) => return Err(refused("it is a symbolic link: name the file that is meant")),
        opened => opened?.into(),
    };
    check(place, &rustix::fs::fstat(&file)?)?;
    blocking(&file, how)?;
    Ok(file)
}

/// Opening was not to wait; writing may.
fn blocking(file: &File, how: OFlags) -> io::Result<()> {
    Ok(rustix::fs::fcntl_setfl(file.as_fd(), how & OFlags::APPEND)?)
}

fn check(place: &Place, stat: &Stat) -> io::Result<()> {
    if is_link(stat) {
        return Err(refused("it is a symbolic link: name the file that is meant"));
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => match trust::hazard(place, stat)? {
            Some(why) => Err(refused(format!("{why}: choose another directory"))),
            None => Ok(()),
        },
        FileType::Fifo | FileType::CharacterDevice => Ok(()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        _ => Err(refused(format!("it is {}, and a file is expected", trust::kind(stat)))),
    }
}

/// The descriptor that a path stands for.
fn descriptor(path: &Path) -> Option<u32> {
    match path.as_os_str().as_bytes() {
        b"/dev/stdout" => Some(1),
        b"/dev/stderr" => Some(2),
        path => {
            let rest = path.strip_prefix(b"/dev/fd/").or_else(|| path.strip_prefix(b"/proc/self/fd/"))?;
            str::from_utf8(rest)
                .ok()
                .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))?
                .parse()
                .ok()
        }
    }
}

/// What nad was started with. Its own streams may be sockets, which can only be shared; others are opened once more.
fn inherited(number: u32) -> io::Result<File> {
    match number {
        1 => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
        2 => Ok(io::stderr().as_fd().try_clone_to_owned()?.into()),
        number => File::options().append(true).open(format!("/proc/self/fd/{number}")),
    }
}
