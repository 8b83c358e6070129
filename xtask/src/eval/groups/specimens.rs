//! Real attacks from public captures, merged into benign traffic by the scripts that describe them.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{
    Group,
    trial::{Learnt, Plan, Right, Trial},
};
use crate::{
    eval::{
        addresses::{Finder, Networks},
        incidents::Window,
        python,
        settings::Length,
    },
    shell,
};

const MERGE: &str = include_str!("merge.py");
/// Among attackers: all addresses are made up, and any is the attack's.
const ANY: &str = "ANY";
/// Incidents that one attack may be.
const MOST: usize = 2;

/// A line of what `merge.py` prints.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Missing {
        missing: String,
    },
    Merged {
        specimen: String,
        place: String,
        capture: String,
        train_s: f64,
        /// Unix seconds.
        start: f64,
        end: f64,
        shapes: Vec<String>,
        attackers: Vec<String>,
        victims: Vec<String>,
    },
}

/// A trial for each specimen in each place. The first time, merging takes some minutes.
pub(super) fn plan(scripts: &Path, real: &Path) -> Result<Plan> {
    let why_not = if !scripts.join("specimens.tsv").is_file() {
        Some(format!("{} has no specimens.tsv: --specimens DIR", scripts.display()))
    } else if !real.join("raw").is_dir() || !real.join("base").is_dir() {
        let prepare = scripts.join("prepare.py");
        Some(format!(
            "{} has no raw/ and base/: make it with {}, or --real DIR",
            real.display(),
            prepare.display()
        ))
    } else if !python::has(&["json"]) {
        Some("python3 is not installed: apt-get install python3".into())
    } else {
        None
    };
    if let Some(reason) = why_not {
        return Ok(Plan::none(reason));
    }
    eprintln!("merging specimens into {}", real.join("merged").display());
    let absolute =
        |path: &Path| path.canonicalize().with_context(|| format!("can't find {}", path.display()));
    let mut merge = python::python();
    merge
        .args(["-c", MERGE])
        .arg(absolute(scripts)?)
        .arg(absolute(real)?)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let mut plan = read(&shell::output(&mut merge)?)?;
    plan.left_out.iter_mut().for_each(|missing| *missing = format!("{} has no {missing}", real.display()));
    Ok(plan)
}

/// What is left out is named as `merge.py` does.
fn read(text: &str) -> Result<Plan> {
    let finder = Finder::new()?;
    let mut plan = Plan::default();
    for line in text.lines() {
        let line = serde_json::from_str(line).with_context(|| format!("merge.py printed '{line}'"))?;
        match line {
            Line::Missing { missing } => plan.left_out.push(missing),
            Line::Merged { specimen, place, capture, train_s, start, end, shapes, attackers, victims } => {
                let attackers = if attackers.iter().any(|attacker| attacker == ANY) {
                    Networks::any()
                } else {
                    finder.networks(&attackers.join(" "))
                };
                let attack =
                    Window::new(&specimen, (start, end), attackers, finder.networks(&victims.join(" ")));
                let right = Right {
                    attack,
                    begins: Some(start),
                    shapes,
                    incidents: 1..=MOST,
                    says: &[],
                    fails: false,
                    flags: &[],
                };
                let learnt = Learnt::Own(Length(train_s));
                plan.trials.push(Trial {
                    group: Group::Real,
                    specimen,
                    place,
                    capture: capture.into(),
                    learnt,
                    right,
                });
            }
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::incidents::Incident;

    fn by(source: &str) -> Incident {
        Incident {
            detected_at: 150.0,
            start: 140.0,
            end: 150.0,
            sources: vec![source.into()],
            targets: Vec::new(),
            shape: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn what_was_merged_says_whose_incidents_are_the_attacks() {
        let line = |attackers: &str| {
            format!(
                r#"{{"specimen":"nmap-ack","place":"home, new","capture":"a.pcap","train_s":7200,"start":100.5,"end":160,"shapes":["port-scan"],"attackers":[{attackers}],"victims":["10.10.10.144"]}}"#
            )
        };
        let named = r#""10.10.10.66","02:11:22:33:44:55""#;
        let text = format!(
            "{}\n{{\"missing\":\"raw/x.pcap, for x\"}}\n{}\n{}\n",
            line(named),
            line("\"ANY\""),
            line("")
        );
        let Plan { trials: found, left_out: missing } = read(&text).unwrap();
        assert_eq!(missing, ["raw/x.pcap, for x"]);
        let has = |place: usize, source| found[place].right.attack.has(&by(source));
        assert!(has(0, "10.10.10.66") && has(0, "02:11:22:33:44:55") && !has(0, "10.10.10.144"));
        assert!(has(1, "192.0.2.1"), "any");
        assert!(has(2, "10.10.10.144") && !has(2, "192.0.2.1"), "the victim, where no attacker is known");
        assert_eq!((found[0].right.begins, &found[0].learnt), (Some(100.5), &Learnt::Own(Length(7200.0))));
        assert!(format!("{:#}", read("oops\n").err().unwrap()).contains("merge.py printed 'oops'"));
    }

    #[test]
    fn what_is_missing_is_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let reason = || plan(folder.path(), folder.path()).unwrap().left_out.remove(0);
        assert!(reason().ends_with("has no specimens.tsv: --specimens DIR"), "{}", reason());
        std::fs::write(folder.path().join("specimens.tsv"), "").unwrap();
        assert!(
            reason().contains("has no raw/ and base/") && reason().contains("prepare.py"),
            "{}",
            reason()
        );
    }
}
