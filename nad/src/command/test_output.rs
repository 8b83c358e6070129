//! `nad test-output`: do messages arrive?

use std::io::{self, Write as _};

use anyhow::Result;

use super::{Outcome, say};
use crate::{
    output::{
        Failure,
        email::{self, EmailConfig},
        webhook::{self, WebhookConfig},
    },
    text,
};

/// Settings of `nad test-output`.
#[derive(Debug)]
pub enum TestOutputConfig {
    /// One mail.
    Email(Box<EmailConfig>),
    /// One message to each webhook.
    Webhooks(Vec<WebhookConfig>),
}

pub(super) fn test_output(config: &TestOutputConfig) -> Result<Outcome> {
    match config {
        TestOutputConfig::Email(config) => {
            let receivers: Vec<String> = config.receivers.iter().map(ToString::to_string).collect();
            let name = format!("e-mail to {} by {}", receivers.join(", "), config.server);
            report(&name, email::test(config))
        }
        TestOutputConfig::Webhooks(configs) => {
            let mut outcome = Outcome::Fine;
            for config in configs {
                if report(&format!("webhook {}", config.url), webhook::test(config))? != Outcome::Fine {
                    outcome = Outcome::Failed;
                }
            }
            Ok(outcome)
        }
    }
}

fn report(name: &str, answer: Result<String, Failure>) -> Result<Outcome> {
    match answer {
        Ok(answer) => {
            say(&format!("{name}: taken: {answer}"))?;
            Ok(Outcome::Fine)
        }
        Err(failure) => {
            // On standard error, as all that failed; the others are still tried.
            let line = format!("error: {name}: {failure}");
            let _ = writeln!(io::stderr(), "{}", text::escaped(&line));
            Ok(Outcome::Failed)
        }
    }
}
