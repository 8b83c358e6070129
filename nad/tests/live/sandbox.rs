//! What nad can't do any more once it looks at packets, and as whom it works.

use std::{
    fs, io,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    process::Command,
};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::{
    lab::{Lab, SENDER, SENSOR, inside, until},
    nad_process::{Nad, STARTED},
    raw::RawSender,
    traffic::usual,
};

const BINARY: &str = env!("CARGO_BIN_EXE_nad");
/// Any that owns nothing.
const STRANGER: u32 = 64_123;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_the_sandbox_forbids_fails() {
    let lab = open_lab("forbidden");
    let server = lab.sensor.enter(|| {
        lab.sensor.ip(&["link", "set", "dev", "lo", "up"]);
        TcpListener::bind("127.0.0.1:0").expect("there is a free port")
    });
    let address = server.local_addr().expect("it listens").to_string();
    // Once with as little as there is, once with servers, whose connections take more.
    let config = "[email]\nenabled = true\nsender = \"a@example.org\"\nreceivers = [\"b@example.org\"]\nserver = \
                  \"mail.example.org\"\n";
    lab.write("mail.toml", config);
    let user = STRANGER.to_string();
    for (name, more) in
        [("least", &[][..]), ("servers", &["--config", "mail.toml", "--metrics", "127.0.0.1:0"])]
    {
        let mut command = inside(&lab.sensor, BINARY);
        command.env("NAD_SANDBOX_PROBE", &address);
        let run = [&["run", "--iface", SENSOR, "--sandbox", "strict", "--user", &user][..], more];
        let mut nad = Nad::start_as(&lab, name, &mut command, &run.concat());
        nad.wait_for("probe: over");
        let said = nad.said();
        let probes: Vec<(&str, &str)> =
            said.lines().filter_map(|line| line.split_once("probe: ")?.1.rsplit_once(": ")).collect();
        assert!(probes.len() > 20, "{said}");
        for (attempt, outcome) in probes {
            if attempt.starts_with("allowed: ") {
                assert_eq!(outcome, "done", "{name}: {attempt}");
            } else {
                assert_eq!(outcome, "PermissionDenied", "{name}: {attempt}");
            }
        }
        assert_eq!(nad.interrupt().code, Some(0));
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_is_in_force_is_said_at_the_start() {
    let lab = open_lab("in-force");
    let user = STRANGER.to_string();
    let strict = ["run", "--iface", SENSOR, "--sandbox", "strict", "--user", &user];
    let nad = Nad::capturing(&lab, &strict);
    let said = nad.said();
    let line = said.lines().find(|line| line.starts_with("sandbox: ")).unwrap_or_else(|| panic!("{said}"));
    for part in
        [&*format!("user {user}"), "no capabilities", "no_new_privs", "no core dumps", "Landlock", "seccomp"]
    {
        assert!(line.contains(part), "no {part} in {line}");
    }
    assert!(!line.contains("without"), "{line}");
    let status = fs::read_to_string(format!("/proc/{}/status", nad.id())).expect("nad runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("Uid:"), [&*user; 4]);
    assert_eq!(field("Gid:"), [&*user; 4]);
    assert_eq!(field("Groups:"), [&*user]);
    assert_eq!(field("Seccomp:"), ["2"]);
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", nad.id())).expect("nad runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it is there");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    assert_eq!(nad.interrupt().code, Some(0));
    // What that user wrote is his.
    let log = fs::metadata(lab.path("logs/anomaly_detector.log")).expect("it is there");
    assert_eq!((log.uid(), log.gid()), (STRANGER, STRANGER));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn files_are_opened_again_in_the_sandbox() {
    let lab = open_lab("again");
    lab.write("c.toml", "[log]\nmax_size = \"4KiB\"\n[alerts]\nbudget = \"5/day\"\n");
    let user = STRANGER.to_string();
    let outputs = ["--incidents", "i.jsonl", "--alerts", "a.jsonl", "--history", "nad.db"];
    let run = ["run", "--iface", SENSOR, "--config", "c.toml", "--sandbox", "strict", "--user", &user];
    let mut nad = Nad::capturing(&lab, &[&run[..], &outputs].concat());
    for name in ["i.jsonl", "a.jsonl", "logs/anomaly_detector.log"] {
        fs::rename(lab.path(name), lab.path(&format!("{name}.moved"))).expect("it was made");
    }
    nad.signal(libc::SIGUSR1);
    for name in ["i.jsonl", "a.jsonl", "logs/anomaly_detector.log"] {
        until(name, || lab.path(name).exists());
    }
    // An editor puts another file in the place of the old one.
    lab.write("new.toml", "[log]\nmax_size = \"4KiB\"\n[alerts]\nbudget = \"6/day\"\n");
    fs::rename(lab.path("new.toml"), lab.path("c.toml")).expect("it is our folder");
    nad.signal(libc::SIGHUP);
    nad.wait_for("the settings were read again");
    // Each line is one more, until the log is full and begins anew.
    let rotated = || {
        nad.signal(libc::SIGUSR1);
        let files = fs::read_dir(lab.path("logs")).expect("it is there");
        files
            .filter(|file| {
                let name = file.as_ref().expect("it is there").file_name();
                name.to_string_lossy().ends_with('Z')
            })
            .count()
            > 0
    };
    until("the log has begun anew", rotated);
    // What the sandbox was not made for is said, and changes nothing.
    let elsewhere = tempfile::tempdir().expect("a folder can be made");
    let other = format!("[history]\npath = \"{}/nad.db\"\n", elsewhere.path().display());
    lab.write("c.toml", &other);
    nad.signal(libc::SIGHUP);
    let ended = nad.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("can't be"), "{}", ended.stderr);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn settings_that_the_sandbox_was_not_made_for_take_a_restart() {
    let lab = open_lab("not-made-for");
    lab.write("c.toml", "");
    let mut nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--config", "c.toml"]);
    let elsewhere = tempfile::tempdir().expect("a folder can be made");
    let path = elsewhere.path().join("nad.db");
    lab.write("c.toml", &format!("[history]\npath = \"{}\"\n", path.display()));
    nad.signal(libc::SIGHUP);
    nad.wait_for("the sandbox was made for those at the start and does not allow to write in");
    assert!(nad.said().contains("the change takes a restart of nad"));
    assert!(!path.exists());
    // It goes on as before.
    let sender = RawSender::open(&lab.sender, SENDER);
    usual(25).iter().for_each(|frame| sender.send(frame));
    let ended = nad.interrupt();
    assert_eq!((ended.code, ended.ledger().get("learned")), (Some(0), 25), "{ended:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn settings_that_only_root_may_read_are_said_to_take_a_restart() {
    let lab = open_lab("only-root");
    lab.write("c.toml", "");
    fs::set_permissions(lab.path("c.toml"), fs::Permissions::from_mode(0o600)).expect("it is ours");
    let user = STRANGER.to_string();
    let run = ["run", "--iface", SENSOR, "--config", "c.toml", "--user", &user];
    let mut nad = Nad::capturing(&lab, &run);
    assert!(
        nad.said().contains("warning: c.toml can't be read any more inside of the sandbox"),
        "{}",
        nad.said()
    );
    nad.signal(libc::SIGHUP);
    nad.wait_for("the settings stay as they are: config file c.toml: Permission denied");
    assert_eq!(nad.interrupt().code, Some(0));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn root_stays_root_where_nobody_else_can_write_and_strict_does_not_start_then() {
    let lab = Lab::new("stays-root");
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR]);
    let said = nad.said();
    assert!(said.contains("sandbox: user root (0), no capabilities"), "{said}");
    assert!(said.contains("without another user than root ("), "{said}");
    assert_eq!(nad.interrupt().code, Some(0));
    let ended = Nad::start(&lab, &["run", "--iface", SENSOR, "--sandbox", "strict"]).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("error: the sandbox would be without another user than root ("),
        "{ended:?}"
    );
    assert!(!lab.has_program(SENSOR));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn strict_does_not_start_where_either_process_lacks_a_part() {
    let lab = open_lab("lacking");
    let user = STRANGER.to_string();
    for (level, code) in [("strict", Some(1)), ("auto", Some(0))] {
        let mut command = inside(&lab.sensor, BINARY);
        without_landlock(&mut command);
        let run = ["run", "--iface", SENSOR, "--sandbox", level, "--user", &user];
        let mut nad = Nad::start_as(&lab, level, &mut command, &run);
        let ended = if level == "strict" {
            nad.end()
        } else {
            nad.wait_for(STARTED);
            nad.interrupt()
        };
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.stderr.contains("without Landlock of nad-attach (Linux 5.13 "), "{ended:?}");
        assert!(ended.stderr.contains(" Landlock (Linux 5.13 "), "{ended:?}");
        assert!(!lab.has_program(SENSOR));
    }
}

/// As on a kernel that has none: the system call is not known.
fn without_landlock(command: &mut Command) {
    let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into();
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let here = std::env::consts::ARCH.try_into().expect("seccomp knows this architecture");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, here).expect("one rule");
    let program: BpfProgram = filter.try_into().expect("it is small");
    // SAFETY: between fork and exec there are two system calls, prctl() and seccomp().
    unsafe { command.pre_exec(move || seccompiler::apply_filter(&program).map_err(io::Error::other)) };
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_user_who_cannot_write_the_outputs_is_refused_with_the_place() {
    let lab = Lab::new("cannot-write");
    let user = STRANGER.to_string();
    let ended = Nad::start(&lab, &["run", "--iface", SENSOR, "--user", &user]).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let expected = format!("error: user {user}: it can't write {}", lab.folder.path().display());
    assert!(ended.stderr.starts_with(&expected) && ended.stderr.contains("chown"), "{ended:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn who_called_sudo_is_the_user_where_he_can_write() {
    let lab = open_lab("sudo");
    let mut command = inside(&lab.sensor, BINARY);
    command.env("SUDO_UID", STRANGER.to_string()).env("SUDO_GID", STRANGER.to_string());
    let mut nad = Nad::start_as(&lab, "nad", &mut command, &["run", "--iface", SENSOR]);
    nad.wait_for(STARTED);
    if Command::new("id").arg("nad").output().is_ok_and(|output| output.status.success()) {
        // A user of that name goes first.
        assert!(nad.said().contains("sandbox: user nad"), "{}", nad.said());
    } else {
        assert!(nad.said().contains(&format!("sandbox: user {STRANGER},")), "{}", nad.said());
    }
    assert_eq!(nad.interrupt().code, Some(0));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_sandbox_that_is_off_still_gives_up_capabilities() {
    let lab = Lab::new("off");
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--sandbox", "off"]);
    assert!(nad.said().contains("no_new_privs, everything else is off"), "{}", nad.said());
    let status = fs::read_to_string(format!("/proc/{}/status", nad.id())).expect("nad runs");
    assert!(status.contains("CapEff:\t0000000000000000") && status.contains("Seccomp:\t0"), "{status}");
    assert_eq!(nad.interrupt().code, Some(0));
}

/// One whose folder anybody can write to.
fn open_lab(label: &str) -> Lab {
    let lab = Lab::new(label);
    fs::set_permissions(lab.folder.path(), fs::Permissions::from_mode(0o777)).expect("it is our folder");
    lab
}
