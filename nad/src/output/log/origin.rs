//! Whose a log file is: nad moves away and deletes only what it began itself.
//!
//! A file's first line tells: it is of nad's own form and names one of its modules. Where the first line to be written is
//! another crate's, a line of nad's own is put before it.

use std::{path::Path, time::SystemTime};

use nad_engine::presentation;
use serde_json::{Value, json};

use crate::files;

/// What begins a file.
const TARGET: &str = "nad::log";
const BEGUN: &str = "log file begun";
/// Bytes of a first line that are read; nad's own say what is asked for in far fewer.
const MOST: usize = 4096;

/// Whether nad began a file; not where it can't be read, or belongs to others.
pub(super) fn began(path: &Path) -> bool {
    files::open_own(path).and_then(|file| file.start(MOST)).is_ok_and(|start| is_nads(&start))
}

/// A line that tells that nad began the file.
pub(super) fn first_line(is_json: bool) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = presentation::timestamp(now.as_nanos() as u64);
    if is_json {
        let line = json!({ "time": time, "level": "INFO", "target": TARGET, "message": BEGUN });
        return format!("{line}\n");
    }
    format!("{time}  INFO {TARGET}: {BEGUN}\n")
}

/// Whether a file that starts so has a line of nad's as its first.
pub(super) fn is_nads(start: &[u8]) -> bool {
    let start = &start[..start.len().min(MOST)];
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(line) = str::from_utf8(&line[..floor(line)]) else { return false };
    if line.starts_with('{') { is_json(line) } else { is_text(line) }
}

/// `2026-11-24T08:14:14.123456Z  INFO nad::log: …`
fn is_text(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (time, level, target) = (words.next(), words.next(), words.next());
    time.is_some_and(is_time)
        && level.is_some_and(|level| ["INFO", "WARN", "ERROR"].contains(&level))
        && target.and_then(|target| target.strip_suffix(':')).is_some_and(is_target)
}

/// The same as an object. Of one that is longer than what is read, nothing can be said.
fn is_json(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|object| {
        object["time"].as_str().is_some_and(is_time) && object["target"].as_str().is_some_and(is_target)
    })
}

fn is_time(word: &str) -> bool {
    word.ends_with('Z') && word.parse::<jiff::Timestamp>().is_ok()
}

fn is_target(word: &str) -> bool {
    matches!(word.split("::").next(), Some("nad" | "nad_engine")) || word.starts_with("nad_ebpf")
}

/// The end of the last character that is whole.
fn floor(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_tells_whose_a_file_is() {
        let object = |message: &str, target: &str| json!({ "time": "2026-11-24T08:14:14.123Z", "level": "INFO", "message": message, "target": target });
        for own in [
            first_line(false),
            first_line(true),
            "2026-11-24T08:14:14.123456Z  WARN nad::anomaly: incident id=1\nwhatever".into(),
            object("a", "nad::said").to_string(),
            "2026-11-24T08:14:14.123456Z ERROR nad: é".into(),
        ] {
            assert!(is_nads(own.as_bytes()), "{own}");
        }
        for other in [
            String::new(),
            "mine\n".into(),
            "\n2026-11-24T08:14:14.123456Z  WARN nad::anomaly: not the first".into(),
            "2026-11-24T08:14:14.123456Z  INFO other::log: begun".into(),
            "2026-11-24T08:14:14.123456Z  INFO nadir::log: begun".into(),
            "yesterday  INFO nad::log: begun".into(),
            object("nad", "other").to_string(),
            "{\"target\":\"nad\"".into(),
            "root:x:0:0:root:/root:/bin/bash".into(),
        ] {
            assert!(!is_nads(other.as_bytes()), "{other}");
        }
        assert!(!is_nads(b"\xff\xfe"));
        // It is not read as far as that, also where it is about to be written: then a line of nad's own comes first.
        assert!(!is_nads(object(&"x".repeat(2 * MOST), "nad::anomaly").to_string().as_bytes()));
    }
}
