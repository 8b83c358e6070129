//! What is known about a capture: when its packets came, and which of them belong to which attack.

use std::path::Path;

use anyhow::{Result, ensure};

use super::table::Table;

/// Number of the packets that belong to no attack; attacks are numbered from 1.
pub(super) const BENIGN: u16 = 0;

/// A row for each packet, in the order of the capture.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Unix seconds.
    pub(super) times: Vec<f64>,
    /// [`BENIGN`], or the attack's number.
    pub(super) attacks: Vec<u16>,
    /// Whether the attacker sent the packet; others of an attack are responses.
    pub(super) from_attacker: Vec<bool>,
    /// The names of the attacks: number 1 is the first.
    names: Vec<String>,
}

impl Labels {
    /// Reads `index,ts,attack,direction`. As for the scripts, the n-th row is the n-th packet.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut table = Table::open(path, &["ts", "attack", "direction"])?;
        let mut labels = Self::default();
        while let Some(row) = table.next()? {
            let attack = labels.number_of(row.text(1)?)?;
            labels.times.push(row.number(0)?);
            labels.attacks.push(attack);
            labels.from_attacker.push(row.text(2)? == "attacker");
        }
        ensure!(!labels.times.is_empty(), "{} has no rows", path.display());
        Ok(labels)
    }

    #[cfg(test)]
    pub(super) fn of(rows: &[(f64, &str, &str)]) -> Self {
        let mut labels = Self::default();
        for (time, attack, direction) in rows {
            let attack = labels.number_of(attack).unwrap();
            labels.times.push(*time);
            labels.attacks.push(attack);
            labels.from_attacker.push(*direction == "attacker");
        }
        labels
    }

    /// Whether any packet belongs to an attack.
    pub(super) fn has_attacks(&self) -> bool {
        !self.names.is_empty()
    }

    /// The name of the attack of this number.
    pub(super) fn name(&self, attack: u16) -> &str {
        attack.checked_sub(1).map_or("benign", |place| &self.names[usize::from(place)])
    }

    fn number_of(&mut self, name: &str) -> Result<u16> {
        if name == "benign" {
            return Ok(BENIGN);
        }
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        Ok(u16::try_from(place + 1)?)
    }
}

/// When a capture's packets came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) packets: usize,
    /// Unix seconds of the first packet.
    pub(super) first: f64,
    /// Unix seconds of the last packet.
    pub(super) last: f64,
}

impl Span {
    pub(super) fn of(labels: &Labels) -> Option<Self> {
        let times = &labels.times;
        Some(Self { packets: times.len(), first: *times.first()?, last: *times.last()? })
    }

    /// Reads the times in a table of features, for captures that have no labels.
    pub(super) fn of_features(path: &Path) -> Result<Self> {
        let mut table = Table::open(path, &["time"])?;
        let mut span: Option<Self> = None;
        while let Some(row) = table.next()? {
            let time = row.number(0)?;
            let span = span.get_or_insert(Self { packets: 0, first: time, last: time });
            (span.packets, span.last) = (span.packets + 1, time);
        }
        span.ok_or_else(|| anyhow::anyhow!("{} has no rows: the capture has no packets", path.display()))
    }

    pub(super) fn seconds(&self) -> f64 {
        self.last - self.first
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn attacks_are_numbered_as_they_appear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.labels.csv");
        let text = "index,ts,attack,direction\n0,1.5,benign,\n1,2,scan,attacker\n2,3,flood,response\n3,4.25,scan,response\n";
        fs::write(&path, text).unwrap();
        let labels = Labels::read(&path).unwrap();
        assert_eq!(labels.attacks, [BENIGN, 1, 2, 1]);
        assert_eq!(labels.from_attacker, [false, true, false, false]);
        assert_eq!([0, 1, 2].map(|number| labels.name(number)), ["benign", "scan", "flood"]);
        assert_eq!(Span::of(&labels), Some(Span { packets: 4, first: 1.5, last: 4.25 }));
    }

    #[test]
    fn a_table_of_features_tells_the_span() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        fs::write(&path, "index,time,length\n0,10.000000001,60\n2,12.5,70\n").unwrap();
        let span = Span::of_features(&path).unwrap();
        assert_eq!(span, Span { packets: 2, first: 10.000_000_001, last: 12.5 });
        fs::write(&path, "index,time\n").unwrap();
        assert!(Span::of_features(&path).is_err());
    }
}
