//! Who may write a file or put a link somewhere, besides those whom nad trusts: root, its own user, and the one that it
//! is to become.

use std::{io, os::fd::OwnedFd};

use rustix::{
    fs::{FileType, Stat, StatVfsMountFlags},
    io::Errno,
    process::{getegid, geteuid},
};

use super::{place::Place, policy::policy, refused};

const BY_GROUP: u32 = 0o020;
const BY_ANYBODY: u32 = 0o002;

/// Whether a user may do with nad what they like anyway.
fn is_trusted(user: u32) -> bool {
    user == 0 || user == geteuid().as_raw() || policy().owner == Some(user)
}

/// The user who called nad by sudo. What they name is theirs to vouch for; what lies on the way is not.
fn called_by() -> Option<u32> {
    std::env::var("SUDO_UID").ok()?.parse().ok().filter(|_| geteuid().is_root())
}

/// Whether a file's group is nobody but its owner: that of a user who is alone in it, of the same number.
fn is_private_group(group: u32) -> bool {
    let own = geteuid().as_raw();
    own != 0 && group == own && getegid().as_raw() == own
}

/// Who may write a file of these rights, in words; `None` where it is only those whom nad trusts.
pub(super) fn who_may_write(stat: &Stat) -> Option<String> {
    whose(stat).or_else(|| who_besides(stat))
}

/// Whose a file is, in words, where nad does not trust them.
pub(super) fn whose(stat: &Stat) -> Option<String> {
    let is_fine = is_trusted(stat.st_uid) || called_by() == Some(stat.st_uid);
    (!is_fine).then(|| format!("user {} owns it", stat.st_uid))
}

/// Who besides its owner may write a file.
pub(super) fn who_besides(stat: &Stat) -> Option<String> {
    who_else(stat).map(|who| format!("{who} may write it (mode {:04o})", stat.st_mode & 0o7777))
}

/// The same, where root alone is trusted, as the working directory may be anybody's.
pub(super) fn who_but_root(stat: &Stat) -> Option<String> {
    if stat.st_uid != 0 {
        return Some(format!("user {} owns it", stat.st_uid));
    }
    who_besides(stat)
}

fn who_else(stat: &Stat) -> Option<String> {
    match stat.st_mode {
        mode if mode & BY_ANYBODY != 0 => Some("everybody".into()),
        mode if mode & BY_GROUP != 0 && !is_private_group(stat.st_gid) => {
            Some(format!("group {}", stat.st_gid))
        }
        _ => None,
    }
}

/// Who could have put a link into a directory, or another one in its place; `None` where it is only those whom nad trusts.
pub(super) fn who_may_put(directory: &OwnedFd, link: &Stat) -> io::Result<Option<String>> {
    let stat = rustix::fs::fstat(directory)?;
    if !is_trusted(link.st_uid) {
        return Ok(Some(format!("it is user {}'s", link.st_uid)));
    }
    let who = match who_else(&stat) {
        _ if !is_trusted(stat.st_uid) => Some(format!("user {}", stat.st_uid)),
        who => who,
    };
    // Of a volume that nobody can write, whatever its modes say.
    let is_read_only = || -> io::Result<bool> {
        Ok(rustix::fs::fstatvfs(directory)?.f_flag.contains(StatVfsMountFlags::RDONLY))
    };
    match who {
        Some(who) if !is_read_only()? => Ok(Some(format!("{who} may write the directory that it is in"))),
        _ => Ok(None),
    }
}

/// Why an existing file is not to be written, though nad may.
pub(super) fn hazard(place: &Place, stat: &Stat) -> io::Result<Option<String>> {
    let directory = rustix::fs::fstat(place.directory())?;
    let is_shared = !is_trusted(directory.st_uid) || who_else(&directory).is_some();
    if stat.st_nlink > 1 && is_shared {
        // As the kernel's fs.protected_hardlinks, where that is off.
        return Ok(Some("it has another name, and others may write its directory".into()));
    }
    let is_everybodys = directory.st_mode & BY_ANYBODY != 0;
    if is_everybodys && !is_trusted(stat.st_uid) && stat.st_uid != directory.st_uid {
        // As the kernel's fs.protected_regular.
        return Ok(Some(format!("user {} made it in a directory that everybody may write", stat.st_uid)));
    }
    Ok(None)
}

/// What a file is that is none, in words.
pub(super) fn kind(stat: &Stat) -> &'static str {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "no regular file",
    }
}

/// Refuses what is no regular file or may be written by others.
pub(super) fn check(stat: &Stat) -> io::Result<()> {
    regular(stat)?;
    match who_may_write(stat) {
        Some(who) => Err(distrusted(&who, stat)),
        None => Ok(()),
    }
}

/// Refuses what is no regular file.
pub(super) fn regular(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        _ => Err(refused(format!("it is {}, and a regular file is expected", kind(stat)))),
    }
}

/// Why a file is not trusted, and what to do.
pub(super) fn distrusted(who: &str, stat: &Stat) -> io::Error {
    let remedy = if is_trusted(stat.st_uid) {
        "take the right away with chmod go-w"
    } else {
        "give it to nad's user with chown, or use a copy of your own"
    };
    refused(format!("{who}, so it is not trusted: {remedy}"))
}
