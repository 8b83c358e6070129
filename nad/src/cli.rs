//! Flags and environment, and from them and the file the validated settings of a command.

mod args;
mod choices;
mod given;
#[cfg(feature = "history")]
mod history;
#[cfg(not(feature = "history"))]
#[path = "cli/no_history.rs"]
mod history;
mod outputs;
mod state;
mod task;

use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory as _};
use nad_engine::{detector::BaselineLength, model::CONTAMINATION};

use crate::{
    command::{
        Command,
        config::{Checked, ConfigAnswer},
        doctor::DoctorConfig,
        features::{FeaturesConfig, WriteConfig},
        replay::ReplayConfig,
        run::RunConfig,
        status::StatusConfig,
        train::TrainConfig,
    },
    config::{
        self, ConfigError, DEFAULT_CONTAMINATION_COUNT, DEFAULT_TRAIN_FOR, File, FilesSection, OutputConfig,
        Places, SensorSection, Task, TaskChoice, ThreadsSection, TrainingChoice,
    },
    files::Policy,
    output::{SinkContext, log::LogConfig},
    sandbox::{Needs, SecurityConfig},
    state::StateConfig,
};
use args::{
    CheckArgs, CliCommand, ConfigArgs, ConfigCommand, DecisionArgs, FeaturesArgs, OutputArgs, ReplayArgs,
    RunArgs, TrainArgs,
};
use choices::{live, security, training_choice, with_known};
use outputs::{output_config, test_output};
use task::{chosen, decide, flag_of_start, task_choice};

/// Why there is nothing to do.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// Not an error: the text of `--help` or `--version`, or the help that `nad` alone gives.
    #[error(transparent)]
    Arguments(clap::Error),
    /// Flags that nad doesn't know, or values that they can't have.
    #[error("{0}")]
    Flags(String),
    /// A setting that can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What is to be done, and the rights of the files that come of it.
#[derive(Debug)]
pub struct Invocation {
    /// What is to be done.
    pub command: Command,
    /// Who may read what is written.
    pub files: Policy,
    /// The sensor's name.
    pub sensor: String,
}

/// The commands and flags of nad, for what describes them: completions and manual pages.
pub fn command() -> clap::Command {
    args::Cli::command()
}

/// The settings of this very `nad run` as they are now, and the rights of the files that come of it.
///
/// # Errors
///
/// Why they can't be used.
pub fn reread() -> Result<Option<(RunConfig, Policy)>, String> {
    match read(std::env::args_os()).map_err(|error| error.to_string())? {
        Invocation { command: Command::Run(config), files, .. } => Ok(Some((config, files))),
        _ => Ok(None),
    }
}

/// Reads flags, environment and file, and checks them.
///
/// # Errors
///
/// When anything in them can't be used; also for `--help` and `--version`, as clap has it.
pub fn parse<I, T>(arguments: I) -> Result<Command, UsageError>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    read(arguments).map(|invocation| invocation.command)
}

/// The same, with the settings that are the whole process's.
///
/// # Errors
///
/// As for [`parse`].
pub fn read<I, T>(arguments: I) -> Result<Invocation, UsageError>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let (cli, matches) = args::read(arguments)?;
    let (file, path) = match &cli.command {
        // The first reads the file that it is to check, which may be another; the second needs none.
        CliCommand::Config(_) | CliCommand::Help(_) => (File::default(), None),
        command if command.is_of_captures() => File::load_for_captures(cli.config.as_deref())?,
        _ => File::load(cli.config.as_deref())?,
    };
    let flags = matches.subcommand().map(|(_, matches)| matches);
    let log = LogConfig::new(cli.log.clone(), &file.log)?;
    let sources = file.sources(path.as_deref());
    let files = file.files.policy(cli.file_mode, cli.file_group.as_deref())?;
    let sensor = file.sensor.decide(cli.sensor_name.as_deref())?;
    let given = Given {
        log: cli.log,
        files: FilesSection { mode: cli.file_mode, group: cli.file_group },
        sensor: SensorSection { name: cli.sensor_name },
    };
    let command = match cli.command {
        CliCommand::Run(args) => {
            let config = run(args, flags, &file, log)?;
            Command::Run(RunConfig { sources, sensor: sensor.clone(), ..config })
        }
        CliCommand::Replay(args) => Command::Replay(replay(args, flags, &file, log)?),
        CliCommand::Train(args) => Command::Train(train(args, flags, &file, log)?),
        CliCommand::Features(args) => Command::Features(features(args, flags, &file, log)?),
        CliCommand::Incidents(args) => Command::Incidents(args.check(&file)?),
        CliCommand::Known(args) => Command::Known(args.check(&file)?),
        CliCommand::Report(args) => Command::Report(args.check(flags, &file, log)?),
        CliCommand::Doctor(args) => {
            let interfaces = config::interfaces(args.iface, &file.capture);
            let ring_bytes = config::ring_bytes(None, &file.capture)?;
            let detection = config::detection(None, ThreadsSection::default(), &file)?;
            let direction = file.capture.direction;
            // What can't be used is not for `doctor` to say.
            let given = SinkContext { is_live: true, ..SinkContext::default() };
            let outputs = output_config(OutputArgs::default(), &file, given).unwrap_or_default();
            let state = StateConfig::new(None, &file.state)?;
            let needs = Needs::new(&outputs, &log, &sources).with_state(state.as_ref());
            let security = SecurityConfig::decide(None, None, &file.security);
            let task = TaskChoice::decide(&[file.task_choice()])?;
            let training = config::training(TrainingChoice::default(), &file.training, CONTAMINATION)?;
            Command::Doctor(DoctorConfig {
                interfaces,
                ring_bytes,
                sizes: detection.sizes,
                shards: detection.shards,
                direction,
                task,
                training,
                security,
                keeps_state: state.is_some(),
                needs,
            })
        }
        CliCommand::Help(help) if help.is_of_config_file() => Command::Config(ConfigAnswer::Example),
        CliCommand::Help(help) => return Err(help.of_command()),
        CliCommand::State(args) => Command::State(args.check(&file)?),
        CliCommand::Status(args) => {
            let socket = file.status.asked(args.status_socket.as_deref())?;
            Command::Status(StatusConfig { socket, json: args.json })
        }
        CliCommand::TestOutput(args) => Command::TestOutput(test_output(&args.output, &file)?),
        CliCommand::Config(ConfigArgs { command }) => {
            Command::Config(answer(command, cli.config, given, &matches)?)
        }
    };
    Ok(Invocation { command, files, sensor })
}

/// What is said for all commands.
struct Given {
    log: Option<PathBuf>,
    files: FilesSection,
    sensor: SensorSection,
}

/// Reads the settings as `nad run` does, and tells whether that is possible or what is in force.
fn answer(
    command: ConfigCommand,
    config: Option<PathBuf>,
    Given { log, files, sensor }: Given,
    matches: &ArgMatches,
) -> Result<ConfigAnswer, UsageError> {
    let check_files = |file: &File| {
        file.files.policy(files.mode, files.group.as_deref())?;
        file.sensor.decide(sensor.name.as_deref()).map(drop)
    };
    let flags = matches.subcommand().and_then(|(_, config)| config.subcommand()).map(|(_, flags)| flags);
    match command {
        ConfigCommand::Check(CheckArgs { file: path, run: args }) => {
            let (file, path) = File::load(path.or(config).as_deref())?;
            check_files(&file)?;
            let run = run(args, flags, &file, LogConfig::new(log, &file.log)?)?;
            let unknown = args::unknown_variables();
            Ok(ConfigAnswer::Checked(Box::new(Checked { file: path, run, unknown })))
        }
        ConfigCommand::Show(args) => {
            let (file, path) = File::load(config.as_deref())?;
            check_files(&file)?;
            let given = given::given(&args, log.clone(), files.clone(), sensor.clone());
            let log = LogConfig::new(log, &file.log)?;
            let RunConfig { task, training, .. } = run(args, flags, &file, log)?;
            let shown = config::shown(&Places {
                given: &given,
                given_by: &|section, key| given::given_by(flags, section, key),
                file: &file,
                path: path.as_deref(),
                task: &task,
                training: &training,
            })?;
            Ok(ConfigAnswer::Shown(shown))
        }
    }
}

fn run(
    args: RunArgs,
    flags: Option<&ArgMatches>,
    file: &File,
    log: LogConfig,
) -> Result<RunConfig, UsageError> {
    let given = TaskChoice { count: args.count, ..task_choice(args.task) };
    let state = StateConfig::new(args.state.state_dir, &file.state)?;
    let state = state.map(|state| StateConfig { starts_anew: flag_of_start(flags), ..state });
    let task = decide(given, flags, file.task_choice())?;
    let is_count = matches!(task, Task::Count { .. });
    let default = if is_count { DEFAULT_CONTAMINATION_COUNT } else { CONTAMINATION };
    let DecisionArgs { model, alert_budget, payload, threads, outputs, fail_on_anomaly } = args.decision;
    let contamination = model.contamination.or(file.training.contamination);
    let training = config::training(training_choice(model), &file.training, default)?;
    let security = security(args.security, args.live.user.clone(), file);
    let live = live(args.live, &payload, file)?;
    let detection = config::detection(alert_budget, threads.section(), file)?;
    let detection = with_known(detection, outputs.history.as_deref(), file)?;
    let source = live.interfaces.join(", ");
    let source = if source.is_empty() { "the interface of the default route".into() } else { source };
    let (metrics, status) = (args.metrics, args.status_socket);
    let given = SinkContext { source, metrics, status, is_live: true, ..SinkContext::default() };
    let outputs = output_config(outputs, file, given)?;
    let closed_stdout = args.on_closed_stdout.or(outputs.closed_stdout);
    let outputs = OutputConfig { closed_stdout, ..outputs };
    Ok(RunConfig {
        live,
        task,
        training,
        contamination,
        detection,
        outputs,
        log,
        security,
        // A fixed number of packets is looked at alone.
        state: state.filter(|_| !is_count),
        sources: Vec::new(),
        sensor: String::new(),
        fail_on_anomaly,
    })
}

fn replay(
    args: ReplayArgs,
    flags: Option<&ArgMatches>,
    file: &File,
    log: LogConfig,
) -> Result<ReplayConfig, UsageError> {
    let from_file = TaskChoice { count: None, ..file.task_choice() };
    let task = decide(task_choice(args.task), flags, from_file)?;
    let DecisionArgs { model, alert_budget, payload, threads, outputs, fail_on_anomaly } = args.decision;
    let contamination = model.contamination.or(file.training.contamination);
    let training = config::training(training_choice(model), &file.training, CONTAMINATION)?;
    let source = args.file.display().to_string();
    let detection = config::detection(alert_budget, threads.section(), file)?;
    let detection = with_known(detection, outputs.history.as_deref(), file)?;
    Ok(ReplayConfig {
        file: args.file,
        heads: config::heads(payload.payload, &file.payload)?,
        task,
        training,
        contamination,
        scores: args.scores,
        detection,
        outputs: output_config(outputs, file, SinkContext { source, ..SinkContext::default() })?,
        log,
        security: security(args.security, None, file),
        fail_on_anomaly,
    })
}

fn train(
    args: TrainArgs,
    flags: Option<&ArgMatches>,
    file: &File,
    log: LogConfig,
) -> Result<TrainConfig, UsageError> {
    let given =
        TaskChoice { train_for: args.train_for, train_packets: args.train_packets, ..TaskChoice::default() };
    let from_file = TaskChoice { count: None, model: None, ..file.task_choice() };
    let baseline = match chosen(given, flags, from_file)? {
        None => None,
        Some(Task::Learn(baseline)) => Some(baseline),
        Some(_) => {
            return Err(ConfigError::Value("training needs --train-for or --train-packets".into()).into());
        }
    };
    let training = config::training(training_choice(args.model), &file.training, CONTAMINATION)?;
    let security = security(args.security, args.live.user.clone(), file);
    let heads = config::heads(args.payload.payload, &file.payload)?;
    let live = args.files.is_empty().then(|| live(args.live, &args.payload, file)).transpose()?;
    let detection = config::detection(None, args.threads.section(), file)?;
    let terminal = file.output.with(None, args.terminal.color, args.terminal.quiet);
    let (files, out) = (args.files, args.out);
    Ok(TrainConfig { files, heads, live, baseline, training, detection, out, log, security, terminal })
}

fn features(
    args: FeaturesArgs,
    flags: Option<&ArgMatches>,
    file: &File,
    log: LogConfig,
) -> Result<FeaturesConfig, UsageError> {
    let (Some(capture), Some(out)) = (args.file, args.out) else { return Ok(FeaturesConfig::List) };
    let given = TaskChoice { train_for: args.train_for, ..TaskChoice::default() };
    let from_file = TaskChoice { train_for: file.training.train_for, ..TaskChoice::default() };
    let train_for = match decide(given, flags, from_file)? {
        Task::Learn(BaselineLength::Time(length)) => length,
        _ => DEFAULT_TRAIN_FOR,
    };
    let sizes = config::detection(None, ThreadsSection::default(), file)?.sizes;
    let security = security(args.security, None, file);
    let view = args.view;
    let heads = config::heads(None, &file.payload)?;
    Ok(FeaturesConfig::Write(Box::new(WriteConfig {
        file: capture,
        heads,
        out,
        view,
        train_for,
        sizes,
        log,
        security,
    })))
}

#[cfg(test)]
mod tests;
