//! What the binary does: one file a command.

pub mod doctor;
pub mod live;
pub mod replay;
pub mod run;
pub mod train;

mod count;
mod signals;

use std::path::Path;

use anyhow::Result;

use crate::{
    cli::Command,
    config::Task,
    detector::Start,
    ledger::Ledger,
    model::{Model, Training},
    output::table,
};

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to complain about.
    Fine,
    /// There were anomalies, and the exit code is to say so.
    AnomaliesFound,
    /// What was to be done could not be, as was said already.
    Failed,
}

/// Does what was asked for.
///
/// # Errors
///
/// One line that names what failed and what to do.
pub fn execute(command: Command) -> Result<Outcome> {
    match command {
        Command::Run(config) => run::run(config),
        Command::Replay(config) => replay::replay(&config),
        Command::Train(config) => train::train(config),
        Command::Doctor(config) => Ok(doctor::doctor(config)),
    }
}

fn outcome(ledger: &Ledger, fail_on_anomaly: bool) -> Outcome {
    if fail_on_anomaly && ledger.anomalies > 0 { Outcome::AnomaliesFound } else { Outcome::Fine }
}

/// What the detector starts with; a contamination that was asked for moves a saved model's threshold.
fn start(task: &Task, training: Training, contamination: Option<f64>, source: &str) -> Result<Start> {
    match task {
        Task::Learn(baseline) => {
            Ok(Start::Learn { baseline: *baseline, training, source: source.to_owned() })
        }
        Task::Detect(path) | Task::Count { model: Some(path), .. } => {
            Ok(Start::Detect(load_model(path, contamination)?))
        }
        Task::Count { packets, model: None } => Ok(Start::Learn {
            baseline: crate::detector::Baseline::Packets(*packets),
            training,
            source: source.to_owned(),
        }),
    }
}

fn load_model(path: &Path, contamination: Option<f64>) -> Result<Model> {
    let mut model = Model::load(path)?;
    if let Some(contamination) = contamination {
        model.set_contamination(contamination);
    }
    let window = model.window();
    tracing::info!(
        "model {}: trained on {} packets from {}; threshold {:.4}",
        path.display(),
        window.packets,
        window.source,
        model.threshold()
    );
    Ok(model)
}

fn report_trained(model: &Model) {
    let window = model.window();
    tracing::info!(
        "baseline learnt: {} packets in {:.1} s; threshold {:.4} (contamination {})",
        window.packets,
        (window.last_ns - window.first_ns) as f64 / 1e9,
        model.threshold(),
        model.contamination()
    );
    let needed = (1.0 / model.contamination()).ceil();
    if (window.packets as f64) < needed {
        tracing::warn!(
            "{} packets are few for contamination {}: with less than {needed} the threshold is close to the highest \
             score learnt, and ordinary packets that are rare will be reported; learn for longer",
            window.packets,
            model.contamination()
        );
    }
}

/// Prints the ledger. One that does not balance is an error: nad has then lost packets without knowing where.
fn report_ledger(ledger: &Ledger) -> Result<()> {
    tracing::info!("ledger: {ledger}");
    if ledger.source.ring_full > 0 {
        tracing::warn!(
            "{} packets were lost because a ring was full; a larger --ring-bytes holds longer bursts",
            ledger.source.ring_full
        );
    }
    if ledger.alerts_dropped > 0 {
        tracing::warn!(
            "{} anomalies were not reported because the outputs were too slow",
            ledger.alerts_dropped
        );
    }
    anyhow::ensure!(
        ledger.balances(),
        "the ledger does not balance; please report this with the lines above"
    );
    Ok(())
}

fn say(line: &str) -> Result<()> {
    Ok(table::say(line)?)
}
