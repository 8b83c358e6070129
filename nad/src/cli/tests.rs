use clap::CommandFactory;

use super::*;
use crate::{shedding::SamplingMode, source::xdp::Directions};

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
