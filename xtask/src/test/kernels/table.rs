//! The table of tested kernels in the docs, between two marks.

use std::fs;

use anyhow::{Context as _, Result, bail};

use super::report::{Report, Verified};
use crate::shell;

const FILE: &str = "docs/kernels.md";
const BEGIN: &str = "<!-- kernels: written by cargo xtask test --kernels -->";
const END: &str = "<!-- kernels: end -->";
/// By how much, in per cent, other versions of a kernel may follow more or fewer instructions.
const NEAR: u32 = 10;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    suite: String,
    version: String,
    ingress: Verified,
    egress: Verified,
    hook: String,
}

/// Writes what was found.
pub(super) fn write(reports: &[Report]) -> Result<()> {
    let file = shell::workspace().join(FILE);
    let text = read()?;
    let (before, _, after) = parts(&text)?;
    let written = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(reports));
    fs::write(&file, written).with_context(|| format!("can't write {}", file.display()))
}

/// Fails where the table says something else.
pub(super) fn check(reports: &[Report]) -> Result<()> {
    let text = read()?;
    let (_, committed, _) = parts(&text)?;
    let committed: Vec<Row> = committed.lines().filter_map(Row::read).collect();
    let found: Vec<Row> = reports.iter().map(Row::of).collect();
    match difference(&committed, &found) {
        Some(difference) => {
            bail!("{FILE} is stale ({difference}): run 'cargo xtask test --kernels' and commit it")
        }
        None => Ok(()),
    }
}

fn read() -> Result<String> {
    let file = shell::workspace().join(FILE);
    fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))
}

/// What is before the table, the table, and what follows it.
fn parts(text: &str) -> Result<(&str, &str, &str)> {
    let (before, rest) =
        text.split_once(BEGIN).with_context(|| format!("{FILE} lacks the line '{BEGIN}'"))?;
    let (table, after) = rest.split_once(END).with_context(|| format!("{FILE} lacks the line '{END}'"))?;
    Ok((before, table, after))
}

fn table(reports: &[Report]) -> String {
    let mut table = "| Debian | Linux | instructions: ingress | egress | stack in bytes: ingress | egress | egress by |\n\
                     |---|---|---:|---:|---:|---:|---|\n"
        .to_owned();
    for Row { suite, version, ingress, egress, hook } in reports.iter().map(Row::of) {
        table += &format!(
            "| {suite} | {version} | {} | {} | {} | {} | {hook} |\n",
            ingress.instructions, egress.instructions, ingress.stack, egress.stack
        );
    }
    table
}

/// How two tables differ in what does not move by itself.
fn difference(committed: &[Row], found: &[Row]) -> Option<String> {
    if committed.len() != found.len() {
        return Some(format!("{} kernels instead of {}", committed.len(), found.len()));
    }
    let near = |a: u32, b: u32| a.abs_diff(b).saturating_mul(100) <= NEAR.saturating_mul(b);
    let same = |a: Verified, b: Verified| a.stack == b.stack && near(a.instructions, b.instructions);
    committed.iter().zip(found).find_map(|(was, is)| {
        let as_before = was.suite == is.suite
            && was.hook == is.hook
            && same(was.ingress, is.ingress)
            && same(was.egress, is.egress);
        (!as_before).then(|| format!("it has {was:?} where {is:?} was found"))
    })
}

impl Row {
    fn of(report: &Report) -> Self {
        Self {
            suite: report.suite.into(),
            version: report.version.clone(),
            ingress: report.ingress,
            egress: report.egress,
            hook: if report.has_tcx() { "TCX" } else { "clsact" }.into(),
        }
    }

    /// From a line of the table; none from its head.
    fn read(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", suite, version, ingress, egress, ingress_stack, egress_stack, hook, ""] = cells[..] else {
            return None;
        };
        let verified = |instructions: &str, stack: &str| {
            Some(Verified { instructions: instructions.parse().ok()?, stack: stack.parse().ok()? })
        };
        Some(Self {
            suite: suite.into(),
            version: version.into(),
            ingress: verified(ingress, ingress_stack)?,
            egress: verified(egress, egress_stack)?,
            hook: hook.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(version: &str, instructions: u32, stack: u32) -> Report {
        let verified = Verified { instructions, stack };
        Report {
            suite: "trixie",
            version: version.into(),
            ingress: verified,
            egress: verified,
            ..Report::default()
        }
    }

    #[test]
    fn only_what_does_not_move_by_itself_makes_the_table_stale() {
        let committed: Vec<Row> =
            table(&[report("6.12.9", 1000, 288)]).lines().filter_map(Row::read).collect();
        assert_eq!(committed, [Row::of(&report("6.12.9", 1000, 288))]);
        let stale = |found: Report| difference(&committed, &[Row::of(&found)]).is_some();
        assert!(!stale(report("6.12.117", 1050, 288)), "another version of the kernel");
        assert!(stale(report("6.12.9", 1200, 288)), "another program");
        assert!(stale(report("6.12.9", 1000, 320)), "another stack");
        assert!(stale(report("6.1.9", 1000, 288)), "another hook");
        assert!(difference(&committed, &[]).is_some());
    }
}
