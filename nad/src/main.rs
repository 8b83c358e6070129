//! The `nad` binary: flags in, exit code out.

use std::process::ExitCode;

use nad::{
    cli::{self, UsageError},
    command::{self, Outcome},
    output::OutputError,
};

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const ANOMALIES_FOUND: u8 = 3;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(UsageError::Arguments(error)) => {
            let code = error.exit_code();
            // Nothing is left to be told to whom, when even this fails.
            let _ = error.print();
            return ExitCode::from(if code == 0 { 0 } else { WRONG_USAGE });
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match command::execute(command) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::AnomaliesFound) => ExitCode::from(ANOMALIES_FOUND),
        Ok(Outcome::Failed) => ExitCode::from(FAILED),
        // Whoever read standard output has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            ExitCode::from(FAILED)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<OutputError>().is_some_and(OutputError::is_broken_pipe)
}

/// The error and its causes, each once: nad's own errors name theirs already.
fn one_line(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |line, cause| match line {
        line if line.is_empty() => cause,
        line if line.contains(&cause) => line,
        line => format!("{line}: {cause}"),
    })
}
