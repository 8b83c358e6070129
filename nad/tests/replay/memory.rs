//! Memory does not grow with the capture.

use std::{
    fs,
    io::Write,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use crate::{
    Folder,
    captures::{self, Capture, START_US},
};

/// Packets of the stream's part that is said again and again, each time later.
const PART: usize = 10_000;
/// Microseconds between two of them.
const INTERVAL_US: u64 = 500;
/// Parts that fill everything that waits between the threads (40,000 records), and several times as much.
const SHORT: usize = 5;
const LONG: usize = 50;
/// Looks in a row, 100 ms apart, at memory that does not change.
const QUIET_LOOKS: u32 = 5;
/// KiB by which two runs over the same capture may differ, in huge pages of the tables and of each thread. What the
/// long one has more would take 43 MiB as records.
const NOISE_KIB: i64 = 16 << 10;

#[test]
fn a_long_capture_takes_no_more_memory_than_a_short_one() {
    let folder = Folder::new();
    folder.write("office.pcap", Capture::ordinary(1, 3000).pcap());
    folder.nad("train office.pcap --train-packets 3000 --out m").exits(0);
    let [short, long] = [SHORT, LONG].map(|parts| peak_kib(&folder, parts));
    println!("{short} KiB for {} packets, {long} KiB for {}", SHORT * PART, LONG * PART);
    assert!(long - short < NOISE_KIB, "{short} KiB for {SHORT} parts, {long} KiB for {LONG}");
}

/// The most resident memory of a replay of that many parts, in KiB.
fn peak_kib(folder: &Folder, parts: usize) -> i64 {
    let mut command = folder.command();
    command.args(["replay", "-", "--model", "m", "--log", "none"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // The same few flows throughout: the tables hold no more of them in the end.
    let frames = Capture::ordinary(1, 10).packets;
    for number in 0..parts {
        let first = number * PART;
        let time_us = |place: usize| START_US + INTERVAL_US * (first + place) as u64;
        let packet = |place: usize| (time_us(place), frames[place % frames.len()].1.clone());
        let packets = (0..PART).map(packet).collect();
        let bytes = Capture { packets }.pcap();
        input.write_all(&bytes[if number == 0 { 0 } else { captures::PCAP_HEADER }..]).unwrap();
    }
    await_all_pages(&child);
    drop(input);
    await_peak_kib(child)
}

/// Waits until a child takes no more memory: the pages of its tables are fetched beside its work, so that a short run may be
/// over before they all are.
fn await_all_pages(child: &Child) {
    let resident = || fs::read_to_string(format!("/proc/{}/statm", child.id())).unwrap();
    let (mut before, mut quiet) = (resident(), 0);
    while quiet < QUIET_LOOKS {
        thread::sleep(Duration::from_millis(100));
        let now = resident();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
}

/// `ru_maxrss` of a child, which must succeed.
fn await_peak_kib(child: Child) -> i64 {
    let id = libc::pid_t::try_from(child.id()).unwrap();
    let mut status = 0;
    // SAFETY: both are written by the call, plain numbers throughout, and the child is our own, not yet waited for.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(id, &raw mut status, 0, &raw mut usage), id);
        usage
    };
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
    usage.ru_maxrss
}
