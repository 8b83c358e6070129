//! The arguments as clap reads them, not yet checked.

mod groups;

use std::{env, ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::{PossibleValue, PossibleValuesParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use nad_engine::features::View;

#[cfg(feature = "history")]
pub(super) use groups::DETECTION;
pub(super) use groups::{
    DecisionArgs, LiveArgs, ModelArgs, OutputArgs, PayloadArgs, SandboxArgs, StateDirArgs, TaskArgs,
    TerminalArgs, ThreadArgs,
};
use groups::{FILES, MODEL, OUTPUTS, TERMINAL};

use super::{
    UsageError,
    history::{IncidentsArgs, KnownArgs, ReportArgs},
    state::StateArgs,
};
use crate::{
    config::{ClosedStdout, DEFAULT_COUNT, File, Length, refuse_renamed_variables, renamed_flag},
    files::FileMode,
    parts::Part,
    secret::SMTP_PASSWORD_VARIABLE,
    settings::Listen,
};

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 failed, 2 wrong usage or settings; with --fail-on-anomaly 3 anomalies found, 4 hosts could not be \
     judged";
const EXIT_CODES_OF_RUN: &str = "Exit codes: 0 fine, 1 failed, 2 wrong usage or settings; with --fail-on-anomaly 3 anomalies found, 4 hosts could not be \
     judged; 5 nobody reads standard output any more (see --on-closed-stdout)";
const EXIT_CODES_OF_STATUS: &str = "Exit codes: 0 a sensor answered, 1 none did, 2 wrong usage or settings";
const EXIT_CODES_WITHOUT_ANOMALIES: &str = "Exit codes: 0 fine, 1 failed, 2 wrong usage or settings";

/// Reads flags and environment. A variable without a value is as good as none: that is what `docker run -e NAD_MODEL=`
/// and a line in an environment file look like.
pub(super) fn read<I, T>(arguments: I) -> Result<(Cli, ArgMatches), UsageError>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    refuse_renamed_variables()?;
    let command = without_empty_variables(Cli::command());
    let matches = command.try_get_matches_from(arguments).map_err(from_clap)?;
    Ok((Cli::from_arg_matches(&matches).map_err(from_clap)?, matches))
}

/// Variables with the prefix of nad's that are set and none of nad's, in order.
pub(super) fn unknown_variables() -> Vec<String> {
    let mut known = vec![SMTP_PASSWORD_VARIABLE.to_owned()];
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        known.extend(command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())));
        commands.extend(command.get_subcommands().cloned());
    }
    let is_ours = |name: &String| {
        let is_of_tests = cfg!(debug_assertions) && name.starts_with("NAD_TEST_");
        name.starts_with("NAD_") && !is_of_tests && !known.contains(name)
    };
    let mut unknown: Vec<String> =
        env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(is_ours).collect();
    unknown.sort_unstable();
    unknown
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty =
        |arg: &Arg| arg.get_env().is_some_and(|name| env::var_os(name).is_some_and(|v| v.is_empty()));
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None::<&'static str>) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// A passive network-anomaly sensor for Linux.
///
/// Learns what is usual on an interface or in a capture, then prints and logs what stands out.
#[derive(Debug, Parser)]
#[command(name = "nad", version, max_term_width = 100, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Cli {
    /// Config file; "none" for none [default: nad.toml, where there is one, else /etc/nad/nad.toml, but not for captures]
    #[arg(long, global = true, env = "NAD_CONFIG", hide_env_values = true, value_name = "FILE", help_heading = FILES)]
    pub(super) config: Option<PathBuf>,
    /// Log file; "none" for none [default: logs/anomaly_detector.log]
    #[arg(long, global = true, env = "NAD_LOG", hide_env_values = true, value_name = "FILE", help_heading = FILES)]
    pub(super) log: Option<PathBuf>,
    /// Mode of the files that nad makes: 0600, 0640 or 0644 [default: 0600]
    #[arg(long, global = true, env = "NAD_FILE_MODE", hide_env_values = true, value_name = "MODE", help_heading = FILES)]
    pub(super) file_mode: Option<FileMode>,
    /// Group of the files that nad makes, by name or number [default: that of nad's user]
    #[arg(long, global = true, env = "NAD_FILE_GROUP", hide_env_values = true, value_name = "GROUP", help_heading = FILES)]
    pub(super) file_group: Option<String>,
    /// Name of the sensor in all outputs [default: the host name]
    #[arg(long, global = true, env = "NAD_SENSOR_NAME", hide_env_values = true, value_name = "NAME")]
    pub(super) sensor_name: Option<String>,
    #[command(subcommand)]
    pub(super) command: CliCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Watch interfaces: learn a baseline, then report anomalies until Ctrl-C
    #[command(after_help = EXIT_CODES_OF_RUN)]
    Run(RunArgs),
    /// Do the same with a capture file (pcap or pcapng, also .gz and .zst; - for standard input)
    ///
    /// Ctrl-C or SIGTERM ends it early, with the summary of what was read until then.
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArgs),
    /// Learn a baseline from capture files, or live without any, and save the model
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Train(TrainArgs),
    /// Write what the forests see of a capture file as a table, or list the features of each view
    ///
    /// The values are those that the forests see: counts, rates and lengths on a logarithmic scale, log2(1 + value) and
    /// twice that for rarities, and what is unremarkable on any network raised to the largest such value. A row of the packet view is a packet, with
    /// its place in the capture; a row of another view is a second of a host, of a client-service pair or of
    /// a MAC address, with the end of that second as its time.
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Features(FeaturesArgs),
    /// List, show or export the incidents of a history
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES, hide = !Part::History.is_built())]
    Incidents(IncidentsArgs),
    /// Show what incidents were marked as normal or noise, and what is allowed for it, or take that back
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES, hide = !Part::History.is_built())]
    Known(KnownArgs),
    /// Make a page for a browser of what was found and what went on, from a history or from a capture file
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES, hide = !Part::History.is_built())]
    Report(ReportArgs),
    /// Check whether this machine can run nad, and say what to do where it can't
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Doctor(DoctorArgs),
    /// Show, copy, replace or remove what `nad run` keeps for its next start
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    State(StateArgs),
    /// Send one test message by the settings of the config file, and say what the server answered
    ///
    /// The password of the section email is that of NAD_SMTP_PASSWORD, where it is set, or else in its password_file.
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    TestOutput(TestOutputArgs),
    /// Ask the running sensor what it is doing: since when, where, how mature, with which losses and open incidents
    #[command(after_help = EXIT_CODES_OF_STATUS)]
    Status(StatusArgs),
    /// Check a config file, or show every setting that is in force
    Config(ConfigArgs),
    /// Print the help of a command; `nad help config` prints the commented example of a config file
    Help(HelpArgs),
}

impl CliCommand {
    /// Whether packets come from captures, and so concern no sensor of this machine.
    pub(super) fn is_of_captures(&self) -> bool {
        match self {
            Self::Replay(_) | Self::Features(_) => true,
            Self::Train(args) => !args.files.is_empty(),
            Self::Report(args) => args.is_of_capture(),
            Self::Run(_)
            | Self::Incidents(_)
            | Self::Known(_)
            | Self::Status(_)
            | Self::State(_)
            | Self::Doctor(_)
            | Self::TestOutput(_)
            | Self::Config(_)
            | Self::Help(_) => false,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct HelpArgs {
    /// The command, or config
    pub(super) command: Vec<String>,
}

impl HelpArgs {
    /// Whether the example of a config file was asked for.
    pub(super) fn is_of_config_file(&self) -> bool {
        self.command == ["config"]
    }

    /// The help of the command, as its --help prints it.
    pub(super) fn of_command(self) -> UsageError {
        let words = ["nad".to_owned()].into_iter().chain(self.command).chain(["--help".to_owned()]);
        match Cli::command().try_get_matches_from(words) {
            Err(said) => from_clap(said),
            Ok(_) => UsageError::Flags("there is no such command to help with: try nad --help".into()),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    pub(super) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether `nad run` could use a config file, together with the environment and these flags
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Check(CheckArgs),
    /// Print the settings that `nad run` would use with these flags, as a config file that says where each comes from
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Show(RunArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Config file [default: that of --config, else nad.toml, else /etc/nad/nad.toml]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) live: LiveArgs,
    #[command(flatten)]
    pub(super) task: TaskArgs,
    /// Capture N packets, report the anomalies among them, and exit [N without a number: 100]
    #[arg(long, env = "NAD_COUNT", hide_env_values = true, value_name = "N", num_args = 0..=1, default_missing_value = DEFAULT_COUNT, help_heading = MODEL)]
    pub(super) count: Option<u64>,
    /// Serve metrics and health by HTTP, as /metrics, /healthz and /readyz, for instance at 127.0.0.1:9469; "none" for not
    #[arg(long, env = "NAD_METRICS", hide_env_values = true, value_name = "ADDR:PORT", hide = !Part::Metrics.is_built(), help_heading = OUTPUTS)]
    pub(super) metrics: Option<Listen>,
    /// Unix socket at which `nad status` asks this sensor; "none" for none [default: nad.sock in /run/nad, or where the service manager
    /// says]
    #[arg(long, env = "NAD_STATUS_SOCKET", hide_env_values = true, value_name = "SOCKET")]
    pub(super) status_socket: Option<PathBuf>,
    /// What happens where nobody reads standard output any more: continue without it, or exit with 5 [default: exit where it
    /// is a pipe or a terminal and incidents go nowhere else but to the log, else continue]
    #[arg(long, env = "NAD_ON_CLOSED_STDOUT", hide_env_values = true, value_name = "WHAT", help_heading = TERMINAL)]
    pub(super) on_closed_stdout: Option<ClosedStdout>,
    #[command(flatten)]
    pub(super) state: StateDirArgs,
    #[command(flatten)]
    pub(super) security: SandboxArgs,
    #[command(flatten)]
    pub(super) decision: DecisionArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Capture file; - for standard input
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) task: TaskArgs,
    /// Write index,score of every packet that was scored
    #[arg(long, value_name = "OUT.csv", help_heading = OUTPUTS)]
    pub(super) scores: Option<PathBuf>,
    #[command(flatten)]
    pub(super) security: SandboxArgs,
    #[command(flatten)]
    pub(super) decision: DecisionArgs,
}

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// Capture files, and directories of capture files, in the order of their packets' times; without any, packets come from
    /// the interfaces
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) live: LiveArgs,
    /// Length of the baseline, such as 300s, 5m or 1h, by the packets' clock [default: all of the captures, 60s of an
    /// interface]
    #[arg(long, env = "NAD_TRAIN_FOR", hide_env_values = true, value_name = "TIME", help_heading = MODEL)]
    pub(super) train_for: Option<Length>,
    /// Packets of the baseline
    #[arg(long, env = "NAD_TRAIN_PACKETS", hide_env_values = true, value_name = "N", help_heading = MODEL)]
    pub(super) train_packets: Option<u64>,
    #[command(flatten)]
    pub(super) model: ModelArgs,
    /// Where the model is written
    #[arg(long, value_name = "MODEL", help_heading = MODEL)]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) payload: PayloadArgs,
    #[command(flatten)]
    pub(super) threads: ThreadArgs,
    #[command(flatten)]
    pub(super) security: SandboxArgs,
    #[command(flatten)]
    pub(super) terminal: TerminalArgs,
}

#[derive(Debug, Args)]
pub(super) struct FeaturesArgs {
    /// Capture file; - for standard input
    #[arg(required_unless_present = "list")]
    pub(super) file: Option<PathBuf>,
    /// Where the table is written: CSV or Parquet, by the ending of the name
    #[arg(long, value_name = "OUT.csv|OUT.parquet", required_unless_present = "list")]
    pub(super) out: Option<PathBuf>,
    /// The view whose features are written
    #[arg(long, value_name = "VIEW", default_value = "packet", value_parser = view)]
    pub(super) view: View,
    /// Length of the baseline: what was seen in it is known after it [default: 60s]
    #[arg(long, env = "NAD_TRAIN_FOR", hide_env_values = true, value_name = "TIME")]
    pub(super) train_for: Option<Length>,
    /// Print a JSON object with the names of each view's features instead
    #[arg(long, conflicts_with_all = ["file", "out"])]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) security: SandboxArgs,
}

fn view(name: &str) -> Result<View, String> {
    View::named(name).ok_or_else(|| format!("there are {}", View::ALL.map(View::name).join(", ")))
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Interface to examine, as for `nad run`; may be given more than once [default: that of the default route]
    #[arg(long, env = "NAD_IFACE", hide_env_values = true, value_name = "IF", value_delimiter = ',')]
    pub(super) iface: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Tell all of it as a JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Unix socket of the sensor [default: that of the config file, else /run/nad/nad.sock]
    #[arg(long, env = "NAD_STATUS_SOCKET", hide_env_values = true, value_name = "SOCKET")]
    pub(super) status_socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TestOutputArgs {
    /// Which output is tested, also where it is not enabled
    #[arg(value_parser = tested())]
    pub(super) output: String,
}

/// One line of what clap says in several, as all of nad's errors have one.
fn from_clap(error: clap::Error) -> UsageError {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return UsageError::Arguments(error);
    }
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(reason) = renamed_flag(flag)
    {
        return UsageError::Flags(reason);
    }
    let text = error.render().to_string();
    let said = text.split("\nUsage:").next().unwrap_or_default();
    let mut line = String::new();
    for part in said.lines().map(str::trim).filter(|part| !part.is_empty()) {
        let separator = match line.chars().last() {
            None => "",
            Some(':' | ',') => " ",
            Some(_) => "; ",
        };
        line = line + separator + part.strip_prefix("error: ").unwrap_or(part);
    }
    UsageError::Flags(line.replace("; For more information, try '--help'.", "; try --help"))
}

/// Reads the name of a section whose sinks can be tested. One that this nad was built without is known, too, and says so.
fn tested() -> PossibleValuesParser {
    let file = File::default();
    let known = file.sinks().into_iter().filter_map(|(name, section)| match section.test_help() {
        Some(help) => Some(PossibleValue::new(name).help(help)),
        None => section.tested().is_err().then(|| PossibleValue::new(name).hide(true)),
    });
    PossibleValuesParser::new(known.collect::<Vec<_>>())
}
