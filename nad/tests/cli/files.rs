//! What lies in the way of nad's files, and who may read and write them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    REPLAY, folder, folder_of_many_anomalies,
    sensor::{Folder, Ran},
    skip::skipped,
};

/// Every output of a replay, with the flag that names it.
const OUTPUTS: [(&str, &str); 5] = [
    ("--log", "log file"),
    ("--alerts", "alert file"),
    ("--incidents", "incident file"),
    ("--scores", "score file"),
    ("--history", "history"),
];

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs nad, which is to end long before a reader or a writer would come.
#[track_caller]
fn at_once(folder: &Folder, arguments: &str) -> Ran {
    let mut command = folder.command();
    command.args(arguments.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("nad {arguments} waits");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ran::from(child.wait_with_output().unwrap())
}

#[test]
fn no_output_is_written_through_a_link() {
    let folder = folder();
    folder.nad("train office.pcap --train-packets 300 --out m").exits(0);
    folder.nad(&format!("{REPLAY} --history h.db")).exits(0);
    symlink("target", folder.path("link")).unwrap();
    let run = |arguments: &str, name: &str| {
        for content in [Some("untouched"), None] {
            if let Some(content) = content {
                folder.write("target", content);
            }
            folder.nad(arguments).exits(1).says(&[name, "link", "symbolic link"]);
            match content {
                Some(content) => {
                    assert_eq!(folder.read("target"), content, "{arguments}");
                    fs::remove_file(folder.path("target")).unwrap();
                }
                None => assert!(!folder.path("target").exists(), "{arguments}"),
            }
            assert!(fs::symlink_metadata(folder.path("link")).unwrap().is_symlink(), "{arguments}");
        }
    };
    for (flag, name) in OUTPUTS {
        run(&format!("{REPLAY} {flag} link"), name);
    }
    run("train office.pcap --train-packets 300 --out link", "model");
    run("report --history h.db --out link", "report");
    symlink("target.csv", folder.path("link.csv")).unwrap();
    folder.nad("features office.pcap --out link.csv").exits(1).says(&["feature file", "symbolic link"]);
    assert!(!folder.path("target.csv").exists());
}

#[test]
fn a_link_on_the_way_leads_on_where_only_its_owner_could_have_made_it() {
    let folder = folder();
    fs::create_dir(folder.path("real")).unwrap();
    fs::create_dir(folder.path("var")).unwrap();
    symlink("../real", folder.path("var/run")).unwrap();
    for (flag, name) in OUTPUTS {
        set_mode(&folder.path("var"), 0o755);
        folder.nad(&format!("{REPLAY} {flag} var/run/out")).exits(0);
        fs::remove_file(folder.path("real/out")).unwrap();
        set_mode(&folder.path("var"), 0o1777);
        // What was marked as ordinary is beside the history, and is read with the settings.
        let (code, name) = if flag == "--history" { (2, "known incidents") } else { (1, name) };
        folder.nad(&format!("{REPLAY} {flag} var/run/out")).exits(code).says(&[
            name,
            "\"run\" in ",
            "is a symbolic link",
            "everybody may write the directory",
        ]);
        assert!(!folder.path("real/out").exists(), "{flag}");
    }
}

#[test]
fn what_is_written_is_for_its_owner_unless_the_settings_say_otherwise() {
    let folder = folder();
    let run = |settings: &str| {
        for name in ["log", "a", "i", "s", "h", "m", "r", "logs"] {
            let path = folder.path(name);
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        folder
            .nad(&format!(
                "{REPLAY} --log logs/log --alerts a --incidents i --scores s --history h {settings}"
            ))
            .exits(0);
        folder.nad(&format!("train office.pcap --train-packets 300 --out m {settings}")).exits(0);
        folder.nad(&format!("report --history h --out r {settings}")).exits(0);
        ["logs/log", "a", "i", "s", "h", "m", "r"].map(|name| mode(&folder.path(name)))
    };
    assert_eq!((run(""), mode(&folder.path("logs"))), ([0o600; 7], 0o700));
    assert_eq!((run("--file-mode 0640"), mode(&folder.path("logs"))), ([0o640; 7], 0o750));
    folder.write("nad.toml", "[files]\nmode = \"0644\"\n");
    assert_eq!(run(""), [0o644; 7]);
    let shown = folder.nad("config show").exits(0).stdout;
    assert!(shown.contains("[files]\n# group is not set\nmode = \"0644\" # nad.toml line 2\n"), "{shown}");
    folder.nad("config check --file-mode 0666").exits(2).says(&["0666", "nobody but the owner may write"]);
    folder.write("nad.toml", "[files]\ngroup = \"no-such-group\"\n");
    folder.nad("config check").exits(2).says(&["group \"no-such-group\" of [files] does not exist"]);
    fs::remove_file(folder.path("nad.toml")).unwrap();
    if rustix::process::geteuid().is_root() {
        folder.nad_with("NAD_FILE_GROUP", "4711", &format!("{REPLAY} --log none --alerts b")).exits(0);
        assert_eq!(fs::metadata(folder.path("b")).unwrap().gid(), 4711);
    } else {
        skipped("files of another group: giving them away takes root");
    }
}

#[test]
fn settings_and_state_that_others_may_write_are_refused_with_the_reason() {
    let folder = folder();
    folder.nad("train office.pcap --train-packets 300 --out m").exits(0);
    folder.nad(&format!("{REPLAY} --history h.db --log none")).exits(0);
    folder.write("c.toml", "[training]\nseed = 7\n");
    let cases = [
        ("m", 1, "replay office.pcap --model m --log none".to_owned(), "model m is refused"),
        ("h.db", 1, format!("{REPLAY} --history h.db --log none"), "history h.db"),
        ("h.db", 1, "incidents list --history h.db".to_owned(), "history h.db"),
        ("c.toml", 2, format!("{REPLAY} --config c.toml --log none"), "config file c.toml"),
    ];
    for (file, code, arguments, name) in &cases {
        for mode in [0o666, 0o602] {
            set_mode(&folder.path(file), mode);
            let who = format!("everybody may write it (mode {mode:04o})");
            folder.nad(arguments).exits(*code).says(&[name, &who, "chmod go-w"]);
        }
        set_mode(&folder.path(file), 0o600);
        folder.nad(arguments).exits(0);
        if rustix::process::geteuid().is_root() {
            let nad = || Ran::of(folder.command().env_remove("SUDO_UID").args(arguments.split_whitespace()));
            chown(folder.path(file), Some(0), Some(12_345)).unwrap();
            set_mode(&folder.path(file), 0o660);
            nad().exits(*code).says(&[name, "group 12345 may write it (mode 0660)"]);
            set_mode(&folder.path(file), 0o600);
            if !arguments.starts_with("incidents") {
                chown(folder.path(file), Some(12_345), None).unwrap();
                nad().exits(*code).says(&[name, "user 12345 owns it"]);
                // Who calls nad by sudo vouches for what they name.
                Ran::of(folder.command().env("SUDO_UID", "12345").args(arguments.split_whitespace()))
                    .exits(0);
            }
            chown(folder.path(file), Some(0), Some(0)).unwrap();
        }
    }
}

#[test]
fn as_root_the_working_directory_s_settings_are_taken_only_where_they_are_roots() {
    if !rustix::process::geteuid().is_root() {
        skipped("settings of others in root's working directory: that takes root");
        return;
    }
    let folder = folder();
    folder.write("nad.toml", "[training]\nseed = 7\n");
    folder.nad("config show").exits(0);
    let refused = |reason: &str| {
        folder.nad("config show").exits(2).says_only(&["config file nad.toml", reason, "--config"]);
        let ran = Ran::of(folder.command().env("SUDO_UID", "12345").args(["config", "show"])).exits(2);
        ran.says_only(&["config file nad.toml", reason]);
    };
    chown(folder.path("nad.toml"), Some(12_345), None).unwrap();
    refused("user 12345 owns it");
    chown(folder.path("nad.toml"), Some(0), None).unwrap();
    set_mode(&folder.path("nad.toml"), 0o646);
    refused("everybody may write it");
    set_mode(&folder.path("nad.toml"), 0o644);
    set_mode(folder.as_ref(), 0o1777);
    refused("of its directory, everybody may write it");
    set_mode(folder.as_ref(), 0o755);
    fs::rename(folder.path("nad.toml"), folder.path("other.toml")).unwrap();
    symlink("other.toml", folder.path("nad.toml")).unwrap();
    refused("symbolic link");
    folder.nad("config show --config other.toml").exits(0);
}

#[test]
fn pipes_and_devices_in_the_place_of_settings_and_state_are_refused_at_once() {
    let folder = folder();
    fifo(&folder.path("pipe"));
    for (code, arguments) in [
        (1, "replay office.pcap --log none --model"),
        (1, "replay office.pcap --log none --train-packets 300 --history"),
        (1, "incidents list --history"),
        (2, "replay office.pcap --log none --train-packets 300 --config"),
    ] {
        at_once(&folder, &format!("{arguments} pipe"))
            .exits(code)
            .says(&["pipe", "a pipe, and a regular file"]);
        at_once(&folder, &format!("{arguments} /dev/zero")).exits(code).says(&["a device"]);
    }
    for (flag, name) in OUTPUTS {
        at_once(&folder, &format!("{REPLAY} {flag} pipe")).exits(1).says(&[name, "pipe"]);
    }
    at_once(&folder, "train office.pcap --train-packets 300 --out pipe")
        .exits(1)
        .says(&["model pipe", "a pipe"]);
    at_once(&folder, "train office.pcap --train-packets 300 --out /dev/null")
        .exits(1)
        .says(&["model /dev/null", "a device, which is not replaced"]);
    fifo(&folder.path("nad.toml"));
    at_once(&folder, "config show").exits(2).says(&["config file nad.toml", "a pipe"]);
}

#[test]
fn standard_error_can_be_the_log_and_standard_output_the_alerts() {
    let folder = folder();
    let ran = folder.nad(&format!("{REPLAY} --quiet --log /dev/stderr --alerts /dev/stdout")).exits(0);
    assert!(
        ran.stderr.lines().any(|line| line.contains(" INFO nad::") && line.contains("ledger: ")),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count() >= 2);
}

#[test]
fn old_logs_of_others_stay_whatever_they_are_called() {
    let folder = folder_of_many_anomalies();
    folder.write("nad.toml", "[log]\nmax_size = \"50kB\"\nkeep = 1\n");
    fs::create_dir(folder.path("logs")).unwrap();
    // Older than all that nad makes, and exactly of its form.
    let others = ["2020-01-01T000000.000Z", "2020-01-02T000000.000Z"];
    for stamp in others {
        folder.write(&format!("logs/anomaly_detector.log.{stamp}"), "the notes of somebody\n");
    }
    folder.write("logs/target", "untouched");
    symlink("target", folder.path("logs/anomaly_detector.log.2020-01-03T000000.000Z")).unwrap();
    folder.nad(&format!("{REPLAY} --packets")).exits(0);
    for stamp in others {
        assert_eq!(folder.read(&format!("logs/anomaly_detector.log.{stamp}")), "the notes of somebody\n");
    }
    assert_eq!(folder.read("logs/target"), "untouched");
    // Those, the target and its link, the log, and one old one.
    assert_eq!(fs::read_dir(folder.path("logs")).unwrap().count(), 6);
    // A file of others that is named as the log is added to and never moved.
    folder.write("notes", "the notes of somebody\n");
    let ran = folder.nad(&format!("{REPLAY} --packets --log notes")).exits(0);
    assert!(ran.stderr.contains("log file notes was not begun by nad"), "{}", ran.stderr);
    assert!(folder.read("notes").starts_with("the notes of somebody\n2"));
    let names = fs::read_dir(folder.as_ref()).unwrap();
    assert_eq!(
        names
            .filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().starts_with("notes"))
            .count(),
        1
    );
}

#[test]
fn names_that_a_terminal_would_obey_are_escaped_wherever_a_person_reads_them() {
    let folder = folder();
    let name = "a\u{1b}[2J\n\u{202e}gpj.pcap";
    fs::copy(folder.path("office.pcap"), folder.path(name)).unwrap();
    let nad = |arguments: &[&str]| Ran::of(folder.command().args(arguments));
    let is_obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    let replay = ["replay", name, "--train-packets", "300", "--history", "h.db", "--packets"];
    let ran = nad(&replay).exits(0);
    folder.nad("incidents list --history h.db").exits(0);
    let csv = folder.nad("incidents export --format csv --history h.db").exits(0).stdout;
    folder.nad("report --history h.db --out r.html").exits(0);
    let missing = nad(&["replay", "no\u{1b}]0;\u{9b}such\nfile"]).exits(1);
    let refused = nad(&["run", "--iface", "x\u{1b}[31m\u{202e}y"]).exits(1);
    let flag = nad(&["run", "--sampling", "x\u{1b}[31m\u{202e}y"]).exits(2);
    folder.write("t.toml", "[training]\ntrainer = \"x\\u001b[31m\\u202ey\"\n");
    let setting = folder.nad("config check t.toml").exits(2);
    for (what, text) in [
        ("standard output", &ran.stdout),
        ("standard error", &ran.stderr),
        ("log", &folder.read("logs/anomaly_detector.log")),
        ("report", &folder.read("r.html")),
        ("missing", &missing.stderr),
        ("interface", &refused.stderr),
        ("flag", &flag.stderr),
        ("setting", &setting.stderr),
    ] {
        assert!(!text.contains(is_obeyed), "{what}: {text:?}");
    }
    for ran in [&missing, &flag, &setting] {
        assert_eq!(ran.stderr.lines().count(), 1, "{:?}", ran.stderr);
    }
    assert!(folder.read("r.html").contains("a\\u{1b}[2J"), "it is told, and not left out");
    assert!(!csv.replace("\r\n", "").contains(char::is_control), "{csv:?}");
}

#[test]
fn too_little_memory_is_said_with_the_number_before_the_work() {
    let folder = folder();
    folder.write(
        "nad.toml",
        "[context]\nflows = 67108864\nhosts = 67108864\nservice_pairs = 67108864\nknown_services = 67108864\n",
    );
    for arguments in [REPLAY, "train office.pcap --train-packets 300 --out m", "run --iface nad-no0"] {
        let ran = folder.nad(arguments).exits(1);
        ran.says(&["there is too little memory: ", " MiB of memory are needed", "lower hosts in [context]"]);
    }
    let ran = folder.nad("doctor --iface lo").exits(1);
    let line = ran.stdout.lines().find(|line| line.contains("all of it, when full")).unwrap();
    assert!(line.starts_with("fail  memory ") && line.contains("remedy: lower hosts in [context]"), "{line}");
}

/// A control group with a limit of memory, for as long as it is there.
struct Group(std::path::PathBuf);

impl Group {
    fn of(bytes: u64) -> Option<Self> {
        let name = format!("nad-test-{}", std::process::id());
        for (parent, limit) in
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        {
            let group = Self(Path::new(parent).join(&name));
            if Path::new(parent).join("cgroup.procs").exists()
                && fs::create_dir(&group.0).is_ok()
                && fs::write(group.0.join(limit), bytes.to_string()).is_ok()
            {
                return Some(group);
            }
        }
        None
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_control_group_that_is_too_small_is_named_with_both_numbers() {
    let Some(group) = Group::of(200 << 20) else {
        skipped("a control group with too little memory: none can be made here");
        return;
    };
    let folder = folder();
    let run = |settings: &str| {
        folder.write("nad.toml", settings);
        let nad = folder.command();
        let mut shell = Command::new("sh");
        let line = format!(
            "echo $$ > {}/cgroup.procs && exec {} {REPLAY}",
            group.0.display(),
            nad.get_program().display()
        );
        Ran::of(shell.args(["-c", &line]).current_dir(&folder))
    };
    let name = group.0.file_name().unwrap().to_str().unwrap();
    run("").exits(1).says(&["too little memory", "that the control group ", name, " allows: lower "]);
    // With what it says to lower, it runs.
    let small = "[context]\nflows = 1000\nhosts = 1000\nservice_pairs = 1000\nlinks = 64\nknown_services = 1000\n[training]\ntrees = 10\n";
    run(small).exits(0);
}
