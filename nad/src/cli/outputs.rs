//! Settings of outputs, from flags, environment and file.

use std::sync::Arc;

use super::args::OutputArgs;
use crate::{
    command::test_output::TestOutputConfig,
    config::{ConfigError, File, OutputConfig},
    output::{SinkConfig, SinkContext, alerts::AlertsConfig, incidents::IncidentsConfig},
};

/// Where findings are reported, by flags and file.
pub(super) fn output_config(
    args: OutputArgs,
    file: &File,
    given: SinkContext,
) -> Result<OutputConfig, ConfigError> {
    let given = SinkContext { history: args.history, ..given };
    let format = args.alert_format.or(file.output.alert_format).unwrap_or_default();
    let mut sinks: Vec<Arc<dyn SinkConfig>> = Vec::new();
    if let Some(path) = args.alerts {
        sinks.push(Arc::new(AlertsConfig { path, format }));
    }
    if let Some(path) = args.incidents {
        sinks.push(Arc::new(IncidentsConfig { path, follows: args.follow, format }));
    }
    for (_, section) in file.sinks() {
        sinks.extend(section.sinks(&given)?);
    }
    Ok(OutputConfig {
        packets: args.packets,
        sinks,
        is_live: given.is_live,
        closed_stdout: file.output.on_closed_stdout,
        terminal: file.output.with(args.format, args.terminal.color, args.terminal.quiet),
    })
}

/// What is tested of a section, also before it is enabled.
pub(super) fn test_output(output: &str, file: &File) -> Result<TestOutputConfig, ConfigError> {
    let mut sinks = Vec::new();
    for (name, section) in file.sinks().into_iter().filter(|(name, _)| *name == output) {
        sinks = section.tested()?;
        if sinks.is_empty() {
            let heading = section.heading(name);
            return Err(ConfigError::Value(format!(
                "there is no {heading} in the config file: nothing to test"
            )));
        }
    }
    Ok(TestOutputConfig { sinks })
}
