//! Where a file is: its directory, held open, and its name in it.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};

use super::{policy, refused, trust};

/// Links that are followed at most, as the kernel has it.
const MOST_LINKS: usize = 40;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that is held open, and a name in it.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    name: OsString,
    path: PathBuf,
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }

    /// Of an open file.
    ///
    /// # Errors
    ///
    /// When the system doesn't tell.
    pub fn of_file(file: &std::fs::File) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(file)?))
    }
}

/// What becomes of a path's last part where it is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastLink {
    /// It is taken for the file.
    Kept,
    /// It is followed where only root and nad's own user could make it.
    Followed,
}

impl Place {
    /// Finds the directory of a path that is written; the file need not be there.
    ///
    /// # Errors
    ///
    /// When the directory is not there, the path is a directory's, or a link on the way is not to be trusted.
    pub fn find(path: &Path) -> io::Result<Self> {
        Self::walk(path, LastLink::Kept)
    }

    /// The same, after the directories of the path that are missing were made.
    ///
    /// # Errors
    ///
    /// As for [`Self::find`], and when a directory can't be made.
    pub fn make(path: &Path) -> io::Result<Self> {
        let (parent, _) = split(path)?;
        make_directories(parent)?;
        Self::find(path)
    }

    pub(super) fn walk(path: &Path, last: LastLink) -> io::Result<Self> {
        let (parent, name) = split(path)?;
        let place = Self { directory: open_directory(parent)?, name: name.into(), path: path.into() };
        match (last, place.stat()) {
            (LastLink::Followed, Ok(stat)) if is_link(&stat) => place.follow(&stat, MOST_LINKS),
            _ => Ok(place),
        }
    }

    /// Where the link leads that is at this place.
    fn follow(self, stat: &Stat, budget: usize) -> io::Result<Self> {
        let target = follow(&self.directory, &self.name, stat, &self.path)?;
        let target = Path::new(&target);
        let (parent, name) = split(target)?;
        let budget = budget.checked_sub(1).ok_or(Errno::LOOP)?;
        let directory = step_by_step(Some(&self.directory), parent, Missing::Refused)?;
        let place = Self { directory, name: name.into(), path: self.path };
        match place.stat() {
            Ok(stat) if is_link(&stat) => place.follow(&stat, budget),
            _ => Ok(place),
        }
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(super) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// The same directory, with another name in it.
    pub(super) fn beside(&self, name: impl Into<OsString>) -> io::Result<Self> {
        Ok(Self { directory: self.directory.try_clone()?, name: name.into(), path: self.path.clone() })
    }

    /// A name in a directory that is open.
    pub(super) fn within(directory: &OwnedFd, name: &OsStr, path: &Path) -> io::Result<Self> {
        Ok(Self { directory: directory.try_clone()?, name: name.into(), path: path.join(name) })
    }

    /// The names in the same directory.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        names(&self.directory)
    }

    /// What is there; a link is told as such.
    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Which file is there.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn identity(&self) -> io::Result<Identity> {
        self.stat().map(|stat| Identity::of(&stat))
    }

    /// The path without links, by which others find the same directory.
    pub(super) fn real_path(&self) -> io::Result<PathBuf> {
        use std::os::fd::AsRawFd;
        let link = format!("/proc/self/fd/{}", self.directory.as_raw_fd());
        // Without /proc, the library is to find its way itself, and to refuse links.
        Ok(std::fs::read_link(link)
            .map_or_else(|_| self.path.clone(), |directory| directory.join(&self.name)))
    }

    /// Removes a file that lies in the same directory; one that is gone is as good.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove_beside(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Renames the file in its directory; what already has that name stays, and is an error.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`], or what the system says.
    pub fn rename_aside(&self, name: &OsStr) -> io::Result<()> {
        use rustix::fs::{RenameFlags, renameat, renameat_with};
        let directory = &self.directory;
        match renameat_with(directory, &self.name, directory, name, RenameFlags::NOREPLACE) {
            // A file system that doesn't know the flag.
            Err(Errno::INVAL | Errno::NOSYS) => {
                match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                    Err(Errno::NOENT) => Ok(renameat(directory, &self.name, directory, name)?),
                    Err(error) => Err(error.into()),
                }
            }
            result => Ok(result?),
        }
    }
}

/// Opens a directory. The kernel does it in one step where there is no link on the way and it knows how (5.6).
pub(super) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(CWD, path, DIRECTORY, Mode::empty(), resolve) {
        Ok(directory) => Ok(directory),
        // A link, an old kernel, or a filter of system calls that doesn't know it.
        Err(Errno::LOOP | Errno::NOSYS | Errno::PERM) => step_by_step(None, path, Missing::Refused),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(super) fn open_by_steps(path: &Path) -> io::Result<OwnedFd> {
    step_by_step(None, path, Missing::Refused)
}

/// Makes the directories of a path that are missing, with the rights of [`policy`].
pub(super) fn make_directories(path: &Path) -> io::Result<OwnedFd> {
    match open_directory(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => step_by_step(None, path, Missing::Made),
        result => result,
    }
}

/// All names in a directory but those of itself and its parent.
pub(super) fn names(directory: &OwnedFd) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::openat(directory, c".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(open)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

pub(super) fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// What becomes of directories that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Refused,
    Made,
}

/// Opens a directory part by part, from another one or from where nad works; each link is looked at before it is followed.
fn step_by_step(from: Option<&OwnedFd>, path: &Path, missing: Missing) -> io::Result<OwnedFd> {
    let start = |path: &Path| -> io::Result<OwnedFd> {
        match from {
            Some(directory) if path.is_relative() => Ok(directory.try_clone()?),
            _ if path.is_absolute() => Ok(rustix::fs::open(c"/", DIRECTORY, Mode::empty())?),
            _ => Ok(rustix::fs::open(c".", DIRECTORY, Mode::empty())?),
        }
    };
    let mut directory = start(path)?;
    let mut parts: VecDeque<OsString> = parts(path).collect();
    let mut links = 0;
    while let Some(name) = parts.pop_front() {
        let found = match (find(&directory, &name), missing) {
            (Err(Errno::NOENT), Missing::Made) => {
                policy::make_directory(&directory, &name)?;
                find(&directory, &name)
            }
            (found, _) => found,
        };
        let (next, stat) = found?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => directory = next,
            FileType::Symlink => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::LOOP.into());
                }
                let target = follow(&directory, &name, &stat, path)?;
                let target = Path::new(&target);
                if target.is_absolute() {
                    directory = rustix::fs::open(c"/", DIRECTORY, Mode::empty())?;
                }
                for part in self::parts(target).collect::<Vec<_>>().into_iter().rev() {
                    parts.push_front(part);
                }
            }
            _ => return Err(Errno::NOTDIR.into()),
        }
    }
    Ok(directory)
}

fn find(directory: &OwnedFd, name: &OsStr) -> Result<(OwnedFd, Stat), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&found)?;
    Ok((found, stat))
}

/// A link's target, where the link is to be trusted.
fn follow(directory: &OwnedFd, name: &OsStr, link: &Stat, path: &Path) -> io::Result<OsString> {
    if let Some(who) = trust::who_may_put(directory, link)? {
        let (name, path) = (Path::new(name).display(), path.display());
        return Err(refused(format!(
            "\"{name}\" in {path} is a symbolic link, and {who}: name the place that is meant"
        )));
    }
    let target = rustix::fs::readlinkat(directory, name, Vec::new())?;
    Ok(OsString::from_vec(target.into_bytes()))
}

/// The names that lie between slashes.
fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// A path's directory and its last name.
fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let name = path.file_name().filter(|_| !bytes.ends_with(b"/") && !bytes.ends_with(b"/."));
    let Some(name) = name else { return Err(Errno::ISDIR.into()) };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent, name))
}
