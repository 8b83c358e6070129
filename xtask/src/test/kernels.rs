//! Each kernel that nad is said to run on, booted under emulation: what nad does there, and the table in the docs.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail};

use self::{packages::Archive, report::Report};
use super::{
    PROFILE,
    outcome::{Outcome, Target},
};
use crate::shell;

mod archive_tools;
mod console;
mod facts;
mod initramfs;
mod packages;
mod report;
mod table;

/// Debian's suites, oldest kernel first.
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];
/// Guests that run at a time; each has two CPUs.
const AT_A_TIME: usize = 2;

/// What becomes of the table of tested kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Table {
    /// It is written anew
    Write,
    /// It must say what was found; what only the kernels' versions change may differ
    Check,
}

pub(super) fn tests(table: Table) -> Result<Outcome> {
    if let Some(reason) = archive_tools::missing() {
        return Ok(Outcome::skipped(reason));
    }
    let directory = shell::target_dir()?.join("kernels");
    let [nad, tests] = built()?;
    let programs = [("nad", stripped(&nad, &directory)?), ("kernel-tests", stripped(&tests, &directory)?)];

    let archive = Archive::open(&directory)?;
    // One after the other: apt locks its directories.
    let kernels = SUITES.iter().map(|suite| archive.kernel(suite)).collect::<Result<Vec<_>>>()?;
    let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..kernels.len()).collect());
    let reports: Mutex<Vec<(usize, Report)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some(index) = next() {
                    let kernel = &kernels[index];
                    let report = Report::of(kernel, &programs, &directory);
                    eprint!("{report}");
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((index, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(index, _)| *index);
    let reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
    let failed: Vec<String> = reports
        .iter()
        .flat_map(|report| report.failures.iter().map(move |failure| format!("{}: {failure}", report.suite)))
        .collect();
    if !failed.is_empty() {
        return Ok(Outcome::failed(failed.join("; ")));
    }
    match table {
        Table::Write => table::write(&reports)?,
        Table::Check => table::check(&reports)?,
    }
    let releases: Vec<&str> = reports.iter().map(|report| report.release.as_str()).collect();
    // One test each: a kernel that is no longer booted is below the floor.
    let booted = |report: &Report| Target { name: report.suite.to_string(), passed: 1, ..Target::default() };
    Ok(Outcome { note: releases.join(", "), ..Outcome::of(reports.iter().map(booted).collect()) })
}

/// The sensor and the tests of its kernel programs, built as the other tests are.
fn built() -> Result<[PathBuf; 2]> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--locked", "--package=nad", PROFILE, "--test=kernel", "--no-run"]);
    cargo.arg("--message-format=json-render-diagnostics");
    shell::announce(&cargo);
    let messages = shell::output(&mut cargo)?;
    let program = |kind: &str, name: &str| {
        let found = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let target = &message["target"];
            let is_it = target["name"] == name && target["kind"][0] == kind;
            is_it.then(|| message["executable"].as_str().map(PathBuf::from))?
        });
        found.with_context(|| format!("cargo test --test=kernel named no {kind} {name}"))
    };
    Ok([program("bin", "nad")?, program("test", "kernel")?])
}

/// A copy without debug information, most of what a guest would have to load.
fn stripped(program: &Path, directory: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program has no name")?;
    let directory = directory.join("programs");
    std::fs::create_dir_all(&directory).with_context(|| format!("can't make {}", directory.display()))?;
    let stripped = directory.join(name);
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(program);
    if !shell::succeeds(&mut strip) {
        bail!("strip can't read {}: apt-get install binutils", program.display());
    }
    Ok(stripped)
}
