use clap::CommandFactory;

use super::*;
use crate::{parts::Part, shedding::SamplingMode, source::xdp::Directions};

#[test]
fn the_definition_is_consistent() {
    args::Cli::command().debug_assert();
}

#[test]
fn count_has_a_default_number_and_its_own_contamination() {
    let Command::Run(config) = parse(["nad", "run", "--iface", "lo", "--count"]).unwrap() else { panic!() };
    assert_eq!(config.task, Task::Count { packets: 100, model: None });
    assert_eq!(config.training.contamination, 0.01);
    let Command::Run(config) = parse(["nad", "run"]).unwrap() else { panic!() };
    assert_eq!(config.task, Task::Learn(BaselineLength::Time(DEFAULT_TRAIN_FOR)));
    assert_eq!(config.training.contamination, 0.0001);
}

#[test]
fn both_directions_are_watched_unless_one_is_named() {
    let directions = |arguments: &[&str]| {
        let Command::Run(config) = parse(["nad", "run"].iter().chain(arguments)).unwrap() else { panic!() };
        (config.live.options.directions, config.live.options.ingress_will_do)
    };
    assert_eq!(directions(&[]), (Directions::Both, true));
    assert_eq!(directions(&["--direction", "both"]), (Directions::Both, false));
    assert_eq!(directions(&["--direction", "egress"]), (Directions::Egress, false));
    assert_eq!(directions(&["--direction", "ingress"]), (Directions::Ingress, false));
}

#[test]
fn packets_are_left_out_under_load_unless_that_is_forbidden() {
    let sampling = |arguments: &[&str]| {
        let Command::Run(config) = parse(["nad", "run"].iter().chain(arguments)).unwrap() else { panic!() };
        config.live.sampling
    };
    assert_eq!((sampling(&[]), sampling(&["--sampling", "off"])), (SamplingMode::Auto, SamplingMode::Off));
}

#[test]
fn two_ways_to_get_a_model_are_refused() {
    let error = parse(["nad", "replay", "f", "--train-for", "3s", "--model", "m"]).unwrap_err();
    assert!(matches!(error, UsageError::Config(ConfigError::Value(_))), "{error}");
}

#[test]
fn what_was_not_built_says_so_and_what_was_does_not() {
    for (part, arguments) in [
        (Part::History, "report --out page.html"),
        (Part::History, "incidents list --history nad.db"),
        (Part::History, "run --history nad.db"),
        (Part::Metrics, "run --metrics 127.0.0.1:9469"),
        (Part::Mail, "test-output email"),
        (Part::Webhook, "test-output webhook"),
    ] {
        let said =
            parse(["nad"].into_iter().chain(arguments.split(' '))).err().map(|error| error.to_string());
        let is_missing = said.as_ref().is_some_and(|said| said.ends_with(&part.missing()));
        assert_eq!(is_missing, !part.is_built(), "{arguments}: {said:?}");
    }
}

#[test]
fn help_names_what_was_built() {
    let mut cli = args::Cli::command();
    let help = cli.render_help().to_string();
    for command in ["incidents", "report"] {
        let is_named = help.lines().any(|line| line.trim_start().starts_with(command));
        assert_eq!(is_named, Part::History.is_built(), "{command}: {help}");
    }
    let help = cli.find_subcommand_mut("run").unwrap().render_help().to_string();
    for (flag, part) in [("--history", Part::History), ("--metrics", Part::Metrics)] {
        assert_eq!(help.contains(flag), part.is_built(), "{flag}: {help}");
    }
}
