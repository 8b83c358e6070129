//! Faults of tools that do nad's job, rebuilt small: what is right of each, as the README of their folder says.

use std::{fs, path::Path};

use anyhow::Result;

use super::{
    Group,
    trial::{Learnt, Plan, Right, Trial},
};
use crate::eval::{addresses::Finder, incidents::Window, settings::Length};

/// Who scans, in the office that most cases come from.
const SCANNER: &str = "10.20.0.66";
const PORT_SCAN: Expected = Expected::Incident(SCANNER, "port-scan");
/// Ends of captures' names; what else a folder holds is a program.
const CAPTURES: [&str; 4] = [".pcap", ".pcap.gz", ".pcapng", ".pcapng.gz"];
/// Cases that attach to interfaces: programs of their own.
const LIVE: &str = "20-live";
const ADVERSARY: &str = "adversary";

struct Case {
    /// Below the folder.
    file: &'static str,
    learnt: From,
    expected: Expected,
    /// What has to be said.
    says: &'static [&'static str],
}

enum From {
    /// Seconds of its own beginning.
    First(u16),
    /// The first 140 s of [`MODEL`].
    Model,
}

const MODEL: (&str, f64) = ("08-model-and-time/clean.pcap.gz", 140.0);

enum Expected {
    Nothing,
    /// One incident of an address, with this name; any, where it is empty.
    Incident(&'static str, &'static str),
    /// The same, or none.
    AtMost(&'static str, &'static str),
    /// An error; with --fail-on-anomaly.
    Failure,
}

const fn case(file: &'static str, learnt: From, expected: Expected, says: &'static [&'static str]) -> Case {
    Case { file, learnt, expected, says }
}

const CASES: [Case; 31] = {
    use self::{
        Expected::{AtMost, Failure, Incident, Nothing},
        From::{First, Model},
    };
    const CUT: &[&str] = &["cut within their headers"];
    [
        case("00-control/in.pcap.gz", First(100), PORT_SCAN, &[]),
        case("00-control/quiet.pcap.gz", First(100), Nothing, &[]),
        case("01-future-packet/minute.pcap.gz", First(100), PORT_SCAN, &["after its neighbours'"]),
        case("01-future-packet/ordinary-one-ahead.pcap.gz", First(240), Nothing, &["after its neighbours'"]),
        case("02-first-packet-1970/scan.pcap.gz", First(100), PORT_SCAN, &["before its neighbours'"]),
        case("02-first-packet-1970/ntp-back.pcap.gz", First(100), PORT_SCAN, &["was set back by"]),
        // The scan is among what is learnt.
        case(
            "03-appended-out-of-order/in.pcap.gz",
            First(100),
            AtMost(SCANNER, "port-scan"),
            &["was set back by"],
        ),
        case("04-link-types/null-125.pcapng.gz", First(100), PORT_SCAN, &[]),
        case("04-link-types/null-5.pcapng.gz", First(100), PORT_SCAN, &[]),
        case("04-link-types/null-unused.pcapng.gz", First(100), PORT_SCAN, &[]),
        case("04-link-types/null-only.pcap", First(100), Failure, &[]),
        case("06-extreme-times/allones-late.pcapng.gz", First(100), PORT_SCAN, &["after its neighbours'"]),
        case("06-extreme-times/y2106.pcap.gz", First(10), Nothing, &["clock of 32 bits begins anew"]),
        case("07-no-times/zero.pcap.gz", Model, Failure, &[]),
        case(
            "08-model-and-time/quiet-plus15days.pcap.gz",
            Model,
            Nothing,
            &["older than the first one here"],
        ),
        case(
            "08-model-and-time/steal-minus1day.pcap.gz",
            Model,
            Incident("10.20.0.15", ""),
            &["older than the model"],
        ),
        case("09-one-way/becomes-oneway.pcap.gz", First(120), Nothing, &["are not seen any more"]),
        case("09-one-way/in-quiet.pcap.gz", First(120), Nothing, &["only one side"]),
        case("10-failover/one-address.pcap.gz", First(120), Nothing, &[]),
        case("10-failover/late-refresh.pcap.gz", First(120), Nothing, &[]),
        case("12-multicast/ssdp-20.pcap.gz", First(140), Nothing, &[]),
        case("12-multicast/ssdp-usual-20.pcap.gz", First(140), Nothing, &[]),
        case("13-ipv6-only/sweep.pcap.gz", First(140), Incident("2001:db8:9::66", "host-sweep"), &[]),
        case("16-silent-scan/sweep-arp.pcap.gz", First(140), Incident("203.0.113.66", "host-sweep"), &[]),
        case("17-encapsulation/pppoe.pcap.gz", First(100), PORT_SCAN, &[]),
        case("17-encapsulation/mpls1.pcap.gz", First(100), PORT_SCAN, &[]),
        case("17-encapsulation/gtpu.pcap.gz", First(100), PORT_SCAN, &[]),
        case("17-encapsulation/three-tags.pcap.gz", First(100), PORT_SCAN, &[]),
        case("18-snaplen/scan-048.pcap.gz", First(100), PORT_SCAN, CUT),
        case("18-snaplen/quiet-042.pcap.gz", First(100), Nothing, CUT),
        case("18-snaplen/quiet-65535-then-048.pcap.gz", First(100), Nothing, CUT),
    ]
};

/// A trial for each case that is there.
pub(super) fn plan(folder: &Path) -> Result<Plan> {
    let Ok(folder) = folder.canonicalize() else {
        return Ok(Plan::none(format!("{} is not there: --cases DIR", folder.display())));
    };
    let finder = Finder::new()?;
    let live = format!("{LIVE} attaches to interfaces, and has programs of its own to run as root");
    let mut plan = Plan { trials: Vec::new(), left_out: vec![live] };
    for case in &CASES {
        if folder.join(case.file).is_file() {
            plan.trials.push(case.trial(&folder, &finder));
        } else {
            plan.left_out.push(format!("{} is not there", case.file));
        }
    }
    plan.left_out.extend(unknown(&folder).iter().map(|file| format!("nobody says what is right of {file}")));
    Ok(plan)
}

impl Case {
    fn trial(&self, folder: &Path, finder: &Finder) -> Trial {
        let (attacker, shape, incidents) = match self.expected {
            Expected::Nothing | Expected::Failure => ("", "", 0..=0),
            Expected::Incident(attacker, shape) => (attacker, shape, 1..=1),
            Expected::AtMost(attacker, shape) => (attacker, shape, 0..=1),
        };
        let fails = matches!(self.expected, Expected::Failure);
        let whole = (f64::NEG_INFINITY, f64::INFINITY);
        let right = Right {
            attack: Window::new(self.file, whole, finder.networks(attacker), finder.networks("")),
            begins: None,
            shapes: Some(shape.to_owned()).filter(|shape| !shape.is_empty()).into_iter().collect(),
            incidents,
            says: self.says,
            fails,
            flags: if fails { &["--fail-on-anomaly"] } else { &[] },
        };
        let learnt = match self.learnt {
            From::First(seconds) => Learnt::Own(Length(f64::from(seconds))),
            From::Model => Learnt::Of { capture: folder.join(MODEL.0), train_for: Length(MODEL.1) },
        };
        Trial {
            group: Group::Cases,
            specimen: self.file.split('.').next().unwrap_or(self.file).to_owned(),
            place: String::new(),
            capture: folder.join(self.file),
            learnt,
            right,
        }
    }
}

/// Captures in the folders below that are no case, by their paths.
fn unknown(folder: &Path) -> Vec<String> {
    let mut unknown = Vec::new();
    for directory in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = directory.file_name().to_string_lossy().into_owned();
        if [LIVE, ADVERSARY].contains(&name.as_str()) {
            continue;
        }
        for file in fs::read_dir(directory.path()).into_iter().flatten().flatten() {
            let file = format!("{name}/{}", file.file_name().to_string_lossy());
            let is_known = file == MODEL.0 || CASES.iter().any(|case| case.file == file);
            if !is_known && CAPTURES.iter().any(|ending| file.ends_with(ending)) {
                unknown.push(file);
            }
        }
    }
    unknown.sort_unstable();
    unknown
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_case_is_one_capture_and_has_a_row_of_its_own() {
        let files: BTreeSet<_> = CASES.iter().map(|case| case.file).collect();
        assert_eq!(files.len(), CASES.len());
        for file in files {
            assert!(CAPTURES.iter().any(|ending| file.ends_with(ending)), "{file}");
        }
    }

    #[test]
    fn what_is_not_there_and_what_nobody_has_judged_is_said() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["00-control/in.pcap.gz", "99-new/odd.pcap", "99-new/notes.md", "adversary/x.pcap"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let Plan { trials, left_out } = plan(folder.path()).unwrap();
        assert_eq!(trials.len(), 1);
        let Trial { specimen, learnt, right, .. } = &trials[0];
        assert_eq!((specimen.as_str(), learnt), ("00-control/in", &Learnt::Own(Length(100.0))));
        assert_eq!((&right.incidents, &right.shapes[..]), (&(1..=1), &["port-scan".to_owned()][..]));
        assert_eq!(left_out.len(), 1 + CASES.len() - 1 + 1, "{left_out:?}");
        assert!(
            left_out.contains(&"nobody says what is right of 99-new/odd.pcap".to_owned()),
            "{left_out:?}"
        );
        let none = plan(&folder.path().join("none")).unwrap();
        assert!(none.trials.is_empty() && none.left_out[0].ends_with("none is not there: --cases DIR"));
    }

    #[test]
    fn where_nothing_is_right_no_address_has_an_incident_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = CASES.iter().find(|case| matches!(case.expected, Expected::Nothing)).unwrap();
        let trial = quiet.trial(folder.path(), &Finder::new().unwrap());
        assert_eq!((trial.right.incidents, trial.right.fails), (0..=0, false));
    }
}
