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
    subject::{Program, Variant},
};

/// So many that the time of the start is a small part.
const PACKETS: u64 = 2_000_000;
/// As dense as a network of 21,000 packets a second.
const SECONDS: u64 = 96;
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
    let replay = Replay::new(options, folder.path(), &file, seconds)?;
    let bytes = fs::metadata(&file).with_context(|| format!("can't find {}", file.display()))?.len();
    let title = format!("{packets} packets in a file of {:.0} MiB", bytes as f64 / MEBIBYTE);
    let mut part = Part::new("replay", title);
    let has = ["tcpdump", "tshark"].map(process::is_installed);
    for (program, has) in ["tcpdump", "tshark"].into_iter().zip(has) {
        if !has {
            part.notes.push(format!("{program} is left out: it is not installed"));
        }
    }

    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for shards in options.shards() {
        subjects.extend(options.variants(shards).into_iter().map(Subject::new));
    }
    let mut others = Others::default();
    // Once without looking, so that the file is in memory for all.
    replay.run(options.program().with_shards(1).context("nad has no way to judge with one thread")?)?;
    let begun = Instant::now();
    for repetition in 0..usize::from(options.repetitions) {
        if repetition >= LEAST_REPETITIONS && begun.elapsed() > BUDGET {
            part.notes.push(format!("Ended after {repetition} repetitions, which took {BUDGET:?}."));
            break;
        }
        for subject in &mut subjects {
            let cost = replay.run(subject.variant)?;
            subject.rates.push(packets as f64 / cost.seconds);
            subject.memory.push(cost.peak_memory as f64 / MEBIBYTE);
        }
        if has[0] {
            others.tcpdump.push(packets as f64 / tcpdump(&file)?.seconds);
        }
        if has[1] && repetition < TSHARK_REPETITIONS {
            others.tshark.push(packets.min(TSHARK_PACKETS) as f64 / tshark(&file)?.seconds);
        }
    }
    for (place, subject) in subjects.iter().enumerate() {
        subject.add_to(subjects.get(place + 1), &others, &mut part)?;
    }
    others.add_to(&mut part)?;
    if options.capture.is_none() {
        let short = folder.path().join("short.pcap");
        capture::write(&short, PACKETS / 10, SECONDS)?;
        let cost = Replay { file: &short, ..replay }.run(subjects[0].variant)?;
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
///
/// Each build has a model of its own.
struct Replay<'a> {
    folder: &'a Path,
    file: &'a Path,
}

impl<'a> Replay<'a> {
    fn new(options: &'a Options, folder: &'a Path, file: &'a Path, seconds: f64) -> Result<Self> {
        for program in &options.programs {
            train(program, folder, file, seconds / 2.0)?;
        }
        Ok(Self { folder, file })
    }

    fn run(&self, variant: Variant<'_>) -> Result<Cost> {
        let mut replay = process::nad(&variant.program.path, self.folder);
        replay.arg("replay").arg(self.file).arg("--model").arg(model(variant.program, self.folder));
        process::run(replay.args(variant.arguments()).args(["--log", "none"]))
    }
}

/// A model of the first seconds of a capture, by this build, in this folder.
pub(crate) fn train(program: &Program, folder: &Path, file: &Path, seconds: f64) -> Result<PathBuf> {
    let model = model(program, folder);
    let mut train = process::nad(&program.path, folder);
    train.arg("train").arg(file).args(["--train-for", &format!("{}ms", (seconds * 1e3).max(1.0) as u64)]);
    process::run(train.arg("--out").arg(&model).args(["--log", "none"]))?;
    ensure!(model.is_file(), "nad train wrote no model");
    Ok(model)
}

fn model(program: &Program, folder: &Path) -> PathBuf {
    folder.join(if program.against.is_some() { "against.model" } else { "bench.model" })
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
struct Subject<'a> {
    variant: Variant<'a>,
    rates: Vec<f64>,
    memory: Vec<f64>,
}

/// Packets a second of each repetition.
#[derive(Debug, Default)]
struct Others {
    tcpdump: Vec<f64>,
    tshark: Vec<f64>,
}

const UNIT: &str = "packets/s";
const TCPDUMP: &str = "tcpdump -w /dev/null";
const TSHARK: &str = "tshark -T fields";

impl<'a> Subject<'a> {
    fn new(variant: Variant<'a>) -> Self {
        Self { variant, rates: Vec::new(), memory: Vec::new() }
    }

    /// `next` is the other build with as many shards, where there is one.
    fn add_to(&self, next: Option<&Self>, others: &Others, part: &mut Part) -> Result<()> {
        let Variant { program, shards } = self.variant;
        let (name, is_own) = (self.variant.name(), program.against.is_none());
        let id = |of: &str| if is_own { format!("replay.{shards}{of}") } else { String::new() };
        let mut row = Row::new(format!("nad replay with scoring, {name}"), UNIT, &self.rates)?.id(id(""));
        if !others.tcpdump.is_empty() {
            let target = is_own.then_some(Target::AtLeast(0.5));
            row = row.by(TCPDUMP, &self.rates, &others.tcpdump, target)?;
        }
        if !others.tshark.is_empty() {
            let nad = &self.rates[..others.tshark.len()];
            row = row.by(TSHARK, nad, &others.tshark, is_own.then_some(Target::AtLeast(20.0)))?;
        }
        if let Some(other) = next.filter(|next| is_own && next.variant.program.against.is_some()) {
            row = row.by_medians(other.variant.name(), &self.rates, &other.rates)?;
        }
        part.rows.push(row);
        let memory = Row::new(format!("nad replay, peak memory, {name}"), "MiB", &self.memory)?;
        part.rows.push(memory.id(id(".memory")).aims(Target::AtMost(256.0)));
        Ok(())
    }
}

impl Others {
    fn add_to(&self, part: &mut Part) -> Result<()> {
        for (name, rates) in [(TCPDUMP, &self.tcpdump), (TSHARK, &self.tshark)] {
            if !rates.is_empty() {
                part.rows.push(Row::new(name, UNIT, rates)?);
            }
        }
        Ok(())
    }
}
