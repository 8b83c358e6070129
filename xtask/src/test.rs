//! `cargo xtask test`: lints, unit tests, and the tests that need privileges.

use std::{
    fmt,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    bench::{self, instructions::Checked},
    shell,
};

mod aarch64;
mod kernels;
mod lint;
mod privileged;

/// What the tests are built with: see the workspace's `Cargo.toml`.
const PROFILE: &str = "--profile=checked";
/// The kernel program only compiles for a BPF target.
const PACKAGES: [&str; 3] = ["--workspace", "--exclude=nad-ebpf", "--locked"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these parts
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Only boot the kernels that nad is said to run on, and write or check the docs' table of them
    #[arg(long, value_enum, value_name = "TABLE", num_args = 0..=1, default_missing_value = "write", conflicts_with = "parts")]
    kernels: Option<kernels::Table>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Formatting, clippy, documentation, dependencies
    Lint,
    /// Every test that needs no privileges
    Unit,
    /// All crates checked for aarch64, and the parser's tests under emulation
    Aarch64,
    /// Counts of instructions, under valgrind
    Instructions,
    /// The tests of the kernel program, as root
    Privileged,
}

/// What became of a step.
enum Outcome {
    Passed(String),
    Failed(String),
    Skipped(String),
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

/// Runs every step, whatever becomes of those before it, and fails when one of them did.
pub(crate) fn test(args: &Args) -> Result<()> {
    let chosen = |part| args.kernels.is_none() && (args.parts.is_empty() || args.parts.contains(&part));
    let mut steps = Vec::new();
    let mut step = |name, work: &dyn Fn() -> Result<Outcome>| {
        let start = Instant::now();
        let outcome = work().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if !matches!(outcome, Outcome::Passed(_)) {
            eprintln!("{name}: {outcome}");
        }
        steps.push(Step { name, outcome, time: start.elapsed() });
    };

    if chosen(Part::Lint) {
        step("formatting", &lint::formatting);
        step("clippy", &lint::clippy);
        step("documentation", &lint::documentation);
        step("dependencies", &lint::dependencies);
    }
    if chosen(Part::Unit) {
        step("unit tests", &unit);
    }
    if chosen(Part::Aarch64) {
        step("check for aarch64", &aarch64::check);
        step("tests on aarch64", &aarch64::tests);
    }
    if chosen(Part::Instructions) {
        step("instructions", &instructions);
    }
    if chosen(Part::Privileged) {
        step("privileged tests", &privileged::tests);
    }
    if let Some(table) = args.kernels {
        step("kernels", &|| kernels::tests(table));
    }

    println!();
    for Step { name, outcome, time } in &steps {
        println!("{name:<17} {:>6.1} s  {outcome}", time.as_secs_f64());
    }
    let failed: Vec<&str> = steps
        .iter()
        .filter(|step| matches!(step.outcome, Outcome::Failed(_)))
        .map(|step| step.name)
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn unit() -> Result<Outcome> {
    let mut cargo = shell::cargo();
    pass(cargo.arg("test").args(PACKAGES).args([PROFILE, "--no-fail-fast"]))
}

fn instructions() -> Result<Outcome> {
    Ok(match bench::instructions::check()? {
        Checked::Held(changes) => Outcome::Passed(changes),
        Checked::Skipped(reason) => Outcome::Skipped(reason),
    })
}

/// Runs a command whose success is the step's.
fn pass(command: &mut Command) -> Result<Outcome> {
    shell::run(command).map(|()| Outcome::Passed(String::new()))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, note) = match self {
            Self::Passed(note) => ("passed", note),
            Self::Failed(note) => ("FAILED", note),
            Self::Skipped(note) => ("skipped", note),
        };
        if note.is_empty() { f.write_str(word) } else { write!(f, "{word}: {note}") }
    }
}
