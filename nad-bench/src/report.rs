//! What was measured, as JSON and as a table.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{Options, measure::Spread};

/// Everything of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// What the sensor calls itself.
    nad: String,
    /// What it was compared with.
    against: Option<String>,
    machine: Machine,
    /// That were asked for.
    repetitions: u16,
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cpus: usize,
    kernel: String,
    /// What the processor has of the instructions that matter here.
    simd: &'static str,
    /// Whether it is a virtual machine: `hypervisor` among the processor's flags.
    is_virtual: bool,
}

/// What belongs together.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    name: &'static str,
    title: String,
    /// Why nothing was measured.
    pub(crate) skipped: Option<String>,
    pub(crate) rows: Vec<Row>,
    /// What has to be known to read the rows.
    pub(crate) notes: Vec<String>,
    /// What must hold, and does not.
    pub(crate) failures: Vec<String>,
}

/// One quantity.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// By which the documentation's tables find it; empty where they leave it out.
    id: String,
    what: String,
    value: Spread,
    unit: &'static str,
    target: Option<Target>,
    ratios: Vec<Ratio>,
}

/// One quantity by another one of the same run.
#[derive(Debug, Serialize)]
struct Ratio {
    to: String,
    value: Spread,
    target: Option<Target>,
}

/// What was aimed at; missing it is no failure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let nad = &options.program().path;
        let version = Command::new(nad).arg("--version").output();
        let version = version.with_context(|| format!("can't start {}", nad.display()))?;
        ensure!(version.status.success(), "{} --version failed ({})", nad.display(), version.status);
        let nad = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let (against, repetitions) = (options.against_name.clone(), options.repetitions);
        Ok(Self { nad, against, machine: Machine::here(options.cpus.len())?, repetitions, parts: Vec::new() })
    }

    /// Whether everything held that must.
    pub(crate) fn holds(&self) -> bool {
        self.parts.iter().all(|part| part.failures.is_empty())
    }

    /// Writes `bench.md` and `bench.json`.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).context("a result can't be put into JSON")?;
        for (name, text) in [("bench.md", self.to_markdown()), ("bench.json", json)] {
            let file = folder.join(name);
            fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))?;
        }
        Ok(())
    }

    pub(crate) fn to_markdown(&self) -> String {
        let Machine { processor, cpus, kernel, simd, is_virtual } = &self.machine;
        let kind = if *is_virtual { ", a virtual machine" } else { "" };
        let mut text = format!(
            "# Speed\n\n{} on {cpus} CPUs ({processor}, {simd}{kind}), Linux {kernel}. A value is the median, followed by the \
             range of the middle half of so many repetitions; variants take turns, and a ratio is taken within each turn. \
             What is measured and how: `docs/performance.md`.\n",
            self.nad
        );
        if let Some(against) = &self.against {
            _ = writeln!(
                text,
                "\nCompared with {against}, in turns: a ratio \"of {against}\" is that of the medians."
            );
        }
        for part in &self.parts {
            part.add_to(&mut text);
        }
        text
    }
}

impl Machine {
    fn here(cpus: usize) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("can't read {path}"));
        let processors = read("/proc/cpuinfo")?;
        let field =
            |name: &str| processors.lines().find_map(|line| line.strip_prefix(name)?.split_once(": "));
        let flags = field("flags").map_or("", |(_, flags)| flags);
        Ok(Self {
            processor: field("model name").map_or("unknown processor", |(_, name)| name).trim().to_owned(),
            is_virtual: flags.split_whitespace().any(|flag| flag == "hypervisor"),
            cpus,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            simd: simd(),
        })
    }
}

/// The widest instructions that there are for a forest.
#[cfg(target_arch = "x86_64")]
pub(crate) fn simd() -> &'static str {
    if is_x86_feature_detected!("avx512vbmi") {
        "AVX-512 VBMI"
    } else if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") {
        "AVX2"
    } else {
        "SSE2"
    }
}

/// The widest instructions that there are for a forest.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn simd() -> &'static str {
    if cfg!(target_arch = "aarch64") { "NEON" } else { "no SIMD" }
}

impl Part {
    pub(crate) fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self {
            name,
            title: title.into(),
            skipped: None,
            rows: Vec::new(),
            notes: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn add_to(&self, text: &mut String) {
        _ = writeln!(text, "\n## {}: {}\n", self.name, self.title);
        if let Some(reason) = &self.skipped {
            _ = writeln!(text, "Skipped: {reason}.");
        }
        if !self.rows.is_empty() {
            text.push_str("| what | measured | n | ratio | aimed at |\n|---|---|---|---|---|\n");
        }
        for row in &self.rows {
            let Spread { repetitions, .. } = row.value;
            let value = format!("{} {}", shown(&row.value), row.unit);
            let aim = row.target.map(|target| target.shown(row.value.median));
            let first =
                [row.what.clone(), value, repetitions.to_string(), String::new(), aim.unwrap_or_default()];
            let ratios = row.ratios.iter().map(Ratio::cells);
            let mut lines = vec![first];
            for cells in ratios {
                let last = lines.len() - 1;
                if lines[last][3].is_empty() && lines[last][4].is_empty() {
                    lines[last][3..].clone_from_slice(&cells);
                } else {
                    let [ratio, aim] = cells;
                    lines.push([String::new(), String::new(), String::new(), ratio, aim]);
                }
            }
            for cells in lines {
                _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
            }
        }
        for note in &self.notes {
            _ = writeln!(text, "\n{note}");
        }
        for failure in &self.failures {
            _ = writeln!(text, "\n**Failed:** {failure}");
        }
    }
}

impl Row {
    /// One value for each repetition.
    ///
    /// # Errors
    ///
    /// Without any, and with one that is no number.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, values: &[f64]) -> Result<Self> {
        let what = what.into();
        let value = Spread::of(values).with_context(|| what.clone())?;
        Ok(Self { id: String::new(), what, value, unit, target: None, ratios: Vec::new() })
    }

    /// Has it appear in the documentation's tables.
    pub(crate) fn id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    pub(crate) fn aims(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// Adds the ratio of `values` to `others`, which were measured in turns.
    ///
    /// # Errors
    ///
    /// When they are no pairs of numbers.
    pub(crate) fn by(
        mut self,
        to: impl Into<String>,
        values: &[f64],
        others: &[f64],
        target: Option<Target>,
    ) -> Result<Self> {
        let to = to.into();
        let value = Spread::of_ratios(values, others).with_context(|| format!("{} by {to}", self.what))?;
        self.ratios.push(Ratio { to, value, target });
        Ok(self)
    }

    /// Adds the ratio of the medians of two builds, of which each may have left repetitions out.
    ///
    /// # Errors
    ///
    /// Without any value, and where the ratio is no number.
    pub(crate) fn by_medians(
        mut self,
        to: impl Into<String>,
        values: &[f64],
        others: &[f64],
    ) -> Result<Self> {
        let to = to.into();
        let medians =
            || -> Result<Spread> { Spread::of(&[Spread::of(values)?.median / Spread::of(others)?.median]) };
        let value = medians().with_context(|| format!("{} by {to}", self.what))?;
        self.ratios.push(Ratio { to, value, target: None });
        Ok(self)
    }
}

impl Ratio {
    fn cells(&self) -> [String; 2] {
        let aim = self.target.map(|target| target.shown(self.value.median));
        [format!("{} of {}", shown(&self.value), self.to), aim.unwrap_or_default()]
    }
}

impl Target {
    fn shown(self, value: f64) -> String {
        let (sign, limit, met) = match self {
            Self::AtLeast(limit) => ("≥", limit, value >= limit),
            Self::AtMost(limit) => ("≤", limit, value <= limit),
        };
        format!("{sign} {limit}: {}", if met { "met" } else { "not met" })
    }
}

fn shown(spread: &Spread) -> String {
    let Spread { median, lower_quartile, upper_quartile, .. } = spread;
    if lower_quartile == upper_quartile {
        return number(*median);
    }
    format!("{} ({} to {})", number(*median), number(*lower_quartile), number(*upper_quartile))
}

/// Three digits are more than repeated runs agree in.
fn number(value: f64) -> String {
    match value.abs() {
        1e9.. => format!("{:.3e}", value),
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.1} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_aimed_at_and_whether_it_was_met() {
        let mut part = Part::new("ring", "records");
        let row = Row::new("nad", "records/s", &[2e6, 3e6, 4e6]).unwrap();
        let row = row.by("counting", &[2e6, 3e6, 4e6], &[4e6, 4e6, 4e6], Some(Target::AtLeast(0.7))).unwrap();
        let row = row.by("waking", &[2e6, 3e6, 4e6], &[1e6, 1e6, 1e6], Some(Target::AtLeast(2.5))).unwrap();
        part.rows.push(row);
        let mut text = String::new();
        part.add_to(&mut text);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).skip(2).collect();
        assert_eq!(
            lines,
            [
                "| nad | 3.00 M (2.50 M to 3.50 M) records/s | 3 | 0.75 (0.62 to 0.88) of counting | ≥ 0.7: met |",
                "|  |  |  | 3.00 (2.50 to 3.50) of waking | ≥ 2.5: met |"
            ]
        );
    }

    #[test]
    fn builds_are_compared_by_their_medians_though_repetitions_are_missing() {
        let row = Row::new("nad", "packets/s", &[2.0, 3.0, 4.0]).unwrap();
        let row = row.by_medians("1 shard, 0123abc", &[2.0, 3.0, 4.0], &[5.0, 7.0]).unwrap();
        assert_eq!((row.ratios[0].value.median, row.ratios[0].value.repetitions), (0.5, 1));
        assert!(row.by_medians("nothing", &[1.0], &[]).is_err());
    }

    #[test]
    fn a_failure_is_shown_and_makes_the_report_fail() {
        let mut part = Part::new("scoring", "samples");
        part.failures.push("scores differ".into());
        let machine = Machine::here(3).unwrap();
        let report = Report { nad: "nad".into(), against: None, machine, repetitions: 1, parts: vec![part] };
        assert!(!report.holds());
        assert!(report.to_markdown().contains(" on 3 CPUs ("));
        assert!(report.to_markdown().contains("**Failed:** scores differ"));
    }

    #[test]
    fn numbers_have_about_three_digits() {
        let shown = [0.0, 3.21e-8, 0.123, 5.0, 12.34, 456.7, 12_345.0, 2_345_678.0].map(number);
        assert_eq!(shown, ["0", "3.2e-8", "0.12", "5.00", "12.3", "457", "12.3 k", "2.35 M"]);
    }
}
