//! Each kernel that nad is said to run on, booted under emulation: what nad does there, and the table in the docs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use self::{packages::Archive, report::Report};
use super::{
    outcome::{Outcome, Target},
    programs::{self, TestProgram},
};
use crate::{shell, turns::in_turns};

mod archive_tools;
mod console;
mod facts;
mod initramfs;
mod packages;
mod report;
mod table;

/// Debian's suites, oldest kernel first.
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];
/// Guests that run at a time: half of the time, one waits for packets or for the sensor.
const AT_A_TIME: usize = SUITES.len();

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
    let reports = in_turns(&kernels, AT_A_TIME, |kernel| {
        let report = Report::of(kernel, &programs, &directory);
        eprint!("{report}");
        report
    });
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

/// The sensor and the tests of its kernel programs, as the other steps have built them.
fn built() -> Result<[PathBuf; 2]> {
    let is_it = |program: &TestProgram| program.name == "nad --test kernel";
    let tests =
        programs::build()?.into_iter().find(is_it).context("cargo test built no nad --test kernel")?;
    Ok([programs::tested("nad")?, tests.program])
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
