//! Tests of the log file.

use std::{os::unix::fs::symlink, thread};

use tempfile::TempDir;

use super::*;
use crate::output::terminal::TerminalConfig;

fn config(max_size: u64, rotate: Rotate) -> LogConfig {
    LogConfig { max_size, rotate, keep: 2, ..LogConfig::new(None, &Default::default()).unwrap() }
}

fn open(folder: &TempDir, config: &LogConfig) -> LogFile {
    let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
    LogFile::open(&folder.path().join("nad.log"), config, screen).unwrap()
}

fn files(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

#[test]
fn a_full_file_is_moved_away_and_the_oldest_of_them_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(&folder, &config(20, Rotate::Never));
    for line in
        ["line one\n", "line two\n", "line three\n", "line four\n", "line five\n", "line six\n", "line 7\n"]
    {
        log.write_all(line.as_bytes()).unwrap();
    }
    let names = files(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    let contents = names.iter().map(|name| read(&folder, name)).collect::<Vec<_>>();
    assert_eq!(contents, ["line six\nline 7\n", "line three\n", "line four\nline five\n"], "lines are whole");
}

#[test]
fn the_first_line_of_another_day_begins_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nad.log");
    fs::write(&path, "yesterday\n").unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    File::options().append(true).open(&path).unwrap().set_modified(yesterday).unwrap();
    for (rotate, old) in [(Rotate::Never, 0), (Rotate::Daily, 1)] {
        drop(open(&folder, &config(1 << 20, rotate)));
        let mut log = open(&folder, &config(1 << 20, rotate));
        if rotate == Rotate::Daily {
            log.write_all(b"today\n").unwrap();
            log.write_all(b"today\n").unwrap();
        }
        assert_eq!(files(&folder).len(), 1 + old, "{rotate:?}");
    }
    assert_eq!(read(&folder, "nad.log"), "today\ntoday\n");
}

#[test]
fn two_that_write_the_same_file_lose_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig { keep: 1000, ..config(4096, Rotate::Never) };
    let logs = [open(&folder, &config), open(&folder, &config)];
    let writers = logs.map(|mut log| {
        thread::spawn(move || (0..500).for_each(|number| writeln!(log, "line {number}").unwrap()))
    });
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let names = files(&folder);
    let lines: usize = names.iter().map(|name| read(&folder, name).lines().count()).sum();
    // writeln! gives a line in pieces, as tracing does not: what counts is that none is missing.
    assert_eq!(names.iter().map(|name| read(&folder, name).matches("line ").count()).sum::<usize>(), 1000);
    assert!(lines > 0 && names.len() > 1, "{names:?}");
}

#[test]
fn a_file_that_was_moved_away_is_made_anew_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(&folder, &config(1 << 20, Rotate::Never));
    log.write_all(b"before\n").unwrap();
    fs::rename(folder.path().join("nad.log"), folder.path().join("nad.log.1")).unwrap();
    reopen::request();
    log.write_all(b"after\n").unwrap();
    assert_eq!((read(&folder, "nad.log.1"), read(&folder, "nad.log")), ("before\n".into(), "after\n".into()));
}

#[test]
fn a_folder_that_is_gone_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(&folder, &config(10, Rotate::Daily));
    let path = folder.path().to_owned();
    drop(folder);
    reopen::request();
    for _ in 0..3 {
        log.write_all(b"a line of the log\n").unwrap();
    }
    assert!(!path.exists());
}

#[test]
fn what_is_no_file_is_never_moved_and_a_link_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
    let link = folder.path().join("link.log");
    fs::write(folder.path().join("nad.log"), "").unwrap();
    symlink("nad.log", &link).unwrap();
    let mut log = LogFile::open(&link, &config(10, Rotate::Never), screen.clone()).unwrap();
    log.write_all(b"one line\n").unwrap();
    log.write_all(b"another line\n").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&link).unwrap(), "another line\n");
    let mut null = LogFile::open(Path::new("/dev/null"), &config(10, Rotate::Daily), screen).unwrap();
    for _ in 0..3 {
        null.write_all(b"a line of the log\n").unwrap();
    }
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_line_for_which_there_is_no_room_is_counted_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
    let mut log = LogFile::open(Path::new("/dev/full"), &config(1 << 20, Rotate::Daily), screen).unwrap();
    log.write_all(b"one\n").unwrap();
    log.write_all(b"two\n").unwrap();
    assert_eq!(log.missing, 2);
    log.file = reopen::append(&folder.path().join("room")).unwrap();
    log.write_all(b"three\n").unwrap();
    assert_eq!((log.missing, read(&folder, "room")), (0, "three\n".into()));
}
