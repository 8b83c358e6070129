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

use nad::source::{
    Fill, Source,
    pcap::{CaptureError, Damage, PcapSource, Progress, ReadAhead},
};
use nad_common::{
    counters::KernelCounters,
    record::{AddressKind, PacketRecord, flag},
    refusal::Refusal,
};
use nad_engine::batch::RecordBatch;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use build::*;

const SECONDS: u32 = 1_700_000_000;
const SECONDS_NS: u64 = SECONDS as u64 * 1_000_000_000;

/// Set in the process that reads standard input.
const CHILD: &str = "NAD_TEST_STDIN_CHILD";
/// Names a folder of captures to read besides those that are made here.
const CAPTURES: &str = "NAD_ROBUSTNESS_DIR";

#[test]
fn standard_input_is_read_as_it_comes() {
    if std::env::var_os(CHILD).is_some() {
        return read_standard_input();
    }
    let capture = small_pcap(Order::Little);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "standard_input_is_read_as_it_comes", "--nocapture"])
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

/// What the test is in a process of its own, whose standard input is a capture.
fn read_standard_input() {
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
    let made = made_captures();
    let given = std::env::var_os(CAPTURES).map(PathBuf::from);
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in [Some(made.path()), given.as_deref()].into_iter().flatten() {
        files.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
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
    assert!(files.len() > 100 && packets > 200, "{} files, {packets} packets", files.len());
}

/// Captures of every container, whole and with changed, missing and additional bytes.
fn made_captures() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut random = SmallRng::seed_from_u64(12);
    for (name, order) in [("little", Order::Little), ("big", Order::Big)] {
        let [pcap, pcapng] = [small_pcap(order), small_pcapng(order)].map(|capture| capture.bytes);
        let (compressed, other) = (gzip(&pcap), zstd(&pcapng));
        for (kind, bytes) in
            [("pcap", pcap), ("pcapng", pcapng), ("pcap.gz", compressed), ("pcapng.zst", other)]
        {
            fs::write(folder.path().join(format!("{name}.{kind}")), &bytes).unwrap();
            for number in 0..40 {
                let mut bytes = bytes.clone();
                for _ in 0..=number % 3 {
                    let at = random.random_range(0..bytes.len());
                    match random.random_range(0..4) {
                        0 => bytes[at] = random.random(),
                        1 => bytes[at] ^= 1 << random.random_range(0..8),
                        2 => bytes.truncate(at + 1),
                        _ => bytes.insert(at, random.random()),
                    }
                }
                fs::write(folder.path().join(format!("{name}-{number}.{kind}")), bytes).unwrap();
            }
        }
    }
    folder
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
