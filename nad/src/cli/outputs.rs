//! Settings of outputs, from flags, environment and file.

use super::args::{OutputArgs, OutputName};
use crate::{
    command::test_output::TestOutputConfig,
    config::{self, ConfigError, EmailSection, File, OutputConfig, PASSWORD_VARIABLE, WebhookSection},
    secret::Secret,
};

/// Where findings are reported, by flags and file.
pub(super) fn output_config(
    args: OutputArgs,
    file: &File,
    source: String,
    is_live: bool,
) -> Result<OutputConfig, ConfigError> {
    let email = file.email.as_ref().filter(|email| email.enabled);
    Ok(OutputConfig {
        alerts: args.alerts,
        incidents: args.incidents,
        follow: args.follow,
        packets: args.packets,
        history: config::history(args.history, &file.history, source)?,
        email: email.map(|email| email.check(smtp_password())).transpose()?,
        webhooks: WebhookSection::check_all(&file.webhook)?,
        format: args.alert_format.or(file.output.alert_format).unwrap_or_default(),
        is_live,
        latencies: None,
        closed_stdout: file.output.on_closed_stdout,
        terminal: file.output.with(args.format, args.terminal.color, args.terminal.quiet),
    })
}

/// What is tested, also before it is enabled.
pub(super) fn test_output(output: OutputName, file: &File) -> Result<TestOutputConfig, ConfigError> {
    let missing = |section: &str| {
        ConfigError::Value(format!("there is no {section} in the config file: nothing to test"))
    };
    match output {
        OutputName::Email => {
            let section: &EmailSection = file.email.as_ref().ok_or_else(|| missing("[email]"))?;
            Ok(TestOutputConfig::Email(Box::new(section.check(smtp_password())?)))
        }
        OutputName::Webhook if file.webhook.is_empty() => Err(missing("[[webhook]]")),
        OutputName::Webhook => {
            let configs = file.webhook.iter().map(WebhookSection::check).collect::<Result<_, _>>()?;
            Ok(TestOutputConfig::Webhooks(configs))
        }
    }
}

/// The password of the environment; an empty one is as good as none.
fn smtp_password() -> Option<Secret> {
    std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty()).map(Secret::new)
}
