//! What is lost without each feature.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{
    bench::{Bench, Run},
    board, markdown,
    spread::{self, Spread},
};

/// What is compared: its name in JSON, its heading, and decimals.
const QUANTITIES: [(&str, &str, usize); 5] = [
    ("attacks_found", "attacks found", 1),
    ("median_delay_s", "median delay (s)", 1),
    ("false_incidents", "false incidents", 1),
    ("roc_auc", "ROC AUC", 4),
    ("average_precision", "average precision", 4),
];

/// One of each of [`QUANTITIES`], over all captures of a pass.
type Totals = [Option<f64>; QUANTITIES.len()];
type Spreads = BTreeMap<&'static str, Option<Spread>>;

#[derive(Debug, Serialize)]
struct Ablation {
    nad: String,
    seeds: Vec<u64>,
    captures: Vec<String>,
    /// With all features.
    full: Spreads,
    /// The change against that with the same seed.
    without: Vec<Without>,
}

#[derive(Debug, Serialize)]
struct Without {
    feature: String,
    /// The views that have it.
    views: Vec<String>,
    change: Spreads,
}

/// Leaves out one feature after the other: those of these names, or every view's. The result is written after each, so that
/// it need not be waited for.
pub(super) fn ablate(
    bench: &Bench<'_>,
    seeds: &[u64],
    names: &[String],
    nad: String,
    out: &Path,
) -> Result<()> {
    let features = chosen(&bench.sensor.features()?, names)?;
    let begun = Instant::now();
    let mut full = Vec::new();
    for &seed in seeds {
        full.push(totals(&bench.pass(seed, None)?));
    }
    eprintln!("all features: {}", line(&spreads(&full), false));
    let mut ablation = Ablation {
        nad,
        seeds: seeds.to_vec(),
        captures: bench.measured().map(|subject| subject.name().to_owned()).collect(),
        full: spreads(&full),
        without: Vec::new(),
    };
    let count = features.len();
    for (place, (feature, views)) in features.into_iter().enumerate() {
        let mut changes = Vec::new();
        for (&seed, full) in seeds.iter().zip(&full) {
            changes.push(change(full, &totals(&bench.pass(seed, Some(&feature))?)));
        }
        let change = spreads(&changes);
        // The full set took as long as each of the others.
        let left = begun.elapsed().div_f64((place + 2) as f64).mul_f64((count - place - 1) as f64);
        eprintln!(
            "{} of {count}, without {feature}: {} ({} left)",
            place + 1,
            line(&change, true),
            minutes(left)
        );
        ablation.without.push(Without { feature, views, change });
        board::write(out, "ablation", &ablation.to_markdown(), &ablation)?;
    }
    Ok(())
}

/// What is left out, one after the other, each as nad's `--without` takes it and with the views that have it: every
/// feature of every view, or those of these names, as `view/feature` or alone for all views that have it at once.
fn chosen(views: &BTreeMap<String, Vec<String>>, names: &[String]) -> Result<Vec<(String, Vec<String>)>> {
    let each =
        || views.iter().flat_map(|(view, features)| features.iter().map(move |feature| (view, feature)));
    let full = |view: &String, feature: &String| format!("{view}/{feature}");
    if names.is_empty() {
        let all: Vec<_> = each().map(|(view, feature)| (full(view, feature), vec![view.clone()])).collect();
        ensure!(!all.is_empty(), "nad features --list names no features");
        return Ok(all);
    }
    let mut features = Vec::new();
    for name in names {
        let is_meant =
            |(view, feature): &(&String, &String)| *feature == name || full(view, feature) == *name;
        let of_views: Vec<String> = each().filter(is_meant).map(|(view, _)| view.clone()).collect();
        ensure!(!of_views.is_empty(), "there is no feature '{name}': 'nad features --list' names them");
        features.push((name.clone(), of_views));
    }
    Ok(features)
}

fn totals(runs: &[Run]) -> Totals {
    let judged = || runs.iter().filter_map(|run| run.incidents.as_ref());
    let delays = judged().flat_map(|judged| judged.attacks.iter().filter_map(|attack| attack.delay_s));
    let rankings = || runs.iter().filter_map(|run| run.ranking.as_ref());
    let mean = |values: &mut dyn Iterator<Item = f64>| Spread::of(values).map(|spread| spread.mean);
    [
        Some(judged().map(|judged| judged.found() as f64).sum()),
        spread::median(delays.collect()),
        Some(judged().map(|judged| judged.false_incidents.len() as f64).sum()),
        mean(&mut rankings().filter_map(|ranking| ranking.roc_auc)),
        mean(&mut rankings().filter_map(|ranking| ranking.average_precision)),
    ]
}

fn change(full: &Totals, without: &Totals) -> Totals {
    std::array::from_fn(|i| Some(without[i]? - full[i]?))
}

fn spreads(totals: &[Totals]) -> Spreads {
    let spread = |i: usize| Spread::of(totals.iter().filter_map(|totals| totals[i]));
    QUANTITIES.iter().enumerate().map(|(i, (key, ..))| (*key, spread(i))).collect()
}

impl Ablation {
    fn to_markdown(&self) -> String {
        let seeds: Vec<_> = self.seeds.iter().map(u64::to_string).collect();
        let mut text = format!(
            "# What is lost without each feature\n\n{}, seeds {}, captures {}. The first row has the values with all \
             features, the others the change when the sensor is trained and scores without one: the mean over the \
             seeds, each against its own full set, followed by the range. A change within the range of the first row \
             may be chance.\n\n",
            self.nad,
            seeds.join(", "),
            self.captures.join(", ")
        );
        let [a, b, c, d, e] = QUANTITIES.map(|(_, heading, _)| heading);
        let row = |feature: &str, views: String, spreads: &Spreads, signed| {
            let [a, b, c, d, e] = cells(spreads, signed);
            [feature.to_owned(), views, a, b, c, d, e]
        };
        let full = row("all features", String::new(), &self.full, false);
        let others =
            self.without.iter().map(|one| row(&one.feature, one.views.join(", "), &one.change, true));
        markdown::table(&mut text, &["without", "view", a, b, c, d, e], std::iter::once(full).chain(others));
        text
    }
}

fn cells(spreads: &Spreads, signed: bool) -> [String; QUANTITIES.len()] {
    QUANTITIES.map(|(key, _, decimals)| {
        let show = |value: f64| {
            // No minus before a zero.
            let value = if value.abs() < 0.5 * 0.1_f64.powi(decimals as i32) { 0.0 } else { value };
            if signed && value != 0.0 {
                format!("{value:+.decimals$}")
            } else {
                format!("{value:.decimals$}")
            }
        };
        spreads.get(key).copied().flatten().map_or_else(|| "–".to_owned(), |spread| spread.shown(show))
    })
}

fn line(spreads: &Spreads, signed: bool) -> String {
    let cells = cells(spreads, signed);
    let named = QUANTITIES.iter().zip(cells).map(|((_, heading, _), cell)| format!("{heading} {cell}"));
    named.collect::<Vec<_>>().join(", ")
}

fn minutes(time: Duration) -> String {
    format!("about {:.0} min", (time.as_secs_f64() / 60.0).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_left_out_of_one_view_or_by_its_name_alone_of_all() {
        let list = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let views = BTreeMap::from([
            ("packet".into(), list(&["TTL", "length"])),
            ("source".into(), list(&["length", "rate"])),
        ]);
        let shown = |names: &[&str]| -> Vec<String> {
            let chosen = chosen(&views, &list(names)).unwrap();
            chosen.iter().map(|(name, views)| format!("{name}: {}", views.join(" "))).collect()
        };
        assert_eq!(
            shown(&[]),
            ["packet/TTL: packet", "packet/length: packet", "source/length: source", "source/rate: source"]
        );
        assert_eq!(shown(&["rate", "packet/length"]), ["rate: source", "packet/length: packet"]);
        assert_eq!(shown(&["length"]), ["length: packet source"]);
        for unknown in ["speed", "source/TTL"] {
            let error = chosen(&views, &list(&[unknown])).unwrap_err().to_string();
            assert!(error.contains(&format!("'{unknown}'")), "{error}");
        }
    }

    #[test]
    fn a_change_is_taken_seed_by_seed() {
        let full = [
            [Some(12.0), Some(3.0), Some(0.0), Some(0.9), None],
            [Some(10.0), None, Some(1.0), Some(0.8), None],
        ];
        let without = [
            [Some(11.0), Some(5.0), Some(2.0), Some(0.9), None],
            [Some(10.0), Some(1.0), Some(1.0), Some(0.7), None],
        ];
        let changes: Vec<_> =
            full.iter().zip(&without).map(|(full, without)| change(full, without)).collect();
        let cells = cells(&spreads(&changes), true);
        assert_eq!(
            cells,
            ["-0.5 (-1.0 to 0.0)", "+2.0", "+1.0 (0.0 to +2.0)", "-0.0500 (-0.1000 to 0.0000)", "–"]
        );
    }
}
