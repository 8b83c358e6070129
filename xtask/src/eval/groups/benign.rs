//! What is raised where nothing is wrong, by how long was learnt: it must not depend on the minute at which that ended.

use std::{fs, path::Path};

use anyhow::Result;
use serde::Serialize;

use super::{
    Group, pcap,
    trial::{Learnt, Right, Trial, Tried},
};
use crate::eval::{addresses::Finder, incidents::Window, settings::Length, subject::Subject, truth::Labels};

/// Seconds that are learnt, each where it is at most half of the capture's time.
const LEARNT: [f64; 7] = [60.0, 300.0, 1800.0, 3600.0, 5400.0, 7200.0, 10_800.0];
/// Prepared captures without attacks begin with it.
const BENIGN: &str = "benign-";

/// A replay of a benign capture.
pub(super) struct Watch {
    pub(super) trial: Trial,
    train_for: Length,
    /// After what was learnt.
    hours: f64,
}

/// What one capture raised, learnt for so long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::eval) struct False {
    pub(super) capture: String,
    pub(super) train_for: String,
    pub(super) hours: f64,
    /// Of each seed.
    pub(super) incidents: Vec<usize>,
    /// Each with its seed.
    pub(super) reasons: Vec<String>,
}

impl False {
    pub(super) fn a_day(&self) -> f64 {
        let mean = self.incidents.iter().sum::<usize>() as f64 / self.incidents.len().max(1) as f64;
        mean * 24.0 / self.hours
    }
}

impl Watch {
    pub(super) fn counted(&self, tried: &[Tried]) -> False {
        False {
            capture: self.trial.specimen.clone(),
            train_for: self.train_for.to_string(),
            hours: self.hours,
            incidents: tried.iter().map(|one| one.foreign).collect(),
            reasons: tried.iter().flat_map(|one| one.faults.iter().cloned()).collect(),
        }
    }
}

/// Labelled captures without an attack, and those among the prepared ones.
pub(super) fn watches(subjects: &[Subject], real: &Path) -> Result<Vec<Watch>> {
    let mut watches = Vec::new();
    for subject in subjects.iter().filter(|subject| subject.is_measured && is_benign(subject)) {
        watches.extend(of(subject.name(), &subject.capture.file, subject.span.seconds())?);
    }
    let mut files: Vec<_> =
        fs::read_dir(real.join("raw")).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort_unstable();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(BENIGN) {
            let (first, last) = pcap::times(&file)?;
            watches.extend(of(&name, &file.canonicalize()?, last - first)?);
        }
    }
    Ok(watches)
}

fn is_benign(subject: &Subject) -> bool {
    let has_windows = subject.windows.as_ref().is_none_or(|windows| !windows.is_empty());
    !has_windows && !subject.labels.as_ref().is_some_and(Labels::has_attacks)
}

fn of(name: &str, file: &Path, seconds: f64) -> Result<Vec<Watch>> {
    let finder = Finder::new()?;
    let nobody = || finder.networks("");
    let learnt = LEARNT.iter().filter(|learnt| **learnt <= seconds / 2.0);
    let watches = learnt.map(|learnt| {
        let train_for = Length(*learnt);
        let right = Right {
            attack: Window::new(name, (f64::NEG_INFINITY, f64::INFINITY), nobody(), nobody()),
            begins: None,
            shapes: Vec::new(),
            incidents: 0..=0,
            says: &[],
            fails: false,
            flags: &[],
        };
        let trial = Trial {
            group: Group::Benign,
            specimen: name.to_owned(),
            place: format!("after {train_for}"),
            capture: file.to_owned(),
            learnt: Learnt::Own(train_for),
            right,
        };
        Watch { trial, train_for, hours: (seconds - learnt) / 3600.0 }
    });
    Ok(watches.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_half_of_a_capture_is_learnt_and_the_rest_is_what_counts() {
        let watches = of("home", Path::new("home.pcap"), 7200.0).unwrap();
        let lengths: Vec<f64> = watches.iter().map(|watch| watch.train_for.0).collect();
        assert_eq!(lengths, [60.0, 300.0, 1800.0, 3600.0]);
        assert_eq!(watches[3].hours, 1.0);
        assert!(of("short", Path::new("short.pcap"), 100.0).unwrap().is_empty());
    }

    #[test]
    fn incidents_a_day_are_the_mean_over_the_seeds() {
        let raised = False {
            capture: "home".into(),
            train_for: "60s".into(),
            hours: 8.0,
            incidents: vec![2, 0, 1],
            reasons: Vec::new(),
        };
        assert_eq!(raised.a_day(), 3.0);
    }
}
