//! `cargo xtask fuzz`: the targets of `fuzz/` under libFuzzer, with AddressSanitizer and overflow checks.
//!
//! The compiler is the one that builds everything else. Coverage counters are flags of LLVM's; the sanitizer is no stable
//! flag, so `RUSTC_BOOTSTRAP` lets this one build have it. The build has a directory of its own below `target/`, as its
//! flags would make any other build start anew.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::SignedDuration;

use crate::{
    shell,
    test::{Outcome, Target},
    turns::in_turns,
};
use said::Said;

mod said;

const PACKAGE: &str = "nad-fuzz";
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cforce-frame-pointers=yes",
    "-Zsanitizer=address",
    "--cfg=fuzzing",
];
/// Cargo hands them on separated by this.
const SEPARATOR: &str = "\x1f";
/// Seconds after which an input counts as a hang: the machine may be busy.
const TIMEOUT: u32 = 60;
/// MiB that the process may take, and one allocation: no input of some KiB may ever need as much. A zstd stream may have
/// a window of 128 MiB.
const MOST_MEMORY: u32 = 3072;
const LARGEST_ALLOCATION: u32 = 512;
/// Targets that are fuzzed at a time: each has one thread.
const AT_A_TIME: usize = 2;
/// What CI gives each target.
const IN_CI: u64 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these targets; see --list
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each is fuzzed: 60s, 10m, 1h
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = seconds)]
    time: u64,
    /// Print the targets
    #[arg(long)]
    list: bool,
}

/// Fuzzes each target in turn, and fails where an input broke an invariant.
pub(crate) fn fuzz(args: &Args) -> Result<()> {
    let targets = targets()?;
    if args.list {
        targets.iter().for_each(|target| println!("{}", target.name));
        return Ok(());
    }
    if let Some(unknown) =
        args.targets.iter().find(|name| !targets.iter().any(|target| target.name == **name))
    {
        bail!("there is no fuzz target '{unknown}': cargo xtask fuzz --list");
    }
    let is_chosen = |target: &FuzzTarget| args.targets.is_empty() || args.targets.contains(&target.name);
    let chosen: Vec<FuzzTarget> = targets.into_iter().filter(is_chosen).collect();
    let outcome = run(&chosen, args.time)?;
    let failed = outcome.targets.iter().filter(|target| !target.failed.is_empty()).count();
    ensure!(failed == 0, "{failed} of {} targets failed: {}", chosen.len(), outcome.note);
    Ok(())
}

/// A while of every target, as a step of `cargo xtask test`.
pub(crate) fn step() -> Result<Outcome> {
    run(&targets()?, IN_CI)
}

/// A target, and how long its inputs are at most.
struct FuzzTarget {
    name: String,
    longest: String,
}

/// The targets, as the program itself lists them.
fn targets() -> Result<Vec<FuzzTarget>> {
    let text = shell::workspace().join("fuzz/src/lib.rs");
    let text = fs::read_to_string(&text).with_context(|| format!("can't read {}", text.display()))?;
    let targets: Vec<FuzzTarget> = text.lines().filter_map(declared).collect();
    ensure!(!targets.is_empty(), "fuzz/src/lib.rs declares no targets");
    Ok(targets)
}

/// From `Target { name: "frame", run: frame::run, …, longest: 2048 },`: so that nothing has to be built for a list.
fn declared(line: &str) -> Option<FuzzTarget> {
    let rest = line.trim().strip_prefix("Target { name: \"")?;
    let (name, rest) = rest.split_once('"')?;
    let (_, longest) = rest.split_once("longest: ")?;
    let longest = longest.chars().filter(char::is_ascii_digit).collect();
    Some(FuzzTarget { name: name.into(), longest })
}

fn run(targets: &[FuzzTarget], seconds: u64) -> Result<Outcome> {
    let folder = shell::target_dir()?.join("fuzz");
    let program = build(&folder)?;
    let run = |target: &FuzzTarget| {
        let start = Instant::now();
        let said = run_target(&program, &folder, target, seconds)?;
        println!("fuzz {:<8} {said}", target.name);
        let note = format!("{} {}", target.name, said.executions);
        let result = Target {
            name: target.name.clone(),
            passed: usize::from(said.crashes.is_empty()),
            failed: said.crashes,
            seconds: start.elapsed().as_secs_f64(),
            ..Target::default()
        };
        Ok((result, note))
    };
    let results: Vec<(Target, String)> =
        in_turns(targets, AT_A_TIME, run).into_iter().collect::<Result<_>>()?;
    let (results, notes): (Vec<Target>, Vec<String>) = results.into_iter().unzip();
    let mut outcome = Outcome::of(results);
    if outcome.note.is_empty() {
        outcome.note = format!("executions: {}", notes.join(", "));
    }
    Ok(outcome)
}

/// Builds the program of all targets.
fn build(folder: &Path) -> Result<PathBuf> {
    let machine = machine()?;
    let mut cargo = shell::cargo();
    // With a machine named, programs that run while building are built without the flags.
    cargo.args([
        "build",
        "--locked",
        "--profile=fuzz",
        "--features=libfuzzer",
        "--bin",
        PACKAGE,
        "--package",
        PACKAGE,
    ]);
    cargo.arg(format!("--target={machine}")).arg("--target-dir").arg(folder);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join(SEPARATOR));
    shell::run(&mut cargo)?;
    Ok(folder.join(machine).join("fuzz").join(PACKAGE))
}

/// The machine that the compiler is for by itself.
fn machine() -> Result<String> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let said = shell::output(rustc.arg("-vV").current_dir(shell::workspace()))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// Runs one target; what it learns stays in its corpus below `target/fuzz`, and what breaks it lies beside that.
fn run_target(program: &Path, folder: &Path, target: &FuzzTarget, seconds: u64) -> Result<Said> {
    let [corpus, crashes, scratch] =
        ["corpus", "crashes", "tmp"].map(|kind| folder.join(kind).join(&target.name));
    for folder in [&corpus, &crashes, &scratch] {
        fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.arg(&corpus);
    // Inputs that once failed are where to look again.
    let inputs = shell::workspace().join("fuzz/inputs").join(&target.name);
    if inputs.is_dir() {
        command.arg(&inputs);
    }
    let leaks = shell::workspace().join("fuzz/leaks.supp");
    command
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.longest))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MOST_MEMORY}"))
        .arg(format!("-malloc_limit_mb={LARGEST_ALLOCATION}"))
        .args(["-print_final_stats=1", "-use_value_profile=1"])
        .env("LSAN_OPTIONS", format!("suppressions={}:print_suppressions=0", leaks.display()))
        .env("NAD_FUZZ_TARGET", &target.name)
        .env("NAD_FUZZ_SEEDS", &corpus)
        .env("TMPDIR", &scratch)
        .stderr(Stdio::piped());
    shell::announce(&command);
    let mut child = command.spawn().with_context(|| format!("can't start {}", program.display()))?;
    let mut said = Said::default();
    for line in BufReader::new(child.stderr.take().context("no pipe")?).split(b'\n') {
        let line = line.context("can't read what the fuzzer prints")?;
        said.read(&String::from_utf8_lossy(&line));
    }
    let status = child.wait().context("can't wait for the fuzzer")?;
    // What an input that failed has left.
    fs::remove_dir_all(&scratch).with_context(|| format!("can't remove {}", scratch.display()))?;
    said.end(status.success());
    said.last.iter().for_each(|line| eprintln!("{line}"));
    Ok(said)
}

/// A length of time with its unit.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no length of time: give a number and s, m or h, as in 60s");
    let length: SignedDuration = text.parse().map_err(|_| wrong())?;
    let seconds = u64::try_from(length.as_secs()).ok().filter(|seconds| *seconds > 0);
    seconds.filter(|_| length.subsec_nanos() == 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_read_from_their_declaration() {
        let names: Vec<String> = targets().unwrap().into_iter().map(|target| target.name).collect();
        assert!(names.len() >= 6 && names.contains(&"records".to_owned()), "{names:?}");
        assert!(targets().unwrap().iter().all(|target| target.longest.parse::<u32>().is_ok()));
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!([seconds("60s"), seconds("10m"), seconds("1h")], [Ok(60), Ok(600), Ok(3600)]);
        for wrong in ["", "60", "0s", "s", "-1s", "1d", "é"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
