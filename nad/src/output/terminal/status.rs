//! The line at the bottom: how the sensor is, at a glance.

use std::time::Duration;

use nad_engine::presentation::counted;

use crate::text::human::grouped;

/// Characters of the bar of what was learnt.
const BAR: usize = 20;
const BETWEEN: &str = " · ";

/// What the line tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What the detector does.
    pub phase: Phase,
    /// Incidents that go on.
    pub open: usize,
    /// Incidents since the start.
    pub incidents: u64,
    /// Packets for which a ring had no room, since the start.
    pub lost: u64,
    /// The level of sampling, 0 to 3.
    pub sampling: u8,
    /// Whether the tables lose states.
    pub tables_overrun: bool,
    /// Packets a second, lately.
    pub packets_per_second: f64,
    /// The part of them that was recorded, 0 to 1; `None` where none came.
    pub coverage: Option<f64>,
    /// The alert budget: `5/day`.
    pub budget: String,
}

/// What the detector does.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// It learns a baseline: the part that it has, 0 to 1, and how long the rest takes, as far as that is known.
    Learning(f64, Option<Duration>),
    /// It waits for packets: those that came, and the fewest that a baseline takes.
    Waiting(u64, u64),
    /// It makes a model of the baseline; a number that grows turns the wheel.
    Training(usize),
    /// It detects with a model whose packets ended this long ago.
    Detecting(Duration),
}

impl Status {
    /// As much of it as fits into `width` columns: what needs a person comes first, and parts that don't fit are left out
    /// whole.
    pub fn line(&self, width: usize) -> String {
        let mut line: String = self.first().chars().take(width).collect();
        let mut used = line.chars().count();
        for part in self.others() {
            let length = BETWEEN.chars().count() + part.chars().count();
            if used + length > width {
                break;
            }
            line = line + BETWEEN + &part;
            used += length;
        }
        line
    }

    fn first(&self) -> String {
        match &self.phase {
            Phase::Learning(part, left) => {
                let part = part.clamp(0.0, 1.0);
                let full = (part * BAR as f64) as usize;
                let left = match left {
                    Some(left) => format!(", {} left", rough(*left)),
                    None => String::new(),
                };
                let bar = "#".repeat(full) + &"-".repeat(BAR - full);
                format!("learning [{bar}] {:.0} %{left}", (part * 100.0).floor())
            }
            Phase::Waiting(0, _) => "learning: no packet so far".into(),
            Phase::Waiting(packets, least) => {
                format!("learning: {packets} of the {least} packets that it takes at least")
            }
            Phase::Training(turn) => format!("{} training", ['|', '/', '-', '\\'][turn % 4]),
            Phase::Detecting(_) => match self.open {
                0 => "no open incident".into(),
                1 => "1 OPEN INCIDENT".into(),
                open => format!("{open} OPEN INCIDENTS"),
            },
        }
    }

    fn others(&self) -> impl Iterator<Item = String> {
        let lost = (self.lost > 0).then(|| format!("{} LOST", grouped(self.lost)));
        let sampling = (self.sampling > 0).then(|| format!("sampling level {}", self.sampling));
        let overrun = self.tables_overrun.then(|| "TABLES FULL".into());
        let rate = match self.packets_per_second.round() as u64 {
            1 => "1 packet/s".into(),
            packets => format!("{} packets/s", grouped(packets)),
        };
        // Rounded down: 100 % is all of them.
        let coverage = self.coverage.map(|part| match part {
            part if part >= 1.0 => "coverage 100 %".into(),
            part => format!("coverage {:.1} %", (part * 1000.0).floor() / 10.0),
        });
        let (age, budget) = match self.phase {
            Phase::Detecting(age) => {
                (Some(format!("model {} old", rough(age))), Some(format!("budget {}", self.budget)))
            }
            _ => (None, None),
        };
        let incidents =
            (self.incidents > 0).then(|| format!("{} so far", counted(self.incidents, "incident")));
        [lost, sampling, overrun, Some(rate), coverage, incidents, age, budget].into_iter().flatten()
    }
}

/// One unit: `45 s`, `12 min`, `3 h`, `2 d`.
fn rough(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            phase: Phase::Detecting(Duration::from_secs(3 * 3600)),
            open: 2,
            incidents: 7,
            lost: 0,
            sampling: 0,
            tables_overrun: false,
            packets_per_second: 12_345.6,
            coverage: Some(1.0),
            budget: "5/day".into(),
        }
    }

    #[test]
    fn what_needs_a_person_comes_first_and_the_rest_only_where_it_fits() {
        let whole = "2 OPEN INCIDENTS · 12,346 packets/s · coverage 100 % · 7 incidents so far · model 3 h old · budget 5/day";
        assert_eq!(status().line(200), whole);
        assert_eq!(status().line(whole.chars().count()), whole);
        assert_eq!(status().line(60), "2 OPEN INCIDENTS · 12,346 packets/s · coverage 100 %");
        assert_eq!(status().line(20), "2 OPEN INCIDENTS");
        assert_eq!(status().line(6), "2 OPEN");
        for width in 0..whole.len() {
            assert!(status().line(width).chars().count() <= width, "{width}");
        }
    }

    #[test]
    fn a_baseline_that_waits_for_packets_says_for_how_many() {
        let line = |phase| Status { phase, incidents: 0, coverage: None, ..status() }.line(45);
        assert_eq!(line(Phase::Waiting(0, 256)), "learning: no packet so far · 12,346 packets/s");
        assert_eq!(line(Phase::Waiting(12, 256)), "learning: 12 of the 256 packets that it takes");
    }

    #[test]
    fn losses_and_sampling_are_shown_only_where_there_are_any() {
        let status = Status {
            lost: 1_234,
            sampling: 2,
            tables_overrun: true,
            coverage: Some(0.9999),
            open: 0,
            ..status()
        };
        let line = status.line(90);
        assert!(
            line.starts_with(
                "no open incident · 1,234 LOST · sampling level 2 · TABLES FULL · 12,346 packets/s"
            ),
            "{line}"
        );
        assert!(status.line(200).contains("coverage 99.9 %"), "not rounded up to all of them");
    }

    #[test]
    fn learning_is_a_bar_with_what_is_left() {
        let at = |part, left| Status { phase: Phase::Learning(part, left), ..status() }.line(60);
        let line = at(0.5, Some(Duration::from_secs(30)));
        assert!(line.starts_with("learning [##########----------] 50 %, 30 s left"), "{line}");
        assert!(at(1.7, None).starts_with("learning [####################] 100 %"));
        assert!(!at(0.5, None).contains("budget"), "nothing is judged yet");
    }

    #[test]
    fn lengths_have_one_unit_and_numbers_their_groups() {
        let lengths = [59, 600, 3 * 3600, 3 * 86_400].map(|seconds| rough(Duration::from_secs(seconds)));
        assert_eq!(lengths, ["59 s", "10 min", "3 h", "3 d"]);
        assert_eq!([0, 12, 999, 1_000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
