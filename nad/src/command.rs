//! What the binary does: one file a command.

pub mod config;
pub mod doctor;
pub mod features;
#[cfg(feature = "history")]
pub mod incidents;
#[cfg(feature = "history")]
pub mod known;
pub mod live;
pub mod replay;
#[cfg(feature = "history")]
pub mod report;
pub mod run;
pub mod shedding;
pub mod state;
pub mod status;
pub mod test_output;
pub mod train;

mod count;
mod memory;
#[cfg(not(feature = "history"))]
mod no_history;
mod outputs;
mod pump;
mod reload;
mod resume;
mod signals;
mod view;

#[cfg(not(feature = "history"))]
pub use no_history::{incidents, known, report};

use std::path::Path;

use anyhow::{Context, Result};
use nad_engine::{
    context::{Sizes, Tables},
    detector::{BaselineLength, Notice, Start},
    incident::allow::AllowRules,
    ledger::{Judged, Ledger, OutputCounts},
    model::{Model, Training},
    presentation, unread,
};

use crate::{
    config::Task,
    files::Policy,
    model_file,
    output::{
        OutputError,
        log::LOG,
        terminal::{SAID, STANDARD_OUTPUT, Screen, TerminalConfig},
    },
    sandbox::InForce,
    source::{
        heads::HeadOptions,
        pcap::{PcapSource, ReadAhead},
    },
    state::StateError,
    status::STATUS,
    text,
};

/// What is to be done, with settings that were checked.
#[derive(Debug)]
pub enum Command {
    /// `nad run`
    Run(run::RunConfig),
    /// `nad replay`
    Replay(replay::ReplayConfig),
    /// `nad train`
    Train(train::TrainConfig),
    /// `nad features`
    Features(features::FeaturesConfig),
    /// `nad incidents`
    Incidents(incidents::IncidentsConfig),
    /// `nad known`
    Known(known::KnownConfig),
    /// `nad report`
    Report(report::ReportConfig),
    /// `nad status`
    Status(status::StatusConfig),
    /// `nad doctor`
    Doctor(doctor::DoctorConfig),
    /// `nad state`
    State(state::StateCommand),
    /// `nad test-output`
    TestOutput(test_output::TestOutputConfig),
    /// `nad config`
    Config(config::ConfigAnswer),
}

/// Reads the settings of this very `nad run` again, with the rights of the files that come of it; nothing where it is another
/// command.
pub type Reread = fn() -> Result<Option<(run::RunConfig, Policy)>, String>;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to complain about.
    Fine,
    /// There were anomalies, and the exit code is to say so.
    AnomaliesFound,
    /// Not all was judged that was to be, and the exit code is to say so.
    NotJudged,
    /// What was to be done could not be, as was said already.
    Failed,
    /// Settings can't be used on this machine, as was said already.
    NotUsable,
    /// Nobody reads standard output any more, and that was to end the work.
    StandardOutputClosed,
}

/// Whether whoever read standard output went away.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<OutputError>().is_some_and(OutputError::is_broken_pipe)
}

/// Whether nad can't do what was asked for before it gets other settings.
pub fn is_wrong_usage(error: &anyhow::Error) -> bool {
    error.downcast_ref::<StateError>().is_some_and(StateError::is_of_settings)
}

/// Does what was asked for; settings are read again at SIGHUP.
///
/// # Errors
///
/// One line that names what failed and what to do.
pub fn execute(command: Command, reread: Reread) -> Result<Outcome> {
    match command {
        Command::Run(config) => run::run(config, reread),
        Command::Replay(config) => replay::replay(&config),
        Command::Train(config) => train::train(config),
        Command::Features(config) => features::features(&config),
        Command::Incidents(config) => incidents::incidents(&config),
        Command::Known(config) => known::known(&config),
        Command::Report(config) => report::report(config),
        Command::Status(config) => status::status(&config),
        Command::Doctor(config) => doctor::doctor(config),
        Command::State(command) => state::state(&command),
        Command::TestOutput(config) => test_output::test_output(&config),
        Command::Config(answer) => config::config(&answer),
    }
}

/// What a gate asks for, which `--fail-on-anomaly` makes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// There is none.
    Open,
    /// Nothing may be found, and hosts must have been judged.
    Hosts,
    /// Nothing may be found among packets, which are judged alone.
    Packets,
}

impl Gate {
    /// What a task's flags ask for. A fixed number of packets that is its own baseline is judged by packets alone.
    fn of(task: &Task, fail_on_anomaly: bool) -> Self {
        match task {
            _ if !fail_on_anomaly => Self::Open,
            Task::Count { model: None, .. } => Self::Packets,
            _ => Self::Hosts,
        }
    }

    /// Whether a run with this ledger passes. Why it does not is said also where nothing else is.
    fn judge(self, ledger: &Ledger) -> Outcome {
        if self == Self::Open {
            return Outcome::Fine;
        }
        if ledger.anomalies + ledger.incidents > 0 {
            tracing::error!("--fail-on-anomaly: {} found, exit code 3", found(ledger, " and "));
            return Outcome::AnomaliesFound;
        }
        match ledger.judgement() {
            Judged::Hosts => Outcome::Fine,
            Judged::PacketsOnly(_) if self == Self::Packets => Outcome::Fine,
            Judged::PacketsOnly(missing) => {
                tracing::error!("--fail-on-anomaly: hosts were not judged, exit code 4: {missing}");
                Outcome::NotJudged
            }
            Judged::Nothing(missing) => {
                tracing::error!("--fail-on-anomaly: nothing was judged, exit code 4: {missing}");
                Outcome::NotJudged
            }
        }
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

/// A context's tables.
fn tables(sizes: &Sizes) -> Result<Tables> {
    Tables::new(sizes).context("the context tables could not be made")
}

/// Opens a capture, of which the beginning is read: how it is compressed, and what kind of file it is.
fn open_capture(file: &Path, heads: HeadOptions) -> Result<PcapSource> {
    Ok(PcapSource::open(file)?.with_heads(heads))
}

/// Begins to read a capture.
fn read_ahead(source: PcapSource) -> Result<ReadAhead> {
    ReadAhead::start(source).context("the thread that reads the capture could not be started")
}

/// Notes in which sandbox a capture is read, in the log alone; the terminal is for its packets.
fn log_sandbox(in_force: &InForce) {
    tracing::info!(target: SAID, "{in_force}");
}

fn load_model(path: &Path, contamination: Option<f64>) -> Result<Model> {
    let mut model = model_file::load(path)?;
    if let Some(contamination) = contamination {
        model.set_contamination(contamination);
    }
    let window = model.window();
    tracing::info!(
        "model {}: trained on {} packets from {}",
        text::path(path),
        window.packets,
        text::escaped(&window.source)
    );
    Ok(model)
}

fn report_notice(notice: Notice) {
    if notice.is_warning() {
        tracing::warn!("{notice}");
    } else {
        tracing::info!("{notice}");
    }
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

/// What was allowed: the alerts that each rule has suppressed, if any, and its comment.
fn allowed(rules: &AllowRules) -> Vec<(u64, String)> {
    let suppressing = rules.rules().iter().filter(|rule| rule.suppressed() > 0);
    suppressing.map(|rule| (rule.suppressed(), rule.criteria().comment.clone())).collect()
}

/// What was found, in a line, and what was not judged.
fn detected(ledger: &Ledger) -> String {
    match ledger.judgement() {
        Judged::Hosts => format!("Detected {}.", found(ledger, " and ")),
        Judged::PacketsOnly(missing) => {
            let packets = presentation::counted(ledger.anomalies, "anomalous packet");
            format!("Detected {packets}; hosts were not judged: {missing}.")
        }
        Judged::Nothing(missing) => format!("Nothing was judged: {missing}."),
    }
}

fn found(ledger: &Ledger, between: &str) -> String {
    let incidents = presentation::counted(ledger.incidents, "incident");
    incidents + between + &presentation::counted(ledger.anomalies, "anomalous packet")
}

/// Prints the ledger. One that does not balance is an error: nad has then lost packets without knowing where.
fn report_ledger(ledger: &Ledger) -> Result<()> {
    tracing::info!("ledger: {ledger}");
    ledger.outputs.iter().for_each(report_output);
    unread::warnings(&ledger.source).iter().for_each(|line| tracing::warn!("{line}"));
    if ledger.source.ring_full > 0 {
        tracing::warn!(
            "{} packets were lost because a ring was full; a larger --ring-bytes holds longer bursts",
            ledger.source.ring_full
        );
    }
    if ledger.source.sampled_out > 0 {
        tracing::warn!(
            "{} packets were sampled out because there were too many; {} of them are attributed to the flow, service or \
             host that they belong to, or to others",
            ledger.source.sampled_out,
            ledger.attributed
        );
    }
    if ledger.time_strays > 1 || ledger.time_steps > 1 {
        tracing::warn!(
            "{} had times far from their neighbours' and got theirs; the clock that stamps packets was set {}",
            presentation::counted(ledger.time_strays, "packet"),
            presentation::counted(ledger.time_steps, "time")
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

/// What an output delivered; what it did not is a warning. What the terminal and the log delivered can be read there.
fn report_output(output: &OutputCounts) {
    let is_elsewhere = ![STANDARD_OUTPUT, LOG, STATUS].contains(&output.name.as_str());
    if output.dropped + output.failed > 0 {
        tracing::warn!("{output}");
    } else if output.delivered > 0 && is_elsewhere {
        tracing::info!("{output}");
    }
}

/// Prints the answer of a command that has nothing else to show.
fn say(line: &str) -> Result<()> {
    Ok(Screen::new(&TerminalConfig::default()).say(line)?)
}
