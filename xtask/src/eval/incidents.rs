//! Incidents held against the times and addresses of the attacks.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{
    addresses::{Finder, Networks},
    spread,
    table::Table,
};

/// Seconds by which an incident may end before an attack begins, or begin after it has ended.
const BEFORE: f64 = 1.0;
const AFTER: f64 = 15.0;
/// Attacks whose sources are forged: an incident that names the victim is enough.
const FORGED: [&str; 5] = ["spoof", "arp", "malformed", "reflect", "ampl"];

/// One attack, as `X.windows.csv` describes it.
#[derive(Debug, Clone)]
pub(super) struct Window {
    attack: String,
    /// Unix seconds.
    start: f64,
    end: f64,
    attackers: Networks,
    victims: Networks,
}

/// What `--incidents` writes, as far as it is looked at.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Incident {
    /// Unix seconds, as the other times.
    pub(super) detected_at: f64,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) sources: Vec<String>,
    pub(super) targets: Vec<String>,
    #[serde(default)]
    pub(super) shape: String,
    #[serde(default)]
    pub(super) reason: String,
}

/// What became of the attacks, and what was reported besides.
#[derive(Debug, Serialize)]
pub(super) struct Judgement {
    /// One for each window that had not ended before `from`.
    pub(super) attacks: Vec<Outcome>,
    /// Incidents that belong to no attack.
    pub(super) false_incidents: Vec<Incident>,
    /// The time that counts.
    pub(super) hours: f64,
}

/// What became of one attack.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) attack: String,
    /// Unix seconds.
    pub(super) start: f64,
    pub(super) incidents: usize,
    /// Seconds from the attack's start to the first detection; `None` where it was missed.
    pub(super) delay_s: Option<f64>,
    /// Of the incident that was detected first.
    pub(super) shape: Option<String>,
    pub(super) reason: Option<String>,
}

/// Reads `X.windows.csv`.
pub(super) fn read_windows(path: &Path) -> Result<Vec<Window>> {
    let columns = ["attack", "start_epoch", "end_epoch", "attacker_ips", "victim_ips"];
    let mut table = Table::open(path, &columns)?;
    let finder = Finder::new()?;
    let mut windows = Vec::new();
    while let Some(row) = table.next()? {
        let times = (row.number(1)?, row.number(2)?);
        let (attackers, victims) = (finder.networks(row.text(3)?), finder.networks(row.text(4)?));
        windows.push(Window::new(row.text(0)?, times, attackers, victims));
    }
    Ok(windows)
}

/// Reads one JSON object a line.
pub(super) fn read(path: &Path) -> Result<Vec<Incident>> {
    let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(place, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}:{}: this is no incident", path.display(), place + 1))
        })
        .collect()
}

/// Judges the incidents detected at `from` or later, for attacks that end then or later. `from` is the end of the
/// training and `to` the last packet, both in Unix seconds.
pub(super) fn judge(windows: &[Window], incidents: Vec<Incident>, from: f64, to: f64) -> Judgement {
    let incidents: Vec<Incident> =
        incidents.into_iter().filter(|incident| incident.detected_at >= from).collect();
    let mut belongs = vec![false; incidents.len()];
    let mut attacks = Vec::new();
    for window in windows.iter().filter(|window| window.end >= from) {
        let mine = |incident: &Incident| window.has(incident);
        belongs.iter_mut().zip(&incidents).for_each(|(belongs, incident)| *belongs |= mine(incident));
        let of_attack: Vec<&Incident> = incidents.iter().filter(|incident| mine(incident)).collect();
        let first = of_attack.iter().min_by(|a, b| a.detected_at.total_cmp(&b.detected_at));
        attacks.push(Outcome {
            attack: window.attack.clone(),
            start: window.start,
            incidents: of_attack.len(),
            delay_s: first.map(|incident| incident.detected_at - window.start),
            shape: first.map(|incident| incident.shape.clone()),
            reason: first.map(|incident| incident.reason.clone()),
        });
    }
    let strangers = incidents.into_iter().zip(belongs).filter(|(_, belongs)| !belongs);
    let false_incidents = strangers.map(|(incident, _)| incident).collect();
    Judgement { attacks, false_incidents, hours: (to - from).max(1e-9) / 3600.0 }
}

impl Judgement {
    /// How many attacks have an incident.
    pub(super) fn found(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.delay_s.is_some()).count()
    }

    /// Seconds, among the attacks found; `None` where none was.
    pub(super) fn median_delay(&self) -> Option<f64> {
        spread::median(self.attacks.iter().filter_map(|attack| attack.delay_s).collect())
    }

    /// The most incidents that one attack was split into.
    pub(super) fn most_incidents(&self) -> usize {
        self.attacks.iter().map(|attack| attack.incidents).max().unwrap_or_default()
    }

    pub(super) fn false_per_hour(&self) -> f64 {
        self.false_incidents.len() as f64 / self.hours
    }
}

impl Window {
    /// An attack of a name, from its first packet to its last, in Unix seconds.
    pub(super) fn new(
        attack: &str,
        (start, end): (f64, f64),
        attackers: Networks,
        victims: Networks,
    ) -> Self {
        Self { attack: attack.to_owned(), start, end, attackers, victims }
    }

    /// Whether an incident belongs to this attack: it overlaps it, and names the attacker as a source or a target, or
    /// the victim where the sources are forged.
    pub(super) fn has(&self, incident: &Incident) -> bool {
        let earliest = self.start - BEFORE;
        if incident.end < earliest || incident.start > self.end + AFTER || incident.detected_at < earliest {
            return false;
        }
        let names = |networks: &Networks| {
            incident.sources.iter().chain(&incident.targets).any(|address| networks.contain(address))
        };
        let forged = self.attackers.is_empty() || FORGED.iter().any(|word| self.attack.contains(word));
        names(&self.attackers) || (forged && names(&self.victims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(attack: &str, start: f64, end: f64, attackers: &str, victims: &str) -> Window {
        let finder = Finder::new().unwrap();
        Window::new(attack, (start, end), finder.networks(attackers), finder.networks(victims))
    }

    fn incident(detected_at: f64, start: f64, end: f64, sources: &[&str], targets: &[&str]) -> Incident {
        let list = |addresses: &[&str]| addresses.iter().map(|address| (*address).to_owned()).collect();
        let reason = format!("seen at {detected_at}");
        let (sources, targets) = (list(sources), list(targets));
        Incident { detected_at, start, end, sources, targets, shape: "scan".into(), reason }
    }

    #[test]
    fn an_incident_belongs_to_the_attack_it_overlaps_and_whose_attacker_it_names() {
        let windows = [window("nmap", 100.0, 110.0, "10.0.0.7", "10.0.0.0/24")];
        let attacker: &[&str] = &["10.0.0.7"];
        let cases = [
            ("during", incident(104.0, 101.0, 105.0, attacker, &[]), true),
            ("as a target", incident(104.0, 101.0, 105.0, &["10.0.0.2"], attacker), true),
            ("the victim alone", incident(104.0, 101.0, 105.0, &["10.0.0.2"], &["10.0.0.3"]), false),
            ("ends 1 s before", incident(99.0, 90.0, 99.0, attacker, &[]), true),
            ("ends earlier", incident(99.0, 90.0, 98.9, attacker, &[]), false),
            ("detected earlier", incident(98.9, 90.0, 120.0, attacker, &[]), false),
            ("starts 15 s after", incident(130.0, 125.0, 131.0, attacker, &[]), true),
            ("starts later", incident(130.0, 125.1, 131.0, attacker, &[]), false),
        ];
        for (name, incident, expected) in cases {
            let judgement = judge(&windows, vec![incident], 0.0, 3600.0);
            assert_eq!(judgement.found() == 1, expected, "{name}");
            assert_eq!(judgement.false_incidents.is_empty(), expected, "{name}");
        }
    }

    #[test]
    fn naming_the_victim_is_enough_where_the_source_is_forged() {
        let named = || vec![incident(104.0, 101.0, 105.0, &["198.51.100.1"], &["10.0.0.9"])];
        for (attack, attackers, expected) in [
            ("arp_spoof", "10.0.0.7", 1),
            ("dns_amplification", "10.0.0.7", 1),
            ("flood", "", 1),
            ("flood", "10.0.0.7", 0),
        ] {
            let windows = [window(attack, 100.0, 110.0, attackers, "10.0.0.9")];
            assert_eq!(judge(&windows, named(), 0.0, 3600.0).found(), expected, "{attack} '{attackers}'");
        }
    }

    #[test]
    fn the_first_detection_is_the_delay_and_tells_shape_and_reason() {
        let windows = [
            window("nmap", 100.0, 110.0, "10.0.0.7", ""),
            window("flood", 200.0, 210.0, "10.0.0.8", ""),
            window("upload", 300.0, 310.0, "10.0.0.9", ""),
        ];
        let incidents = vec![
            incident(108.0, 107.0, 109.0, &["10.0.0.7"], &[]),
            incident(103.0, 102.0, 104.0, &["10.0.0.7"], &[]),
            incident(201.0, 200.5, 204.0, &["10.0.0.8"], &[]),
            incident(203.0, 202.0, 204.0, &["10.0.0.3"], &[]),
        ];
        let judgement = judge(&windows, incidents, 0.0, 1800.0);
        let delays: Vec<_> = judgement.attacks.iter().map(|attack| attack.delay_s).collect();
        assert_eq!(delays, [Some(3.0), Some(1.0), None]);
        assert_eq!(judgement.attacks[0].reason.as_deref(), Some("seen at 103"));
        assert_eq!((judgement.found(), judgement.most_incidents()), (2, 2));
        assert_eq!(judgement.median_delay(), Some(2.0));
        assert_eq!((judgement.false_incidents.len(), judgement.false_per_hour()), (1, 2.0));
    }

    #[test]
    fn what_happened_in_the_training_does_not_count() {
        let windows =
            [window("old", 10.0, 20.0, "10.0.0.7", ""), window("nmap", 100.0, 110.0, "10.0.0.7", "")];
        let incidents = vec![
            incident(49.9, 40.0, 120.0, &["10.0.0.7"], &[]),
            incident(50.0, 49.0, 60.0, &["10.0.0.3"], &[]),
        ];
        let judgement = judge(&windows, incidents, 50.0, 50.0 + 7200.0);
        assert_eq!(judgement.attacks.len(), 1);
        assert_eq!((judgement.found(), judgement.false_incidents.len()), (0, 1));
        assert_eq!((judgement.hours, judgement.false_per_hour()), (2.0, 0.5));
    }

    #[test]
    fn files_are_read_as_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let (windows, incidents) = (folder.path().join("w.csv"), folder.path().join("i.jsonl"));
        let text = "attack,start_epoch,end_epoch,attacker_ips,victim_ips,tool\nnmap,100.5,110,10.0.0.7,\"10.0.0.2 10.0.0.3\",\"nmap -p 1,2\"\n";
        fs::write(&windows, text).unwrap();
        let line = r#"{"id":1,"detected_at":101.5,"start":101,"end":102.0,"sources":["10.0.0.7"],"targets":[],"shape":"port scan","alerts":3}"#;
        fs::write(&incidents, format!("{line}\n\n")).unwrap();
        let judgement = judge(&read_windows(&windows).unwrap(), read(&incidents).unwrap(), 0.0, 1.0);
        assert_eq!(judgement.attacks[0].delay_s, Some(1.0));
        assert_eq!(judgement.attacks[0].shape.as_deref(), Some("port scan"));
        fs::write(&incidents, format!("{line}\n{{}}\n")).unwrap();
        let error = format!("{:#}", read(&incidents).unwrap_err());
        assert!(error.contains("i.jsonl:2") && error.contains("detected_at"), "{error}");
    }
}
