//! Passes: every capture replayed once with one seed, and judged.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{
    incidents::{self, Judgement},
    ranking::{self, Ranking},
    scores,
    sensor::{Cost, Model, Sensor},
    settings::{Length, Training},
    subject::Subject,
};

pub(super) struct Bench<'a> {
    pub(super) sensor: &'a Sensor,
    pub(super) subjects: &'a [Subject],
    /// Where scores, incidents and models go.
    pub(super) folder: &'a Path,
}

/// One capture, replayed with one seed.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub(super) seed: u64,
    /// `None` without labels.
    pub(super) ranking: Option<Ranking>,
    /// `None` where nobody says when the attacks were.
    pub(super) incidents: Option<Judgement>,
    /// The same for scikit-learn's forest on nad's features, where it was run.
    pub(super) sklearn: Option<Ranking>,
    pub(super) replay: Cost,
    pub(super) packets_per_second: f64,
    #[serde(skip)]
    pub(super) files: Files,
}

/// What a replay wrote.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) scores: PathBuf,
    pub(super) incidents: PathBuf,
}

impl<'a> Bench<'a> {
    pub(super) fn measured(&self) -> impl Iterator<Item = &'a Subject> {
        self.subjects.iter().filter(|subject| subject.is_measured)
    }

    /// Where the sensor's models come from: the captures that others use the models of, and their training.
    fn bases(&self) -> Result<HashMap<&'a str, (&'a Subject, Length)>> {
        let mut bases = HashMap::new();
        for subject in self.measured() {
            if let Training::Of(_) = subject.training {
                let (base, train_for) = self.baseline(subject)?;
                bases.insert(base.name(), (base, train_for));
            }
        }
        Ok(bases)
    }

    /// The capture that a subject's model is trained on, which may be its own, and for how long.
    pub(super) fn baseline(&self, subject: &'a Subject) -> Result<(&'a Subject, Length)> {
        let base = match &subject.training {
            Training::Own(train_for) => return Ok((subject, *train_for)),
            Training::Of(name) => self.subjects.iter().find(|base| base.name() == name),
        };
        match base.map(|base| (base, &base.training)) {
            Some((base, Training::Own(train_for))) => Ok((base, *train_for)),
            _ => anyhow::bail!(
                "the capture that '{}' takes its model from has none of its own",
                subject.name()
            ),
        }
    }

    /// Replays every measured capture, in order. `without` leaves out one feature.
    pub(super) fn pass(&self, seed: u64, without: Option<&str>) -> Result<Vec<Run>> {
        // What an ablation leaves behind is overwritten by its next pass.
        let mark = if without.is_some() { "ablation".to_owned() } else { format!("seed{seed}") };
        let file = |name: &str, ending: &str| self.folder.join(format!("{name}.{mark}.{ending}"));
        let mut models = HashMap::new();
        for (name, (base, train_for)) in self.bases()? {
            let model = file(name, "model");
            self.sensor.train(&base.capture.file, train_for, seed, without, &model)?;
            models.insert(name, model);
        }
        let run = |subject: &Subject| {
            let model = match &subject.training {
                Training::Own(train_for) => Model::Own { train_for: *train_for, without },
                Training::Of(base) => Model::Saved(&models[base.as_str()]),
            };
            let files = Files {
                scores: file(subject.name(), "scores.csv"),
                incidents: file(subject.name(), "incidents.jsonl"),
            };
            let replay =
                self.sensor.replay(&subject.capture.file, &model, seed, &files.scores, &files.incidents)?;
            judge(subject, seed, replay, files).with_context(|| format!("{}, seed {seed}", subject.name()))
        };
        self.measured().map(run).collect()
    }
}

/// Ranks a file of scores of a capture; `None` without labels.
pub(super) fn rank(subject: &Subject, scores: &Path) -> Result<Option<Ranking>> {
    let Some(labels) = &subject.labels else { return Ok(None) };
    let scores = scores::read(scores, labels.times.len())?;
    ranking::rank(labels, &scores, subject.train_until()).map(Some)
}

fn judge(subject: &Subject, seed: u64, replay: Cost, files: Files) -> Result<Run> {
    let judgement = match &subject.windows {
        Some(windows) => {
            let (from, to) = subject.counted();
            Some(incidents::judge(windows, incidents::read(&files.incidents)?, from, to))
        }
        None => None,
    };
    Ok(Run {
        seed,
        ranking: rank(subject, &files.scores)?,
        incidents: judgement,
        sklearn: None,
        replay,
        packets_per_second: subject.span.packets as f64 / replay.seconds,
        files,
    })
}
