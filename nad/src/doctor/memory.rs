//! How much memory nad takes once everything that grows is full, and how much there is.

mod room;

use std::borrow::Cow;

use nad_engine::presentation::counted;

use super::{Finding, resources::mebibytes};
pub(in crate::doctor) use room::line_bytes;
pub use room::{Room, room};

const CHECK: &str = "memory";

/// Something that takes memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Its bytes when it is full.
    pub bytes: usize,
    /// The setting that makes it smaller, where there is one.
    pub setting: Option<Cow<'static, str>>,
}

/// The threads that judge packets, each with a part of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// How many there are.
    pub number: usize,
    /// What the largest part takes when it is full; unknown where there is not so much memory.
    pub bytes_of_each: Option<usize>,
}

/// How what is needed compares with what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// There is more than enough, or nobody knows.
    Fits,
    /// There is enough, and little more: in words.
    Tight(String),
    /// There is not enough: in words, with the setting to lower.
    Short(String),
}

/// Compares the sum of all parts with the room that there is.
pub fn fit(parts: &[Part], room: Option<&Room>) -> Fit {
    let needed = sum(parts);
    let Some(Room { bytes, limit }) = room else { return Fit::Fits };
    let words = || {
        let mib = |bytes| mebibytes(bytes);
        let text = format!(
            "{} MiB of memory are needed when all is full, of {} MiB {limit}",
            mib(needed),
            mib(*bytes)
        );
        match parts.iter().filter(|part| part.setting.is_some()).max_by_key(|part| part.bytes) {
            Some(Part { name, bytes, setting: Some(setting) }) => {
                format!("{text}: lower {setting}, as {name} alone may take {} MiB", mib(*bytes as u64))
            }
            _ => text,
        }
    };
    if needed > *bytes {
        Fit::Short(words())
    } else if needed > bytes / 4 * 3 {
        Fit::Tight(words())
    } else {
        Fit::Fits
    }
}

fn sum(parts: &[Part]) -> u64 {
    parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.bytes as u64))
}

/// A line for each part, one for what of it each shard has, and the sum beside the room that there is.
pub(super) fn examine(parts: &[Part], shards: Shards, room: Option<&Room>) -> Vec<Finding> {
    let line = |name: &str, bytes: u64| format!("{name:<26} {:>7} MiB", mebibytes(bytes));
    let mut findings: Vec<_> =
        parts.iter().map(|part| Finding::ok(CHECK, line(part.name, part.bytes as u64))).collect();
    if let Shards { number, bytes_of_each: Some(bytes) } = shards {
        let name = format!("of them each of {}", counted(number as u64, "shard"));
        let name = if number == 1 { "of them the only shard".to_owned() } else { name };
        findings.push(Finding::ok(CHECK, line(&name, bytes as u64)));
    }
    let mut what = line("all of it, when full", sum(parts));
    if let Some(Room { bytes, limit }) = room {
        what += &format!(" of {} MiB {limit}", mebibytes(*bytes));
    }
    findings.push(match fit(parts, room) {
        Fit::Fits => Finding::ok(CHECK, what),
        Fit::Tight(_) => Finding::warn(CHECK, what).remedy(remedy(parts)),
        Fit::Short(_) => Finding::fail(CHECK, what).remedy(remedy(parts)),
    });
    findings
}

/// The settings to lower, that of the largest part first.
fn remedy(parts: &[Part]) -> String {
    let mut parts: Vec<_> = parts.iter().filter(|part| part.setting.is_some()).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    let settings: Vec<&str> = parts.iter().filter_map(|part| part.setting.as_deref()).take(2).collect();
    if settings.is_empty() { "more memory".into() } else { format!("lower {}", settings.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    const SHARDS: Shards = Shards { number: 2, bytes_of_each: Some(12 << 20) };

    #[test]
    fn parts_are_listed_and_more_than_there_is_in_all_is_a_failure() {
        let parts = [
            Part { name: "flows", bytes: 24 << 20, setting: Some("flows in [context]".into()) },
            Part { name: "rings", bytes: (16 << 20) + (1 << 19), setting: None },
        ];
        let room = |bytes| Some(Room { bytes, limit: "that the machine has left".into() });
        let findings = examine(&parts, SHARDS, room(1 << 30).as_ref());
        let lines: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            lines,
            [
                "flows                           24 MiB",
                "rings                           17 MiB",
                "of them each of 2 shards        12 MiB",
                "all of it, when full            41 MiB of 1024 MiB that the machine has left",
            ]
        );
        assert!(findings.iter().all(|finding| finding.status == Status::Ok));
        for (bytes, status) in [(48 << 20, Status::Warn), (32 << 20, Status::Fail)] {
            let found = examine(&parts, SHARDS, room(bytes).as_ref());
            assert_eq!(found.iter().filter(|finding| finding.status != Status::Ok).count(), 1);
            assert_eq!(found[3].status, status);
            assert_eq!(found[3].remedy.as_deref(), Some("lower flows in [context]"));
        }
        let unknown = Shards { number: 1, bytes_of_each: None };
        assert_eq!(examine(&parts, unknown, None)[2].what, "all of it, when full            41 MiB");
        let Fit::Short(words) = fit(&parts, room(32 << 20).as_ref()) else { panic!() };
        assert_eq!(
            words,
            "41 MiB of memory are needed when all is full, of 32 MiB that the machine has left: lower flows in [context], \
             as flows alone may take 24 MiB"
        );
        assert_eq!(fit(&parts, None), Fit::Fits);
        let huge = [1, 2].map(|_| Part { name: "a", bytes: usize::MAX, setting: None });
        assert!(
            matches!(fit(&huge, room(1).as_ref()), Fit::Short(_)),
            "a sum that overflows is no small one"
        );
    }
}
