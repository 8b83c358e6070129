//! The pages that are written from what is kept: the tables of `docs/performance.md`, and `docs/scaling.md`.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result};

use super::{
    kept::{Kept, Part, Ratio, Row, Spread, Target},
    scaling,
};
use crate::shell;

const PERFORMANCE: &str = "docs/performance.md";
const SCALING: &str = "docs/scaling.md";
/// The lines that the tables stand between.
const BEGIN: &str = "<!-- Written by `cargo xtask bench --pages` from docs/measured. -->\n";
const END: &str = "<!-- What follows is written by hand. -->\n";

/// Writes both anew.
pub(super) fn write() -> Result<()> {
    let kept = Kept::all()?;
    for (name, text) in
        [(PERFORMANCE, with_tables(&read(PERFORMANCE)?, &kept)?), (SCALING, scaling::page(&kept))]
    {
        let file = shell::workspace().join(name);
        fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

fn read(name: &str) -> Result<String> {
    let file = shell::workspace().join(name);
    fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))
}

/// The page with new tables between its marks.
fn with_tables(page: &str, kept: &[Kept]) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("docs/performance.md has no place for tables")?;
    let (_, after) =
        rest.split_once(END).context("the place for tables in docs/performance.md has no end")?;
    let tables: String = kept.iter().map(table).collect();
    Ok(format!("{before}{BEGIN}{tables}\n{END}{after}"))
}

/// All that is kept of one kind of machine.
fn table(kept: &Kept) -> String {
    let mut text = format!("\n### {}\n\n", kept.machine.shown());
    for (name, Part { nad, .. }) in &kept.parts {
        _ = writeln!(text, "- `{name}`: {nad}");
    }
    text.push_str("\n| part | measurement | measured | n | ratio | target |\n|---|---|---|---|---|---|\n");
    for (name, part) in &kept.parts {
        for row in &part.rows {
            let aim =
                |target: Option<Target>, value| target.map(|target| target.shown(value)).unwrap_or_default();
            let mut ratios = row.ratios.iter();
            let first = match (row.target, row.ratios.len()) {
                (None, 1..) => ratios.next(),
                _ => None,
            };
            let of_ratio = |ratio: &Ratio| [ratio.shown(), aim(ratio.target, ratio.value.median)];
            let [ratio, target] =
                first.map_or_else(|| [String::new(), aim(row.target, row.value.median)], of_ratio);
            let Row { what, value, unit, .. } = row;
            let measured = format!("{} {unit}", value.shown());
            let measured = measured.trim();
            _ = writeln!(
                text,
                "| {name} | {what} | {measured} | {} | {ratio} | {target} |",
                value.repetitions
            );
            for more in ratios {
                let [ratio, target] = of_ratio(more);
                _ = writeln!(text, "| | | | | {ratio} | {target} |");
            }
        }
    }
    text
}

impl Ratio {
    fn shown(&self) -> String {
        format!("{} of {}", self.value.shown(), self.to)
    }
}

impl Target {
    fn shown(self, value: f64) -> String {
        let (sign, limit, is_met) = match self {
            Self::AtLeast(limit) => ('≥', limit, value >= limit),
            Self::AtMost(limit) => ('≤', limit, value <= limit),
        };
        format!("{sign} {limit}: {}", if is_met { "met" } else { "not met" })
    }
}

impl Spread {
    /// The median, with the range of the middle half where there is one.
    pub(super) fn shown(&self) -> String {
        let Self { median, lower_quartile, upper_quartile, .. } = *self;
        if lower_quartile == upper_quartile {
            return number(median);
        }
        format!("{} ({} to {})", number(median), number(lower_quartile), number(upper_quartile))
    }
}

/// Three digits are more than repeated runs agree in.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.1} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.01.. => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::kept::tests::{kept, row, spread};

    #[test]
    fn the_pages_say_what_is_kept() {
        let all = Kept::all().unwrap();
        let message = "the page is not that of docs/measured: cargo xtask bench --pages";
        assert!(
            read(PERFORMANCE).unwrap() == with_tables(&read(PERFORMANCE).unwrap(), &all).unwrap(),
            "{message}"
        );
        assert!(read(SCALING).unwrap() == scaling::page(&all), "{message}");
    }

    #[test]
    fn each_kind_of_machine_has_a_table_and_what_is_written_by_hand_stays() {
        let mut live = row("live.1.1", 1_500_000.0);
        let ratio = |to: &str, value, target| Ratio { to: to.into(), value: spread(value), target };
        live.ratios = vec![ratio("counting", 0.5, Some(Target::AtLeast(0.6))), ratio("another", 2.0, None)];
        let machines = [kept("One", "nad 1", vec![live]), kept("Two", "nad 2", vec![row("live.1.1", 3.0)])];
        let page = format!("by hand\n{BEGIN}old\n{END}by hand, too\n");
        let written = with_tables(&page, &machines).unwrap();
        for line in [
            "by hand",
            "### One, 2 CPUs, AVX2, a virtual machine, Linux 6.12",
            "- `live`: nad 1",
            "| live | live.1.1 | 1.50 M | 1 | 0.50 of counting | ≥ 0.6: not met |",
            "| | | | | 2.00 of another |  |",
            "### Two, 2 CPUs, AVX2, a virtual machine, Linux 6.12",
            "| live | live.1.1 | 3.00 | 1 |  |  |",
            "by hand, too",
        ] {
            assert!(written.lines().any(|written| written == line), "{line}: {written}");
        }
        assert!(!written.contains("old"));
        assert_eq!(with_tables(&written, &machines).unwrap(), written, "once is enough");
        assert!(with_tables("nothing", &machines).is_err());
    }
}
