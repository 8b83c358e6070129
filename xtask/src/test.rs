//! `cargo xtask test`: lints, unit tests, the tests that need privileges, and where it is named a while of fuzzing.
//!
//! A test that can't do its work on this machine says so through `nad/tests/support/skip.rs`, and is counted as
//! skipped; with `--strict`, as in CI, that is a failure. The tests that there are are held against
//! `xtask/test-floor.toml`.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::{
    bench::{self, instructions::Checked},
    dist, fuzz, shell,
    turns::in_turns,
};
use floor::Floor;
use outcome::{Counts, Verdict};
pub(crate) use outcome::{Outcome, Target};

mod aarch64;
mod floor;
mod kernels;
mod lint;
mod outcome;
mod privileged;
pub(crate) mod programs;

/// What the tests are built with: see the workspace's `Cargo.toml`.
const PROFILE: &str = "--profile=checked";
/// The kernel program only compiles for a BPF target.
const PACKAGES: [&str; 3] = ["--workspace", "--exclude=nad-ebpf", "--locked"];
/// Boots machines.
const KERNELS: &str = "kernels";
/// What it finds depends on chance.
const FUZZING: &str = "fuzzing";
/// Steps that are only taken where they are asked for.
const ASKED_FOR: [&str; 2] = [KERNELS, FUZZING];
/// Test programs that run at a time: one alone leaves a CPU idle while it waits for its longest test.
const AT_A_TIME: usize = 2;
/// Programs with tests of how long something takes, which run alone.
const ALONE: [&str; 3] = ["nad --lib", "nad --test metrics", "nad --test outputs_mail"];
/// How long an interval has to be to be worth a line.
const WORTH_A_LINE: f64 = 5.0;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these parts
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Count what is skipped as a failure, as CI does: everything has to run
    #[arg(long)]
    strict: bool,
    /// Write what was run into xtask/test-floor.toml, which later runs are held against; what is lowered is said
    #[arg(long)]
    update_floor: bool,
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
    /// Packages, made twice, and the Debian one installed, used, removed and purged, as root
    Packages,
    /// 20 s of each fuzz target
    Fuzz,
    /// Known vulnerabilities of dependencies: only where it is named, as its database comes from the network
    Advisories,
}

/// A step that was taken.
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
        let outcome = work().unwrap_or_else(|error| Outcome::failed(format!("{error:#}")));
        eprintln!("{name}: {outcome}");
        steps.push(Step { name, outcome, time: start.elapsed() });
    };

    if chosen(Part::Lint) {
        step("formatting", &lint::formatting);
        step("clippy", &lint::clippy);
        step("minimal build", &lint::minimal);
        step("documentation", &lint::documentation);
        step("dependencies", &lint::dependencies);
    }
    if args.parts.contains(&Part::Advisories) {
        step("advisories", &lint::advisories);
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
    if chosen(Part::Packages) {
        step("packages", &dist::step);
    }
    if args.parts.contains(&Part::Fuzz) {
        step(FUZZING, &fuzz::step);
    }
    if let Some(table) = args.kernels {
        step(KERNELS, &|| kernels::tests(table));
    }
    report(&steps);
    conclude(&steps, args)
}

/// Prints what became of each step, how long it and its parts took, and everything that was skipped.
fn report(steps: &[Step]) {
    println!();
    for Step { name, outcome, time } in steps {
        println!("{name:<17} {:>6.1} s  {outcome}", time.as_secs_f64());
        for target in outcome.targets.iter().filter(|target| target.seconds >= WORTH_A_LINE) {
            println!("  {:<22} {:>6.1} s  {}", target.name, target.seconds, target.counts());
        }
    }
    for target in steps.iter().flat_map(|step| &step.outcome.targets).filter(|it| !it.complaints.is_empty()) {
        println!("failed in {}:", target.name);
        target.complaints.iter().for_each(|line| println!("  {line}"));
    }
    for Step { name, outcome, .. } in steps {
        outcome.skips().iter().for_each(|skip| println!("skipped: {name}: {skip}"));
    }
    let tests = steps.iter().map(|step| step.outcome.counts()).fold(Counts::default(), Counts::plus);
    println!("tests: {tests}");
}

/// Fails where a step did, where tests are missing and, if that is asked for, where something was skipped.
fn conclude(steps: &[Step], args: &Args) -> Result<()> {
    let is_whole = args.parts.is_empty() && args.kernels.is_none();
    let mut wrong: Vec<String> = steps
        .iter()
        .filter(|step| step.outcome.verdict == Verdict::Failed)
        .map(|step| format!("failed: {}", step.name))
        .collect();
    let skips: usize = steps.iter().map(|step| step.outcome.skips().len()).sum();
    if args.strict && skips > 0 {
        wrong.push(format!("skipped, where everything has to run: {skips}"));
    }
    let mut floor = Floor::read()?;
    if args.update_floor {
        ensure!(wrong.is_empty(), "{}; the floor stays as it is", wrong.join("; "));
        floor.update(steps, is_whole).iter().for_each(|lowered| println!("{lowered}"));
        return floor.write();
    }
    let missing = floor.compare(steps, is_whole, args.strict);
    missing.iter().for_each(|missing| println!("missing: {missing}"));
    if !missing.is_empty() {
        wrong.push(format!("below the floor of tests: {}", missing.len()));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

fn unit() -> Result<Outcome> {
    let is_alone = |program: &programs::TestProgram| ALONE.contains(&program.name.as_str());
    let (alone, together): (Vec<_>, Vec<_>) = programs::build()?.into_iter().partition(is_alone);
    if let Some(gone) = ALONE.iter().find(|name| alone.iter().all(|program| program.name != **name)) {
        bail!("there is no test program '{gone}' to run alone: remove it from ALONE in xtask/src/test.rs");
    }
    let run = |program: &programs::TestProgram| program.run(Command::new(&program.program));
    let mut targets = in_turns(&together, AT_A_TIME, run).into_iter().collect::<Result<Vec<_>>>()?;
    for program in &alone {
        targets.push(run(program)?);
    }
    targets.push(programs::documentation()?);
    // A package may have a target without a test.
    targets.retain(|target| target.counts().all() > 0);
    Ok(Outcome::of(targets))
}

fn instructions() -> Result<Outcome> {
    Ok(match bench::instructions::check()? {
        Checked::Held(changes) => Outcome::passed(changes),
        Checked::Skipped(reason) => Outcome::skipped(reason),
    })
}

/// Runs a command whose success is the step's.
fn pass(command: &mut Command) -> Result<Outcome> {
    shell::run(command).map(|()| Outcome::passed(""))
}
