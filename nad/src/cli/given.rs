//! What flags and environment say, as if it stood in the file.

use std::path::PathBuf;

use clap::{ArgMatches, parser::ValueSource};

use super::args::RunArgs;
use crate::{
    config::{
        AlertsSection, CaptureSection, File, FilesSection, LogSection, OneOrMany, OutputSection,
        PayloadSection, SensorSection, StateSection, TrainingSection,
    },
    output::SinkContext,
    sandbox::SecuritySection,
};

/// Flags that are settings of the file, too: the flag's name, the section, and the setting.
const FLAGS: [(&str, &str, &str); 32] = [
    ("iface", "capture", "interface"),
    ("count", "capture", "packet_count"),
    ("direction", "capture", "direction"),
    ("xdp_mode", "capture", "xdp_mode"),
    ("ring_bytes", "capture", "ring_bytes"),
    ("sampling", "capture", "sampling"),
    ("train_for", "training", "train_for"),
    ("train_packets", "training", "train_packets"),
    ("model", "training", "model"),
    ("contamination", "training", "contamination"),
    ("extension_level", "training", "extension_level"),
    ("seed", "training", "seed"),
    ("trainer", "training", "trainer"),
    ("alert_budget", "alerts", "budget"),
    ("payload", "payload", "level"),
    ("shards", "threads", "shards"),
    ("cpus", "threads", "cpus"),
    ("alert_format", "output", "alert_format"),
    ("format", "output", "format"),
    ("color", "output", "color"),
    ("quiet", "output", "quiet"),
    ("on_closed_stdout", "output", "on_closed_stdout"),
    ("history", "history", "path"),
    ("metrics", "metrics", "listen"),
    ("status_socket", "status", "socket"),
    ("log", "log", "path"),
    ("file_mode", "files", "mode"),
    ("file_group", "files", "group"),
    ("state_dir", "state", "dir"),
    ("sandbox", "security", "sandbox"),
    ("user", "security", "user"),
    ("sensor_name", "sensor", "name"),
];

/// The settings that flags and environment give.
pub(super) fn given(
    args: &RunArgs,
    log: Option<PathBuf>,
    files: FilesSection,
    sensor: SensorSection,
) -> File {
    let RunArgs { live, task, count, decision, security, state, metrics, status_socket, on_closed_stdout } =
        args;
    let outputs = &decision.outputs;
    let (history, status) = (outputs.history.clone(), status_socket.clone());
    let sinks = SinkContext { history, metrics: *metrics, status, ..SinkContext::default() };
    let interface = (!live.iface.is_empty()).then(|| OneOrMany::Many(live.iface.clone()));
    File {
        capture: CaptureSection {
            interface,
            packet_count: *count,
            direction: live.direction,
            xdp_mode: live.xdp_mode,
            ring_bytes: live.ring_bytes,
            sampling: live.sampling,
        },
        training: TrainingSection {
            train_for: task.train_for,
            train_packets: task.train_packets,
            model: task.model.clone(),
            contamination: decision.model.contamination,
            extension_level: decision.model.extension_level,
            seed: decision.model.seed,
            trainer: decision.model.trainer,
            ..TrainingSection::default()
        },
        alerts: AlertsSection { budget: decision.alert_budget, ..AlertsSection::default() },
        payload: PayloadSection { level: decision.payload.payload, ..PayloadSection::default() },
        threads: decision.threads.clone().section(),
        output: OutputSection {
            format: outputs.format,
            color: outputs.terminal.color,
            quiet: outputs.terminal.quiet.then_some(true),
            alert_format: outputs.alert_format,
            on_closed_stdout: *on_closed_stdout,
        },
        log: LogSection { path: log, ..LogSection::default() },
        files,
        sensor,
        state: StateSection { dir: state.state_dir.clone(), ..StateSection::default() },
        security: SecuritySection { sandbox: security.sandbox, user: live.user.clone() },
        ..File::of_sinks(&sinks)
    }
}

/// The flag or the variable that gave a setting.
pub(super) fn given_by(matches: Option<&ArgMatches>, section: &str, key: &str) -> Option<String> {
    let (name, ..) = FLAGS.iter().find(|(_, of_section, of_key)| (*of_section, *of_key) == (section, key))?;
    match matches?.value_source(name)? {
        ValueSource::EnvVariable => Some(format!("environment NAD_{}", name.to_uppercase())),
        _ => Some(format!("flag --{}", name.replace('_', "-"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn every_flag_of_run_that_a_variable_gives_is_a_setting_of_the_file_or_known_not_to_be() {
        const ONLY_FLAGS: [&str; 3] = ["alerts", "config", "incidents"];
        let mut cli = Cli::command();
        cli.build();
        let run = cli.find_subcommand("run").unwrap();
        let mut named: Vec<String> = Vec::new();
        for arg in run.get_arguments() {
            let (Some(variable), name) = (arg.get_env(), arg.get_id().as_str()) else { continue };
            assert_eq!(variable.to_str(), Some(&*format!("NAD_{}", name.to_uppercase())));
            assert_eq!(arg.get_long(), Some(&*name.replace('_', "-")));
            named.push(name.to_owned());
        }
        let mut expected: Vec<&str> = FLAGS.iter().map(|(name, ..)| *name).chain(ONLY_FLAGS).collect();
        expected.sort_unstable();
        // These two have no variable.
        named.extend(["color".to_owned(), "quiet".to_owned()]);
        named.sort();
        assert_eq!(named, expected);
    }
}
