//! Whom new files belong to, and who else may read them.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    str::FromStr,
    sync::{PoisonError, RwLock},
};

use rustix::{
    fs::{AtFlags, Gid, Mode, Uid},
    io::Errno,
};
use serde::{Deserialize, Serialize};

/// The rights of new files: of the process, as the user and the umask are.
static POLICY: RwLock<Policy> = RwLock::new(Policy { mode: FileMode::PRIVATE, group: None, owner: None });

/// The rights of new files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Who may read and write them. Directories may be searched by whoever may read.
    pub mode: FileMode,
    /// The group's number; that of the process where nothing is said.
    pub group: Option<u32>,
    /// The user's number, where nad is to become another user; that one is trusted like nad's own.
    pub owner: Option<u32>,
}

/// Who may read and write a new file: its owner, and where wanted its group and others may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileMode(u32);

impl FileMode {
    /// The owner alone.
    pub const PRIVATE: Self = Self(0o600);
    /// What more may be given.
    const MOST: u32 = 0o644;

    /// The bits of it.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Those of a directory.
    fn of_directory(self) -> u32 {
        self.0 | (self.0 & 0o444) >> 2
    }
}

impl Default for FileMode {
    fn default() -> Self {
        Self::PRIVATE
    }
}

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mode = Some(text)
            .filter(|text| (3..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| u32::from_str_radix(text, 8).ok());
        match mode {
            Some(mode) if mode & 0o600 == 0o600 && mode & !Self::MOST == 0 => Ok(Self(mode)),
            _ => Err(format!(
                "\"{text}\" is no mode for nad's files: give 0600, 0640 or 0644; nobody but the owner may write them"
            )),
        }
    }
}

impl TryFrom<String> for FileMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FileMode> for String {
    fn from(FileMode(mode): FileMode) -> Self {
        format!("{mode:04o}")
    }
}

/// The policy in force.
pub fn policy() -> Policy {
    *POLICY.read().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a policy in force for what is made from now on.
pub fn set_policy(policy: Policy) {
    *POLICY.write().unwrap_or_else(PoisonError::into_inner) = policy;
}

/// Gives a new file, made for its owner alone, the rights that it is to have.
pub(super) fn apply(file: &File) -> io::Result<()> {
    let policy = policy();
    give(file, policy)?;
    if policy.mode != FileMode::PRIVATE {
        rustix::fs::fchmod(file, Mode::from_raw_mode(policy.mode.bits()))?;
    }
    Ok(())
}

/// Makes a directory; one that another process made meanwhile is as good.
pub(super) fn make_directory(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let policy = policy();
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let flags = rustix::fs::OFlags::RDONLY
        | rustix::fs::OFlags::DIRECTORY
        | rustix::fs::OFlags::NOFOLLOW
        | rustix::fs::OFlags::CLOEXEC;
    let made = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    give(&made, policy)?;
    if policy.mode != FileMode::PRIVATE {
        rustix::fs::fchmod(&made, Mode::from_raw_mode(policy.mode.of_directory()))?;
    }
    Ok(())
}

fn give(file: impl AsFd, policy: Policy) -> io::Result<()> {
    if policy.owner.is_none() && policy.group.is_none() {
        return Ok(());
    }
    let (owner, group) = (policy.owner.map(Uid::from_raw), policy.group.map(Gid::from_raw));
    rustix::fs::chownat(file.as_fd(), c"", owner, group, AtFlags::EMPTY_PATH).map_err(|error| {
        let whom = match (policy.owner, policy.group) {
            (Some(owner), _) => format!("user {owner}"),
            (None, group) => format!("group {}", group.unwrap_or_default()),
        };
        super::refused(format!("it can't be given to {whom}: {}", io::Error::from(error)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_lets_the_owner_write_and_nobody_else() {
        for (text, mode, of_directory) in
            [("0600", 0o600, 0o700), ("640", 0o640, 0o750), ("0644", 0o644, 0o755), ("0604", 0o604, 0o705)]
        {
            let parsed: FileMode = text.parse().unwrap();
            assert_eq!((parsed.bits(), parsed.of_directory()), (mode, of_directory), "{text}");
            assert_eq!(String::from(parsed), format!("{mode:04o}"));
        }
        for bad in ["", "0", "0660", "0666", "0700", "4600", "0400", "0o640", "rw", "06400", "+640", "-600"] {
            let error = bad.parse::<FileMode>().unwrap_err();
            assert!(error.contains("0600, 0640 or 0644"), "{error}");
        }
    }
}
