//! What the binary does: one file a command.

pub mod config;
pub mod doctor;
pub mod features;
pub mod live;
pub mod relief;
pub mod replay;
pub mod run;
pub mod train;

mod count;
mod signals;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use crate::{
    cli::Command,
    config::Task,
    detector::{BaselineLength, Start},
    incident::allow::{AllowRule, AllowRules},
    ledger::{Ledger, OutputCounts},
    model::{Model, Training},
    output::{
        Outputs, WhenFailing,
        alerts::AlertFile,
        format::AlertFormat,
        incidents::IncidentFile,
        log::AnomalyLog,
        table::{self, Terminal},
    },
    presentation,
    queue::WhenFull,
    source::pcap::{PcapSource, ReadAhead},
};

/// Where what was found is told.
#[derive(Debug, Clone, Default)]
pub struct OutputConfig {
    /// Packets above the threshold, as JSON lines.
    pub alerts: Option<PathBuf>,
    /// Incidents, as JSON lines.
    pub incidents: Option<PathBuf>,
    /// Whether incidents are written whenever there is something new of them, not only when they close.
    pub follow: bool,
    /// Whether packets above the threshold are shown and logged, too.
    pub packets: bool,
    /// What the files of packets and incidents contain.
    pub format: AlertFormat,
    /// Whether packets come as they come, and wait for nobody.
    pub is_live: bool,
}

impl OutputConfig {
    /// Whether single packets above the threshold are told to anyone.
    fn wants_packets(&self) -> bool {
        self.packets || self.alerts.is_some()
    }

    /// Opens every output; where a fixed number of packets is captured, it is packets that are shown. What is replayed
    /// waits for its outputs, and one that fails ends it; nothing live does.
    fn open(&self, is_count: bool, progress: ProgressBar) -> Result<Outputs> {
        let packets = self.packets || is_count;
        let mut outputs = Outputs::default();
        let (when_full, when_failing) = if self.is_live {
            (WhenFull::Drop, WhenFailing::GoOn)
        } else {
            (WhenFull::Wait, WhenFailing::Stop)
        };
        outputs.add(Terminal::new(packets, progress), when_full, WhenFailing::Stop)?;
        outputs.add(AnomalyLog { packets }, when_full, WhenFailing::GoOn)?;
        if let Some(path) = &self.alerts {
            outputs.add(AlertFile::create(path, self.format)?, when_full, when_failing)?;
        }
        if let Some(path) = &self.incidents {
            outputs.add(IncidentFile::create(path, self.follow, self.format)?, when_full, when_failing)?;
        }
        Ok(outputs)
    }
}

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
        Command::Features(config) => features::features(&config),
        Command::Doctor(config) => Ok(doctor::doctor(config)),
        Command::Config(answer) => config::config(&answer),
    }
}

fn outcome(ledger: &Ledger, fail_on_anomaly: bool) -> Outcome {
    if fail_on_anomaly && ledger.anomalies + ledger.incidents > 0 {
        Outcome::AnomaliesFound
    } else {
        Outcome::Fine
    }
}

/// What the detector starts with; a contamination that was asked for moves a saved model's threshold.
fn start(task: &Task, training: Training, contamination: Option<f64>, source: &str) -> Result<Start> {
    match task {
        Task::Learn(baseline) => {
            Ok(Start::Learn { baseline: *baseline, training, source: source.to_owned() })
        }
        Task::Detect(path) | Task::Count { model: Some(path), .. } => {
            Ok(Start::Detect(Box::new(load_model(path, contamination)?)))
        }
        Task::Count { packets, model: None } => Ok(Start::Learn {
            baseline: BaselineLength::Packets(*packets),
            training,
            source: source.to_owned(),
        }),
    }
}

/// Opens a capture and begins to read it.
fn read_ahead(file: &Path) -> Result<ReadAhead> {
    ReadAhead::start(PcapSource::open(file)?)
        .context("the thread that reads the capture could not be started")
}

fn load_model(path: &Path, contamination: Option<f64>) -> Result<Model> {
    let mut model = Model::load(path)?;
    if let Some(contamination) = contamination {
        model.set_contamination(contamination);
    }
    let window = model.window();
    tracing::info!("model {}: trained on {} packets from {}", path.display(), window.packets, window.source);
    Ok(model)
}

fn report_trained(model: &Model, drift: Option<f64>) {
    let window = model.window();
    let seconds = (window.last_ns - window.first_ns) as f64 / 1e9;
    if let Some(drift) = drift {
        tracing::info!(
            "model trained anew on what was ordinary in the last {seconds:.0} s; drift {drift:.1} (1 is none: how much \
             more often the old model's outermost percent was reached)"
        );
        return;
    }
    tracing::info!(
        "baseline learnt: {} packets in {seconds:.1} s, {:.1} decisions a second (contamination {})",
        window.packets,
        model.decisions_per_second(),
        model.contamination()
    );
    if model.set_aside() > 0 {
        tracing::warn!(
            "{} observations of the baseline look like an attack on any network and were not learnt: what they belong \
             to will be reported; allow it in the config file where it is meant to be",
            model.set_aside()
        );
    }
    if !model.judges_subjects() {
        tracing::warn!(
            "a baseline of {seconds:.1} s is too short to tell what hosts usually do, so only packets are judged and \
             there will be no incidents; learn for 10 s at least, better for an hour"
        );
    }
    let needed = (1.0 / model.contamination()).ceil();
    if (window.packets as f64) < needed {
        tracing::warn!(
            "{} packets are few for contamination {}: with less than {needed} ordinary packets that are rare will be \
             reported; learn for longer",
            window.packets,
            model.contamination()
        );
    }
}

/// Warns of rules that are no longer in force: what they were to keep quiet will be reported.
fn warn_of_expired(rules: &AllowRules, now_ns: u64) {
    for rule in rules.rules().iter().filter(|rule| rule.is_expired(now_ns)) {
        let criteria = rule.criteria();
        let end = criteria.expires_ns.map(presentation::timestamp).unwrap_or_default();
        tracing::warn!("the allow rule \"{}\" expired at {end}: renew it or take it out", criteria.comment);
    }
}

/// What was allowed: a line for each rule that has suppressed anything.
fn allowed(rules: &AllowRules) -> impl Iterator<Item = String> {
    let line = |rule: &AllowRule| {
        let (count, comment) = (rule.suppressed(), &rule.criteria().comment);
        format!("allowed {count} alert{}: {comment}", if count == 1 { "" } else { "s" })
    };
    rules.rules().iter().filter(|rule| rule.suppressed() > 0).map(line)
}

/// Says what was allowed, after what was found.
fn say_allowed(rules: &AllowRules) -> Result<()> {
    allowed(rules).try_for_each(|line| say(&line))
}

/// What was found, in a line.
fn detected(ledger: &Ledger) -> String {
    let found = found(ledger, " and ");
    format!("Detected {found}.")
}

fn found(ledger: &Ledger, between: &str) -> String {
    let incidents = presentation::counted(ledger.incidents, "incident");
    incidents + between + &presentation::counted(ledger.anomalies, "anomalous packet")
}

/// Prints the ledger. One that does not balance is an error: nad has then lost packets without knowing where.
fn report_ledger(ledger: &Ledger) -> Result<()> {
    tracing::info!("ledger: {ledger}");
    ledger.outputs.iter().for_each(report_output);
    if ledger.source.ring_full > 0 {
        tracing::warn!(
            "{} packets were lost because a ring was full; a larger --ring-bytes holds longer bursts",
            ledger.source.ring_full
        );
    }
    if ledger.source.thinned > 0 {
        tracing::warn!(
            "{} packets were left out because there were too many; {} of them are counted with the flow, service or \
             host that they belong to, or with others",
            ledger.source.thinned,
            ledger.told
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

/// What an output was told; what it was not told is a warning.
fn report_output(output: &OutputCounts) {
    if output.dropped + output.failed > 0 {
        tracing::warn!("{output}");
    } else if output.delivered > 0 {
        tracing::info!("{output}");
    }
}

fn say(line: &str) -> Result<()> {
    Ok(table::say(line)?)
}
