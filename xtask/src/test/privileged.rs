//! The tests marked `#[ignore = "needs CAP_…"]`: they load programs into the kernel.

use std::{
    io::{IsTerminal as _, stdin},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Result;

use super::{
    Outcome,
    programs::{self, TestProgram},
};
use crate::shell;

pub(super) fn tests() -> Result<Outcome> {
    let mut programs = Vec::new();
    let mut count = 0;
    for program in programs::build()? {
        let ignored = ignored(&program)?;
        count += ignored;
        if ignored > 0 {
            programs.push(program);
        }
    }
    let is_root = shell::is_root();
    if !is_root && let Some(reason) = why_no_sudo() {
        return Ok(Outcome::skipped(format!("{count} privileged tests: {reason}")));
    }
    let run = |program: &TestProgram| {
        let mut command = if is_root { Command::new(&program.program) } else { as_root(program)? };
        command.args(["--ignored", &format!("--test-threads={}", at_a_time(program))]);
        program.run(command)
    };
    Ok(Outcome::of(programs.iter().map(run).collect::<Result<_>>()?))
}

/// Tests of a program that run at a time: most wait most of the time. Only the labs of `nad/tests/live` know which of them
/// need the machine for themselves.
fn at_a_time(program: &TestProgram) -> usize {
    if program.name == "nad --test live" { 3 } else { 1 }
}

fn ignored(program: &TestProgram) -> Result<usize> {
    let mut list = Command::new(&program.program);
    list.args(["--list", "--ignored", "--format=terse"]).current_dir(&program.package);
    Ok(shell::output(&mut list)?.lines().filter(|line| line.ends_with(": test")).count())
}

/// Runs a program through sudo.
fn as_root(program: &TestProgram) -> Result<Command> {
    let keep = |name: &str| name.starts_with("NAD_") || name == "RUST_BACKTRACE" || name == "RUST_LOG";
    let mut command = shell::sudo(Path::new("env"), keep);
    command
        .arg(format!("CARGO_MANIFEST_DIR={}", program.package.display()))
        .arg(format!("{}={}", programs::SKIPS, programs::skips_file(&program.name)?.display()))
        .arg(&program.program);
    Ok(command)
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
