//! The log file: its format, old ones, and what happens where it can't be written.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    PCAP_HEADER, REPLAY, folder, folder_of_many_anomalies,
    sensor::{Folder, Ran},
    skip::skipped,
};

const LOG: &str = "anomaly_detector.log";

/// The current log and the old ones, which sort by their age.
fn logs(folder: &Folder) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_log_of_json_is_an_object_a_line_with_the_fields_of_each_event() {
    let folder = folder();
    folder.write("nad.toml", "[log]\nformat = \"json\"\n");
    folder.nad(&format!("{REPLAY} --packets")).exits(0);
    let log = folder.read(&format!("logs/{LOG}"));
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(line["time"].as_str().unwrap().ends_with('Z') && line["target"].is_string(), "{line}");
        assert!(["INFO", "WARN"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
    let anomaly = lines.iter().find(|line| line["message"] == "anomaly").unwrap();
    assert_eq!(anomaly["fields"]["src_ip"], "192.168.1.66");
    assert!(anomaly["fields"]["score"].as_f64().unwrap() > 0.0 && anomaly["level"] == "WARN", "{anomaly}");
    assert!(lines.iter().any(|line| line["message"].as_str().unwrap().starts_with("ledger: seen 600")));
}

#[test]
fn a_log_that_is_full_is_moved_away_and_only_so_many_are_kept() {
    let folder = folder_of_many_anomalies();
    folder.write("nad.toml", "[log]\nmax_size = \"100kB\"\nkeep = 3\n");
    fs::create_dir(folder.path("logs")).unwrap();
    folder.write("logs/anomaly_detector.log.1", "of another program");
    folder.nad(&format!("{REPLAY} --packets")).exits(0);
    let names = logs(&folder);
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(folder.read("logs/anomaly_detector.log.1"), "of another program");
    for name in names.iter().filter(|name| *name != "anomaly_detector.log.1") {
        let text = folder.read(&format!("logs/{name}"));
        assert!(text.len() <= 100_000 && text.ends_with('\n'), "{name}: {}", text.len());
        assert!(text.lines().all(|line| line.starts_with("20")), "lines are whole: {text}");
        assert_eq!(text.len() > 90_000, name != LOG, "{name}: {}", text.len());
    }
    assert!(folder.read(&format!("logs/{LOG}")).contains("ledger: "));
}

/// A replay from a pipe, which goes on as long as it is fed.
struct Piped {
    child: std::process::Child,
    input: ChildStdin,
    capture: Vec<u8>,
}

impl Piped {
    fn start(folder: &Folder, arguments: &str) -> Self {
        let capture = fs::read(folder.path("office.pcap")).unwrap();
        let mut command = folder.command();
        command.args("replay - --train-packets 300 --contamination 0.003 --packets".split(' '));
        command
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&capture).unwrap();
        // Its first line tells that it takes signals; the others are read, so that it can go on.
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self { child, input, capture }
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success()
        );
    }

    /// Feeds it until something is so.
    fn feed_until(&mut self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
            self.input.write_all(&self.capture[PCAP_HEADER..]).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(self) -> Ran {
        drop(self.input);
        Ran::from(self.child.wait_with_output().unwrap()).exits(0)
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn files_that_are_moved_away_are_begun_anew_at_sigusr1() {
    let folder = folder();
    let mut nad = Piped::start(&folder, "--alerts a.jsonl --log nad.log");
    let (alerts, log) = (folder.path("a.jsonl"), folder.path("nad.log"));
    nad.feed_until("there are alerts", || length(&alerts) > 0 && length(&log) > 0);
    fs::rename(&alerts, folder.path("a.jsonl.1")).unwrap();
    fs::rename(&log, folder.path("nad.log.1")).unwrap();
    nad.signal("USR1");
    nad.feed_until("both are begun anew", || length(&alerts) > 0 && length(&log) > 0);
    // Not moved away this time: nothing that lies in them is lost.
    let before = (length(&alerts), length(&log));
    nad.signal("USR1");
    nad.feed_until("both grow", || length(&alerts) > before.0 && length(&log) > before.1);
    let ran = nad.end();
    assert!(folder.read("nad.log").contains("SIGUSR1: log, alert and incident files are opened anew"));
    assert!(folder.read("nad.log.1").contains("Starting packet capture…"));
    let alerts = folder.read("a.jsonl.1") + &folder.read("a.jsonl");
    alerts.lines().for_each(|line| _ = serde_json::from_str::<Value>(line).unwrap());
    assert!(
        ran.stderr.contains(&format!("alert file a.jsonl: {} delivered", alerts.lines().count())),
        "{}",
        ran.stderr
    );
}

#[test]
fn files_that_are_deleted_are_made_again_and_what_counts_as_delivered_was_there() {
    let folder = folder();
    let mut nad = Piped::start(&folder, "--alerts a.jsonl --log nad.log");
    let (alerts, log) = (folder.path("a.jsonl"), folder.path("nad.log"));
    nad.feed_until("there are alerts", || length(&alerts) > 0 && length(&log) > 0);
    let mut old = fs::File::open(&alerts).unwrap();
    fs::remove_file(&alerts).unwrap();
    fs::remove_file(&log).unwrap();
    nad.feed_until("both are made again", || length(&alerts) > 0 && length(&log) > 0);
    let ran = nad.end();
    let mut deleted = String::new();
    old.read_to_string(&mut deleted).unwrap();
    let there = folder.read("a.jsonl");
    let line = ran.stderr.lines().find_map(|line| line.strip_prefix("alert file a.jsonl: ")).unwrap();
    let delivered: usize = line.strip_suffix(" delivered").unwrap().parse().unwrap();
    // What was written at the very moment of the deletion is in both.
    assert!(delivered >= there.lines().count(), "{}", ran.stderr);
    assert!(delivered <= deleted.lines().count() + there.lines().count(), "{}", ran.stderr);
    assert!(delivered > deleted.lines().count(), "it went on: {}", ran.stderr);
    assert!(folder.read("nad.log").contains("ledger: "));
    assert!(!ran.stderr.contains("log: "), "the log missed nothing: {}", ran.stderr);
}

/// A tiny file system.
struct Tiny<'a>(&'a Path);

impl<'a> Tiny<'a> {
    fn mount(place: &'a Path) -> Option<Self> {
        fs::create_dir(place).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(place).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(place)),
            Ok(output) => {
                skipped(&format!("a full disk: {}", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(error) => {
                skipped(&format!("a full disk: mount: {error}"));
                None
            }
        }
    }
}

impl Drop for Tiny<'_> {
    fn drop(&mut self) {
        // A panic here would hide the test's own.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_once_and_logging_goes_on_when_there_is_room() {
    let folder = folder();
    let place = folder.path("tiny");
    let Some(_tiny) = Tiny::mount(&place) else { return };
    let ballast = place.join("ballast");
    let mut nad = Piped::start(&folder, "--log tiny/nad.log");
    let log = place.join("nad.log");
    nad.feed_until("there is a log", || length(&log) > 0);
    // Whatever is left of the room.
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write(&[0; 512]).is_ok() {}
    for _ in 0..20 {
        nad.input.write_all(&nad.capture[PCAP_HEADER..]).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    let full = length(&log);
    assert!(full > 0);
    drop(file);
    fs::remove_file(&ballast).unwrap();
    nad.feed_until("it is written again", || length(&log) > full);
    let ran = nad.end();
    let line = ran.stderr.lines().find_map(|line| line.strip_prefix("warning: log: ")).unwrap();
    let (delivered, failed) = line.split_once(" delivered, ").unwrap();
    let logged = fs::read_to_string(&log).unwrap().matches("nad::anomaly: ").count();
    assert_eq!(delivered.parse::<usize>().unwrap(), logged, "{line}");
    assert!(failed.ends_with(" failed") && failed != "0 failed", "{line}");
    let about: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("nad.log")).collect();
    // A shorter line may find room where a longer one did not.
    assert!(!about.is_empty() && about.len().is_multiple_of(2) && about.len() < 20, "{}", ran.stderr);
    for pair in about.chunks(2) {
        assert!(pair[0].contains("nad.log can't be written: No space left on device"), "{}", pair[0]);
        assert!(pair[1].contains("nad.log can be written again; "), "{}", pair[1]);
        assert!(pair[1].contains(" lines are missing"), "{}", pair[1]);
    }
    let text = fs::read_to_string(&log).unwrap();
    assert!(
        text.lines().all(|line| line.starts_with("20") && line.contains("Z ")),
        "lines are whole: {text}"
    );
    ran.ledger();
}
