//! Attacks on the sensor itself and around its floors, merged into an office network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{
    Group, pcap,
    trial::{Learnt, Plan, Right, Trial},
};
use crate::{
    eval::{addresses::Finder, captures::Capture, incidents::Window, settings::Length},
    shell,
};

const FOLDER: &str = "adversary";
/// What the attacks are merged into, and the capture of the same network whose beginning is learnt.
const BENIGN: &str = "dev-office-benign";
const LEARNT: (&str, f64) = ("dev-office", 265.0);
/// Programs, and the package that has each.
const TOOLS: [(&str, &str); 2] = [("mergecap", "wireshark-common"), ("zstd", "zstd")];

struct Attack {
    name: &'static str,
    /// Seconds of what comes before it.
    lead: f64,
    attackers: &'static str,
    victims: &'static str,
    shapes: &'static [&'static str],
    /// Whether there is anything to be found.
    is_attack: bool,
}

const SWEEP: Attack = Attack {
    name: "sweep-control",
    lead: 0.0,
    attackers: "10.20.30.77",
    victims: "",
    shapes: &["host-sweep"],
    is_attack: true,
};

const ATTACKS: [Attack; 6] = [
    SWEEP,
    // Eight packets that come before it change nothing.
    Attack { name: "sweep-after-8-acks", lead: 80.0, ..SWEEP },
    // They make the silent host that they go to the source of nothing.
    Attack { name: "framed-by-acks", attackers: "", shapes: &[], is_attack: false, ..SWEEP },
    // Of a hundred sources none does enough to be named.
    Attack {
        name: "brute-100-sources",
        attackers: "",
        victims: "10.20.30.10",
        shapes: &["brute-force"],
        ..SWEEP
    },
    Attack { name: "beacon-10s", attackers: "10.20.30.106 198.18.177.7", shapes: &["beacon"], ..SWEEP },
    Attack {
        name: "upload-9MB-unknown-443",
        attackers: "10.20.30.106 198.51.100.77",
        shapes: &["unusual-upload"],
        ..SWEEP
    },
];

/// A trial for each attack, merged into files in `out`.
pub(super) fn plan(cases: &Path, captures: &[Capture], out: &Path) -> Result<Plan> {
    let folder = cases.join(FOLDER);
    if !folder.is_dir() {
        return Ok(Plan::none(format!("{} is not there: --cases DIR", folder.display())));
    }
    let capture = |name: &str| captures.iter().find(|capture| capture.name == name);
    let (Some(benign), Some(learnt)) = (capture(BENIGN), capture(LEARNT.0)) else {
        return Ok(Plan::none(format!("the labelled captures lack {BENIGN} or {}", LEARNT.0)));
    };
    if let Some((tool, package)) = TOOLS.iter().find(|(tool, _)| shell::find(tool).is_none()) {
        return Ok(Plan::none(format!("{tool} is not installed: apt-get install {package}")));
    }
    let base = plain(&benign.file, out)?;
    let finder = Finder::new()?;
    let mut found = Vec::new();
    for attack in &ATTACKS {
        let packets = folder.join(format!("{}.pcap.gz", attack.name));
        let (first, ends) = pcap::times(&packets)?;
        let begins = first + attack.lead;
        let merged = out.join(format!("{}.pcap", attack.name));
        let mut merge = Command::new("mergecap");
        shell::run(merge.args(["-F", "pcap", "-w"]).arg(&merged).arg(&base).arg(&packets))?;
        let (attackers, victims) = (finder.networks(attack.attackers), finder.networks(attack.victims));
        let right = Right {
            attack: Window::new(attack.name, (begins, ends), attackers, victims),
            begins: Some(begins),
            shapes: attack.shapes.iter().map(|shape| (*shape).to_owned()).collect(),
            incidents: if attack.is_attack { 1..=2 } else { 0..=0 },
            says: &[],
            fails: false,
            flags: &[],
        };
        found.push(Trial {
            group: Group::Adversary,
            specimen: attack.name.to_owned(),
            place: String::new(),
            capture: merged,
            learnt: Learnt::Of { capture: learnt.file.clone(), train_for: Length(LEARNT.1) },
            right,
        });
    }
    Ok(Plan { trials: found, left_out: Vec::new() })
}

/// The capture as mergecap reads it, wherever it was built: not every build knows zstd.
fn plain(capture: &Path, out: &Path) -> Result<PathBuf> {
    let name = capture.file_name().context("a capture has no name")?.to_string_lossy();
    let Some(name) = name.strip_suffix(".zst") else { return Ok(capture.to_owned()) };
    let plain = out.join(name);
    let mut zstd = Command::new("zstd");
    shell::run(zstd.args(["-d", "-q", "-f"]).arg(capture).arg("-o").arg(&plain))?;
    if fs::metadata(&plain).map_or(0, |file| file.len()) == 0 {
        bail!("zstd made nothing of {}", capture.display());
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let reason = |folder: &Path| plan(folder, &[], folder).unwrap().left_out.remove(0);
        assert!(reason(folder.path()).ends_with("adversary is not there: --cases DIR"));
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        assert!(reason(folder.path()).contains("lack dev-office-benign"));
    }

    #[test]
    fn an_attack_has_somebody_to_be_named_and_a_shape_and_what_is_none_has_neither() {
        for attack in &ATTACKS {
            let has =
                (!(attack.attackers.is_empty() && attack.victims.is_empty()), !attack.shapes.is_empty());
            assert_eq!(has, (attack.is_attack, attack.is_attack), "{}", attack.name);
        }
    }
}
