//! The scoreboard of the groups as a person reads it.

use std::fmt::Write as _;

use super::{Group, Groups, benign::False, row::Row};
use crate::eval::{board::Board, markdown::table};

const NONE: &str = "–";
/// In the order of the tables.
const GROUPS: [(Group, &str); 4] = [
    (Group::Captures, "Attacks of the labelled captures"),
    (Group::Cases, "Cases"),
    (Group::Adversary, "Adversary"),
    (Group::Real, "Real specimens"),
];
/// Faults of a specimen that are listed.
const LISTED: usize = 3;
/// Characters of a fault that are shown.
const WIDTH: usize = 160;
/// As in `/proc/cpuinfo`.
const PROCESSOR: &str = "model name";

/// All that was measured: a table of sums, then one for each group, then what benign captures raised.
pub(in crate::eval) fn groups(board: &Board) -> String {
    let Groups { rows, benign, left_out } = &board.groups;
    let mut text = String::new();
    let of = |group: Group| rows.iter().filter(move |row| row.group == group).collect::<Vec<_>>();
    let sums = GROUPS.iter().filter(|(group, _)| !of(*group).is_empty());
    let sums =
        sums.map(|(group, title)| cells(&Row { specimen: (*title).into(), ..Row::sum(*group, &of(*group)) }));
    if !rows.is_empty() {
        heading_and_rows(&mut text, "group", sums);
    }
    for (group, title) in GROUPS {
        let rows = of(group);
        if !rows.is_empty() {
            _ = writeln!(text, "\n### {title}\n");
            heading_and_rows(&mut text, "specimen", rows.iter().map(|row| cells(row)));
            faults(&mut text, &rows);
        }
    }
    if !benign.is_empty() {
        raised(&mut text, benign, &board.seeds);
    }
    if !left_out.is_empty() {
        text += "\n### Not measured\n\n";
        left_out.iter().for_each(|what| _ = writeln!(text, "- {what}"));
    }
    text
}

/// What it was measured with.
pub(in crate::eval) fn measured_with(board: &Board) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix(PROCESSOR)?.split_once(": "));
    let seeds: Vec<_> = board.seeds.iter().map(u64::to_string).collect();
    let on = model.map_or(String::new(), |(_, model)| format!(", on {model}"));
    format!("{}, seeds {}{on}.", board.nad, seeds.join(", "))
}

fn heading_and_rows(text: &mut String, first: &str, rows: impl IntoIterator<Item = [String; 7]>) {
    let heading = [
        first,
        "runs",
        "found",
        "named right",
        "delay: median (range)",
        "most incidents",
        "foreign incidents",
    ];
    table(text, &heading, rows);
}

fn cells(row: &Row) -> [String; 7] {
    let of = |some: usize, all: usize| if all == 0 { NONE.to_owned() } else { format!("{some} of {all}") };
    let delay = row.median_delay().map_or(NONE.to_owned(), |median| {
        let ends = [f64::min, f64::max].map(|end| row.delays.iter().copied().reduce(end).unwrap_or(median));
        if ends[0] == ends[1] {
            format!("{median:.1} s")
        } else {
            format!("{median:.1} s ({:.1} to {:.1})", ends[0], ends[1])
        }
    });
    [
        row.specimen.clone(),
        row.runs.to_string(),
        of(row.found, row.attacks),
        row.named.map_or(NONE.to_owned(), |named| of(named, row.found)),
        delay,
        row.most_incidents.to_string(),
        row.foreign.to_string(),
    ]
}

fn faults(text: &mut String, rows: &[&Row]) {
    let rows: Vec<_> = rows.iter().filter(|row| !row.faults.is_empty()).collect();
    if rows.is_empty() {
        return;
    }
    text.push_str("\nNot right:\n\n");
    for row in rows {
        listed(text, &row.specimen, &row.faults);
    }
}

fn listed(text: &mut String, name: &str, faults: &[String]) {
    let mut shown: Vec<String> = faults.iter().take(LISTED).map(|fault| cut(fault)).collect();
    if faults.len() > LISTED {
        shown.push(format!("and {} more", faults.len() - LISTED));
    }
    _ = writeln!(text, "- {name}: {}", shown.join("; "));
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn raised(text: &mut String, benign: &[False], seeds: &[u64]) {
    text.push_str("\n### False incidents of benign captures\n\n");
    let by_seed: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let by_seed = format!("incidents with seed {}", by_seed.join(" / "));
    let heading = ["capture", "learnt", "hours watched", by_seed.as_str(), "a day"];
    let rows = benign.iter().map(|raised| {
        let incidents: Vec<String> = raised.incidents.iter().map(usize::to_string).collect();
        [
            raised.capture.clone(),
            raised.train_for.clone(),
            format!("{:.2}", raised.hours),
            incidents.join(" / "),
            format!("{:.1}", raised.a_day()),
        ]
    });
    table(text, &heading, rows);
    let with: Vec<_> = benign.iter().filter(|raised| !raised.reasons.is_empty()).collect();
    if !with.is_empty() {
        text.push('\n');
        for raised in with {
            listed(text, &raised.capture, &raised.reasons);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(specimen: &str, delays: &[f64], named: Option<usize>) -> Row {
        Row {
            group: Group::Real,
            specimen: specimen.into(),
            runs: 3,
            attacks: 3,
            found: delays.len(),
            named,
            delays: delays.to_vec(),
            most_incidents: 2,
            foreign: 1,
            faults: (1..=5).map(|seed| format!("seed {seed}: missed")).collect(),
        }
    }

    fn board(groups: Groups) -> Board {
        Board { nad: "nad 9.9".into(), seeds: vec![1, 2], captures: Vec::new(), notes: Vec::new(), groups }
    }

    #[test]
    fn a_group_has_its_sum_its_specimens_and_their_faults() {
        let rows = vec![row("nmap-ack", &[1.0, 4.0, 2.0], Some(2)), row("brute", &[3.0], None)];
        let text = groups(&board(Groups { rows, left_out: vec!["cases: no".into()], ..Groups::default() }));
        for part in [
            "| Real specimens | 6 | 4 of 6 | 2 of 4 | 2.5 s (1.0 to 4.0) | 2 | 2 |",
            "\n### Real specimens\n",
            "| nmap-ack | 3 | 3 of 3 | 2 of 3 | 2.0 s (1.0 to 4.0) | 2 | 1 |",
            "| brute | 3 | 1 of 3 | – | 3.0 s | 2 | 1 |",
            "- brute: seed 1: missed; seed 2: missed; seed 3: missed; and 2 more\n",
            "### Not measured\n\n- cases: no\n",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("Adversary"), "{text}");
    }

    #[test]
    fn benign_captures_have_their_incidents_by_seed_and_a_day() {
        let benign = vec![False {
            capture: "home".into(),
            train_for: "60s".into(),
            hours: 12.0,
            incidents: vec![1, 0],
            reasons: vec!["after 60s, seed 1: foreign: beacon: why".into()],
        }];
        let text = groups(&board(Groups { benign, ..Groups::default() }));
        assert!(
            text.contains("| capture | learnt | hours watched | incidents with seed 1 / 2 | a day |"),
            "{text}"
        );
        assert!(text.contains("| home | 60s | 12.00 | 1 / 0 | 1.0 |"), "{text}");
        assert!(text.contains("- home: after 60s, seed 1: foreign: beacon: why\n"), "{text}");
    }

    #[test]
    fn a_long_fault_is_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(WIDTH)), "ä".repeat(WIDTH));
        assert_eq!(cut(&"ä".repeat(WIDTH + 1)), format!("{}…", "ä".repeat(WIDTH)));
    }
}
