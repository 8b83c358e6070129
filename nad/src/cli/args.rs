//! The arguments as clap reads them, not yet checked.

use std::{env, ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use nad_engine::{features::View, model::trainer::TrainerKind, policy::AlertBudget};

use super::{
    UsageError,
    history::{IncidentsArgs, ReportArgs},
};
use crate::{
    config::{
        ClosedStdout, DEFAULT_COUNT, File, Length, ShardCount, ThreadsSection, refuse_renamed_variables,
        renamed_flag,
    },
    files::FileMode,
    format::AlertFormat,
    output::terminal::{Color, Format},
    parts::Part,
    sandbox::Level,
    settings::Listen,
    shedding::SamplingMode,
    source::xdp::{Directions, XdpMode},
};

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 failed, 2 wrong usage or settings; with --fail-on-anomaly 3 anomalies found, 4 hosts could not be \
     judged";
const EXIT_CODES_OF_RUN: &str = "Exit codes: 0 fine, 1 failed, 2 wrong usage or settings; with --fail-on-anomaly 3 anomalies found, 4 hosts could not be \
     judged; 5 nobody reads standard output any more (see --on-closed-stdout)";
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
#[command(name = "nad", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Cli {
    /// Config file [default: nad.toml, where there is one]
    #[arg(long, global = true, env = "NAD_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Log file; "none" for none [default: logs/anomaly_detector.log]
    #[arg(long, global = true, env = "NAD_LOG", hide_env_values = true, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// Mode of the files that nad makes: 0600, 0640 or 0644 [default: 0600]
    #[arg(long, global = true, env = "NAD_FILE_MODE", hide_env_values = true, value_name = "MODE")]
    pub(super) file_mode: Option<FileMode>,
    /// Group of the files that nad makes, by name or number [default: that of nad's user]
    #[arg(long, global = true, env = "NAD_FILE_GROUP", hide_env_values = true, value_name = "GROUP")]
    pub(super) file_group: Option<String>,
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
    /// The values are those that the forests see: counts, rates and lengths on a logarithmic scale, log2(1 + value), and
    /// what is unremarkable on any network raised to the largest such value. A row of the packet view is a packet, with
    /// its place in the capture; a row of another view is a second of a host, of a client-service pair or of
    /// a MAC address, with the end of that second as its time.
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Features(FeaturesArgs),
    /// List, show or export the incidents of a history
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES, hide = !Part::History.is_built())]
    Incidents(IncidentsArgs),
    /// Make a page for a browser of what was found and what went on, from a history or from a capture file
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES, hide = !Part::History.is_built())]
    Report(ReportArgs),
    /// Check whether this machine can run nad, and say what to do where it can't
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    Doctor(DoctorArgs),
    /// Send one test message by the settings of the config file, and say what the server answered
    ///
    /// The password of the section email is that of NAD_SMTP_PASSWORD, where it is set, or else in its password_file.
    #[command(after_help = EXIT_CODES_WITHOUT_ANOMALIES)]
    TestOutput(TestOutputArgs),
    /// Check a config file, or show every setting that is in force
    Config(ConfigArgs),
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
    /// Config file [default: that of --config, else nad.toml]
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
    #[arg(long, env = "NAD_COUNT", hide_env_values = true, value_name = "N", num_args = 0..=1, default_missing_value = DEFAULT_COUNT)]
    pub(super) count: Option<u64>,
    /// Serve metrics and health by HTTP, as /metrics, /healthz and /readyz, for instance at 127.0.0.1:9469; "none" for not
    #[arg(long, env = "NAD_METRICS", hide_env_values = true, value_name = "ADDR:PORT", hide = !Part::Metrics.is_built())]
    pub(super) metrics: Option<Listen>,
    /// What happens where nobody reads standard output any more: continue without it, or exit with 5 [default: exit where it
    /// is a pipe or a terminal and incidents go nowhere else but to the log, else continue]
    #[arg(long, env = "NAD_ON_CLOSED_STDOUT", hide_env_values = true, value_name = "WHAT")]
    pub(super) on_closed_stdout: Option<ClosedStdout>,
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
    #[arg(long, value_name = "OUT.csv")]
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
    #[arg(long, env = "NAD_TRAIN_FOR", hide_env_values = true, value_name = "TIME")]
    pub(super) train_for: Option<Length>,
    /// Packets of the baseline
    #[arg(long, env = "NAD_TRAIN_PACKETS", hide_env_values = true, value_name = "N")]
    pub(super) train_packets: Option<u64>,
    #[command(flatten)]
    pub(super) model: ModelArgs,
    /// Where the model is written
    #[arg(long, value_name = "MODEL")]
    pub(super) out: PathBuf,
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
pub(super) struct TestOutputArgs {
    /// Which output is tested, also where it is not enabled
    #[arg(value_parser = tested())]
    pub(super) output: String,
}

#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// Interface to watch: a name, another name (altname), a pattern (* and ?), or "all" (but lo); a bridge or bond with its
    /// ports; may be given more than once [default: that of the default route]
    #[arg(long, env = "NAD_IFACE", hide_env_values = true, value_name = "IF", value_delimiter = ',')]
    pub(super) iface: Vec<String>,
    /// Which packets of the interface: those that it receives, those that it sends, or both [default: both]
    #[arg(long, env = "NAD_DIRECTION", hide_env_values = true, value_name = "DIRECTION")]
    pub(super) direction: Option<Directions>,
    /// How to attach; auto tries native, then generic, and says which it got and why [default: auto]
    #[arg(long, env = "NAD_XDP_MODE", hide_env_values = true, value_name = "MODE")]
    pub(super) xdp_mode: Option<XdpMode>,
    /// Bytes of each CPU's ring, a power of two [default: 8388608, less where memory is short]
    #[arg(long, env = "NAD_RING_BYTES", hide_env_values = true, value_name = "BYTES")]
    pub(super) ring_bytes: Option<u32>,
    /// Whether packets are left out, by design and counted, where there are more than can be judged [default: auto]
    #[arg(long, env = "NAD_SAMPLING", hide_env_values = true, value_name = "WHEN")]
    pub(super) sampling: Option<SamplingMode>,
    /// Log what the kernel program finds odd
    #[arg(long)]
    pub(super) kernel_log: bool,
    /// Whose rights nad has: a name, a number, or UID:GID [default: nad or the caller of sudo, who can write the outputs]
    #[arg(long, env = "NAD_USER", hide_env_values = true, value_name = "USER")]
    pub(super) user: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(super) struct SandboxArgs {
    /// What nad gives up before it reads packets: what is possible, all of it or nothing is started, or capabilities only
    /// [default: auto]
    #[arg(long, env = "NAD_SANDBOX", hide_env_values = true, value_name = "LEVEL")]
    pub(super) sandbox: Option<Level>,
}

#[derive(Debug, Args)]
pub(super) struct TaskArgs {
    /// Length of the baseline, such as 300s, 5m or 1h, by the packets' clock [default: 60s]
    #[arg(long, env = "NAD_TRAIN_FOR", hide_env_values = true, value_name = "TIME")]
    pub(super) train_for: Option<Length>,
    /// Packets of the baseline
    #[arg(long, env = "NAD_TRAIN_PACKETS", hide_env_values = true, value_name = "N")]
    pub(super) train_packets: Option<u64>,
    /// A model saved by `nad train`, instead of a baseline
    #[arg(long, env = "NAD_MODEL", hide_env_values = true, value_name = "MODEL")]
    pub(super) model: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// Share of the baseline above the threshold, up to 0.5 [default: 0.0001; with --count 0.01]
    #[arg(long, env = "NAD_CONTAMINATION", hide_env_values = true, value_name = "C")]
    pub(super) contamination: Option<f64>,
    /// Extension level of the forests; 0 is the standard isolation forest [default: 0 for packets, else full]
    #[arg(long, env = "NAD_EXTENSION_LEVEL", hide_env_values = true, value_name = "N")]
    pub(super) extension_level: Option<usize>,
    /// Number that everything that is drawn follows from: the same packets give the same model [default: 0]
    #[arg(long, env = "NAD_SEED", hide_env_values = true, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Who grows the forests; the crate's are other ones each time [default: seeded]
    #[arg(long, env = "NAD_TRAINER", hide_env_values = true, value_name = "TRAINER", value_parser = trainer())]
    pub(super) trainer: Option<TrainerKind>,
    /// Leave a feature out, as view/feature, or in every view that has it; may be given more than once (for evaluation)
    #[arg(long, value_name = "FEATURE", hide = true)]
    pub(super) without: Vec<String>,
}

#[derive(Debug, Default, Args)]
pub(super) struct OutputArgs {
    /// Write one JSON object per incident, when it closes
    #[arg(long, env = "NAD_INCIDENTS", hide_env_values = true, value_name = "OUT.jsonl")]
    pub(super) incidents: Option<PathBuf>,
    /// Write incidents whenever there is something new of them, not only when they close
    #[arg(long, requires = "incidents")]
    pub(super) follow: bool,
    /// Show and log each anomalous packet, too
    #[arg(long)]
    pub(super) packets: bool,
    /// Write one JSON object per anomalous packet
    #[arg(long, env = "NAD_ALERTS", hide_env_values = true, value_name = "OUT.jsonl")]
    pub(super) alerts: Option<PathBuf>,
    /// What both files contain: nad's own JSON, Suricata's EVE, Elastic Common Schema, or OCSF [default: native]
    #[arg(long, env = "NAD_ALERT_FORMAT", hide_env_values = true, value_name = "FORMAT")]
    pub(super) alert_format: Option<AlertFormat>,
    /// Keep incidents and what went on in this file, for `nad incidents` and `nad report`
    #[arg(long, env = "NAD_HISTORY", hide_env_values = true, value_name = "FILE", hide = !Part::History.is_built())]
    pub(super) history: Option<PathBuf>,
    /// What is printed on standard output [default: table on a terminal, plain elsewhere]
    #[arg(long, env = "NAD_FORMAT", hide_env_values = true, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) terminal: TerminalArgs,
}

#[derive(Debug, Default, Args)]
pub(super) struct TerminalArgs {
    /// Print only incidents and errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// When the format table has colour; auto heeds NO_COLOR and CLICOLOR_FORCE [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub(super) color: Option<Color>,
}

#[derive(Debug, Clone, Default, Args)]
pub(super) struct ThreadArgs {
    /// Threads that share the packets' work: auto, which is half of the CPUs, or 1 to 16; what is found does not depend on it
    /// [default: auto]
    #[arg(long, env = "NAD_SHARDS", hide_env_values = true, value_name = "N")]
    pub(super) shards: Option<ShardCount>,
    /// CPUs that these threads are bound to, in turn, such as 2,3 [default: the kernel chooses]
    #[arg(long, env = "NAD_CPUS", hide_env_values = true, value_name = "CPUS", value_delimiter = ',')]
    pub(super) cpus: Option<Vec<usize>>,
}

impl ThreadArgs {
    /// As if it stood in the file.
    pub(super) fn section(self) -> ThreadsSection {
        ThreadsSection { shards: self.shards, cpus: self.cpus }
    }
}

#[derive(Debug, Args)]
pub(super) struct DecisionArgs {
    #[command(flatten)]
    pub(super) model: ModelArgs,
    /// How many incidents that turn out to be nothing are acceptable, such as 5/day, 1/hour or 2/week [default: 5/day]
    #[arg(long, env = "NAD_ALERT_BUDGET", hide_env_values = true, value_name = "BUDGET")]
    pub(super) alert_budget: Option<AlertBudget>,
    #[command(flatten)]
    pub(super) threads: ThreadArgs,
    #[command(flatten)]
    pub(super) outputs: OutputArgs,
    /// Exit with 3 when there was an incident or an anomalous packet, with 4 when hosts could not be judged
    #[arg(long)]
    pub(super) fail_on_anomaly: bool,
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

/// Reads a trainer's name.
fn trainer() -> impl TypedValueParser<Value = TrainerKind> {
    let known = TrainerKind::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.summary()));
    PossibleValuesParser::new(known).try_map(|name| {
        let named = TrainerKind::ALL.into_iter().find(|kind| kind.name() == name);
        named.ok_or_else(|| format!("{name} is no trainer"))
    })
}
