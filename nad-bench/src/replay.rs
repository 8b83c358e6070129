//! Reading a capture file: nad with scoring, beside tcpdump and tshark on the same file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nad::source::{Fill, Source as _, pcap::PcapSource};
use nad_engine::batch::RecordBatch;

use crate::{
    Options, capture,
    process::{self, Cost},
    report::{Part, Row, Target},
};

const PACKETS: u64 = 500_000;
/// So that the half that is trained on is long enough to learn of hosts.
const SECONDS: u64 = 24;
/// tshark takes seconds, also for the first part of a file.
const TSHARK_REPETITIONS: usize = 3;
const TSHARK_PACKETS: u64 = 100_000;
/// No further repetition after this time, once there are so many.
const BUDGET: Duration = Duration::from_secs(60);
const LEAST_REPETITIONS: usize = 3;
const MEBIBYTE: f64 = 1_048_576.0;

/// The programs in turns: packets a second of each.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let folder = tempfile::tempdir_in(&options.out).context("no folder can be made for a capture")?;
    let file = match &options.capture {
        Some(file) => file.clone(),
        None => {
            let file = folder.path().join("made.pcap");
            capture::write(&file, PACKETS, SECONDS)?;
            file
        }
    };
    let (packets, seconds) = look_at(&file)?;
    let nad = Replay::new(options, folder.path(), &file, seconds)?;
    let bytes = fs::metadata(&file).with_context(|| format!("can't find {}", file.display()))?.len();
    let title = format!("{packets} packets in a file of {:.0} MiB", bytes as f64 / MEBIBYTE);
    let mut part = Part::new("replay", title);
    let has = ["tcpdump", "tshark"].map(process::is_installed);
    for (program, has) in ["tcpdump", "tshark"].into_iter().zip(has) {
        if !has {
            part.notes.push(format!("{program} is left out: it is not installed"));
        }
    }

    let mut rates = Rates::default();
    // Once without looking, so that the file is in memory for all.
    nad.run()?;
    let begun = Instant::now();
    for repetition in 0..usize::from(options.repetitions) {
        if repetition >= LEAST_REPETITIONS && begun.elapsed() > BUDGET {
            part.notes.push(format!("Ended after {repetition} repetitions, which took {BUDGET:?}."));
            break;
        }
        let cost = nad.run()?;
        rates.nad.push(packets as f64 / cost.seconds);
        rates.memory.push(cost.peak_memory as f64 / MEBIBYTE);
        if has[0] {
            rates.tcpdump.push(packets as f64 / tcpdump(&file)?.seconds);
        }
        if has[1] && repetition < TSHARK_REPETITIONS {
            rates.tshark.push(packets.min(TSHARK_PACKETS) as f64 / tshark(&file)?.seconds);
        }
    }
    rates.add_to(&mut part)?;
    if options.capture.is_none() {
        let short = folder.path().join("short.pcap");
        capture::write(&short, PACKETS / 10, SECONDS)?;
        let cost = Replay { file: &short, ..nad }.run()?;
        let row = Row::new(
            "nad replay of a tenth as many packets, peak memory",
            "MiB",
            &[cost.peak_memory as f64 / MEBIBYTE],
        )?;
        part.rows.push(row);
    }
    part.notes.push(
        "nad reads a model and scores every packet; times are those of whole processes. tshark reads the \
         first 100,000 packets."
            .into(),
    );
    Ok(part)
}

/// Packets and seconds of a capture.
fn look_at(file: &Path) -> Result<(u64, f64)> {
    let mut source = PcapSource::open(file)?;
    let mut batch = RecordBatch::default();
    let (mut first, mut last) = (None, 0);
    loop {
        batch.clear();
        let filled = source.fill(&mut batch)?;
        for record in batch.records() {
            first.get_or_insert(record.time_ns);
            last = last.max(record.time_ns);
        }
        if filled == Fill::End {
            break;
        }
    }
    let seconds = last.saturating_sub(first.unwrap_or(0)) as f64 / 1e9;
    Ok((source.counters()?.seen, seconds))
}

/// `nad replay` with a model of the file's own first part.
struct Replay<'a> {
    options: &'a Options,
    folder: &'a Path,
    model: PathBuf,
    file: &'a Path,
}

impl<'a> Replay<'a> {
    fn new(options: &'a Options, folder: &'a Path, file: &'a Path, seconds: f64) -> Result<Self> {
        let model = folder.join("bench.model");
        let mut train = process::nad(&options.nad, folder);
        train
            .arg("train")
            .arg(file)
            .args(["--train-for", &format!("{}ms", (seconds * 500.0).max(1.0) as u64)]);
        process::run(train.arg("--out").arg(&model).args(["--log", "none"]))?;
        ensure!(model.is_file(), "nad train wrote no model");
        Ok(Self { options, folder, model, file })
    }

    fn run(&self) -> Result<Cost> {
        let mut replay = process::nad(&self.options.nad, self.folder);
        replay.arg("replay").arg(self.file).arg("--model").arg(&self.model);
        process::run(replay.args(["--log", "none"]))
    }
}

fn tcpdump(file: &Path) -> Result<Cost> {
    process::run(Command::new("tcpdump").arg("-r").arg(file).args(["-w", "/dev/null"]))
}

fn tshark(file: &Path) -> Result<Cost> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-c", &TSHARK_PACKETS.to_string()]);
    process::run(tshark.args(["-T", "fields", "-e", "ip.src", "-e", "tcp.dstport"]))
}

/// Packets a second, and memory in MiB, of each repetition.
#[derive(Debug, Default)]
struct Rates {
    nad: Vec<f64>,
    memory: Vec<f64>,
    tcpdump: Vec<f64>,
    tshark: Vec<f64>,
}

impl Rates {
    fn add_to(&self, part: &mut Part) -> Result<()> {
        const UNIT: &str = "packets/s";
        let mut row = Row::new("nad replay with scoring", UNIT, &self.nad)?;
        if !self.tcpdump.is_empty() {
            row = row.by("tcpdump -w /dev/null", &self.nad, &self.tcpdump, Some(Target::AtLeast(0.5)))?;
        }
        if !self.tshark.is_empty() {
            let nad = &self.nad[..self.tshark.len()];
            row = row.by("tshark -T fields", nad, &self.tshark, Some(Target::AtLeast(20.0)))?;
        }
        part.rows.push(row);
        for (name, rates) in [("tcpdump -w /dev/null", &self.tcpdump), ("tshark -T fields", &self.tshark)] {
            if !rates.is_empty() {
                part.rows.push(Row::new(name, UNIT, rates)?);
            }
        }
        let memory = Row::new("nad replay, peak memory", "MiB", &self.memory)?;
        part.rows.push(memory.aims(Target::AtMost(256.0)));
        Ok(())
    }
}
