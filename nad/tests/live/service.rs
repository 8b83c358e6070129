//! What a service manager is told: sd_notify(3).

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, SENSOR, inside, until},
    nad_process::{BINARY, Nad},
};

/// The time within which nad has to give signs of life.
const WATCHDOG: Duration = Duration::from_secs(1);

#[test]
#[ignore = "needs CAP_BPF, CAP_NET_ADMIN and CAP_SYS_PTRACE"]
fn a_service_manager_is_told_of_the_start_of_a_reload_of_the_end_and_of_life_as_long_as_packets_are_judged() {
    let lab = Lab::new("notify");
    fs::set_permissions(lab.folder.path(), fs::Permissions::from_mode(0o777)).expect("it is our folder");
    lab.write("c.toml", "[alerts]\nbudget = \"5/day\"\n");
    // A name without a file: the sandbox closes those to whoever has not connected before.
    let name = format!("nad-notify-{}", std::process::id());
    let bind = || {
        let address = SocketAddr::from_abstract_name(&name).expect("it is short");
        UnixDatagram::bind_addr(&address).expect("it is nobody's")
    };
    let manager = lab.sensor.enter(bind);
    manager.set_read_timeout(Some(WATCHDOG * 10)).expect("it is a socket");
    let mut command = inside(&lab.sensor, BINARY);
    command
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
        .env_remove("WATCHDOG_PID");
    let run = ["run", "--iface", SENSOR, "--config", "c.toml", "--sandbox", "strict", "--user", "64123"];
    let mut nad = Nad::start_as(&lab, "nad", &mut command, &run);

    assert_eq!(next(&manager), format!("STATUS=learning a baseline (60s) of {SENSOR}"));
    assert_eq!(next_but(&manager, "WATCHDOG=1"), "READY=1");
    assert!(lab.has_program(SENSOR), "it captures once it is ready");
    until("signs of life", || next(&manager) == "WATCHDOG=1");

    nad.signal(libc::SIGHUP);
    let reloading = next_but(&manager, "WATCHDOG=1");
    let moment =
        reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
    assert!(moment.parse::<u64>().is_ok_and(|moment| moment > 0), "{reloading}");
    assert_eq!(next_but(&manager, "WATCHDOG=1"), "READY=1");
    nad.wait_for("the settings were read again");

    assert!(is_healthy(&nad), "the image's check");
    let detector = Stopped::thread(nad.id(), "nad-detect");
    assert!(!is_healthy(&nad), "the image's check of a detector that hangs");
    // What it said before may wait to be read.
    let (begun, mut last) = (Instant::now(), Duration::ZERO);
    manager.set_read_timeout(Some(WATCHDOG / 10)).expect("it is a socket");
    while begun.elapsed() < WATCHDOG * 4 {
        let mut bytes = [0; 4096];
        let Ok(length) = manager.recv(&mut bytes) else { continue };
        if bytes[..length] == *b"WATCHDOG=1" {
            last = begun.elapsed();
        }
    }
    assert!(last < WATCHDOG * 2, "a sign of life {last:?} after the detector was stopped");
    detector.resume();
    manager.set_read_timeout(Some(WATCHDOG * 10)).expect("it is a socket");
    until("signs of life again", || next(&manager) == "WATCHDOG=1");

    nad.signal(libc::SIGTERM);
    until("the end", || next(&manager) == "STOPPING=1");
    assert_eq!(nad.end().code, Some(0));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_the_socket_that_is_named_nad_says_so_and_works() {
    let lab = Lab::new("no-notify");
    let mut command = inside(&lab.sensor, BINARY);
    command.env("NOTIFY_SOCKET", "/nowhere/notify");
    let mut nad = Nad::start_as(&lab, "nad", &mut command, &["run", "--iface", SENSOR]);
    nad.wait_for("warning: the service manager can't be told anything");
    nad.wait_for("NOTIFY_SOCKET /nowhere/notify: No such file or directory");
    nad.wait_for(crate::nad_process::STARTED);
    assert_eq!(nad.interrupt().code, Some(0));
}

/// What the health check of the image says, which takes two seconds.
fn is_healthy(nad: &Nad) -> bool {
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/docker/healthy");
    let status = Command::new("sh").arg(check).arg(nad.id().to_string()).status();
    status.expect("there is a shell").success()
}

fn next(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = manager.recv(&mut bytes).expect("nad says something");
    String::from_utf8(bytes[..length].to_vec()).expect("it is text")
}

fn next_but(manager: &UnixDatagram, left_out: &str) -> String {
    loop {
        let said = next(manager);
        if said != left_out {
            return said;
        }
    }
}

/// A thread of another process that is held by ptrace(2); the others go on.
struct Stopped(libc::pid_t);

impl Stopped {
    fn thread(process: u32, name: &str) -> Self {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
        let is_it = |task: &fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        };
        let task = tasks.map(|task| task.expect("it is listed")).find(is_it).expect("there is such a thread");
        let id: libc::pid_t = task.file_name().to_string_lossy().parse().expect("a thread's number");
        let nothing = std::ptr::null_mut::<libc::c_void>;
        // SAFETY: these requests read and write no memory of this process.
        let held = unsafe {
            libc::ptrace(libc::PTRACE_SEIZE, id, nothing(), nothing()) == 0
                && libc::ptrace(libc::PTRACE_INTERRUPT, id, nothing(), nothing()) == 0
                && libc::waitpid(id, std::ptr::null_mut(), libc::__WALL) == id
        };
        assert!(held, "{}", std::io::Error::last_os_error());
        Self(id)
    }

    fn resume(self) {
        let nothing = std::ptr::null_mut::<libc::c_void>;
        // SAFETY: as above.
        let freed = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, nothing(), nothing()) };
        assert_eq!(freed, 0, "{}", std::io::Error::last_os_error());
    }
}
