//! Databases: files that a library opens by their path.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    input::open_checked,
    place::{LastLink, Place, is_link},
    policy, refused, trust,
};

/// How a database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What SQLite puts beside a database, and the database.
const ENDINGS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Makes a database's file where it is missing, and gives the path without links at which a library is to open it.
///
/// # Errors
///
/// When it or what SQLite keeps beside it is a link, no regular file, or may be written by others, or what the system says.
pub fn prepare_database(path: &Path) -> io::Result<PathBuf> {
    let place = Place::find(path)?;
    check(&place, trust::check)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(place.directory(), place.name(), flags, Mode::from_raw_mode(0o600)) {
        Ok(made) => policy::apply(&made.into())?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    place.real_path()
}

/// Whether [`prepare_database`] could prepare a database, and whether what is there is one; nothing is changed.
///
/// # Errors
///
/// As for [`prepare_database`], and for a file that is no database of SQLite.
pub fn check_database(path: &Path) -> io::Result<()> {
    let place = match Place::find(path) {
        // Where it would be is for others to judge.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        place => place?,
    };
    check(&place, trust::check)?;
    let start = match open_checked(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?.start(MAGIC.len())?,
    };
    // An empty file is a new database.
    if start.is_empty() || start == MAGIC {
        Ok(())
    } else {
        Err(refused("it is no history, but another file"))
    }
}

/// Gives the path without links at which a library is to open a database to read it. Whoever owns it may have written it:
/// what is read is shown and not acted upon.
///
/// # Errors
///
/// When there is none, it is no regular file, or others than its owner may write it.
pub fn find_database(path: &Path) -> io::Result<PathBuf> {
    let place = Place::walk(path, LastLink::Followed)?;
    place.stat()?;
    check(&place, |stat| {
        trust::regular(stat)?;
        trust::who_besides(stat).map_or(Ok(()), |who| Err(trust::distrusted(&who, stat)))
    })?;
    place.real_path()
}

fn check(place: &Place, is_fine: impl Fn(&Stat) -> io::Result<()>) -> io::Result<()> {
    for ending in ENDINGS {
        let mut name = place.name().to_owned();
        name.push(ending);
        let stat = match place.beside(name)?.stat() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            stat => stat?,
        };
        let checked = if is_link(&stat) {
            Err(refused("it is a symbolic link: name the file that is meant"))
        } else {
            is_fine(&stat)
        };
        checked.map_err(|error| match ending {
            "" => error,
            _ => refused(format!("of what SQLite keeps beside it, *{ending}: {error}")),
        })?;
    }
    Ok(())
}
