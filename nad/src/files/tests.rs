//! What others may put in the way.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

type Way = (&'static str, fn(&Path) -> io::Result<()>);

/// Every way to write a file.
fn ways() -> [Way; 4] {
    [
        ("append", |path| append(path)?.write_all(b"new\n")),
        ("create", |path| create(path)?.write_all(b"new\n")),
        ("replace", |path| replace(path, b"new\n")),
        ("database", |path| prepare_database(path).map(drop)),
    ]
}

#[track_caller]
fn refuses(result: io::Result<()>, reason: &str) {
    let error = result.unwrap_err();
    assert!(is_refusal(&error) && error.to_string().contains(reason), "{error}");
}

#[test]
fn what_is_written_is_for_its_owner_alone() {
    for (name, write) in ways() {
        let folder = folder();
        let path = folder.path().join("out");
        write(&path).unwrap();
        assert_eq!(mode(&path), 0o600, "{name}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{name}: nothing else is left");
    }
    let folder = folder();
    let deep = folder.path().join("a/b/out");
    Place::make(&deep).unwrap();
    assert_eq!((mode(&folder.path().join("a")), mode(&folder.path().join("a/b"))), (0o700, 0o700));
}

#[test]
fn a_link_at_the_end_is_never_written_through() {
    for (name, write) in ways() {
        let folder = folder();
        let (link, target) = (folder.path().join("out"), folder.path().join("target"));
        fs::write(&target, "untouched").unwrap();
        symlink("target", &link).unwrap();
        refuses(write(&link), "symbolic link");
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched", "{name}");
        // One that leads nowhere makes nothing there.
        fs::remove_file(&target).unwrap();
        refuses(write(&link), "symbolic link");
        assert!(!target.exists() && fs::symlink_metadata(&link).unwrap().is_symlink(), "{name}");
    }
}

#[test]
fn a_link_on_the_way_is_followed_only_where_nobody_else_may_put_one() {
    let folder = folder();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    let middle = folder.path().join("middle");
    fs::create_dir(&middle).unwrap();
    symlink("../real", middle.join("link")).unwrap();
    symlink(&real, middle.join("absolute")).unwrap();
    for (mode, is_trusted) in [(0o755, true), (0o700, true), (0o777, false), (0o775, false), (0o1777, false)]
    {
        set_mode(&middle, mode);
        for link in ["link", "absolute"] {
            for (name, write) in ways() {
                let result = write(&middle.join(link).join(name));
                if is_trusted {
                    result.unwrap();
                    assert!(real.join(name).exists());
                    fs::remove_file(real.join(name)).unwrap();
                } else {
                    refuses(result, "may write the directory that it is in");
                    assert!(!real.join(name).exists(), "{name} {mode:o}");
                }
            }
        }
    }
}

#[test]
fn links_that_lead_in_a_circle_have_an_end() {
    let folder = folder();
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    for path in ["a/out", "a"] {
        assert!(append(&folder.path().join(path)).is_err());
        assert!(open_trusted(&folder.path().join(path)).is_err());
    }
}

#[test]
fn an_ordinary_path_leads_where_it_says() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    append(&folder.path().join("a/../a/./b/../out")).unwrap();
    assert!(folder.path().join("a/out").exists());
    for (path, kind) in [
        ("", io::ErrorKind::NotFound),
        ("no/out", io::ErrorKind::NotFound),
        (".", io::ErrorKind::IsADirectory),
        ("a", io::ErrorKind::IsADirectory),
        ("a/", io::ErrorKind::IsADirectory),
        ("a/..", io::ErrorKind::IsADirectory),
        ("a/out/x", io::ErrorKind::NotADirectory),
    ] {
        let path = if path.is_empty() { PathBuf::new() } else { folder.path().join(path) };
        assert_eq!(append(&path).unwrap_err().kind(), kind, "{}", path.display());
    }
}

#[test]
fn a_kernel_without_openat2_finds_the_same() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    for path in ["a/b", "a/../a/b/..", "."] {
        let path = folder.path().join(path);
        let [one, other] = [place::open_directory(&path), place::open_by_steps(&path)]
            .map(|directory| place::Identity::of(&rustix::fs::fstat(directory.unwrap()).unwrap()));
        assert_eq!(one, other);
    }
    assert_eq!(place::open_by_steps(&folder.path().join("a/c")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_pipe_without_a_reader_and_a_socket_are_refused_at_once() {
    let folder = folder();
    let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
    fifo(&pipe);
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (name, write) in ways() {
        let reason = if ["append", "create"].contains(&name) { "nobody reads the pipe" } else { "a pipe" };
        refuses(write(&pipe), reason);
        refuses(write(&socket), "a socket");
    }
    // With a reader it is an output like another.
    let reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    append(&pipe).unwrap().write_all(b"line\n").unwrap();
    drop(reader);
    assert!(append(Path::new("/dev/null")).unwrap().write_all(b"x").is_ok());
}

#[test]
fn what_is_trusted_is_a_file_that_nobody_else_may_write() {
    let folder = folder();
    let path = folder.path().join("in");
    fs::write(&path, "text").unwrap();
    for (mode, who) in [(0o666, "everybody may write it (mode 0666)"), (0o602, "everybody")] {
        set_mode(&path, mode);
        refuses(open_trusted(&path).map(drop), who);
        refuses(find_database(&path).map(drop), who);
    }
    for mode in [0o600, 0o400, 0o644, 0o604] {
        set_mode(&path, mode);
        assert_eq!(open_trusted(&path).unwrap().text(4).unwrap(), "text");
    }
    refuses(open_trusted(&path).unwrap().text(3).map(drop), "larger than 3 bytes");
    fs::remove_file(&path).unwrap();
    fifo(&path);
    // It would wait for a writer.
    refuses(open_trusted(&path).map(drop), "a pipe, and a regular file is expected");
    refuses(open_trusted(Path::new("/dev/zero")).map(drop), "a device");
    assert_eq!(open_trusted(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
}

#[test]
fn as_root_what_belongs_to_others_is_not_trusted() {
    if !rustix::process::geteuid().is_root() {
        return crate::skip::skipped("files of others: giving them away takes root");
    }
    let folder = folder();
    let path = folder.path().join("in");
    fs::write(&path, "text").unwrap();
    std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    refuses(open_trusted(&path).map(drop), "user 12345 owns it");
    refuses(prepare_database(&path).map(drop), "user 12345 owns it");
    set_mode(&path, 0o664);
    std::os::unix::fs::chown(&path, Some(0), Some(12_345)).unwrap();
    refuses(open_trusted(&path).map(drop), "group 12345 may write it (mode 0664)");
    // A directory that belongs to somebody else: a link in it is theirs to turn.
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    symlink(folder.path(), theirs.join("link")).unwrap();
    append(&theirs.join("link/out")).unwrap();
    std::os::unix::fs::chown(&theirs, Some(12_345), None).unwrap();
    refuses(append(&theirs.join("link/out")).map(drop), "user 12345 may write the directory");
    // A file in it is written, but not where it may be another one's second name.
    append(&theirs.join("own")).unwrap();
    append(&theirs.join("own")).unwrap();
    fs::hard_link(&path, theirs.join("second")).unwrap();
    refuses(append(&theirs.join("second")).map(drop), "it has another name");
}

#[test]
fn a_spool_that_others_may_write_is_refused_and_so_is_what_lies_in_it_and_is_no_file() {
    let folder = folder();
    let path = folder.path().join("spool");
    let spool = Directory::make(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    spool.write("one".as_ref(), b"content").unwrap();
    assert_eq!(spool.read("one".as_ref(), 7).unwrap(), b"content");
    assert_eq!((spool.names().unwrap(), mode(&path.join("one"))), (vec!["one".into()], 0o600));
    refuses(spool.read("one".as_ref(), 6).map(drop), "larger than 6 bytes");
    symlink("/etc/hostname", path.join("link")).unwrap();
    refuses(spool.read("link".as_ref(), 1 << 20).map(drop), "a symbolic link");
    fifo(&path.join("pipe"));
    refuses(spool.read("pipe".as_ref(), 1 << 20).map(drop), "a pipe");
    // What a link in the place of a lock leads to is not touched.
    symlink("one", path.join("lock")).unwrap();
    assert!(spool.lock_file("lock").is_err());
    // A link in the place of what is not finished is removed, and not written through.
    symlink("one", path.join("two.tmp")).unwrap();
    spool.write("two".as_ref(), b"other").unwrap();
    assert_eq!(spool.read("one".as_ref(), 7).unwrap(), b"content");
    set_mode(&path, 0o777);
    refuses(Directory::make(&path).map(drop), "everybody may write it");
}

#[test]
fn a_name_that_is_taken_is_never_overwritten_by_a_rename() {
    let folder = folder();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    fs::write(&one, "one").unwrap();
    fs::write(&other, "other").unwrap();
    let place = Place::find(&one).unwrap();
    assert_eq!(place.rename_aside("other".as_ref()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&other).unwrap(), "other");
    place.rename_aside("third".as_ref()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("third")).unwrap(), "one");
}

#[test]
fn a_database_with_something_strange_beside_it_is_refused() {
    let folder = folder();
    let path = folder.path().join("nad.db");
    let real = prepare_database(&path).unwrap();
    assert_eq!(real, fs::canonicalize(&path).unwrap());
    for ending in ["-wal", "-shm", "-journal"] {
        let beside = folder.path().join(format!("nad.db{ending}"));
        symlink("elsewhere", &beside).unwrap();
        refuses(prepare_database(&path).map(drop), &format!("beside it, *{ending}: it is a symbolic link"));
        fs::remove_file(&beside).unwrap();
        fs::write(&beside, "").unwrap();
        set_mode(&beside, 0o666);
        refuses(prepare_database(&path).map(drop), "everybody may write it");
        fs::remove_file(&beside).unwrap();
    }
}

#[test]
fn what_nad_was_started_with_is_shared_and_not_opened() {
    for path in ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"] {
        assert!(is_descriptor(Path::new(path)), "{path}");
        append(Path::new(path)).unwrap();
    }
    for path in ["/dev/fd/", "/dev/fd/x", "/dev/fd/1/x", "/dev/null", "stdout", "/dev/fd/99999999999"] {
        assert!(!is_descriptor(Path::new(path)), "{path}");
    }
    assert!(append(Path::new("/dev/fd/987")).is_err());
}
