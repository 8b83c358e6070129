//! Counts of instructions, which no other program on the machine disturbs: a guard against what makes nad slower.
//!
//! They depend on the compiler and on the instructions that the processor (or valgrind, which has no AVX-512) has, so
//! the file with the counts names both, and where they differ nothing is compared.

use std::{collections::BTreeMap, env, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{shell, test::programs};

/// Below the workspace.
const FILE: &str = "nad-bench/instructions.toml";
const UPDATE: &str = "cargo xtask bench --update-instructions";
const VALGRIND: &str = "valgrind";
const WORK: [&str; 4] = ["parse", "context", "features", "score"];
/// The share by which a count may grow.
const TOLERANCE: f64 = 0.03;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    /// What `rustc --version` prints.
    rustc: String,
    /// The architecture, and how samples are scored.
    machine: String,
    /// Instructions of each part of the work.
    instructions: BTreeMap<String, u64>,
}

/// What became of the comparison, where it is no error.
pub(crate) enum Checked {
    Held(String),
    Skipped(String),
}

/// Counts, and compares with what was counted before.
///
/// # Errors
///
/// When more instructions are needed than before.
pub(crate) fn check() -> Result<Checked> {
    let file = shell::workspace().join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let before: Counts = toml::from_str(&text).with_context(|| format!("{} is refused", file.display()))?;
    if shell::find(VALGRIND).is_none() {
        return Ok(Checked::Skipped("valgrind is not installed: apt-get install valgrind".into()));
    }
    let rustc = rustc()?;
    if rustc != before.rustc {
        return Ok(Checked::Skipped(format!("counted with {}, and this is {rustc}: {UPDATE}", before.rustc)));
    }
    compare(&before, &count(rustc)?)
}

/// Counts, and writes the file.
pub(crate) fn update() -> Result<()> {
    ensure!(shell::find(VALGRIND).is_some(), "valgrind is not installed: apt-get install valgrind");
    let counts = count(rustc()?)?;
    let file = shell::workspace().join(FILE);
    let text = toml::to_string(&counts).context("counts can't be put into TOML")?;
    let heading =
        format!("# Instructions of the work in nad-bench/src/workload.rs. Written by `{UPDATE}`.\n\n");
    fs::write(&file, heading + &text).with_context(|| format!("can't write {}", file.display()))
}

fn compare(before: &Counts, now: &Counts) -> Result<Checked> {
    if now.machine != before.machine {
        let (counted, here) = (&before.machine, &now.machine);
        return Ok(Checked::Skipped(format!("counted on {counted}, and this is {here}: {UPDATE}")));
    }
    let mut lines = Vec::new();
    let mut has_grown = false;
    for (work, now) in &now.instructions {
        let before =
            *before.instructions.get(work).with_context(|| format!("{FILE} has no '{work}': {UPDATE}"))?;
        let change = *now as f64 / before as f64 - 1.0;
        has_grown |= change > TOLERANCE;
        lines.push(format!("{work} {:+.1} %", 100.0 * change));
    }
    let lines = lines.join(", ");
    if has_grown {
        bail!(
            "instructions have grown by more than {:.0} %: {lines}; where that is meant to be, {UPDATE}",
            100.0 * TOLERANCE
        );
    }
    Ok(Checked::Held(lines))
}

fn count(rustc: String) -> Result<Counts> {
    let program = programs::tested("nad-bench")?;
    let mut counts = Counts { rustc, machine: String::new(), instructions: BTreeMap::new() };
    for work in WORK {
        let (scoring, instructions) = count_work(&program, work)?;
        counts.machine = format!("{}, {scoring}", env::consts::ARCH);
        counts.instructions.insert(work.to_owned(), instructions);
    }
    Ok(counts)
}

/// How samples are scored, and the instructions of a part of the work.
fn count_work(program: &PathBuf, work: &str) -> Result<(String, u64)> {
    let mut valgrind = Command::new(VALGRIND);
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--toggle-collect=nad_workload_{work}")).arg(program).args(["workload", work]);
    shell::announce(&valgrind);
    let output = valgrind.output().with_context(|| format!("can't start {VALGRIND}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{VALGRIND} failed ({}):\n{said}", output.status);
    let count = collected(&said).with_context(|| format!("{VALGRIND} counted nothing:\n{said}"))?;
    Ok((String::from_utf8_lossy(&output.stdout).trim().to_owned(), count))
}

/// From `==123== Collected : 4567`.
fn collected(said: &str) -> Option<u64> {
    let (_, count) = said.lines().find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok().filter(|count| *count > 0)
}

fn rustc() -> Result<String> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    Ok(shell::output(rustc.arg("--version").current_dir(shell::workspace()))?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(parse: u64, machine: &str) -> Counts {
        let instructions = BTreeMap::from([("parse".to_owned(), parse)]);
        Counts { rustc: "rustc 1".into(), machine: machine.into(), instructions }
    }

    #[test]
    fn more_instructions_are_an_error_within_the_tolerance_they_are_not() {
        let before = counts(1000, "x86_64, AVX2");
        let error = compare(&before, &counts(1040, "x86_64, AVX2")).err().unwrap().to_string();
        assert!(error.contains("parse +4.0 %"), "{error}");
        for fine in [1020, 1000, 500] {
            assert!(
                matches!(compare(&before, &counts(fine, "x86_64, AVX2")), Ok(Checked::Held(_))),
                "{fine}"
            );
        }
    }

    #[test]
    fn another_machine_is_compared_with_nothing() {
        let checked = compare(&counts(1000, "x86_64, AVX2"), &counts(9000, "aarch64, scalar")).unwrap();
        let Checked::Skipped(reason) = checked else { panic!("it was compared") };
        assert!(reason.contains("AVX2") && reason.contains("aarch64"), "{reason}");
    }

    #[test]
    fn what_was_counted_is_read_from_what_valgrind_says() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 123456\n"), Some(123_456));
        assert_eq!(collected("==7== Collected : 0\n"), None, "a function of another name");
    }

    #[test]
    fn the_committed_counts_can_be_read() {
        let text = fs::read_to_string(shell::workspace().join(FILE)).unwrap();
        let counts: Counts = toml::from_str(&text).unwrap();
        assert_eq!(counts.instructions.keys().map(String::as_str).collect::<Vec<_>>(), {
            let mut work = WORK;
            work.sort_unstable();
            work
        });
    }
}
