//! The tests marked `#[ignore = "needs CAP_…"]`: they load programs into the kernel.

use std::{
    io::{IsTerminal as _, stdin},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::{Outcome, PACKAGES, PROFILE};
use crate::shell;

/// Documentation tests are left out: what they ignore is no test.
const TARGETS: [&str; 3] = ["--lib", "--bins", "--tests"];
const IGNORED: [&str; 2] = ["--ignored", "--test-threads=1"];

/// A built test program, and the directory of its package, in which cargo would run it.
struct TestProgram {
    program: PathBuf,
    package: PathBuf,
    ignored: usize,
}

pub(super) fn tests() -> Result<Outcome> {
    let programs = build()?;
    let count: usize = programs.iter().map(|program| program.ignored).sum();
    if count == 0 {
        return Ok(Outcome::Passed("there are none".into()));
    }
    if shell::is_root()? {
        let mut cargo = shell::cargo();
        cargo
            .arg("test")
            .args(PACKAGES)
            .arg(PROFILE)
            .args(TARGETS)
            .arg("--no-fail-fast")
            .arg("--")
            .args(IGNORED);
        shell::run(&mut cargo)?;
    } else {
        if let Some(reason) = why_no_sudo() {
            return Ok(Outcome::Skipped(format!("{count} privileged tests: {reason}")));
        }
        let failed: Vec<String> =
            programs.iter().filter(|program| program.ignored > 0).filter_map(run_as_root).collect();
        if !failed.is_empty() {
            return Ok(Outcome::Failed(failed.join("; ")));
        }
    }
    Ok(Outcome::Passed(format!("{count} tests")))
}

fn build() -> Result<Vec<TestProgram>> {
    let mut cargo = shell::cargo();
    cargo.arg("test").args(PACKAGES).arg(PROFILE).args(TARGETS);
    cargo.args(["--no-run", "--message-format=json-render-diagnostics"]);
    shell::announce(&cargo);
    let messages = shell::output(&mut cargo)?;
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line).context("cargo test printed no JSON")?;
        if let (Some(program), Some(manifest), Some(true)) = (
            message["executable"].as_str(),
            message["manifest_path"].as_str(),
            message["profile"]["test"].as_bool(),
        ) {
            let package = Path::new(manifest).parent().context("a package has no directory")?.to_owned();
            let mut list = Command::new(program);
            list.args(["--list", "--ignored", "--format=terse"]).current_dir(&package);
            let ignored = shell::output(&mut list)?.lines().filter(|line| line.ends_with(": test")).count();
            programs.push(TestProgram { program: program.into(), package, ignored });
        }
    }
    Ok(programs)
}

/// Runs a program's ignored tests through sudo; says what failed.
fn run_as_root(program: &TestProgram) -> Option<String> {
    let keep = |name: &str| name.starts_with("NAD_") || name == "RUST_BACKTRACE" || name == "RUST_LOG";
    let mut command = shell::sudo(Path::new("env"), keep);
    command
        .arg(format!("CARGO_MANIFEST_DIR={}", program.package.display()))
        .arg(&program.program)
        .args(IGNORED)
        .current_dir(&program.package);
    shell::run(&mut command).err().map(|_| format!("tests of {}", program.program.display()))
}

fn why_no_sudo() -> Option<&'static str> {
    if shell::find("sudo").is_none() {
        return Some(
            "they need root, and sudo is not installed: install it, or run 'cargo xtask test' as root",
        );
    }
    let silent = shell::succeeds(Command::new("sudo").args(["-n", "true"]).stdin(Stdio::null()));
    (!silent && !stdin().is_terminal()).then_some(
        "they need root, and sudo wants a password where there is no terminal: run 'cargo xtask test' in one, or as root",
    )
}
