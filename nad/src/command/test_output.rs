//! `nad test-output`: do messages arrive?

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use anyhow::Result;

use super::{Outcome, say};
use crate::{
    output::{Failure, SinkConfig},
    text,
};

/// Settings of `nad test-output`.
#[derive(Debug)]
pub struct TestOutputConfig {
    /// The sinks that each send a message.
    pub sinks: Vec<Arc<dyn SinkConfig>>,
}

pub(super) fn test_output(config: &TestOutputConfig) -> Result<Outcome> {
    let mut outcome = Outcome::Fine;
    for (name, answer) in config.sinks.iter().filter_map(|sink| sink.test()) {
        if report(&name, answer)? != Outcome::Fine {
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
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
