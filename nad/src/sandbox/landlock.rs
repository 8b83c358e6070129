//! Landlock: files and TCP ports that the settings name, and no others (landlock(7)).

use std::path::{Path, PathBuf};

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};

use super::Needs;

/// The newest version whose rights nad asks for; the kernel takes those that it knows.
const NEWEST: ABI = ABI::V6;

/// What is read by whoever resolves names: who is asked, and libc's modules for asking. A file that another takes the place
/// of is none of them any more.
const NAMES: [&str; 11] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/etc/services",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];
/// What tells of this process and of the machine, for metrics, a history's ledger, the tables' memory and the number of
/// threads that train; and what the library for TLS reads.
const FACTS: [&str; 7] = [
    "/proc/self",
    "/proc/stat",
    "/proc/sys/kernel/random/boot_id",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
    "/dev/urandom",
    "/dev/sysgenid",
];

/// How far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// Nothing is restricted; why.
    None(&'static str),
    /// Files are; the version of Landlock.
    Files(i32),
    /// TCP ports are, too.
    FilesAndTcp(i32),
}

/// What this kernel has; nothing is restricted.
pub fn available() -> Extent {
    // Asking for a right makes the crate ask the kernel.
    let asked = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1)).and_then(Ruleset::create);
    match asked {
        Ok(_) => extent(version()),
        Err(_) => extent(None),
    }
}

/// Restricts this thread, and those that it starts.
///
/// # Errors
///
/// When the kernel refuses.
pub fn restrict(needs: &Needs) -> Result<Extent, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let read_directory = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    for path in FACTS {
        rules = allow(rules, Path::new(path), read_directory)?;
    }
    if needs.resolves_names {
        for path in names() {
            rules = allow(rules, &path, read_directory)?;
        }
    }
    for path in needs.readable() {
        rules = allow(rules, &path, read_directory)?;
    }
    for path in needs.writable() {
        let write = make_bitflags!(AccessFs::{
            ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile
        });
        rules = allow(rules, &path, write)?;
    }
    for socket in &needs.sockets {
        rules = allow(rules, &socket.directory, make_bitflags!(AccessFs::{RemoveFile}))?;
    }
    for port in &needs.tcp_ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    if needs.connects() {
        // Port 0 is any that is free, which a connection of nad's own is bound to before it is made, so that its packets are
        // known. Listening there takes a system call that is refused.
        rules = rules.add_rule(NetPort::new(0, AccessNet::BindTcp))?;
    }
    let status = rules.restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::NotEnabled => Extent::None("the kernel has it, and it is not among its lsm="),
        LandlockStatus::NotImplemented => extent(None),
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            extent(Some(kernel_abi.unwrap_or(effective_abi as i32)))
        }
    })
}

fn extent(version: Option<i32>) -> Extent {
    match version {
        None => Extent::None("Linux 5.13 is the first that has it, where it was built in"),
        Some(version) if version < ABI::V4 as i32 => Extent::Files(version),
        Some(version) => Extent::FilesAndTcp(version),
    }
}

/// A path that does not exist needs no rule, nor does one that leads to no file, as `/dev/stderr` where that is a pipe: it is
/// open already. Of a file, rights of directories are left out.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    if std::fs::canonicalize(path).is_err() {
        return Ok(rules);
    }
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(opened, rights))
}

/// Where `resolv.conf` leads to another directory than `/etc`, that one as a whole: what is in it comes and goes.
fn names() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = NAMES.iter().map(PathBuf::from).collect();
    let resolver = std::fs::canonicalize("/etc/resolv.conf").ok();
    let folder = resolver.as_deref().and_then(Path::parent);
    paths.extend(folder.filter(|folder| *folder != Path::new("/etc")).map(Path::to_owned));
    paths
}

/// The kernel's version of Landlock.
fn version() -> Option<i32> {
    const VERSION: libc::c_uint = 1;
    // SAFETY: without a ruleset and with this flag, the call only answers with a number.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, VERSION)
    };
    i32::try_from(answer).ok().filter(|version| *version > 0)
}

#[cfg(test)]
mod tests {
    use std::{fs, io, thread};

    use super::*;
    use crate::skip::skipped;

    /// In a thread of its own, which takes its restrictions with it.
    fn restricted<T: Send + 'static>(needs: Needs, work: impl FnOnce(Extent) -> T + Send + 'static) -> T {
        thread::spawn(move || {
            let extent = restrict(&needs).unwrap();
            work(extent)
        })
        .join()
        .unwrap()
    }

    #[test]
    fn only_what_is_named_can_be_read_and_written() {
        if matches!(available(), Extent::None(_)) {
            return skipped("restricted files: this kernel has no Landlock");
        }
        let folder = tempfile::tempdir().unwrap();
        let (named, other) = (folder.path().join("named"), folder.path().join("other"));
        for directory in [&named, &other] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("file"), "before").unwrap();
        }
        let needs = Needs { writes: vec![named.clone()], ..Needs::default() };
        restricted(needs, move |_| {
            let refused = |result: io::Result<()>| {
                assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            };
            fs::write(named.join("file"), "after").unwrap();
            fs::rename(named.join("file"), named.join("file.old")).unwrap();
            fs::write(named.join("file"), "new").unwrap();
            fs::remove_file(named.join("file.old")).unwrap();
            refused(fs::read(other.join("file")).map(drop));
            refused(fs::write(other.join("file"), "after"));
            refused(fs::write(other.join("new"), "after"));
            refused(fs::remove_file(other.join("file")));
            refused(fs::read_dir("/etc").map(drop));
            refused(std::os::unix::fs::symlink("/etc/passwd", named.join("link")));
        });
    }

    #[test]
    fn a_file_that_is_named_can_be_read_and_those_of_other_directories_can_not() {
        if matches!(available(), Extent::None(_)) {
            return skipped("restricted files: this kernel has no Landlock");
        }
        let folder = tempfile::tempdir().unwrap();
        let [named, other] = ["named", "other"].map(|name| {
            fs::create_dir(folder.path().join(name)).unwrap();
            let file = folder.path().join(name).join("file");
            fs::write(&file, "it").unwrap();
            file
        });
        restricted(Needs { reads: vec![named.clone()], ..Needs::default() }, move |_| {
            assert_eq!(fs::read_to_string(&named).unwrap(), "it");
            assert!(fs::write(&named, "else").is_err());
            assert!(fs::read(&other).is_err());
        });
    }

    #[test]
    fn connections_go_to_ports_that_are_named_and_to_no_others() {
        if !matches!(available(), Extent::FilesAndTcp(_)) {
            return skipped("restricted ports: this kernel has no Landlock for TCP");
        }
        let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [named, other] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let needs = Needs { tcp_ports: vec![named.port()], ..Needs::default() };
        restricted(needs, move |_| {
            assert!(std::net::TcpStream::connect(named).is_ok());
            let refused = std::net::TcpStream::connect(other).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
            assert!(std::net::TcpListener::bind(named).is_err());
        });
        drop(listeners);
    }
}
