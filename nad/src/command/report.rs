//! `nad report`: a page of what was found and what went on.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};

use super::{
    Outcome,
    replay::{self, ReplayConfig},
    say,
};
use crate::{
    files,
    history::{DEFAULT_MAX_AGE, History, HistoryConfig},
    output::OutputError,
    report::Report,
    sandbox::Level,
    text,
};

/// Settings of `nad report`.
#[derive(Debug)]
pub struct ReportConfig {
    /// What is reported of.
    pub source: ReportSource,
    /// The page.
    pub out: PathBuf,
}

/// What is reported of.
#[derive(Debug)]
pub enum ReportSource {
    /// A history, and the moments between which it is read, in nanoseconds since the Unix epoch.
    History(PathBuf, (Option<u64>, Option<u64>)),
    /// A capture that is replayed for it.
    Capture(Box<ReplayConfig>),
}

/// Seconds that a row of a capture's history sums up: a capture may be short.
const CAPTURE_SPAN_S: u32 = 1;

pub(super) fn report(config: ReportConfig) -> Result<Outcome> {
    let report = match config.source {
        ReportSource::History(path, (since, until)) => {
            spare(&config.out, &path)?;
            Report::gather(&History::open(&path)?, since, until)?
        }
        ReportSource::Capture(replay) => {
            spare(&config.out, &replay.file)?;
            of_capture(*replay)?
        }
    };
    let write = || files::create(&config.out)?.write_all(report.to_html().as_bytes());
    write().map_err(|error| {
        OutputError::new(format!("report {}", text::path(&config.out)), error)
            .remedy("choose another place with --out")
    })?;
    say(&format!("Report written to {}.", text::path(&config.out)))?;
    Ok(Outcome::Fine)
}

/// Replays a capture with a history in a file of its own, which is gone afterwards.
fn of_capture(mut config: ReplayConfig) -> Result<Report> {
    let folder = tempfile::tempdir()
        .context("no room for the report's history; set TMPDIR to a folder that can be written")?;
    let path = folder.path().join("nad.db");
    config.outputs.replace(Arc::new(HistoryConfig {
        path: path.clone(),
        max_age: DEFAULT_MAX_AGE,
        max_size: u64::MAX,
        source: config.file.display().to_string(),
        span_s: CAPTURE_SPAN_S,
    }));
    // The page is written after it, and the folder removed.
    config.security.level = Level::Off;
    replay::replay(&config)?;
    Ok(Report::gather(&History::open(&path)?, None, None)?)
}

/// Refuses to write the page over what it is made from.
fn spare(out: &Path, source: &Path) -> Result<(), OutputError> {
    match (fs::metadata(out), fs::metadata(source)) {
        (Ok(out_file), Ok(file)) if (out_file.dev(), out_file.ino()) == (file.dev(), file.ino()) => {
            let name = format!("report {}", text::path(out));
            let cause = io::Error::other("it is what the report is made from");
            Err(OutputError::new(name, cause).remedy("choose another place with --out"))
        }
        _ => Ok(()),
    }
}
