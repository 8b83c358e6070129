//! `cargo xtask eval`: how well nad finds the attacks of labelled captures, of cases, of an adversary and of real specimens, and
//! what is lost without a feature.
//!
//! `docs/evaluation.md` says what is measured and how.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    bench::{Bench, Run},
    board::{Board, OfCapture},
    check::Check,
    forest::Forest,
    groups::{Group, Groups},
    sensor::Sensor,
    settings::{Length, Settings},
    subject::Subject,
    truth::Labels,
};
use crate::shell;

mod ablation;
mod addresses;
mod bench;
mod board;
mod captures;
mod check;
mod forest;
mod groups;
mod incidents;
mod markdown;
mod python;
mod ranking;
mod scores;
mod sensor;
mod settings;
mod spread;
mod subject;
mod table;
mod truth;

#[cfg(test)]
mod tests;

/// Below the workspace.
const DATA: &str = "../shared/data";
const SCRIPTS: &str = "../shared/eval";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the captures [default: ../shared/data, where it is]
    dir: Option<PathBuf>,
    /// Where the results go [default: eval in cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many seeds to train with: 1, 2, …
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Only these captures
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    captures: Vec<String>,
    /// The benign beginning of a capture that is trained on [default: 265s]
    #[arg(long, value_name = "TIME")]
    train_for: Option<Length>,
    /// The part of a capture without attacks that is trained on, at least --train-for and at most half [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    benign_share: Option<f64>,
    /// Training of single captures [default: eval.toml in the captures' folder, where it is]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Measure this program instead of building one
    #[arg(long, value_name = "PROGRAM")]
    nad: Option<PathBuf>,
    /// Leave out scikit-learn's isolation forest on nad's features
    #[arg(long)]
    no_sklearn: bool,
    /// Folder of evaluate_scores.py and evaluate_incidents.py, which must agree [default: ../shared/eval, where it is]
    #[arg(long, value_name = "DIR")]
    check_with: Option<PathBuf>,
    /// Don't check with those scripts
    #[arg(long, conflicts_with = "check_with")]
    no_check: bool,
    /// Instead: what is lost without each feature of each view, or each of these (view/feature, or a name for all views)
    #[arg(long, value_name = "FEATURE", num_args = 0..=1, require_equals = true, default_missing_value = "", value_delimiter = ',')]
    ablate: Option<Vec<String>>,
    #[command(flatten)]
    groups: groups::Args,
}

/// Prints where the results are on standard output, and everything else on standard error.
pub(crate) fn eval(args: &Args) -> Result<()> {
    let workspace = shell::workspace();
    let usual = workspace.join(DATA);
    let data = match &args.dir {
        Some(dir) => dir,
        None if usual.is_dir() => &usual,
        None => {
            println!(
                "skipped: there are no labelled captures at {DATA}; name another folder: cargo xtask eval DIR"
            );
            return Ok(());
        }
    };
    let out = args.out.clone().map_or_else(|| Ok(shell::target_dir()?.join("eval")), anyhow::Ok)?;
    let folder = out.join("runs");
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("can't find {}", folder.display()))?;

    let captures = captures::discover(data)?;
    let settings = read_settings(args, data)?;
    let sensor = Sensor::new(args.nad.as_deref(), &folder)?;
    let nad = sensor.version()?;
    let subjects = subject::prepare(&captures, &args.captures, &settings, &sensor, &folder)?;
    let bench = Bench { sensor: &sensor, subjects: &subjects, folder: &folder };
    let seeds: Vec<u64> = (1..=args.seeds).collect();

    if let Some(features) = &args.ablate {
        let names: Vec<String> = features.iter().filter(|name| !name.is_empty()).cloned().collect();
        ablation::ablate(&bench, &seeds, &names, nad, &out)?;
        println!("{}", out.join("ablation.md").display());
        return Ok(());
    }

    let (mut board, check) = if args.groups.has(Group::Captures) {
        measure_captures(args, &bench, &seeds, nad)?
    } else {
        let (captures, notes) = (Vec::new(), Vec::new());
        (
            Board { nad, seeds, captures, notes, groups: Groups::default() },
            Err("they were not asked for".into()),
        )
    };
    board.groups = groups::measure(&args.groups, &captures, &bench, &board)?;
    for note in board.notes.iter().chain(&board.groups.left_out) {
        eprintln!("{note}");
    }
    board.write(&out)?;
    if args.groups.docs {
        groups::docs::write(&board, &command(args))?;
    }
    println!("{}", out.join("scoreboard.md").display());
    match check {
        Ok(check) if !check.disagreements.is_empty() => {
            bail!("the scripts disagree: {}", check.disagreements.join("; "))
        }
        _ => Ok(()),
    }
}

/// The labelled captures, and what the scripts say of the results.
fn measure_captures(
    args: &Args,
    bench: &Bench<'_>,
    seeds: &[u64],
    nad: String,
) -> Result<(Board, Result<Check, String>)> {
    let scripts = shell::workspace().join(SCRIPTS);
    let mut check = if args.no_check {
        Err("--no-check".to_owned())
    } else {
        Check::find(args.check_with.as_deref(), &scripts, bench.folder)?
    };
    let mut board = measure(bench, seeds, nad, &mut check)?;
    if args.no_sklearn {
        board.notes.push("scikit-learn was left out: --no-sklearn".into());
    } else {
        compare_forests(bench, &mut board)?;
    }
    board.notes.push(match &check {
        Ok(check) => check.summary(),
        Err(reason) => format!("not checked with the scripts: {reason}"),
    });
    Ok((board, check))
}

/// What measures the same again, wherever the folders are.
fn command(args: &Args) -> String {
    let mut command = format!("cargo xtask eval --docs --seeds {}", args.seeds);
    let groups: Vec<String> = args.groups.groups.iter().map(|group| group.name()).collect();
    for (flag, values) in [("--groups", &groups), ("--captures", &args.captures)] {
        if !values.is_empty() {
            command += &format!(" {flag} {}", values.join(","));
        }
    }
    command
}

fn read_settings(args: &Args, data: &Path) -> Result<Settings> {
    let usual = data.join("eval.toml");
    let file = args.settings.as_ref().or(usual.is_file().then_some(&usual));
    let settings = file.map_or_else(|| Ok(Settings::default()), |file| Settings::read(file))?;
    settings.overridden(args.train_for, args.benign_share)
}

/// Replays every capture with every seed.
fn measure(
    bench: &Bench<'_>,
    seeds: &[u64],
    nad: String,
    check: &mut Result<Check, String>,
) -> Result<Board> {
    let mut captures: Vec<OfCapture> = bench.measured().map(OfCapture::new).collect();
    for &seed in seeds {
        for ((subject, capture), run) in bench.measured().zip(&mut captures).zip(bench.pass(seed, None)?) {
            eprintln!("{}, seed {seed}: {}", subject.name(), summary(&run));
            if let Ok(check) = check {
                check_run(check, subject, &run)?;
            }
            capture.runs.push(run);
        }
    }
    Ok(Board { nad, seeds: seeds.to_vec(), captures, notes: Vec::new(), groups: Groups::default() })
}

fn check_run(check: &mut Check, subject: &Subject, run: &Run) -> Result<()> {
    let name = |what: &str| format!("{} of {}, seed {}", what, subject.name(), run.seed);
    if let (Some(ranking), Some(labels)) = (&run.ranking, &subject.capture.labels) {
        check.ranking(&name("scores"), ranking, labels, &run.files.scores, subject.train_until())?;
    }
    if let Some(judgement) = &run.incidents {
        let windows = subject.capture.windows.as_deref();
        let incidents = &run.files.incidents;
        check.judgement(&name("incidents"), judgement, windows, incidents, subject.counted())?;
    }
    Ok(())
}

/// Adds what scikit-learn's forest makes of nad's features to the captures with labelled attacks.
fn compare_forests(bench: &Bench<'_>, board: &mut Board) -> Result<()> {
    let forest = match Forest::find(bench.folder)? {
        Ok(forest) => forest,
        Err(reason) => {
            board.notes.push(format!("scikit-learn was left out: {reason}"));
            return Ok(());
        }
    };
    let mut tables = HashMap::new();
    let mut table = |subject: &Subject| -> Result<PathBuf> {
        if let Some(table) = tables.get(subject.name()) {
            return Ok(PathBuf::clone(table));
        }
        let table = bench.folder.join(format!("{}.features.{}", subject.name(), forest.format));
        bench.sensor.export(&subject.capture.file, &table)?;
        tables.insert(subject.name().to_owned(), table.clone());
        Ok(table)
    };
    let labelled = |subject: &Subject| subject.labels.as_ref().is_some_and(Labels::has_attacks);
    for (subject, capture) in bench.measured().zip(&mut board.captures) {
        if !labelled(subject) {
            continue;
        }
        let (base, train_for) = bench.baseline(subject)?;
        let (baseline, features) = (table(base)?, table(subject)?);
        for run in &mut capture.runs {
            let scores = bench.folder.join(format!("{}.seed{}.sklearn.csv", subject.name(), run.seed));
            forest.score((&baseline, train_for), &features, run.seed, &scores)?;
            run.sklearn = bench::rank(subject, &scores)?;
            ensure!(run.sklearn.is_some(), "{} has no labels", subject.name());
        }
        eprintln!("{}: ranked by scikit-learn", subject.name());
    }
    Ok(())
}

/// A run in one line.
fn summary(run: &Run) -> String {
    let mut parts = Vec::new();
    if let Some(judged) = &run.incidents {
        if !judged.attacks.is_empty() {
            let delay = judged.median_delay().map_or(String::new(), |delay| format!(" after {delay:.1} s"));
            parts.push(format!("{} of {} attacks found{delay}", judged.found(), judged.attacks.len()));
        }
        parts.push(format!("{} false incidents", judged.false_incidents.len()));
    }
    if let Some(auc) = run.ranking.as_ref().and_then(|ranking| ranking.roc_auc) {
        parts.push(format!("ROC AUC {auc:.4}"));
    }
    parts.push(format!("{:.0} packets/s", run.packets_per_second));
    parts.join(", ")
}
