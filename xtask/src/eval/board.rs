//! The scoreboard as data; `markdown` shows it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{bench::Run, groups::Groups, markdown, settings::Training, subject::Subject};

#[derive(Debug, Serialize)]
pub(super) struct Board {
    /// What the sensor calls itself.
    pub(super) nad: String,
    pub(super) seeds: Vec<u64>,
    pub(super) captures: Vec<OfCapture>,
    /// What was checked, and what was left out and why.
    pub(super) notes: Vec<String>,
    /// Attacks and benign captures of every kind.
    pub(super) groups: Groups,
}

#[derive(Debug, Serialize)]
pub(super) struct OfCapture {
    pub(super) capture: String,
    /// In words: `its first 265s`.
    pub(super) training: String,
    pub(super) packets: usize,
    /// From the first packet to the last.
    pub(super) seconds: f64,
    /// One for each seed.
    pub(super) runs: Vec<Run>,
}

impl OfCapture {
    pub(super) fn new(subject: &Subject) -> Self {
        let training = match &subject.training {
            Training::Own(length) => format!("its first {length}"),
            Training::Of(base) => format!("{base}'s"),
        };
        let (packets, seconds) = (subject.span.packets, subject.span.seconds());
        Self { capture: subject.name().to_owned(), training, packets, seconds, runs: Vec::new() }
    }
}

/// Writes `NAME.md` and `NAME.json`.
pub(super) fn write(folder: &Path, name: &str, markdown: &str, data: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(data).context("a result can't be put into JSON")?;
    for (ending, text) in [("md", markdown), ("json", json.as_str())] {
        let file = folder.join(format!("{name}.{ending}"));
        fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))?;
    }
    Ok(())
}

impl Board {
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        write(folder, "scoreboard", &markdown::scoreboard(self), self)
    }
}
