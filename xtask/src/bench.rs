//! `cargo xtask bench`: how fast nad is, as ratios within one run.
//!
//! `docs/performance.md` says what is measured and how to read it. What measures is a program of its own, `nad-bench`,
//! so that these tasks need not be built with all of nad.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use self::instructions::Checked;

use crate::{run, shell};

pub(crate) mod instructions;
mod simulation;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these parts: kernel, ring, scoring, live, replay, latency
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each variant is measured; fewer times where one takes seconds
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repetitions: u16,
    /// Where bench.md and bench.json go [default: bench in cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
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
    /// Instead: simulate rings and detector shards at 25 to 100 Gbit/s, where a core does RATE packets a second
    #[arg(long, value_name = "RATE", value_parser = rate)]
    simulate: Option<f64>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (1e3..=1e9).contains(rate));
    rate.ok_or_else(|| format!("'{text}' is no rate: write packets a second, 1000 to 1000000000"))
}

pub(crate) fn bench(args: &Args) -> Result<()> {
    if let Some(rate) = args.simulate {
        print!("{}", simulation::table(rate));
        return Ok(());
    }
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
    fs::create_dir_all(&out).with_context(|| format!("can't make {}", out.display()))?;
    let nad = args.nad.clone().map_or_else(run::build, Ok)?;
    let nad = nad.canonicalize().with_context(|| format!("can't find {}", nad.display()))?;
    let mut command = Command::new(shell::build("nad-bench", "--release")?);
    command.arg("measure").arg("--nad").arg(nad).arg("--out").arg(out);
    command.args(["--repetitions", &args.repetitions.to_string()]);
    if !args.only.is_empty() {
        command.args(["--only", &args.only.join(",")]);
    }
    if let Some(capture) = &args.capture {
        command.arg("--capture").arg(capture);
    }
    shell::run(&mut command)
}
