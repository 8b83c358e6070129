//! What the task is, which is said in one place alone: by flags, in the environment, or in the file.

use clap::{ArgMatches, parser::ValueSource};
use nad_engine::detector::BaselineLength;

use super::args::TaskArgs;
use crate::config::{ConfigError, DEFAULT_TRAIN_FOR, Task, TaskChoice};

pub(super) fn task_choice(args: TaskArgs) -> TaskChoice {
    TaskChoice {
        count: None,
        train_for: args.train_for,
        train_packets: args.train_packets,
        model: args.model,
    }
}

/// The flag that says how to start; what the environment and the file say counts for a first start alone.
pub(super) fn flag_of_start(matches: Option<&ArgMatches>) -> Option<&'static str> {
    let flags = [("train_for", "--train-for"), ("train_packets", "--train-packets"), ("model", "--model")];
    let is_given = |name: &str| {
        matches.is_some_and(|matches| matches.value_source(name) == Some(ValueSource::CommandLine))
    };
    flags.into_iter().find(|(name, _)| is_given(name)).map(|(_, flag)| flag)
}

/// The task, by default a baseline of 60 s; see [`chosen`].
pub(super) fn decide(
    given: TaskChoice,
    matches: Option<&ArgMatches>,
    file: TaskChoice,
) -> Result<Task, ConfigError> {
    let chosen = chosen(given, matches, file)?;
    Ok(chosen.unwrap_or(Task::Learn(BaselineLength::Time(DEFAULT_TRAIN_FOR))))
}

/// The task, from flags before environment before file; clap has the first two in one. `None` where none says anything.
pub(super) fn chosen(
    given: TaskChoice,
    matches: Option<&ArgMatches>,
    file: TaskChoice,
) -> Result<Option<Task>, ConfigError> {
    let from = |wanted: ValueSource| {
        let is = |name: &str| {
            matches.is_some_and(|matches| {
                matches.try_contains_id(name).unwrap_or(false) && matches.value_source(name) == Some(wanted)
            })
        };
        TaskChoice {
            count: given.count.filter(|_| is("count")),
            train_for: given.train_for.filter(|_| is("train_for")),
            train_packets: given.train_packets.filter(|_| is("train_packets")),
            model: given.model.clone().filter(|_| is("model")),
        }
    };
    let places = [from(ValueSource::CommandLine), from(ValueSource::EnvVariable), file];
    TaskChoice::decide(&places)
}
