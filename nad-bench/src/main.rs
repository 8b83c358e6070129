//! How fast nad is, as ratios within one run: what `cargo xtask bench` builds and starts.
//!
//! `docs/performance.md` says what each part measures and how to read its table.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Parser;

mod bpf;
mod capture;
mod kernel;
mod lab;
mod latency;
mod live;
mod measure;
mod process;
mod replay;
mod report;
mod ring;
mod scoring;
mod sender;
mod sensor;
mod start;
mod subject;
mod traffic;
mod workload;

use report::{Part, Report};
use subject::{Program, Variant};

/// Measures nad.
#[derive(Debug, Parser)]
enum Cli {
    /// Time it beside what does less or the same
    Measure(Box<Options>),
    /// Do the same work every time, for counting its instructions
    Workload {
        #[arg(value_enum)]
        work: workload::Work,
    },
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Which>,
    /// How often each variant is measured; fewer times where one takes seconds
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repetitions: u16,
    /// The sensor that is measured as a program
    #[arg(long, value_name = "PROGRAM")]
    nad: PathBuf,
    /// Another build of the sensor, which live and replay measure in turns with the first
    #[arg(long, value_name = "PROGRAM", requires = "against_name")]
    against: Option<PathBuf>,
    /// What the other one is called in the tables
    #[arg(long, value_name = "NAME")]
    against_name: Option<String>,
    /// How many threads judge packets: each of these numbers in turn
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 2], value_parser = clap::value_parser!(u16).range(1..=16))]
    shards: Vec<u16>,
    /// Live and latency only with these numbers of flows, of those that they have
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    flows: Vec<u32>,
    /// A capture to replay, instead of one made for it
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Where the report goes, and what is needed on the way
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The builds, from the above: the first one, and the one that it is compared with
    #[arg(skip)]
    programs: Vec<Program>,
    /// That this process may run on
    #[arg(skip)]
    cpus: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// What the kernel program costs a packet
    Kernel,
    /// Records to userspace
    Ring,
    /// Packets captured, put into context, scored and decided
    Live,
    /// From the packet to the alert
    Latency,
    /// What a forest's scores cost
    Scoring,
    /// Reading a capture file, beside tcpdump and tshark
    Replay,
    /// From the program's start to the first packet that is judged
    Start,
}

impl Which {
    /// In the order in which they run.
    const ALL: [Self; 7] =
        [Self::Kernel, Self::Ring, Self::Scoring, Self::Start, Self::Live, Self::Replay, Self::Latency];

    fn measure(self, options: &Options) -> Result<Part> {
        match self {
            Self::Kernel => kernel::measure(options),
            Self::Ring => ring::measure(options),
            Self::Live => live::measure(options),
            Self::Latency => latency::measure(options),
            Self::Scoring => scoring::measure(options),
            Self::Replay => replay::measure(options),
            Self::Start => start::measure(options),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Ring => "ring",
            Self::Live => "live",
            Self::Latency => "latency",
            Self::Scoring => "scoring",
            Self::Replay => "replay",
            Self::Start => "start",
        }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Measure(options) => options.absolute().and_then(|options| bench(&options)),
        Cli::Workload { work } => workload::run(work).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    /// Programs are started in folders of their own.
    fn absolute(self) -> Result<Self> {
        let find =
            |path: &Path| path.canonicalize().with_context(|| format!("can't find {}", path.display()));
        fs::create_dir_all(&self.out).with_context(|| format!("can't make {}", self.out.display()))?;
        let capture = self.capture.as_deref().map(find).transpose()?;
        let mut programs = vec![Program::new(find(&self.nad)?, None)?];
        if let Some(against) = &self.against {
            programs.push(Program::new(find(against)?, self.against_name.clone())?);
        }
        Ok(Self { out: find(&self.out)?, capture, programs, cpus: measure::cpus()?, ..self })
    }

    /// The sensor that is measured.
    fn program(&self) -> &Program {
        &self.programs[0]
    }

    /// All builds with so many shards, the first one first.
    fn variants(&self, shards: usize) -> Vec<Variant<'_>> {
        self.programs.iter().filter_map(|program| program.with_shards(shards)).collect()
    }

    /// With how many threads, smallest first.
    fn shards(&self) -> Vec<usize> {
        let mut shards: Vec<usize> = self.shards.iter().map(|shards| usize::from(*shards)).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    fn wants_flows(&self, flows: u32) -> bool {
        self.flows.is_empty() || self.flows.contains(&flows)
    }
}

/// Runs the parts, prints and writes the report; whether everything held that must.
fn bench(options: &Options) -> Result<bool> {
    let chosen = |part: &Which| options.only.is_empty() || options.only.contains(part);
    let mut report = Report::new(options)?;
    for part in Which::ALL.into_iter().filter(chosen) {
        eprintln!("{} …", part.name());
        let measured = part.measure(options).unwrap_or_else(|error| {
            let mut part = Part::new(part.name(), "could not be measured");
            part.failures.push(format!("{error:#}"));
            part
        });
        if let Some(reason) = &measured.skipped {
            eprintln!("{} skipped: {reason}", part.name());
        }
        report.parts.push(measured);
    }
    println!("{}", report.to_markdown());
    report.write(&options.out)?;
    eprintln!("{}", options.out.join("bench.md").display());
    Ok(report.holds())
}
