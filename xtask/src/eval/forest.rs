//! scikit-learn's isolation forest on nad's own features, so that the forest and the features can be judged apart.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{python, settings::Length};
use crate::shell;

const SCRIPT: &str = include_str!("forest/sklearn_forest.py");

pub(super) struct Forest {
    script: PathBuf,
    /// Ending of the table of features that it reads.
    pub(super) format: &'static str,
}

impl Forest {
    /// `Err` with the reason in words where it can't be run.
    pub(super) fn find(folder: &Path) -> Result<Result<Self, &'static str>> {
        if !python::has(&["numpy", "pandas", "sklearn"]) {
            return Ok(Err("python3 with numpy, pandas and scikit-learn is not installed"));
        }
        let script = folder.join("sklearn_forest.py");
        fs::write(&script, SCRIPT).with_context(|| format!("can't write {}", script.display()))?;
        let format = if python::has(&["pyarrow"]) { "parquet" } else { "csv" };
        Ok(Ok(Self { script, format }))
    }

    /// Trains on the beginning of one table and scores another, or the rest of the same.
    pub(super) fn score(
        &self,
        (baseline, train_for): (&Path, Length),
        features: &Path,
        seed: u64,
        scores: &Path,
    ) -> Result<()> {
        let mut python = python::python();
        python.arg(&self.script).arg(baseline).args(["--train-for", &train_for.0.to_string()]);
        python.arg("--score").arg(features).args(["--seed", &seed.to_string()]).arg("--out").arg(scores);
        shell::output(&mut python).map(drop)
    }
}
