//! The arguments of `nad incidents` and `nad report`, and the settings that they make.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Subcommand, ValueEnum};
use nad_engine::{
    incident::{
        allow::{AddressRange, Criteria},
        shape::Shape,
    },
    policy::AlertBudget,
};
use serde::{Deserialize, de::IntoDeserializer};

use super::{
    UsageError,
    args::{
        DETECTION, DecisionArgs, ModelArgs, OutputArgs, PayloadArgs, ReplayArgs, SandboxArgs, TaskArgs,
        ThreadArgs,
    },
};
use crate::{
    command::{
        incidents::{Doing, Export, IncidentsConfig, Listing, Marking},
        known::{self, KnownConfig},
        report::{ReportConfig, ReportSource},
    },
    config::{ConfigError, File, Length},
    history::{Filter, Mark, Standing},
    known::KnownFile,
    output::log::LogConfig,
    settings::moment,
};

#[derive(Debug, Args)]
pub(super) struct IncidentsArgs {
    #[command(subcommand)]
    doing: DoingArgs,
}

#[derive(Debug, Subcommand)]
enum DoingArgs {
    /// A line for each incident, in the order in which they began
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// How they are written
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: Listing,
        #[command(flatten)]
        history: HistoryArgs,
    },
    /// Everything that is known of an incident
    Show {
        /// Its id, as list gives it, or its uid
        id: String,
        #[command(flatten)]
        history: HistoryArgs,
    },
    /// Say what an incident is: normal and noise are not reported again for a while
    Mark {
        /// Its id, as list gives it, or its uid
        id: String,
        /// What it is
        mark: Mark,
        /// Why, for whoever reads it later
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
        /// For how long what it tells of is allowed [default: 90d where it is normal, 7d where it is noise]
        #[arg(long = "for", value_name = "TIME")]
        lasts: Option<Length>,
        #[command(flatten)]
        history: HistoryArgs,
    },
    /// All incidents with all fields, for other programs
    Export {
        #[command(flatten)]
        filter: FilterArgs,
        /// How they are written
        #[arg(long, value_name = "FORMAT", default_value = "json")]
        format: Export,
        #[command(flatten)]
        history: HistoryArgs,
    },
}

#[derive(Debug, Args)]
struct HistoryArgs {
    /// The history [default: that of the config file]
    #[arg(long, env = "NAD_HISTORY", hide_env_values = true, value_name = "FILE")]
    history: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FilterArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// Source or target: an IP address, a prefix as 10.0.0.0/24, or a MAC address
    #[arg(long, value_name = "ADDRESS")]
    host: Option<AddressRange>,
    /// What it looks like, such as port-scan or "SYN flood"
    #[arg(long, value_name = "SHAPE", value_parser = shape)]
    shape: Option<Shape>,
    /// Where it is in its life
    #[arg(long, value_name = "STATE")]
    state: Option<StateArg>,
    /// The last N only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
struct PeriodArgs {
    /// What went on after this moment: 24h ago, today, yesterday, 2026-11-26, or "2026-11-26 13:43" in the machine's time zone
    /// [default: from the beginning]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<u64>,
    /// What went on before this moment [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    /// Further alerts are expected
    Open,
    /// It is over
    Closed,
    /// It was open when nad was killed
    RunEnded,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Where the page is written
    #[arg(long, value_name = "OUT.html")]
    out: PathBuf,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    history: HistoryArgs,
    /// A capture file that is replayed for the report, instead of a history
    #[arg(long, value_name = "FILE.pcap", conflicts_with_all = ["since", "until"])]
    capture: Option<PathBuf>,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// How many incidents that turn out to be nothing are acceptable, such as 5/day, 1/hour or 2/week [default: 5/day]
    #[arg(long, env = "NAD_ALERT_BUDGET", hide_env_values = true, value_name = "BUDGET", help_heading = DETECTION)]
    alert_budget: Option<AlertBudget>,
}

impl IncidentsArgs {
    pub(super) fn check(self, file: &File) -> Result<IncidentsConfig, UsageError> {
        let (doing, history) = match self.doing {
            DoingArgs::List { filter, format, history } => (Doing::List(filter.check()?, format), history),
            DoingArgs::Show { id, history } => (Doing::Show(id), history),
            DoingArgs::Mark { id, mark, comment, lasts, history } => {
                if mark == Mark::Confirmed && lasts.is_some() {
                    let line = "--for goes with normal and noise: what is confirmed is allowed for no time";
                    return Err(ConfigError::Value(line.into()).into());
                }
                let comment = comment.filter(|comment| !comment.trim().is_empty());
                let lasts = lasts.map(|length| length.0);
                (Doing::Mark(Marking { id, mark, comment, lasts }), history)
            }
            DoingArgs::Export { filter, format, history } => {
                (Doing::Export(filter.check()?, format), history)
            }
        };
        Ok(IncidentsConfig { history: history.path(file)?, doing })
    }
}

#[derive(Debug, Args)]
pub(super) struct KnownArgs {
    #[command(subcommand)]
    doing: KnownDoingArgs,
}

#[derive(Debug, Subcommand)]
enum KnownDoingArgs {
    /// What was marked as normal or noise, and what is allowed for it
    List {
        #[command(flatten)]
        history: HistoryArgs,
    },
    /// Report again what an incident told of
    Forget {
        /// Its uid, as list gives it
        incident: String,
        #[command(flatten)]
        history: HistoryArgs,
    },
}

impl KnownArgs {
    pub(super) fn check(self, file: &File) -> Result<KnownConfig, UsageError> {
        let (doing, history) = match self.doing {
            KnownDoingArgs::List { history } => (known::Doing::List, history),
            KnownDoingArgs::Forget { incident, history } => (known::Doing::Forget(incident), history),
        };
        Ok(KnownConfig { history: history.path(file)?, doing })
    }
}

/// What is allowed as it was marked so, beside the history that a flag or the file names.
pub(super) fn known_rules(given: Option<&Path>, file: &File) -> Result<Vec<Criteria>, ConfigError> {
    let Some(history) = given.or(file.history.path.as_deref()) else { return Ok(Vec::new()) };
    let known = KnownFile::beside(history).map_err(|error| ConfigError::Value(error.to_string()))?;
    Ok(known.criteria().collect())
}

impl ReportArgs {
    /// Whether it is of a capture and not of a history.
    pub(super) fn is_of_capture(&self) -> bool {
        self.capture.is_some()
    }

    pub(super) fn check(
        self,
        flags: Option<&ArgMatches>,
        file: &File,
        log: LogConfig,
    ) -> Result<ReportConfig, UsageError> {
        let period = self.period.check()?;
        let Some(capture) = self.capture else {
            return Ok(ReportConfig {
                source: ReportSource::History(self.history.path(file)?, period),
                out: self.out,
            });
        };
        let outputs = OutputArgs::default();
        let decision = DecisionArgs {
            model: self.model,
            alert_budget: self.alert_budget,
            payload: PayloadArgs::default(),
            threads: ThreadArgs::default(),
            outputs,
            fail_on_anomaly: false,
        };
        let args = ReplayArgs {
            file: capture,
            task: self.task,
            scores: None,
            security: SandboxArgs::default(),
            decision,
        };
        let replay = super::replay(args, flags, file, log)?;
        Ok(ReportConfig { source: ReportSource::Capture(Box::new(replay)), out: self.out })
    }
}

impl HistoryArgs {
    fn path(self, file: &File) -> Result<PathBuf, ConfigError> {
        self.history.or_else(|| file.history.path.clone()).ok_or_else(|| {
            ConfigError::Value(
                "there is no history to read: name the file with --history, or in the config file as path of [history]"
                    .into(),
            )
        })
    }
}

impl FilterArgs {
    fn check(self) -> Result<Filter, ConfigError> {
        let (since_ns, until_ns) = self.period.check()?;
        let state = self.state.map(|state| match state {
            StateArg::Open => Standing::Open,
            StateArg::Closed => Standing::Closed,
            StateArg::RunEnded => Standing::CutOff,
        });
        let limit = self.limit.map(|limit| limit as usize);
        Ok(Filter { since_ns, until_ns, host: self.host, shape: self.shape, state, limit })
    }
}

impl PeriodArgs {
    fn check(&self) -> Result<(Option<u64>, Option<u64>), ConfigError> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since >= until => Err(ConfigError::Value(
                "since is not before until, so there is nothing between them: exchange them".into(),
            )),
            period => Ok(period),
        }
    }
}

/// A shape, by the name that incidents have or the one that rules have.
fn shape(text: &str) -> Result<Shape, String> {
    let name = text.to_lowercase().replace(' ', "-");
    let name = if name == "unusual-traffic" { "unusual" } else { &name };
    Shape::deserialize(name.into_deserializer())
        .map_err(|error: serde::de::value::Error| error.to_string().replace('`', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_the_name_that_it_is_listed_with_and_the_one_of_rules() {
        for (text, expected) in [
            ("port scan", Shape::PortScan),
            ("port-scan", Shape::PortScan),
            ("SYN flood", Shape::SynFlood),
            ("unusual traffic", Shape::Unusual),
            ("unusual", Shape::Unusual),
        ] {
            assert_eq!(shape(text), Ok(expected), "{text}");
        }
        let error = shape("portscan").unwrap_err();
        assert!(error.contains("portscan") && error.contains("port-scan"), "{error}");
    }
}
