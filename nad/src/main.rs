//! The `nad` binary: flags in, exit code out.

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

use nad::{
    cli::{self, UsageError},
    command::{self, Outcome},
    files,
    output::{
        OutputError,
        terminal::{STANDARD_OUTPUT, columns},
    },
    sensor,
    text::{self, human},
};

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const ANOMALIES_FOUND: u8 = 3;
const NOT_JUDGED: u8 = 4;
const STANDARD_OUTPUT_CLOSED: u8 = 5;

fn main() -> ExitCode {
    let invocation = match cli::read(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(UsageError::Arguments(error)) => {
            // Nobody is left to read it where even that goes to standard error.
            let printed = error.print().and_then(|()| io::stdout().flush());
            return match printed {
                Err(cause) if !error.use_stderr() && cause.kind() != io::ErrorKind::BrokenPipe => {
                    complain(&OutputError::new(STANDARD_OUTPUT, cause));
                    ExitCode::from(FAILED)
                }
                _ if error.exit_code() == 0 => ExitCode::SUCCESS,
                _ => ExitCode::from(WRONG_USAGE),
            };
        }
        Err(error) => {
            complain(&error);
            return ExitCode::from(WRONG_USAGE);
        }
    };
    files::set_policy(invocation.files);
    sensor::set_name(&invocation.sensor);
    match command::execute(invocation.command, cli::reread) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::AnomaliesFound) => ExitCode::from(ANOMALIES_FOUND),
        Ok(Outcome::NotJudged) => ExitCode::from(NOT_JUDGED),
        Ok(Outcome::Failed) => ExitCode::from(FAILED),
        Ok(Outcome::NotUsable) => ExitCode::from(WRONG_USAGE),
        Ok(Outcome::StandardOutputClosed) => ExitCode::from(STANDARD_OUTPUT_CLOSED),
        // Whoever read standard output has seen enough, as `head` does.
        Err(error) if command::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&one_line(&error));
            ExitCode::from(if command::is_wrong_usage(&error) { WRONG_USAGE } else { FAILED })
        }
    }
}

/// Says what is wrong. That standard error can't be written is no reason to end otherwise.
fn complain(what: &dyn Display) {
    let line = format!("error: {}", text::escaped(&what.to_string()));
    let _ = writeln!(io::stderr(), "{}", human::wrapped(&line, columns(io::stderr()), 2));
}

/// The error and its causes, each once: nad's own errors name theirs already.
fn one_line(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |line, cause| match line {
        line if line.is_empty() => cause,
        line if line.contains(&cause) => line,
        line => format!("{line}: {cause}"),
    })
}
