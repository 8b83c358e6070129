//! Settings of several commands, from flags and the file.

use std::path::Path;

use nad_engine::{detector::DetectorOptions, incident::allow::AllowRules};

use super::{
    args::{LiveArgs, ModelArgs, PayloadArgs, SandboxArgs},
    history,
};
use crate::{
    command::live::LiveConfig,
    config::{self, ConfigError, File, TrainingChoice},
    sandbox::SecurityConfig,
    source::xdp::XdpOptions,
};

/// Adds what incidents were marked as to the rules of the file.
pub(super) fn with_known(
    detection: DetectorOptions,
    history: Option<&Path>,
    file: &File,
) -> Result<DetectorOptions, ConfigError> {
    let known = history::known_rules(history, file)?;
    if known.is_empty() {
        return Ok(detection);
    }
    let rules = detection.rules.rules().iter().map(|rule| rule.criteria().clone()).chain(known);
    Ok(DetectorOptions { rules: AllowRules::new(rules), ..detection })
}

pub(super) fn training_choice(args: ModelArgs) -> TrainingChoice {
    TrainingChoice {
        contamination: args.contamination,
        extension_level: args.extension_level,
        seed: args.seed,
        trainer: args.trainer,
        without: args.without,
    }
}

pub(super) fn security(args: SandboxArgs, user: Option<String>, file: &File) -> SecurityConfig {
    SecurityConfig::decide(args.sandbox, user, &file.security)
}

pub(super) fn live(args: LiveArgs, payload: &PayloadArgs, file: &File) -> Result<LiveConfig, ConfigError> {
    let direction = args.direction.or(file.capture.direction);
    Ok(LiveConfig {
        interfaces: config::interfaces(args.iface, &file.capture),
        mode: args.xdp_mode.or(file.capture.xdp_mode).unwrap_or_default(),
        options: XdpOptions {
            ring_bytes: config::ring_bytes(args.ring_bytes, &file.capture)?,
            directions: direction.unwrap_or_default(),
            ingress_will_do: direction.is_none(),
            heads: config::heads(payload.payload, &file.payload)?,
            kernel_log: args.kernel_log,
            // For tests, on kernels that have better; no released binary looks.
            clsact: cfg!(debug_assertions) && std::env::var_os("NAD_TEST_CLSACT").is_some(),
            ..XdpOptions::default()
        },
        sampling: args.sampling.or(file.capture.sampling).unwrap_or_default(),
    })
}
