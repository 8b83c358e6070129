//! What a forest's scores cost on one core: nad's, the crate's that nad's are held against, and scikit-learn's.

pub(crate) mod forest;
mod sklearn;
pub(crate) mod vectors;

use std::hint::black_box;

use anyhow::{Context as _, Result};
use nad_engine::{
    features::{PACKET_FEATURES, View, packet_codes},
    model::{forest::kernel::Kernel, matrix::Matrix},
};

use crate::{
    Options,
    measure::{self, pin},
    report::{Part, Row, Target},
};
use forest::{Forests, Samples};
use sklearn::Sklearn;

/// Rows that are trained on, and that are scored.
const TRAINED: usize = 20_000;
const SCORED: usize = 16_384;
/// The crate takes one at a time and long for it.
const SCORED_BY_CRATE: usize = 2_048;
/// The share of samples that is told where that is decided.
const ABOVE: f64 = 1e-3;
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
            let scaler = vectors::scaler(&vectors);
            let trained = vectors::scaled(&scaler, &vectors, 0, TRAINED);
            let scored = Samples {
                rows: vectors::scaled(&scaler, &vectors, TRAINED, vectors.len()),
                codes: vectors.rows().skip(TRAINED).map(codes).collect::<Result<_>>()?,
            };
            let forests = Compared {
                standard: forest::grow(&scaler, &trained, 0)?,
                scalar: forest::grow(&scaler, &trained, 0)?.with_kernel(Kernel::SCALAR),
                extended: forest::grow(&scaler, &trained, columns - 1)?,
            };
            for (name, forests) in [
                ("standard forest", &forests.standard),
                ("standard forest without SIMD", &forests.scalar),
                ("fully extended forest", &forests.extended),
            ] {
                compare(name, forests, &scored, &mut part)?;
            }
            time(options, (&trained, &scored), &forests, &mut part)
        };
        scope.spawn(work).join().unwrap_or_else(|_| anyhow::bail!("the measuring thread failed"))
    })?;
    Ok(part)
}

/// Forests of the same rows.
struct Compared {
    standard: Forests,
    scalar: Forests,
    extended: Forests,
}

fn codes(vector: &[f32]) -> Result<[u8; PACKET_FEATURES]> {
    let values = vector.try_into().context("a vector has as many values as there are features of packets")?;
    Ok(packet_codes(values))
}

/// Holds nad's scores of a forest against the crate's.
fn compare(name: &str, forests: &Forests, samples: &Samples, part: &mut Part) -> Result<()> {
    let rows = &samples.rows;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    forests.score(samples, &mut ours);
    forests.crates.score(rows, rows.len(), &mut theirs);
    let differences = ours.iter().zip(&theirs).map(|(our, their)| (our - their).abs());
    let largest = differences.fold(0.0, f64::max);
    let what = format!("largest difference to the crate's scores, {name}, {} rows", rows.len());
    part.rows.push(Row::new(what, "", &[largest])?.aims(Target::AtMost(TOLERANCE)));
    // Written so that what is no number fails, too.
    if !(largest < TOLERANCE && ours.len() == theirs.len()) {
        part.failures.push(format!("{name}: nad's scores and the crate's differ by up to {largest:e}"));
    }
    Ok(())
}

/// Samples a second of each repetition.
#[derive(Default)]
struct Rates {
    decided: Vec<f64>,
    scores: Vec<f64>,
    scalar: Vec<f64>,
    extended: Vec<f64>,
    crates: Vec<f64>,
    crates_extended: Vec<f64>,
    sklearn: Vec<f64>,
}

fn time(
    options: &Options,
    (trained, scored): (&Matrix, &Samples),
    forests: &Compared,
    part: &mut Part,
) -> Result<()> {
    let mut sklearn = Sklearn::start(trained, &scored.rows)?;
    let mut rates = Rates::default();
    let mut scores = Vec::new();
    forests.standard.score(scored, &mut scores);
    let threshold = measure::quantile(&scores, 1.0 - ABOVE);
    let above = scores.iter().filter(|score| **score > threshold).count();
    let counted = forests.standard.count_above(scored, threshold);
    if counted != above {
        part.failures.push(format!("{above} samples score above {threshold}, and {counted} are decided to"));
    }
    for _ in 0..options.repetitions {
        rates.decided.push(measure::rate(SCORED, || {
            black_box(forests.standard.count_above(scored, threshold));
        }));
        for (forests, rates) in [
            (&forests.standard, &mut rates.scores),
            (&forests.scalar, &mut rates.scalar),
            (&forests.extended, &mut rates.extended),
        ] {
            rates.push(measure::rate(SCORED, || {
                scores.clear();
                forests.score(scored, &mut scores);
            }));
        }
        for (forests, rates) in
            [(&forests.standard, &mut rates.crates), (&forests.extended, &mut rates.crates_extended)]
        {
            rates.push(measure::rate(SCORED_BY_CRATE, || {
                scores.clear();
                forests.crates.score(&scored.rows, SCORED_BY_CRATE, &mut scores);
            }));
        }
        if let Ok(sklearn) = &mut sklearn {
            rates.sklearn.push(SCORED as f64 / sklearn.seconds()?);
        }
    }
    rates.add_to(part, sklearn.map(|sklearn| sklearn.version.clone()))
}

impl Rates {
    fn add_to(&self, part: &mut Part, sklearn: Result<String, String>) -> Result<()> {
        const UNIT: &str = "samples/s";
        let best = Kernel::best().name();
        let is_wide = best.starts_with("AVX-512");
        let [by_crate, by_sklearn] = match best {
            _ if is_wide => [Some(150.0), Some(50.0)],
            "scalar" => [None, Some(3.0)],
            _ => [None, Some(6.0)],
        };
        let decisions = format!("nad ({best}), decisions: one in 1,000 is told");
        for (id, what, rates, [by_crate, by_sklearn]) in [
            ("scoring.decisions", decisions, &self.decided, [by_crate, by_sklearn]),
            ("scoring.scores", format!("nad ({best}), scores"), &self.scores, [by_crate, by_sklearn]),
            ("scoring.scalar", "nad without SIMD, scores".to_owned(), &self.scalar, [None, Some(3.0)]),
        ] {
            let aims = |target: Option<f64>| target.map(Target::AtLeast);
            let mut row =
                Row::new(what, UNIT, rates)?.by("the crate", rates, &self.crates, aims(by_crate))?;
            if sklearn.is_ok() {
                row = row.by("scikit-learn", rates, &self.sklearn, aims(by_sklearn))?;
            }
            part.rows.push(row.id(id));
        }
        let extended = Row::new("nad, scores of a fully extended forest", UNIT, &self.extended)?;
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
