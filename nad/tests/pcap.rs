//! Captures of every kind, whole and damaged, made byte by byte and read back.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

#[path = "pcap/ahead.rs"]
mod ahead;
#[path = "pcap/build.rs"]
mod build;
#[path = "pcap/containers.rs"]
mod containers;
#[path = "pcap/damage.rs"]
mod damage;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nad::{
    batch::RecordBatch,
    source::{
        Fill, Source,
        pcap::{CaptureError, Damage, PcapSource, Progress, ReadAhead},
    },
};
use nad_common::{
    counters::{KernelCounters, Refusal},
    record::{AddressKind, PacketRecord, flag},
};

use build::*;

const SECONDS: u32 = 1_700_000_000;
const SECONDS_NS: u64 = SECONDS as u64 * 1_000_000_000;

/// Set in the process that reads standard input.
const CHILD: &str = "NAD_TEST_STDIN_CHILD";

#[test]
fn standard_input_is_read_as_it_comes() {
    let capture = small_pcap(Order::Little);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_reads_standard_input", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut wait_for = |expected: &str| {
        let found = lines.by_ref().map_while(Result::ok).any(|line| line.contains(expected));
        assert!(found, "{expected}");
    };
    // The first packet arrives while the pipe is still open.
    input.write_all(&capture.bytes[..capture.packets[0]]).unwrap();
    input.flush().unwrap();
    wait_for("1 records so far");
    input.write_all(&capture.bytes[capture.packets[0]..]).unwrap();
    drop(input);
    wait_for("3 records so far");
    assert!(child.wait().unwrap().success());
}

#[test]
fn child_reads_standard_input() {
    if std::env::var_os(CHILD).is_none() {
        println!(
            "skipped: standard_input_is_read_as_it_comes runs this with a capture as its standard input"
        );
        return;
    }
    let mut source = PcapSource::open(Path::new("-")).unwrap();
    assert_eq!(source.progress().bytes_total, None);
    let mut batch = RecordBatch::default();
    let mut records = 0;
    let mut fill = Fill::More;
    while fill != Fill::End {
        batch.clear();
        fill = source.fill(&mut batch).unwrap();
        records += batch.len();
        println!("{records} records so far");
    }
}

#[test]
fn captures_of_a_folder_are_read_without_a_panic() {
    let Some(folder) = std::env::var_os("NAD_ROBUSTNESS_DIR") else {
        println!("skipped: set NAD_ROBUSTNESS_DIR to a folder of captures to read them all");
        return;
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut packets = 0;
    for path in files.iter().filter(|path| path.is_file()) {
        let read = read_path(path);
        read.assert_balanced();
        packets += read.counters.seen;
        if let Some(error) = read.error {
            println!("{error}");
        }
    }
    println!("{} files, {packets} packets", files.len());
}

/// What came out of a capture.
#[derive(Default)]
struct Read {
    records: Vec<PacketRecord>,
    indices: Vec<u64>,
    counters: KernelCounters,
    error: Option<CaptureError>,
}

impl Read {
    fn complete(self) -> Self {
        assert!(self.error.is_none(), "{}", self.error());
        self.assert_balanced();
        self
    }

    fn error(&self) -> &CaptureError {
        self.assert_balanced();
        self.error.as_ref().expect("an error")
    }

    fn damage(&self) -> &Damage {
        match self.error() {
            CaptureError::Damaged { damage, .. } => damage,
            other => panic!("{other}"),
        }
    }

    fn ports(&self) -> Vec<u16> {
        self.records.iter().map(|record| record.source_port).collect()
    }

    fn assert_balanced(&self) {
        let counters = &self.counters;
        assert_eq!(counters.seen, counters.recorded + counters.unparsed.iter().sum::<u64>());
        assert_eq!(counters.recorded, self.records.len() as u64);
        assert_eq!(counters.ring_full, 0);
        assert!(self.indices.is_sorted() && self.indices.last().is_none_or(|last| *last < counters.seen));
    }
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    // Tests run in threads of one process, each with a name of its own.
    let test = std::thread::current().name().unwrap_or("main").replace(':', "-");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{name}"));
    fs::write(&path, bytes).unwrap();
    path
}

fn read(name: &str, bytes: &[u8]) -> Read {
    let path = write(name, bytes);
    let read = read_path(&path);
    fs::remove_file(path).unwrap();
    read
}

/// Reads a capture in one thread and in two, which give the same batch by batch.
fn read_path(path: &Path) -> Read {
    let source = match PcapSource::open(path) {
        Ok(source) => source,
        Err(error) => return Read { error: Some(error), ..Read::default() },
    };
    let ahead = ReadAhead::start(PcapSource::open(path).unwrap()).unwrap();
    let mut steps = Vec::new();
    let read = drain(source, PcapSource::progress, |step| steps.push(step));
    let mut place = 0;
    let mut same = |step: Step| {
        assert!(steps.get(place) == Some(&step), "batch {place} of {}: {step:?}", steps.len());
        place += 1;
    };
    let read_ahead = drain(ahead, ReadAhead::progress, &mut same);
    assert_eq!(place, steps.len());
    assert_eq!(read_ahead.counters, read.counters);
    assert_eq!(
        read_ahead.error.map(|error| error.to_string()),
        read.error.as_ref().map(CaptureError::to_string)
    );
    read
}

/// What is to be seen of a source after one batch.
type Step = (Vec<PacketRecord>, Vec<u64>, Option<Fill>, KernelCounters, Progress);

fn drain<S: Source<Error = CaptureError>>(
    mut source: S,
    progress: impl Fn(&S) -> Progress,
    mut take: impl FnMut(Step),
) -> Read {
    let mut read = Read::default();
    let mut batch = RecordBatch::default();
    loop {
        batch.clear();
        let fill = source.fill(&mut batch);
        read.records.extend(batch.records());
        read.indices.extend(batch.indices());
        read.counters = source.counters().unwrap();
        let (records, indices) = (batch.records().to_vec(), batch.indices().to_vec());
        take((records, indices, fill.as_ref().ok().copied(), read.counters, progress(&source)));
        match fill {
            Ok(Fill::End) => return read,
            Ok(_) => {}
            Err(error) => {
                read.error = Some(error);
                return read;
            }
        }
    }
}
