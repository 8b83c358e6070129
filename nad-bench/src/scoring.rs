//! What a forest's scores cost on one core: nad's, the crate's that nad's are held against, and scikit-learn's.

mod forest;
mod sklearn;
pub(crate) mod vectors;

use anyhow::{Context as _, Result};
use nad::{
    features::View,
    model::{Workspace, matrix::Matrix},
};

use crate::{
    Options,
    measure::{self, pin},
    report::{self, Part, Row, Target},
};
use forest::{CrateScorer, Forests};
use sklearn::Sklearn;

/// Rows that are trained on, and that are scored.
const TRAINED: usize = 20_000;
const SCORED: usize = 16_384;
/// The crate takes one at a time and long for it.
const SCORED_BY_CRATE: usize = 2_048;
/// How far scores may differ.
const TOLERANCE: f64 = 1e-6;

/// Samples a second of each, in turns.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let columns = View::Packet.features().len();
    let title = format!("100 trees of 256 samples, {columns} features of packets, one core");
    let mut part = Part::new("scoring", title);
    let cpu = *measure::cpus()?.last().context("there is no CPU to run on")?;
    // On a thread of its own, so that what comes later may run where it likes.
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            pin(cpu)?;
            let vectors = vectors::packets(TRAINED + SCORED)?;
            let (trained, scored) = vectors::split(&vectors, TRAINED);
            let standard = forest::grow(&trained, 0)?;
            let extended = forest::grow(&trained, columns - 1)?;
            for (name, forests) in [("standard", &standard), ("extended", &extended)] {
                compare(name, forests, &scored, &mut part)?;
            }
            time(options, (&trained, &scored), (&standard, &extended), &mut part)
        };
        scope.spawn(work).join().unwrap_or_else(|_| anyhow::bail!("the measuring thread failed"))
    })?;
    Ok(part)
}

/// Holds nad's scores of a forest against the crate's.
fn compare(name: &str, forests: &Forests, rows: &Matrix, part: &mut Part) -> Result<()> {
    let mut ours = Vec::new();
    forests.score(rows, &mut ours);
    let mut theirs = Vec::new();
    forests.crates.score(rows, rows.len(), &mut theirs);
    let differences = ours.iter().zip(&theirs).map(|(our, their)| (our - their).abs());
    let largest = differences.fold(0.0, f64::max);
    let what = format!("largest difference to the crate's scores, {name} forest, {} rows", rows.len());
    part.rows.push(Row::new(what, "", &[largest])?.aims(Target::AtMost(TOLERANCE)));
    // Written so that what is no number fails, too.
    if !(largest < TOLERANCE && ours.len() == theirs.len()) {
        part.failures
            .push(format!("{name} forest: nad's scores and the crate's differ by up to {largest:e}"));
    }
    Ok(())
}

#[derive(Default)]
struct Rates {
    batch: Vec<f64>,
    extended: Vec<f64>,
    judged: Vec<f64>,
    crates: Vec<f64>,
    crates_extended: Vec<f64>,
    sklearn: Vec<f64>,
}

fn time(
    options: &Options,
    (trained, scored): (&Matrix, &Matrix),
    (standard, extended): (&Forests, &Forests),
    part: &mut Part,
) -> Result<()> {
    let model = vectors::model(trained)?;
    let view = model.view(View::Packet);
    let mut sklearn = Sklearn::start(trained, scored)?;
    let mut rates = Rates::default();
    let (mut scores, mut workspace) = (Vec::new(), Workspace::default());
    let crate_rate = |crates: &dyn CrateScorer, scores: &mut Vec<f64>| {
        measure::rate(SCORED_BY_CRATE, || {
            scores.clear();
            crates.score(scored, SCORED_BY_CRATE, scores);
        })
    };
    for _ in 0..options.repetitions {
        for (forests, rates) in [(standard, &mut rates.batch), (extended, &mut rates.extended)] {
            rates.push(measure::rate(SCORED, || {
                scores.clear();
                forests.score(scored, &mut scores);
            }));
        }
        rates.crates.push(crate_rate(standard.crates.as_ref(), &mut scores));
        rates.judged.push(measure::rate(SCORED, || {
            for row in scored.rows() {
                std::hint::black_box(view.judge(row, &mut workspace));
            }
        }));
        rates.crates_extended.push(crate_rate(extended.crates.as_ref(), &mut scores));
        if let Ok(sklearn) = &mut sklearn {
            rates.sklearn.push(SCORED as f64 / sklearn.seconds()?);
        }
    }
    rates.add_to(part, sklearn.map(|sklearn| sklearn.version.clone()))
}

impl Rates {
    fn add_to(&self, part: &mut Part, sklearn: Result<String, String>) -> Result<()> {
        const UNIT: &str = "samples/s";
        let wide = report::simd() == "AVX-512 VBMI";
        let crate_target = wide.then_some(Target::AtLeast(150.0));
        let sklearn_target = Target::AtLeast(match report::simd() {
            "AVX-512 VBMI" => 50.0,
            "AVX2" | "AVX-512" => 6.0,
            _ => 3.0,
        });
        let mut batch = Row::new("nad, a batch, the crate's own forest", UNIT, &self.batch)?;
        batch = batch.by("the crate", &self.batch, &self.crates, crate_target)?;
        let mut judged = Row::new("nad's judgement: scaling, score, probability", UNIT, &self.judged)?;
        judged = judged.by("the crate", &self.judged, &self.crates, None)?;
        if sklearn.is_ok() {
            let target = Some(sklearn_target);
            batch = batch.by("scikit-learn", &self.batch, &self.sklearn, target)?;
            judged = judged.by("scikit-learn", &self.judged, &self.sklearn, None)?;
        }
        part.rows.extend([batch, judged]);
        let extended = Row::new("nad, a batch, the crate's fully extended forest", UNIT, &self.extended)?;
        part.rows.push(extended.by("the crate", &self.extended, &self.crates_extended, None)?);
        part.rows.push(Row::new("the crate, sample by sample", UNIT, &self.crates)?);
        part.rows.push(Row::new("the crate, sample by sample, fully extended", UNIT, &self.crates_extended)?);
        match sklearn {
            Ok(version) => {
                let name = format!("scikit-learn {version}, score_samples of {SCORED}");
                part.rows.push(Row::new(name, UNIT, &self.sklearn)?);
                part.notes.push(
                    "scikit-learn grows a forest of its own from the same rows, and runs on one core.".into(),
                );
            }
            Err(reason) => part.notes.push(format!("scikit-learn is left out: {reason}")),
        }
        Ok(())
    }
}
