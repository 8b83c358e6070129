//! The scoreboard as a person reads it.

use std::fmt::Write as _;

use super::{
    bench::Run,
    board::{Board, OfCapture},
    groups,
    incidents::{Incident, Judgement},
    ranking::Ranking,
    spread::Spread,
};

/// False incidents of a capture that are listed.
const LISTED: usize = 20;
/// Addresses of an incident that are listed.
const ADDRESSES: usize = 3;
const NONE: &str = "–";

pub(super) fn scoreboard(board: &Board) -> String {
    let seeds: Vec<_> = board.seeds.iter().map(u64::to_string).collect();
    let mut text = format!(
        "# Scoreboard\n\n{}, seeds {}. A value is the mean over the seeds, followed by its range. What is counted and \
         how: `docs/evaluation.md`.\n\n",
        board.nad,
        seeds.join(", ")
    );
    let groups = groups::markdown::groups(board);
    if !groups.is_empty() {
        _ = write!(text, "## All groups\n\n{groups}\n");
    }
    if !board.captures.is_empty() {
        captures(&mut text, board);
    }
    if !board.notes.is_empty() {
        text += "\n## Notes\n\n";
        for note in &board.notes {
            _ = writeln!(text, "- {note}");
        }
    }
    text
}

/// The labelled captures in detail.
fn captures(text: &mut String, board: &Board) {
    text.push_str("## Incidents\n\n");
    let rows = board.captures.iter().map(incident_row);
    let heading = [
        "capture",
        "model",
        "attacks found",
        "median delay",
        "most incidents of an attack",
        "false incidents",
        "hours",
        "false per hour",
        "packets/s",
        "peak memory",
    ];
    table(text, &heading, rows);

    text.push_str("\n## Ranks of packets\n\n");
    let heading = [
        "capture",
        "scores of",
        "ROC AUC",
        "average precision",
        "recall at 1e-2",
        "at 1e-3",
        "at 1e-4",
        "attacks above 1e-4",
    ];
    table(text, &heading, board.captures.iter().flat_map(ranking_rows));

    for capture in &board.captures {
        attacks(text, capture);
        false_incidents(text, capture);
    }
}

/// Adds a table to a text.
pub(super) fn table<const N: usize>(
    text: &mut String,
    heading: &[&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) {
    _ = writeln!(text, "| {} |\n|{}", heading.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

/// A quantity of each run that has it, with so many decimals.
fn spread(runs: &[Run], decimals: usize, quantity: impl Fn(&Run) -> Option<f64>) -> String {
    shown(runs.iter().filter_map(quantity), |value| format!("{value:.decimals$}"))
}

fn seconds(value: f64) -> String {
    format!("{value:.1} s")
}

/// A number of things, or the mean of several such numbers.
fn count(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.1}") }
}

fn shown(values: impl Iterator<Item = f64>, show: impl Fn(f64) -> String) -> String {
    Spread::of(values).map_or_else(|| NONE.to_owned(), |spread| spread.shown(show))
}

fn incident_row(capture: &OfCapture) -> [String; 10] {
    let runs = &capture.runs;
    let judged = || runs.iter().filter_map(|run| run.incidents.as_ref());
    let counted = |quantity: fn(&Judgement) -> usize| shown(judged().map(|j| quantity(j) as f64), count);
    let attacks = judged().next().map_or(0, |judged| judged.attacks.len());
    let of_attacks = |text: String| if attacks > 0 { text } else { NONE.to_owned() };
    let memory = |run: &Run| Some(run.replay.peak_memory as f64 / f64::from(1 << 20));
    [
        capture.capture.clone(),
        capture.training.clone(),
        of_attacks(format!("{} of {attacks}", counted(Judgement::found))),
        shown(judged().filter_map(Judgement::median_delay), seconds),
        of_attacks(counted(Judgement::most_incidents)),
        counted(|judged| judged.false_incidents.len()),
        shown(judged().map(|judged| judged.hours), |hours| format!("{hours:.2}")),
        shown(judged().map(Judgement::false_per_hour), |rate| format!("{rate:.2}")),
        // Three digits are more than repeated runs agree in.
        spread(runs, 0, |run| Some((run.packets_per_second / 1000.0).round() * 1000.0)),
        format!("{} MiB", spread(runs, 0, memory)),
    ]
}

fn ranking_rows(capture: &OfCapture) -> impl Iterator<Item = [String; 8]> {
    let ours = ranking_row(capture, "nad", |run| run.ranking.as_ref());
    let sklearns = ranking_row(capture, "scikit-learn", |run| run.sklearn.as_ref());
    ours.into_iter().chain(sklearns)
}

/// `None` without positives.
fn ranking_row(
    capture: &OfCapture,
    name: &str,
    of: impl Fn(&Run) -> Option<&Ranking>,
) -> Option<[String; 8]> {
    let any = capture.runs.iter().find_map(&of).filter(|ranking| ranking.positives > 0)?;
    let value = |decimals, quantity: &dyn Fn(&Ranking) -> Option<f64>| {
        spread(&capture.runs, decimals, |run| of(run).and_then(quantity))
    };
    let found = capture.runs.iter().filter_map(&of).map(|ranking| ranking.attacks_found() as f64);
    let recall = |place: usize| value(3, &move |ranking| ranking.rates[place].recall);
    Some([
        capture.capture.clone(),
        name.to_owned(),
        value(4, &|ranking| ranking.roc_auc),
        value(4, &|ranking| ranking.average_precision),
        recall(0),
        recall(1),
        recall(2),
        format!("{} of {}", shown(found, count), any.attacks.len()),
    ])
}

fn attacks(text: &mut String, capture: &OfCapture) {
    let Some(first) = capture.runs.iter().find_map(|run| run.incidents.as_ref()) else { return };
    if first.attacks.is_empty() {
        return;
    }
    _ = writeln!(text, "\n## Attacks of {}\n", capture.capture);
    let heading = ["attack", "found", "delay", "incidents", "shape", "ROC AUC", "scikit-learn's"];
    let rows = (0..first.attacks.len()).map(|place| attack_row(capture, place));
    table(text, &heading, rows);
    text.push_str("\nReasons of the first incidents, with the first seed:\n\n");
    for attack in &first.attacks {
        let reason = attack.reason.as_deref().unwrap_or("missed");
        _ = writeln!(text, "- {}: {reason}", attack.attack);
    }
}

fn attack_row(capture: &OfCapture, place: usize) -> [String; 7] {
    let runs = &capture.runs;
    let outcomes = || runs.iter().filter_map(|run| run.incidents.as_ref()?.attacks.get(place));
    let name = outcomes().next().map_or(NONE, |outcome| outcome.attack.as_str());
    let auc = |ranking: Option<&Ranking>| {
        Some(ranking?.attacks.iter().find(|attack| attack.attack == name)?.roc_auc)
    };
    let mut shapes: Vec<&str> = outcomes().filter_map(|outcome| outcome.shape.as_deref()).collect();
    shapes.dedup();
    let found = outcomes().filter(|outcome| outcome.delay_s.is_some()).count();
    [
        name.to_owned(),
        format!("{found} of {}", outcomes().count()),
        shown(outcomes().filter_map(|outcome| outcome.delay_s), seconds),
        shown(outcomes().map(|outcome| outcome.incidents as f64), count),
        if shapes.is_empty() { NONE.to_owned() } else { shapes.join("; ") },
        spread(runs, 3, |run| auc(run.ranking.as_ref())),
        spread(runs, 3, |run| auc(run.sklearn.as_ref())),
    ]
}

fn false_incidents(text: &mut String, capture: &OfCapture) {
    let Some(judged) = capture.runs.iter().find_map(|run| run.incidents.as_ref()) else { return };
    let incidents = &judged.false_incidents;
    if incidents.is_empty() {
        return;
    }
    _ = writeln!(text, "\n## False incidents of {}, with the first seed\n", capture.capture);
    for Incident { detected_at, sources, targets, shape, reason, .. } in incidents.iter().take(LISTED) {
        let (sources, targets) = (addresses(sources), addresses(targets));
        _ = writeln!(text, "- {detected_at:.1}: {shape}, {sources} → {targets}: {reason}");
    }
    if let Some(more) = incidents.len().checked_sub(LISTED + 1) {
        _ = writeln!(text, "- and {} more", more + 1);
    }
}

fn addresses(list: &[String]) -> String {
    let shown = list.iter().take(ADDRESSES).map(String::as_str).collect::<Vec<_>>().join(" ");
    if list.len() > ADDRESSES { format!("{shown} and {} more", list.len() - ADDRESSES) } else { shown }
}
