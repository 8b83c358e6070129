//! How much memory nad takes once everything that grows is full.

use super::{Finding, resources::mebibytes};

const CHECK: &str = "memory";

/// Something that takes memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Its bytes when it is full.
    pub bytes: usize,
}

/// A line for each part, and their sum beside what the machine has left, in bytes.
pub(super) fn examine(parts: &[Part], available: Option<u64>) -> Vec<Finding> {
    let line = |name: &str, bytes: usize| format!("{name:<26} {:>7} MiB", mebibytes(bytes as u64));
    let mut findings: Vec<_> =
        parts.iter().map(|part| Finding::ok(CHECK, line(part.name, part.bytes))).collect();
    let sum = parts.iter().map(|part| part.bytes).sum();
    let mut what = line("all of it, when full", sum);
    if let Some(available) = available {
        what += &format!(" of {} MiB available", mebibytes(available));
    }
    findings.push(match available {
        Some(available) if sum as u64 > available => Finding::warn(CHECK, what)
            .remedy("smaller tables ([context] in nad.toml) or smaller rings (--ring-bytes)"),
        _ => Finding::ok(CHECK, what),
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn parts_are_listed_and_more_than_there_is_in_all_is_a_warning() {
        let parts =
            [Part { name: "flows", bytes: 24 << 20 }, Part { name: "rings", bytes: (16 << 20) + (1 << 19) }];
        let findings = examine(&parts, Some(1 << 30));
        let lines: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            lines,
            [
                "flows                           24 MiB",
                "rings                           17 MiB",
                "all of it, when full            41 MiB of 1024 MiB available",
            ]
        );
        assert!(findings.iter().all(|finding| finding.status == Status::Ok));
        let short = examine(&parts, Some(32 << 20));
        assert_eq!(short.iter().filter(|finding| finding.status == Status::Warn).count(), 1);
        assert_eq!(short[2].status, Status::Warn);
        assert!(short[2].remedy.as_deref().is_some_and(|remedy| remedy.contains("[context]")));
        assert_eq!(examine(&parts, None)[2].what, "all of it, when full            41 MiB");
    }
}
