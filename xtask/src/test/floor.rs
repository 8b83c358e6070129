//! The fewest tests of each target that there must be: a test that is no longer found fails the run.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{ASKED_FOR, Step, outcome::Verdict};
use crate::shell;

/// Below the workspace.
const FILE: &str = "xtask/test-floor.toml";
const UPDATE: &str = "cargo xtask test --update-floor";

/// Of each step and each of its targets, the tests that there are at least.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Floor(BTreeMap<String, BTreeMap<String, usize>>);

impl Floor {
    pub(super) fn read() -> Result<Self> {
        let file = file();
        let text = fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is refused", file.display()))
    }

    pub(super) fn write(&self) -> Result<()> {
        let file = file();
        let text = toml::to_string(self).context("the floor can't be put into TOML")?;
        let heading = format!("# The tests that each step runs at least. Written by `{UPDATE}`.\n\n");
        fs::write(&file, heading + &text).with_context(|| format!("can't write {}", file.display()))
    }

    /// What is below the floor, in sentences. `is_whole` says that every step was to run; `is_strict`, that a target
    /// without a floor is an error, as nobody would notice that it went away.
    pub(super) fn compare(&self, steps: &[Step], is_whole: bool, is_strict: bool) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, floors) in &self.0 {
            let Some(step) = steps.iter().find(|step| step.name == name) else {
                if is_whole && !ASKED_FOR.contains(&name.as_str()) {
                    complaints
                        .push(format!("the step '{name}' did not run; if it is meant to be gone: {UPDATE}"));
                }
                continue;
            };
            if step.outcome.verdict == Verdict::Skipped {
                continue;
            }
            for (target, floor) in floors {
                let found = step.outcome.targets.iter().find(|found| found.name == *target);
                let found = found.map_or(0, |found| found.counts().all());
                if found < *floor {
                    complaints.push(format!(
                        "{name}: {target} has {found} tests, and there were {floor}; if they are meant to be gone: {UPDATE}"
                    ));
                }
            }
        }
        for step in steps.iter().filter(|_| is_strict) {
            let floors = self.0.get(step.name);
            for target in &step.outcome.targets {
                if floors.is_none_or(|floors| !floors.contains_key(&target.name)) {
                    complaints.push(format!("{}: {} has no floor yet: {UPDATE}", step.name, target.name));
                }
            }
        }
        complaints
    }

    /// Takes what a run has found; says what is now lower, in sentences. Steps that did not run stay as they were,
    /// unless every step was to run.
    pub(super) fn update(&mut self, steps: &[Step], is_whole: bool) -> Vec<String> {
        let before = self.clone();
        if is_whole {
            self.0.retain(|name, _| {
                ASKED_FOR.contains(&name.as_str()) || steps.iter().any(|step| step.name == name)
            });
        }
        for step in steps.iter().filter(|step| step.outcome.verdict != Verdict::Skipped) {
            let counts =
                step.outcome.targets.iter().map(|target| (target.name.clone(), target.counts().all()));
            let counts: BTreeMap<_, _> = counts.filter(|(_, count)| *count > 0).collect();
            if counts.is_empty() {
                self.0.remove(step.name);
            } else {
                self.0.insert(step.name.into(), counts);
            }
        }
        let mut lowered = Vec::new();
        for (name, floors) in before.0 {
            for (target, floor) in floors {
                let now = self.0.get(&name).and_then(|floors| floors.get(&target)).copied().unwrap_or(0);
                if now < floor {
                    lowered.push(format!("the floor of {name}: {target} is LOWERED from {floor} to {now}"));
                }
            }
        }
        lowered
    }
}

fn file() -> PathBuf {
    shell::workspace().join(FILE)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::outcome::{Outcome, Target},
        *,
    };

    fn step(name: &'static str, targets: &[(&str, usize)]) -> Step {
        let target = |(name, passed): &(&str, usize)| Target {
            name: (*name).into(),
            passed: *passed,
            ..Target::default()
        };
        let outcome = Outcome::of(targets.iter().map(target).collect());
        Step { name, outcome, time: Duration::ZERO }
    }

    fn floor() -> Floor {
        toml::from_str("['unit tests']\n'nad --lib' = 10\n[fuzz]\nframe = 1\n").unwrap()
    }

    #[test]
    fn fewer_tests_than_the_floor_are_named() {
        let steps = [step("unit tests", &[("nad --lib", 9)]), step("fuzz", &[("frame", 1)])];
        let complaints = floor().compare(&steps, true, true);
        assert_eq!(complaints.len(), 1);
        assert!(
            complaints[0].starts_with("unit tests: nad --lib has 9 tests, and there were 10;"),
            "{complaints:?}"
        );
        let more = [step("unit tests", &[("nad --lib", 11)]), step("fuzz", &[("frame", 1)])];
        assert!(floor().compare(&more, true, true).is_empty());
    }

    #[test]
    fn a_target_that_went_away_is_missed_and_a_new_one_needs_a_floor() {
        let steps = [step("unit tests", &[("nad --test new", 3)]), step("fuzz", &[("frame", 1)])];
        let complaints = floor().compare(&steps, true, true);
        assert!(complaints[0].contains("nad --lib has 0 tests"), "{complaints:?}");
        assert!(complaints[1].contains("nad --test new has no floor"), "{complaints:?}");
        assert_eq!(floor().compare(&steps, true, false).len(), 1, "a developer may add one");
    }

    #[test]
    fn a_step_is_missed_where_all_are_to_run() {
        let steps = [step("unit tests", &[("nad --lib", 10)])];
        assert!(floor().compare(&steps, true, true)[0].contains("the step 'fuzz' did not run"));
        assert!(floor().compare(&steps, false, true).is_empty());
    }

    #[test]
    fn what_is_lowered_is_said() {
        let mut changed = floor();
        let lowered = changed.update(&[step("unit tests", &[("nad --lib", 9), ("new", 2)])], false);
        assert_eq!(lowered, ["the floor of unit tests: nad --lib is LOWERED from 10 to 9"]);
        assert_eq!(changed.0["unit tests"]["new"], 2);
        assert_eq!(changed.0["fuzz"]["frame"], 1, "it did not run");
        let lowered = changed.update(&[step("unit tests", &[("nad --lib", 12), ("new", 2)])], true);
        assert_eq!(lowered, ["the floor of fuzz: frame is LOWERED from 1 to 0"]);
    }

    #[test]
    fn the_committed_floor_can_be_read() {
        assert!(Floor::read().unwrap().0["unit tests"]["nad --lib"] > 100);
    }
}
