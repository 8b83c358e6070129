//! Tests of the log file.

use std::{os::unix::fs::symlink, thread};

use tempfile::TempDir;

use super::*;
use crate::output::{reopen, terminal::TerminalConfig};

fn config(max_size: u64, rotate: Rotate) -> LogConfig {
    LogConfig { max_size, rotate, keep: 2, ..LogConfig::new(None, &Default::default()).unwrap() }
}

fn open(folder: &TempDir, config: &LogConfig) -> LogFile {
    let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
    LogFile::open(&folder.path().join("nad.log"), config, screen).unwrap()
}

/// A line as nad writes them, of 56 bytes and the text.
fn line(text: &str) -> String {
    format!("2026-11-24T08:14:14.123456Z  INFO nad::output::log: {text}\n")
}

/// The texts of lines.
fn texts(content: &str) -> Vec<&str> {
    content.lines().map(|line| line.split_once("log: ").unwrap().1).collect()
}

fn names(folder: &TempDir) -> Vec<String> {
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
    let mut log = open(&folder, &config(2 * line("line").len() as u64, Rotate::Never));
    for text in ["1", "22", "333333333", "4444", "5", "66666", "7"] {
        log.write_all(line(text).as_bytes()).unwrap();
    }
    let names = names(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    let contents = names.iter().map(|name| read(&folder, name)).collect::<Vec<_>>();
    let texts: Vec<_> = contents.iter().map(|content| texts(content)).collect();
    assert_eq!(texts, [vec!["66666", "7"], vec!["333333333"], vec!["4444", "5"]], "lines are whole");
}

#[test]
fn the_first_line_of_another_day_begins_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nad.log");
    fs::write(&path, line("yesterday")).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    File::options().append(true).open(&path).unwrap().set_modified(yesterday).unwrap();
    for (rotate, old) in [(Rotate::Never, 0), (Rotate::Daily, 1)] {
        drop(open(&folder, &config(1 << 20, rotate)));
        let mut log = open(&folder, &config(1 << 20, rotate));
        if rotate == Rotate::Daily {
            log.write_all(line("today").as_bytes()).unwrap();
            log.write_all(line("today").as_bytes()).unwrap();
        }
        assert_eq!(names(&folder).len(), 1 + old, "{rotate:?}");
    }
    assert_eq!(texts(&read(&folder, "nad.log")), ["today", "today"]);
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
    let names = names(&folder);
    let lines: usize = names.iter().map(|name| read(&folder, name).lines().count()).sum();
    // writeln! gives a line in pieces, as tracing does not: what counts is that none is missing.
    assert_eq!(names.iter().map(|name| read(&folder, name).matches("line ").count()).sum::<usize>(), 1000);
    assert!(lines > 0 && names.len() > 1, "{names:?}");
}

#[test]
fn a_file_that_was_moved_away_is_made_anew_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(&folder, &config(1 << 20, Rotate::Never));
    log.write_all(line("before").as_bytes()).unwrap();
    fs::rename(folder.path().join("nad.log"), folder.path().join("nad.log.1")).unwrap();
    reopen::request();
    log.write_all(line("after").as_bytes()).unwrap();
    assert_eq!((read(&folder, "nad.log.1"), read(&folder, "nad.log")), (line("before"), line("after")));
}

#[test]
fn a_file_or_folder_that_is_gone_is_made_again_with_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, &config(1 << 20, Rotate::Daily));
    let path = folder.path().to_owned();
    let mut log = LogFile { config: config(1 << 20, Rotate::Daily), ..log };
    for (text, remove) in [("1", false), ("2", true), ("3", false)] {
        if remove {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(path.join("nad.log")).unwrap();
        }
        // Not after a second, nor once it is asked for.
        let written = outcome(|| log.write_all(line(text).as_bytes()).unwrap());
        assert_eq!(written, Some(true));
        assert_eq!(texts(&read(&folder, "nad.log")), [text]);
    }
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "in its place").unwrap();
    assert_eq!(outcome(|| log.write_all(line("4").as_bytes()).unwrap()), Some(false), "it is nowhere");
    fs::remove_file(&path).unwrap();
    assert_eq!(outcome(|| log.write_all(line("5").as_bytes()).unwrap()), Some(true));
    assert_eq!(outcome(|| {}), None);
}

#[test]
fn what_is_no_file_is_never_moved_and_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
    let link = folder.path().join("link.log");
    fs::write(folder.path().join("nad.log"), "").unwrap();
    symlink("nad.log", &link).unwrap();
    let error = LogFile::open(&link, &config(10, Rotate::Never), screen.clone()).err().unwrap();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    let mut null = LogFile::open(Path::new("/dev/null"), &config(10, Rotate::Daily), screen).unwrap();
    for _ in 0..3 {
        null.write_all(b"a line of the log\n").unwrap();
    }
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_link_that_takes_the_place_of_the_log_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("nad.log"), folder.path().join("target"));
    let mut log = open(&folder, &config(200, Rotate::Never));
    log.write_all(line("before").as_bytes()).unwrap();
    fs::write(&target, "untouched").unwrap();
    fs::rename(&path, folder.path().join("moved")).unwrap();
    symlink("target", &path).unwrap();
    reopen::request();
    (0..9).for_each(|_| log.write_all(line("after").as_bytes()).unwrap());
    assert_eq!(read(&folder, "target"), "untouched");
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(texts(&read(&folder, "moved")).len(), 10, "it goes on where it was");
}

#[test]
fn a_file_that_nad_did_not_begin_is_added_to_and_never_moved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nad.log");
    fs::write(&path, "somebody's notes\n").unwrap();
    let mut log = open(&folder, &config(100, Rotate::Daily));
    (0..9).for_each(|_| log.write_all(line("text").as_bytes()).unwrap());
    assert_eq!(names(&folder), ["nad.log"]);
    assert!(read(&folder, "nad.log").starts_with("somebody's notes\n2026-"));
}

#[test]
fn a_file_whose_first_line_is_of_another_crate_is_known_to_be_nads_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = line("text").replace("nad::output", "other");
    for _ in 0..2 {
        let mut log = open(&folder, &config(150, Rotate::Never));
        (0..2).for_each(|_| log.write_all(foreign.as_bytes()).unwrap());
    }
    let names = names(&folder);
    assert!(names.len() > 1, "{names:?}");
    for name in names {
        let content = read(&folder, &name);
        assert!(content.lines().next().unwrap().ends_with(" INFO nad::log: log file begun"), "{content}");
    }
}

#[test]
fn a_pipe_whose_reader_is_slow_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nad.log");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = File::options().read(true).write(true).open(&path).unwrap();
    let mut log = open(&folder, &config(1 << 20, Rotate::Daily));
    // More than a pipe holds.
    (0..3000).for_each(|_| log.write_all(line("text").as_bytes()).unwrap());
    assert!(log.missing > 0);
    drop(reader);
}

#[test]
fn a_line_for_which_there_is_no_room_is_counted_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
    let mut log = LogFile::open(Path::new("/dev/full"), &config(1 << 20, Rotate::Daily), screen).unwrap();
    log.write_all(b"one\n").unwrap();
    log.write_all(b"two\n").unwrap();
    assert_eq!(log.missing, 2);
    log.file = files::append(&folder.path().join("room")).unwrap();
    log.write_all(line("three").as_bytes()).unwrap();
    assert_eq!((log.missing, read(&folder, "room")), (0, line("three")));
}
