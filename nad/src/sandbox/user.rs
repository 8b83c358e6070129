//! Another user than root: whose rights nad has from its very start, but for what attaching needs.
//!
//! Settings and secrets are read before. Everything that is written is opened by that user, so that what can be opened at the
//! start can be opened again later, when logs are rotated, SIGUSR1 comes, or a message is spooled.

use std::{
    env, fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid, User, getgrouplist, getgroups, setgroups, setresgid, setresuid};

use super::{Level, Needs, SandboxError, SecurityConfig, capabilities, os, process};

/// The user that is taken where there is one of this name.
const USUAL: &str = "nad";
/// Set by sudo(8): who asked for it.
const CALLER: [&str; 2] = ["SUDO_UID", "SUDO_GID"];

/// As whom nad works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    uid: u32,
    name: Option<String>,
    /// Why it is root.
    root_because: Option<String>,
    /// Whether that is no lack.
    is_kept: bool,
}

impl Identity {
    /// As whom the process was started.
    pub fn current() -> Self {
        let uid = Uid::effective();
        Self { uid: uid.as_raw(), name: name_of(uid), root_because: None, is_kept: false }
    }

    /// The same, whoever it is.
    #[must_use]
    pub(super) fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    /// The first of what is to be written that it can't write, where it has the groups of this process; root, who is kept from
    /// nothing by permissions, is not asked about.
    pub fn cannot_write(&self, needs: &Needs) -> Option<PathBuf> {
        if self.uid == 0 || self.uid != Uid::effective().as_raw() {
            // Who is to become another user was chosen because that one can.
            return None;
        }
        let mut groups: Vec<u32> =
            getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()).collect();
        groups.push(Gid::effective().as_raw());
        let rights = Rights { uid: self.uid, groups };
        needs.writes.iter().find_map(|file| rights.missing_for(file))
    }

    /// What of the sandbox is missing because of it.
    pub(crate) fn missing(&self) -> Option<String> {
        (self.uid == 0 && !self.is_kept).then(|| {
            let because = self.root_because.as_deref().unwrap_or("it was started by root");
            format!("another user than root ({because})")
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "user {name} ({})", self.uid),
            None => write!(f, "user {}", self.uid),
        }
    }
}

/// A user who may be taken.
#[derive(Debug, Clone)]
struct Candidate {
    uid: Uid,
    gid: Gid,
    name: Option<String>,
}

/// Becomes the user that the settings name. Where they name none and this is root: the user `nad`, or who called sudo, where
/// that one can write what is to be written; otherwise it stays root, which is said. Gives up every capability but those
/// that attaching needs.
///
/// # Errors
///
/// When the user that is named does not exist, can't write what is to be written, or this process may not become another.
pub fn assume(config: &SecurityConfig, needs: &Needs) -> Result<Identity, SandboxError> {
    let now = Identity::current();
    let mut identity = match &config.user {
        Some(asked) => named(asked, now, needs)?,
        None if now.uid != 0 || config.level == Level::Off => now,
        None => usual(now, needs)?,
    };
    if identity.uid != 0 {
        identity.root_because = None;
    }
    let kept = capabilities::keep_for_attaching(needs.serves_low_port);
    kept.map_err(|error| super::refused("give up capabilities", error))?;
    Ok(identity)
}

/// Who would be taken, for `nad doctor`; nothing is changed.
pub fn expected(config: &SecurityConfig, needs: &Needs) -> Result<Identity, SandboxError> {
    let now = Identity::current();
    match &config.user {
        Some(asked) => {
            let candidate = find(asked)?;
            check_named(asked, &candidate, &now, needs)?;
            Ok(candidate.identity())
        }
        None if now.uid != 0 => Ok(now),
        None => Ok(match choose(needs) {
            Ok(candidate) => candidate.identity(),
            Err(because) => Identity { root_because: Some(because), ..now },
        }),
    }
}

fn named(asked: &str, now: Identity, needs: &Needs) -> Result<Identity, SandboxError> {
    let candidate = find(asked)?;
    if candidate.uid.as_raw() == now.uid {
        return Ok(Identity { root_because: Some("it was asked for".into()), ..now });
    }
    check_named(asked, &candidate, &now, needs)?;
    candidate.become_it(needs)
}

fn check_named(
    asked: &str,
    candidate: &Candidate,
    now: &Identity,
    needs: &Needs,
) -> Result<(), SandboxError> {
    let refused = |reason: String| Err(SandboxError::User { user: asked.into(), reason });
    if candidate.uid.as_raw() == now.uid {
        return Ok(());
    }
    if !capabilities::can_change_user() {
        return refused(format!(
            "{now} may not become another: start nad as root (in a container with CAP_SETUID and CAP_SETGID), or as \
             that user without --user"
        ));
    }
    match candidate.cannot_write(needs) {
        Some(path) => refused(format!(
            "it can't write {}: give it to that user with `chown`, or name another place",
            path.display()
        )),
        None => Ok(()),
    }
}

fn usual(now: Identity, needs: &Needs) -> Result<Identity, SandboxError> {
    match choose(needs) {
        Ok(candidate) => candidate.become_it(needs),
        Err(because) => Ok(Identity { root_because: Some(because), ..now }),
    }
}

/// The first that can write everything, or why there is none.
fn choose(needs: &Needs) -> Result<Candidate, String> {
    if !capabilities::can_change_user() {
        return Err("without CAP_SETUID and CAP_SETGID it can't become another".into());
    }
    let caller = CALLER.map(|name| env::var(name).ok()?.parse::<u32>().ok());
    let caller = match caller {
        [Some(uid), Some(gid)] if uid != 0 => Some(Candidate::new(Uid::from_raw(uid), Gid::from_raw(gid))),
        _ => None,
    };
    let mut because = format!("there is no user {USUAL}: --user names another");
    for candidate in find(USUAL).ok().into_iter().chain(caller) {
        match candidate.cannot_write(needs) {
            None => return Ok(candidate),
            Some(path) => {
                because = format!("{} can't write {}", candidate.identity(), path.display());
            }
        }
    }
    Err(because)
}

/// By name, number, or the numbers of user and group.
fn find(asked: &str) -> Result<Candidate, SandboxError> {
    let unknown = |reason: String| SandboxError::User { user: asked.into(), reason };
    if let Some((uid, gid)) = asked.split_once(':') {
        let number = |text: &str| text.parse().ok();
        return match (number(uid), number(gid)) {
            (Some(uid), Some(gid)) => Ok(Candidate::new(Uid::from_raw(uid), Gid::from_raw(gid))),
            _ => Err(unknown("give a name, a number, or the numbers of user and group as in 990:990".into())),
        };
    }
    let found = match asked.parse() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(asked),
    };
    match (found, asked.parse::<u32>()) {
        (Ok(Some(user)), _) => Ok(Candidate { uid: user.uid, gid: user.gid, name: Some(user.name) }),
        // A number needs no entry.
        (_, Ok(id)) => Ok(Candidate::new(Uid::from_raw(id), Gid::from_raw(id))),
        (Ok(None), _) => {
            Err(unknown("there is no such user: make it with `useradd --system`, or name another".into()))
        }
        (Err(error), _) => Err(unknown(error.desc().into())),
    }
}

fn name_of(uid: Uid) -> Option<String> {
    Some(User::from_uid(uid).ok()??.name)
}

impl Candidate {
    fn new(uid: Uid, gid: Gid) -> Self {
        Self { uid, gid, name: name_of(uid) }
    }

    fn identity(&self) -> Identity {
        Identity { uid: self.uid.as_raw(), name: self.name.clone(), root_because: None, is_kept: false }
    }

    /// The groups that it is in, its own first.
    fn groups(&self) -> Vec<Gid> {
        let named = self.name.as_deref().and_then(|name| std::ffi::CString::new(name).ok());
        let groups = named.and_then(|name| getgrouplist(&name, self.gid).ok());
        groups.unwrap_or_else(|| vec![self.gid])
    }

    /// The first of what is to be written that this user can't write.
    fn cannot_write(&self, needs: &Needs) -> Option<PathBuf> {
        let groups: Vec<u32> = self.groups().iter().map(|group| group.as_raw()).collect();
        let rights = Rights { uid: self.uid.as_raw(), groups };
        let named = needs.sockets.iter().filter(|socket| socket.is_named).map(|socket| &socket.directory);
        needs.writes.iter().chain(named).find_map(|file| rights.missing_for(file))
    }

    /// For ever, but for the capabilities, which are still needed.
    fn become_it(&self, needs: &Needs) -> Result<Identity, SandboxError> {
        needs
            .sockets
            .iter()
            .filter(|socket| !socket.is_named)
            .for_each(|socket| self.give(&socket.directory));
        let refused = |error: nix::Error| super::refused("become another user", os(error));
        process::keep_capabilities(true).map_err(|error| super::refused("keep capabilities", error))?;
        setgroups(&self.groups()).map_err(refused)?;
        setresgid(self.gid, self.gid, self.gid).map_err(refused)?;
        setresuid(self.uid, self.uid, self.uid).map_err(refused)?;
        process::keep_capabilities(false).map_err(|error| super::refused("keep capabilities", error))?;
        Ok(self.identity())
    }

    /// Makes a directory for this user where there is none, beside others that root has; without it there is no socket.
    fn give(&self, directory: &Path) {
        if fs::create_dir(directory).is_ok() {
            let (uid, gid) = (self.uid.as_raw(), self.gid.as_raw());
            let _ = std::os::unix::fs::lchown(directory, Some(uid), Some(gid));
        }
    }
}

/// Who may write what, by the bits of files alone: lists of further rights are not read, which may say no where they say yes.
struct Rights {
    uid: u32,
    groups: Vec<u32>,
}

const READ: u32 = 4;
const WRITE: u32 = 2;
const ENTER: u32 = 1;

impl Rights {
    /// What of the way to a file keeps it from being written, replaced and made anew; a directory is reported by itself.
    fn missing_for(&self, file: &Path) -> Option<PathBuf> {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.into());
        let metadata = fs::metadata(&file).ok();
        let kind = metadata.as_ref().map(fs::Metadata::file_type);
        let is_directory = kind.is_some_and(|kind| kind.is_dir());
        if let Some(metadata) = &metadata {
            let wanted = if is_directory { READ | WRITE | ENTER } else { READ | WRITE };
            if !self.have(metadata, wanted) {
                return Some(file);
            }
        }
        let mut folder = if is_directory { Some(&*file) } else { file.parent() };
        // Of a device or a pipe, the directory need not be written.
        let mut wanted =
            if kind.is_some_and(|kind| !kind.is_dir() && !kind.is_file()) { ENTER } else { WRITE | ENTER };
        while let Some(path) = folder {
            // What does not exist yet is made in the last that does.
            if let Ok(metadata) = fs::metadata(path) {
                if !self.have(&metadata, wanted) {
                    return Some(path.into());
                }
                wanted = ENTER;
            }
            folder = path.parent();
        }
        None
    }

    fn have(&self, metadata: &fs::Metadata, wanted: u32) -> bool {
        let shift = if metadata.uid() == self.uid {
            6
        } else if self.groups.contains(&metadata.gid()) {
            3
        } else {
            0
        };
        metadata.mode() >> shift & wanted == wanted
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_user_is_found_by_name_or_numbers_and_one_that_is_none_says_what_to_do() {
        let ids = |asked| find(asked).map(|found| (found.uid.as_raw(), found.gid.as_raw())).unwrap();
        assert_eq!(ids("root"), (0, 0));
        assert_eq!(ids("4000000000"), (4_000_000_000, 4_000_000_000));
        assert_eq!(ids("12345:678"), (12345, 678));
        for (bad, words) in [("nad-no-such-user", "no such user"), ("a:b", "numbers of user and group")] {
            let error = find(bad).unwrap_err().to_string();
            assert!(error.contains(bad) && error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_keeps_a_user_from_writing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let own = fs::metadata(folder.path()).unwrap();
        let (owner, stranger) = (
            Rights { uid: own.uid(), groups: vec![own.gid()] },
            Rights { uid: own.uid() + 1, groups: vec![own.gid() + 1] },
        );
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        let missing = |rights: &Rights| rights.missing_for(&open.join("logs/nad.log"));
        assert_eq!(missing(&owner), None);
        // Made for its owner alone.
        assert_eq!(missing(&stranger), Some(open.clone()));
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(missing(&stranger), Some(folder.path().into()), "the way there is closed");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(missing(&stranger), None);
        // One that an earlier nad left.
        fs::create_dir(open.join("logs")).unwrap();
        fs::write(open.join("logs/nad.log"), "").unwrap();
        fs::set_permissions(open.join("logs/nad.log"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(missing(&stranger), Some(open.join("logs/nad.log")));
        assert_eq!(stranger.missing_for(Path::new("/dev/null")), None);
    }
}
