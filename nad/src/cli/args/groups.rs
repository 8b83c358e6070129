//! Flags that several commands have.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use nad_engine::{model::trainer::TrainerKind, policy::AlertBudget};

use crate::{
    config::{Length, ShardCount, ThreadsSection},
    format::AlertFormat,
    output::terminal::{Color, Format},
    parts::Part,
    sandbox::Level,
    shedding::SamplingMode,
    source::{
        heads::HeadLevel,
        xdp::{Directions, XdpMode},
    },
};

/// Headings of the groups in which help lists flags.
pub(in crate::cli) const CAPTURE: &str = "Capture";
pub(in crate::cli) const MODEL: &str = "Baseline and model";
pub(in crate::cli) const DETECTION: &str = "Detection";
pub(in crate::cli) const OUTPUTS: &str = "Outputs";
pub(in crate::cli) const TERMINAL: &str = "Terminal";
pub(in crate::cli) const SECURITY: &str = "Security";
pub(in crate::cli) const FILES: &str = "Settings and files";

#[derive(Debug, Args)]
#[command(next_help_heading = CAPTURE)]
pub(in crate::cli) struct LiveArgs {
    /// Interface to watch: a name, another name (altname), a pattern (* and ?), or "all" (but lo); a bridge or bond with its
    /// ports; may be given more than once [default: that of the default route]
    #[arg(long, env = "NAD_IFACE", hide_env_values = true, value_name = "IF", value_delimiter = ',')]
    pub(in crate::cli) iface: Vec<String>,
    /// Which packets of the interface: those that it receives, those that it sends, or both [default: both]
    #[arg(long, env = "NAD_DIRECTION", hide_env_values = true, value_name = "DIRECTION")]
    pub(in crate::cli) direction: Option<Directions>,
    /// How to attach; auto tries native, then generic, and says which it got and why [default: auto]
    #[arg(long, env = "NAD_XDP_MODE", hide_env_values = true, value_name = "MODE")]
    pub(in crate::cli) xdp_mode: Option<XdpMode>,
    /// Bytes of each CPU's ring, a power of two [default: 8388608, less where memory is short]
    #[arg(long, env = "NAD_RING_BYTES", hide_env_values = true, value_name = "BYTES")]
    pub(in crate::cli) ring_bytes: Option<u32>,
    /// Whether packets are left out, by design and counted, where there are more than can be judged [default: auto]
    #[arg(long, env = "NAD_SAMPLING", hide_env_values = true, value_name = "WHEN")]
    pub(in crate::cli) sampling: Option<SamplingMode>,
    /// Log what the kernel program finds odd
    #[arg(long)]
    pub(in crate::cli) kernel_log: bool,
    /// Whose rights nad has: a name, a number, or UID:GID [default: nad or the caller of sudo, who can write the outputs]
    #[arg(long, env = "NAD_USER", hide_env_values = true, value_name = "USER", help_heading = SECURITY)]
    pub(in crate::cli) user: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = SECURITY)]
pub(in crate::cli) struct SandboxArgs {
    /// What nad gives up before it reads packets: what is possible, all of it or nothing is started, or capabilities only
    /// [default: auto]
    #[arg(long, env = "NAD_SANDBOX", hide_env_values = true, value_name = "LEVEL")]
    pub(in crate::cli) sandbox: Option<Level>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = MODEL)]
pub(in crate::cli) struct TaskArgs {
    /// Length of the baseline, such as 300s, 5m or 1h, by the packets' clock [default: 60s]
    #[arg(long, env = "NAD_TRAIN_FOR", hide_env_values = true, value_name = "TIME")]
    pub(in crate::cli) train_for: Option<Length>,
    /// Packets of the baseline
    #[arg(long, env = "NAD_TRAIN_PACKETS", hide_env_values = true, value_name = "N")]
    pub(in crate::cli) train_packets: Option<u64>,
    /// A model saved by `nad train`, instead of a baseline
    #[arg(long, env = "NAD_MODEL", hide_env_values = true, value_name = "MODEL")]
    pub(in crate::cli) model: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = MODEL)]
pub(in crate::cli) struct ModelArgs {
    /// Share of the baseline above the threshold, up to 0.5 [default: 0.0001; with --count 0.01]
    #[arg(long, env = "NAD_CONTAMINATION", hide_env_values = true, value_name = "C")]
    pub(in crate::cli) contamination: Option<f64>,
    /// Extension level of the forests; 0 is the standard isolation forest [default: 0 for packets, else full]
    #[arg(long, env = "NAD_EXTENSION_LEVEL", hide_env_values = true, value_name = "N")]
    pub(in crate::cli) extension_level: Option<usize>,
    /// Number that everything that is drawn follows from: the same packets give the same model [default: 0]
    #[arg(long, env = "NAD_SEED", hide_env_values = true, value_name = "N")]
    pub(in crate::cli) seed: Option<u64>,
    /// Who grows the forests; the crate's are other ones each time [default: seeded]
    #[arg(long, env = "NAD_TRAINER", hide_env_values = true, value_name = "TRAINER", value_parser = trainer())]
    pub(in crate::cli) trainer: Option<TrainerKind>,
    /// Leave a feature out, as view/feature, or in every view that has it; may be given more than once (for evaluation)
    #[arg(long, value_name = "FEATURE", hide = true)]
    pub(in crate::cli) without: Vec<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = OUTPUTS)]
pub(in crate::cli) struct OutputArgs {
    /// Write one JSON object per incident, when it closes
    #[arg(long, env = "NAD_INCIDENTS", hide_env_values = true, value_name = "OUT.jsonl")]
    pub(in crate::cli) incidents: Option<PathBuf>,
    /// Write incidents whenever there is something new of them, not only when they close
    #[arg(long, requires = "incidents")]
    pub(in crate::cli) follow: bool,
    /// Show and log each anomalous packet, too
    #[arg(long)]
    pub(in crate::cli) packets: bool,
    /// Write one JSON object per anomalous packet
    #[arg(long, env = "NAD_ALERTS", hide_env_values = true, value_name = "OUT.jsonl")]
    pub(in crate::cli) alerts: Option<PathBuf>,
    /// What both files contain: nad's own JSON, Suricata's EVE, Elastic Common Schema, or OCSF [default: native]
    #[arg(long, env = "NAD_ALERT_FORMAT", hide_env_values = true, value_name = "FORMAT")]
    pub(in crate::cli) alert_format: Option<AlertFormat>,
    /// Keep incidents and what went on in this file, for `nad incidents` and `nad report`
    #[arg(long, env = "NAD_HISTORY", hide_env_values = true, value_name = "FILE", hide = !Part::History.is_built())]
    pub(in crate::cli) history: Option<PathBuf>,
    /// What is printed on standard output [default: table on a terminal, plain elsewhere]
    #[arg(long, env = "NAD_FORMAT", hide_env_values = true, value_name = "FORMAT", help_heading = TERMINAL)]
    pub(in crate::cli) format: Option<Format>,
    #[command(flatten)]
    pub(in crate::cli) terminal: TerminalArgs,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = TERMINAL)]
pub(in crate::cli) struct TerminalArgs {
    /// Print only incidents and errors
    #[arg(long)]
    pub(in crate::cli) quiet: bool,
    /// When the format table has colour; auto heeds NO_COLOR and CLICOLOR_FORCE [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub(in crate::cli) color: Option<Color>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = DETECTION)]
pub(in crate::cli) struct ThreadArgs {
    /// Threads that share the packets' work: auto, which is half of the CPUs, or 1 to 16; what is found does not depend on it
    /// [default: auto]
    #[arg(long, env = "NAD_SHARDS", hide_env_values = true, value_name = "N")]
    pub(in crate::cli) shards: Option<ShardCount>,
    /// CPUs that these threads are bound to, in turn, such as 2,3 [default: the kernel chooses]
    #[arg(long, env = "NAD_CPUS", hide_env_values = true, value_name = "CPUS", value_delimiter = ',')]
    pub(in crate::cli) cpus: Option<Vec<usize>>,
}

impl ThreadArgs {
    /// As if it stood in the file.
    pub(in crate::cli) fn section(self) -> ThreadsSection {
        ThreadsSection { shards: self.shards, cpus: self.cpus }
    }
}

#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct StateDirArgs {
    /// Directory in which what was learnt and found is kept for the next start; "none" for none [default: STATE_DIRECTORY of
    /// systemd, else none]
    #[arg(long, env = "NAD_STATE_DIR", hide_env_values = true, value_name = "DIR", help_heading = FILES)]
    pub(in crate::cli) state_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = DETECTION)]
pub(in crate::cli) struct PayloadArgs {
    /// Which payloads' first bytes are looked at: none, those with names (DNS, DHCP, TLS), or all that begin or refuse
    /// something [default: full]
    #[arg(long, env = "NAD_PAYLOAD", hide_env_values = true, value_name = "LEVEL")]
    pub(in crate::cli) payload: Option<HeadLevel>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DecisionArgs {
    #[command(flatten)]
    pub(in crate::cli) model: ModelArgs,
    /// How many incidents that turn out to be nothing are acceptable, such as 5/day, 1/hour or 2/week [default: 5/day]
    #[arg(long, env = "NAD_ALERT_BUDGET", hide_env_values = true, value_name = "BUDGET", help_heading = DETECTION)]
    pub(in crate::cli) alert_budget: Option<AlertBudget>,
    #[command(flatten)]
    pub(in crate::cli) payload: PayloadArgs,
    #[command(flatten)]
    pub(in crate::cli) threads: ThreadArgs,
    #[command(flatten)]
    pub(in crate::cli) outputs: OutputArgs,
    /// Exit with 3 when there was an incident or an anomalous packet, with 4 when hosts could not be judged
    #[arg(long, help_heading = OUTPUTS)]
    pub(in crate::cli) fail_on_anomaly: bool,
}

/// Reads a trainer's name.
fn trainer() -> impl TypedValueParser<Value = TrainerKind> {
    let known = TrainerKind::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.summary()));
    PossibleValuesParser::new(known).try_map(|name| {
        let named = TrainerKind::ALL.into_iter().find(|kind| kind.name() == name);
        named.ok_or_else(|| format!("{name} is no trainer"))
    })
}
