//! Standard output that nobody reads: its reader has gone, or has stopped.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write},
    os::fd::{AsRawFd, OwnedFd},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::lab::{Lab, SENSOR, inside, until};

const ARGUMENTS: [&str; 7] = ["run", "--iface", SENSOR, "--train-packets", "1000000", "--log", "none"];

/// nad with this standard output, and what it says on standard error in the lab's folder.
fn start(lab: &Lab, stdout: impl Into<Stdio>, more: &[&str]) -> Child {
    let mut command: Command = inside(&lab.sensor, env!("CARGO_BIN_EXE_nad"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("NAD_") {
            command.env_remove(variable);
        }
    }
    let stderr = File::create(lab.path("err")).expect("output can be kept");
    command.args(ARGUMENTS).args(more).current_dir(lab.folder.path());
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("nad starts")
}

fn said(lab: &Lab) -> String {
    std::fs::read_to_string(lab.path("err")).expect("it is text")
}

/// Ends it by SIGTERM, and gives its exit code and how long it took.
fn terminate(mut nad: Child) -> (Option<i32>, Duration) {
    let id = libc::pid_t::try_from(nad.id()).expect("a process id");
    let begun = Instant::now();
    // SAFETY: the process is our own child and not waited for yet.
    assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
    (nad.wait().expect("it is our own process").code(), begun.elapsed())
}

fn is_attached(lab: &Lab) -> impl FnMut() -> bool {
    || lab.has_program(SENSOR)
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_reader_that_leaves_ends_nad_with_a_code_of_its_own_also_where_nothing_happens() {
    let lab = Lab::new("closed");
    for more in [&[][..], &["--on-closed-stdout", "exit", "--history", "nad.db"]] {
        let (reader, writer) = io::pipe().expect("there are pipes");
        let mut nad = start(&lab, OwnedFd::from(writer), more);
        // It says so once it is attached; a reader that leaves before leaves nothing to sum up.
        let mut first = String::new();
        BufReader::new(reader).read_line(&mut first).expect("it can be read");
        assert!(first.starts_with("Starting packet capture"), "{first}");
        let mut status = None;
        until("nad ends", || {
            status = nad.try_wait().expect("it is our own process");
            status.is_some()
        });
        assert_eq!(status.and_then(|status| status.code()), Some(5), "{}", said(&lab));
        assert!(said(&lab).contains("nobody reads standard output any more"), "{}", said(&lab));
        assert!(said(&lab).contains("ledger: "), "it is summed up: {}", said(&lab));
        assert!(!lab.has_program(SENSOR));
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn nad_goes_on_without_a_reader_where_it_is_told_to_or_has_other_outputs() {
    let lab = Lab::new("goeson");
    for more in [&["--on-closed-stdout", "continue"], &["--incidents", "i.jsonl"]] {
        let (reader, writer) = io::pipe().expect("there are pipes");
        let mut nad = start(&lab, OwnedFd::from(writer), more);
        until("nad captures", is_attached(&lab));
        drop(reader);
        until("it is said", || said(&lab).contains("standard output: nobody reads it any more"));
        std::thread::sleep(Duration::from_secs(2));
        assert!(nad.try_wait().expect("it is our own process").is_none(), "{}", said(&lab));
        let (code, _) = terminate(nad);
        assert_eq!(code, Some(0), "{}", said(&lab));
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_reader_that_has_stopped_holds_nothing_up() {
    let lab = Lab::new("stalled");
    let (reader, mut writer) = io::pipe().expect("there are pipes");
    // SAFETY: the descriptor is that of the pipe, which is open.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(size, 4096, "{}", io::Error::last_os_error());
    writer.write_all(&[b'x'; 4096]).expect("there is room");
    let mut nad = start(&lab, OwnedFd::from(writer), &[]);
    until("nad captures", is_attached(&lab));
    until("it is said", || said(&lab).contains("its reader has stopped reading"));
    assert!(nad.try_wait().expect("it is our own process").is_none(), "{}", said(&lab));
    let (code, took) = terminate(nad);
    assert_eq!(code, Some(0), "{}", said(&lab));
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert!(said(&lab).contains("ledger: "), "{}", said(&lab));
    drop(reader);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn messages_that_nobody_takes_hold_nothing_up() {
    let lab = Lab::new("silent");
    let (reader, mut writer) = io::pipe().expect("there are pipes");
    // SAFETY: the descriptor is that of the pipe, which is open.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(size, 4096, "{}", io::Error::last_os_error());
    writer.write_all(&[b'x'; 4096]).expect("there is room");
    let mut command: Command = inside(&lab.sensor, env!("CARGO_BIN_EXE_nad"));
    command.args(ARGUMENTS).current_dir(lab.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut nad = command.stderr(OwnedFd::from(writer)).spawn().expect("nad starts");
    until("nad captures", is_attached(&lab));
    std::thread::sleep(Duration::from_secs(1));
    assert!(nad.try_wait().expect("it is our own process").is_none());
    let (code, took) = terminate(nad);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(6), "{took:?}");
    drop(reader);
}
