//! One replay, and what is right of it.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{AT_A_TIME, Group};
use crate::{
    eval::{
        incidents::{self, Incident, Window},
        sensor::{Model, Sensor},
        settings::Length,
    },
    turns::in_turns,
};

/// The trials of a group.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) trials: Vec<Trial>,
    /// What is not tried, and why.
    pub(super) left_out: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub(super) group: Group,
    /// Its row on the scoreboard, which several trials may share.
    pub(super) specimen: String,
    /// Which of those it is.
    pub(super) place: String,
    pub(super) capture: PathBuf,
    pub(super) learnt: Learnt,
    pub(super) right: Right,
}

/// What the replay knows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Learnt {
    /// The beginning of the capture itself.
    Own(Length),
    /// That of another one.
    Of { capture: PathBuf, train_for: Length },
}

#[derive(Debug, Clone)]
pub(super) struct Right {
    /// Whose incidents are the attack's; all others are foreign.
    pub(super) attack: Window,
    /// Unix seconds from which the delay counts, where they are known.
    pub(super) begins: Option<f64>,
    /// Names that are right, as `port-scan`; where there are none, any is.
    pub(super) shapes: Vec<String>,
    /// How many incidents the attack may be.
    pub(super) incidents: RangeInclusive<usize>,
    /// What has to be in the words on standard error.
    pub(super) says: &'static [&'static str],
    /// Whether the replay has to end with an error.
    pub(super) fails: bool,
    /// Flags besides.
    pub(super) flags: &'static [&'static str],
}

/// What came of a trial with one seed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tried {
    pub(super) group: Group,
    pub(super) specimen: String,
    /// Whether there is something to be found.
    pub(super) is_attack: bool,
    pub(super) incidents: usize,
    pub(super) is_named: bool,
    /// Seconds.
    pub(super) delay: Option<f64>,
    pub(super) foreign: usize,
    /// What else was not right, in words.
    pub(super) faults: Vec<String>,
}

impl Plan {
    /// Of a group of which nothing can be tried.
    pub(super) fn none(reason: String) -> Self {
        Self { trials: Vec::new(), left_out: vec![reason] }
    }
}

impl Trial {
    pub(super) fn run(&self, seed: u64, sensor: &Sensor, models: &Models, file: &Path) -> Result<Tried> {
        let model = match &self.learnt {
            Learnt::Own(train_for) => Model::Own { train_for: *train_for, without: None },
            Learnt::Of { capture, train_for } => Model::Saved(models.get(capture, *train_for, seed)?),
        };
        let ended = sensor.try_replay(&self.capture, &model, seed, file, self.right.flags)?;
        // A replay that is refused writes none.
        let incidents = if file.is_file() { incidents::read(file)? } else { Vec::new() };
        Ok(self.judge(seed, incidents, ended.status.success(), &ended.said))
    }

    fn judge(&self, seed: u64, incidents: Vec<Incident>, has_succeeded: bool, said: &str) -> Tried {
        let right = &self.right;
        let (mine, foreign): (Vec<_>, Vec<_>) =
            incidents.into_iter().partition(|incident| right.attack.has(incident));
        let first = mine.iter().map(|incident| incident.detected_at).min_by(f64::total_cmp);
        let is_right =
            |incident: &Incident| right.shapes.is_empty() || right.shapes.contains(&slug(&incident.shape));
        let mut faults = Vec::new();
        if mine.len() > *right.incidents.end() {
            let shapes: Vec<_> = mine.iter().map(|incident| incident.shape.as_str()).collect();
            faults.push(format!("{} incidents ({})", mine.len(), shapes.join(", ")));
        }
        let is_attack = *right.incidents.start() > 0;
        let is_named = mine.iter().any(is_right);
        if is_attack && mine.is_empty() {
            faults.push("missed".into());
        } else if !mine.is_empty() && !is_named {
            faults.push(format!("named {}", mine[0].shape));
        }
        faults.extend(
            foreign.iter().map(|Incident { shape, reason, .. }| format!("foreign: {shape}: {reason}")),
        );
        faults.extend(
            right
                .says
                .iter()
                .filter(|words| !said.contains(**words))
                .map(|words| format!("not said: '{words}'")),
        );
        if right.fails == has_succeeded {
            let last = said.lines().last().unwrap_or_default();
            faults.push(if right.fails { "it is accepted".into() } else { format!("it is refused: {last}") });
        }
        let place = if self.place.is_empty() { String::new() } else { format!("{}, ", self.place) };
        let faults = faults.into_iter().map(|fault| format!("{place}seed {seed}: {fault}")).collect();
        Tried {
            group: self.group,
            specimen: self.specimen.clone(),
            is_attack,
            incidents: mine.len(),
            is_named,
            delay: right.begins.and_then(|begins| Some(first? - begins)),
            foreign: foreign.len(),
            faults,
        }
    }
}

/// `unusual` of `Unusual traffic`, as the lists of right names have it.
pub(super) fn slug(shape: &str) -> String {
    let slug = shape.to_lowercase().replace(' ', "-");
    slug.strip_suffix("-traffic").unwrap_or(&slug).to_owned()
}

/// Models of the captures that trials are judged with, for each seed.
pub(super) struct Models(HashMap<(PathBuf, String, u64), PathBuf>);

impl Models {
    pub(super) fn train(trials: &[Trial], seeds: &[u64], sensor: &Sensor, folder: &Path) -> Result<Self> {
        let mut wanted: Vec<(&PathBuf, Length)> = Vec::new();
        for trial in trials {
            if let Learnt::Of { capture, train_for } = &trial.learnt
                && !wanted.contains(&(capture, *train_for))
            {
                wanted.push((capture, *train_for));
            }
        }
        let jobs: Vec<(usize, u64)> =
            (0..wanted.len()).flat_map(|place| seeds.iter().map(move |seed| (place, *seed))).collect();
        let train = |(place, seed): &(usize, u64)| {
            let (capture, train_for) = wanted[*place];
            let model = folder.join(format!("trials-{place}.seed{seed}.model"));
            sensor.train(capture, train_for, *seed, None, &model)?;
            Ok(((capture.clone(), train_for.to_string(), *seed), model))
        };
        in_turns(&jobs, AT_A_TIME, train).into_iter().collect::<Result<_>>().map(Self)
    }

    fn get(&self, capture: &Path, train_for: Length, seed: u64) -> Result<&Path> {
        let model = self.0.get(&(capture.to_owned(), train_for.to_string(), seed));
        model.map(PathBuf::as_path).with_context(|| format!("no model was trained on {}", capture.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::addresses::Finder;

    fn trial(attackers: &str, shapes: &[&str], incidents: RangeInclusive<usize>) -> Trial {
        let finder = Finder::new().unwrap();
        let attack = Window::new("x", (100.0, 110.0), finder.networks(attackers), finder.networks(""));
        let shapes = shapes.iter().map(|shape| (*shape).to_owned()).collect();
        Trial {
            group: Group::Real,
            specimen: "x".into(),
            place: "home, new".into(),
            capture: "x.pcap".into(),
            learnt: Learnt::Own(Length(60.0)),
            right: Right {
                attack,
                begins: Some(100.0),
                shapes,
                incidents,
                says: &["set back"],
                fails: false,
                flags: &[],
            },
        }
    }

    fn incident(at: f64, source: &str, shape: &str) -> Incident {
        Incident {
            detected_at: at,
            start: at,
            end: at,
            sources: vec![source.into()],
            targets: Vec::new(),
            shape: shape.into(),
            reason: "why".into(),
        }
    }

    #[test]
    fn an_attack_is_found_by_its_attacker_and_named_by_one_of_the_right_shapes() {
        let trial = trial("10.0.0.7", &["port-scan", "unusual"], 1..=2);
        let incidents = vec![
            incident(108.0, "10.0.0.7", "beacon"),
            incident(103.0, "10.0.0.7", "unusual traffic"),
            incident(104.0, "10.0.0.3", "flood"),
        ];
        let tried = trial.judge(2, incidents, true, "the clock was set back");
        assert!(tried.is_attack && tried.is_named);
        assert_eq!((tried.incidents, tried.delay, tried.foreign), (2, Some(3.0), 1));
        assert_eq!(tried.faults, ["home, new, seed 2: foreign: flood: why"]);
    }

    #[test]
    fn what_is_missed_misnamed_split_or_unsaid_is_a_fault() {
        let of = |incidents, said, succeeded| {
            trial("10.0.0.7", &["port-scan"], 1..=1).judge(1, incidents, succeeded, said).faults.join("; ")
        };
        let scan = || incident(103.0, "10.0.0.7", "port scan");
        assert_eq!(of(vec![scan()], "set back", true), "");
        assert!(of(vec![], "set back", true).ends_with("seed 1: missed"));
        assert!(of(vec![incident(103.0, "10.0.0.7", "flood")], "set back", true).ends_with("named flood"));
        assert!(of(vec![scan(), scan()], "set back", true).ends_with("2 incidents (port scan, port scan)"));
        assert!(of(vec![scan()], "", true).ends_with("not said: 'set back'"));
        assert!(of(vec![scan()], "set back\nerror: no", false).ends_with("it is refused: error: no"));
    }

    #[test]
    fn where_nothing_is_right_everything_is_foreign() {
        let tried =
            trial("", &[], 0..=0).judge(1, vec![incident(103.0, "10.0.0.7", "flood")], true, "set back");
        assert!(!tried.is_attack && !tried.is_named);
        assert_eq!((tried.incidents, tried.foreign, tried.delay), (0, 1, None));
    }

    #[test]
    fn a_shape_is_compared_as_lists_have_it() {
        assert_eq!(
            ["Port scan", "unusual traffic", "SYN flood"].map(slug),
            ["port-scan", "unusual", "syn-flood"]
        );
    }
}
