//! `cargo xtask bench`: how fast nad is, as ratios within one run.
//!
//! `docs/performance.md` says what is measured and how to read it. What measures is a program of its own, `nad-bench`,
//! so that these tasks need not be built with all of nad.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use self::{
    instructions::Checked,
    kept::{Kept, Run},
};

use crate::{run, shell};

mod against;
pub(crate) mod instructions;
mod kept;
mod scaling;
mod simulation;
mod written;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these parts: kernel, ring, scoring, start, live, replay, latency
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each variant is measured; fewer times where one takes seconds
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repetitions: u16,
    /// Where bench.md and bench.json go [default: bench in cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many threads judge packets, live and in replay: each of these numbers in turn [default: 1,2]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=16))]
    shards: Vec<u16>,
    /// Live and latency only with these numbers of flows, of 1, 1024, 65536 and 1048576
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    flows: Vec<u32>,
    /// Measure this commit's nad as well, in turns: live, in replay, and its start
    #[arg(long, value_name = "COMMIT")]
    against: Option<String>,
    /// A capture to replay, instead of one made for it
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Measure this program instead of building one
    #[arg(long, value_name = "PROGRAM")]
    nad: Option<PathBuf>,
    /// Instead: count instructions under valgrind, and fail where there are more than before
    #[arg(long)]
    check_instructions: bool,
    /// Instead: count them, and keep the counts for comparison
    #[arg(long, conflicts_with = "check_instructions")]
    update_instructions: bool,
    /// Instead: keep what the last run has measured, by kind of machine, and write docs/performance.md's tables and
    /// docs/scaling.md anew
    #[arg(long, conflicts_with_all = ["check_instructions", "update_instructions"])]
    pages: bool,
}

pub(crate) fn bench(args: &Args) -> Result<()> {
    if args.update_instructions {
        return instructions::update();
    }
    if args.check_instructions {
        match instructions::check()? {
            Checked::Held(changes) => println!("instructions: {changes}"),
            Checked::Skipped(reason) => println!("skipped: {reason}"),
        }
        return Ok(());
    }
    let out = args.out.clone().map_or_else(|| Ok(shell::target_dir()?.join("bench")), anyhow::Ok)?;
    if args.pages {
        let run = out.join("bench.json");
        // Without one, pages are written from what is kept already.
        if args.out.is_some() || run.exists() {
            Kept::add(Run::read(&run)?)?;
        }
        return written::write();
    }
    fs::create_dir_all(&out).with_context(|| format!("can't make {}", out.display()))?;
    let nad = args.nad.clone().map_or_else(run::build, Ok)?;
    let nad = nad.canonicalize().with_context(|| format!("can't find {}", nad.display()))?;
    let other = args.against.as_deref().map(against::build).transpose()?;
    let mut command = Command::new(shell::build("nad-bench", "--release")?);
    command.arg("measure").arg("--nad").arg(nad).arg("--out").arg(out);
    command.args(["--repetitions", &args.repetitions.to_string()]);
    if !args.only.is_empty() {
        command.args(["--only", &args.only.join(",")]);
    }
    for (flag, numbers) in [("--shards", list(&args.shards)), ("--flows", list(&args.flows))] {
        if !numbers.is_empty() {
            command.args([flag, &numbers]);
        }
    }
    if let Some(other) = other {
        command.arg("--against").arg(other.program).args(["--against-name", &other.name]);
    }
    if let Some(capture) = &args.capture {
        command.arg("--capture").arg(capture);
    }
    shell::run(&mut command)
}

fn list<T: ToString>(numbers: &[T]) -> String {
    numbers.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}
