//! Rows of the scoreboard: what came of all trials of one specimen.

use serde::Serialize;

use super::{Group, trial::Tried};
use crate::eval::{board::Board, incidents::Judgement, spread};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::eval) struct Row {
    pub(super) group: Group,
    pub(super) specimen: String,
    /// Replays: one for each seed and place.
    pub(super) runs: usize,
    /// Those with something to be found.
    pub(super) attacks: usize,
    pub(super) found: usize,
    /// Of those found; `None` where no list says what is right.
    pub(super) named: Option<usize>,
    /// Seconds, of those found.
    pub(super) delays: Vec<f64>,
    /// Of one run.
    pub(super) most_incidents: usize,
    pub(super) foreign: usize,
    pub(super) faults: Vec<String>,
}

impl Row {
    fn new(group: Group, specimen: &str) -> Self {
        Self {
            group,
            specimen: specimen.to_owned(),
            runs: 0,
            attacks: 0,
            found: 0,
            named: Some(0),
            delays: Vec::new(),
            most_incidents: 0,
            foreign: 0,
            faults: Vec::new(),
        }
    }

    /// All of a group as one.
    pub(super) fn sum(group: Group, rows: &[&Self]) -> Self {
        let mut sum = Self::new(group, "all");
        sum.named = None;
        for row in rows {
            sum.runs += row.runs;
            sum.attacks += row.attacks;
            sum.found += row.found;
            sum.named = row.named.map_or(sum.named, |named| Some(sum.named.unwrap_or(0) + named));
            sum.delays.extend(&row.delays);
            sum.most_incidents = sum.most_incidents.max(row.most_incidents);
            sum.foreign += row.foreign;
            sum.faults.extend(row.faults.iter().cloned());
        }
        sum
    }

    pub(super) fn median_delay(&self) -> Option<f64> {
        spread::median(self.delays.clone())
    }
}

/// Rows in the order in which their specimens first come.
pub(super) fn of(tried: &[Tried]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for one in tried {
        let is_it = |row: &&mut Row| row.group == one.group && row.specimen == one.specimen;
        if rows.iter_mut().find(is_it).is_none() {
            rows.push(Row::new(one.group, &one.specimen));
        }
        let Some(row) = rows.iter_mut().find(is_it) else { continue };
        let is_found = one.is_attack && one.incidents > 0;
        row.runs += 1;
        row.attacks += usize::from(one.is_attack);
        row.found += usize::from(is_found);
        row.named = row.named.map(|named| named + usize::from(is_found && one.is_named));
        row.delays.extend(one.delay.filter(|_| is_found));
        row.most_incidents = row.most_incidents.max(one.incidents);
        row.foreign += one.foreign;
        row.faults.extend(one.faults.iter().cloned());
    }
    rows
}

/// A row for each labelled attack, and one for each capture with what belongs to none of its attacks.
pub(super) fn of_board(board: &Board) -> Vec<Row> {
    let mut rows = Vec::new();
    for capture in &board.captures {
        let judged: Vec<&Judgement> = capture.runs.iter().filter_map(|run| run.incidents.as_ref()).collect();
        let Some(first) = judged.first().filter(|first| !first.attacks.is_empty()) else { continue };
        for (place, attack) in first.attacks.iter().enumerate() {
            let mut row = Row::new(Group::Captures, &format!("{}: {}", capture.capture, attack.attack));
            row.named = None;
            for (run, judged) in judged.iter().enumerate() {
                let outcome = &judged.attacks[place];
                row.runs += 1;
                row.attacks += 1;
                row.found += usize::from(outcome.delay_s.is_some());
                row.delays.extend(outcome.delay_s);
                row.most_incidents = row.most_incidents.max(outcome.incidents);
                if outcome.delay_s.is_none() {
                    row.faults.push(format!("seed {}: missed", board.seeds[run]));
                }
                // They belong to no attack, so they are counted with the first.
                row.foreign += if place == 0 { judged.false_incidents.len() } else { 0 };
            }
            rows.push(row);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(specimen: &str, incidents: usize, is_named: bool, delay: Option<f64>) -> Tried {
        Tried {
            group: Group::Real,
            specimen: specimen.into(),
            is_attack: true,
            incidents,
            is_named,
            delay,
            foreign: 1,
            faults: vec![format!("{specimen} fault")],
        }
    }

    #[test]
    fn trials_of_one_specimen_are_one_row_and_all_rows_add_up() {
        let rows = of(&[
            tried("a", 2, true, Some(4.0)),
            tried("b", 0, false, None),
            tried("a", 1, false, Some(2.0)),
            tried("a", 0, false, None),
        ]);
        assert_eq!(rows.iter().map(|row| row.specimen.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let a = &rows[0];
        assert_eq!((a.runs, a.found, a.named, a.most_incidents, a.foreign), (3, 2, Some(1), 2, 3));
        assert_eq!(a.median_delay(), Some(3.0));
        let sum = Row::sum(Group::Real, &rows.iter().collect::<Vec<_>>());
        assert_eq!((sum.runs, sum.found, sum.named, sum.foreign, sum.faults.len()), (4, 2, Some(1), 4, 4));
    }

    #[test]
    fn where_nobody_says_what_is_right_nothing_is_named() {
        let mut row = Row::new(Group::Captures, "x");
        row.named = None;
        assert_eq!(Row::sum(Group::Captures, &[&row]).named, None);
    }
}
