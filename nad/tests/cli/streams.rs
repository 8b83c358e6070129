//! Pipes, terminals, and signals.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    thread,
};

use crate::{PCAP_HEADER, REPLAY, folder, folder_of_many_anomalies, sensor::Ran, skip::skipped};

#[test]
fn whoever_reads_the_output_may_leave_early() {
    let folder = folder_of_many_anomalies();
    let mut command = folder.command();
    let mut child = command
        .args(REPLAY.split(' '))
        .arg("--packets")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "Starting packet capture…\n");
    let ran = Ran::from(child.wait_with_output().unwrap()).exits(0);
    assert!(!ran.stderr.contains("error") && !ran.stderr.contains("panic"), "{}", ran.stderr);
}

#[test]
fn whoever_reads_the_messages_may_leave_early() {
    let folder = folder_of_many_anomalies();
    let mut command = folder.command();
    let mut child = command
        .args(REPLAY.split(' '))
        .args(["--packets", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let ran = Ran::from(child.wait_with_output().unwrap()).exits(0);
    // The last few may be what is usual by then: the point is that all of them could be told.
    assert!(ran.summary().anomalous_packets > 4900, "{}", ran.stdout);
}

#[test]
fn a_standard_output_that_is_full_is_an_error_of_every_command_that_prints() {
    let folder = folder();
    folder.write("nad.toml", "[log]\npath = \"none\"\n");
    folder.nad(&format!("{REPLAY} --history nad.db")).exits(0);
    for arguments in [
        "--help",
        "--version",
        "run --help",
        "help replay",
        "config show",
        "config check",
        "doctor --iface lo",
        "features --list",
        "features office.pcap --out f.csv",
        "incidents list --history nad.db",
        "incidents export --history nad.db --format csv",
        "report --history nad.db --out r.html",
        "train office.pcap --train-packets 300 --out m",
        REPLAY,
    ] {
        let mut command = folder.command();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        command.args(arguments.split(' ')).stdout(full).stderr(Stdio::piped());
        let ran = Ran::from(command.spawn().unwrap().wait_with_output().unwrap()).exits(1);
        let said = "error: standard output can't be written: No space left on device (os error 28)";
        assert_eq!(ran.stderr.lines().filter(|line| *line == said).count(), 1, "{arguments}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panic"), "{arguments}: {}", ran.stderr);
    }
}

#[test]
fn a_standard_error_that_is_full_changes_no_exit_code() {
    let folder = folder();
    for (arguments, code) in [
        (REPLAY, 0),
        ("replay missing.pcap", 1),
        ("replay --no-such-flag", 2),
        ("", 2),
        ("config check missing.toml", 2),
        ("--version", 0),
    ] {
        let mut command = folder.command();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        command.args(arguments.split_whitespace()).stdout(Stdio::null()).stderr(full);
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments}");
    }
}

#[test]
fn closed_streams_stop_nothing() {
    let folder = folder();
    let shell = format!("exec \"$0\" {REPLAY} --alerts a.jsonl >&- 2>&-");
    let mut command = folder.command();
    let program = command.get_program().to_owned();
    let status = Command::new("sh").args(["-c", &shell]).arg(program).current_dir(&folder).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!((2..=3).contains(&folder.read("a.jsonl").lines().count()));
    command.args(["replay", "missing.pcap"]).stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(1));
}

#[test]
fn no_control_characters_are_printed_where_there_is_no_terminal() {
    let folder = folder();
    let doctor = folder.nad("doctor --iface lo");
    let outputs = [
        folder.nad(REPLAY),
        folder.nad("replay missing.pcap"),
        folder.nad("--help"),
        folder.nad("-x"),
        doctor,
    ];
    for ran in outputs {
        for text in [ran.stdout, ran.stderr] {
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
    }
}

#[test]
fn a_terminal_gets_a_progress_bar_and_the_same_lines() {
    if Command::new("script").arg("--version").output().is_err() {
        return skipped("there is no `script` to make a terminal with: install bsdutils");
    }
    let folder = folder();
    let replay = "replay office.pcap --model m";
    folder.nad("train office.pcap --train-packets 300 --out m").exits(0);
    let expected = folder.nad(replay).exits(0).stdout;
    let command = folder.command();
    let line = format!("{} {replay} >out.txt", command.get_program().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(&folder).env("TERM", "xterm").stdin(Stdio::null());
    let ran = Ran::of(&mut script).exits(0);
    assert!(ran.stdout.contains('\u{1b}') && ran.stdout.contains("ledger: "), "{:?}", ran.stdout);
    assert_eq!(folder.read("out.txt"), expected);
}

#[test]
fn a_signal_ends_a_replay_with_the_summary_of_what_was_read() {
    let folder = folder();
    for (signal, train) in [("INT", "300"), ("TERM", "300"), ("INT", "1000000000")] {
        let mut command = folder.command();
        command.args(["replay", "-", "--train-packets", train]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let capture = fs::read(folder.path("office.pcap")).unwrap();
        input.write_all(&capture).unwrap();
        // Its first line tells that it takes signals.
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        out.read_line(&mut said).unwrap();
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        // The capture goes on and on, until nad no longer reads it.
        let feeder = thread::spawn(move || while input.write_all(&capture[PCAP_HEADER..]).is_ok() {});
        out.read_to_string(&mut said).unwrap();
        feeder.join().unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap()).exits(0);
        assert!(ran.stderr.ends_with("warning: stopped before the end of the capture\n"), "{}", ran.stderr);
        // The signal may come before the baseline is complete.
        let is_summed_up = said.contains("\nDetected ") || said.contains("\nNothing was judged: ");
        assert!(said.contains("\nCaptured ") && is_summed_up, "{said}");
        assert!(ran.ledger().seen > 0);
    }
}

#[test]
fn a_signal_ends_a_replay_whose_pipe_is_silent() {
    let folder = folder();
    let mut command = folder.command();
    command.args(["replay", "-", "--train-packets", "300"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&fs::read(folder.path("office.pcap")).unwrap()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    out.read_line(&mut said).unwrap();
    let kill = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    // The pipe stays open, and nothing more is written to it.
    out.read_to_string(&mut said).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap()).exits(0);
    drop(input);
    assert!(ran.stderr.ends_with("warning: stopped before the end of the capture\n"), "{}", ran.stderr);
    assert!(said.contains("\nCaptured "), "{said}");
}
