//! Skips that are seen.

use std::io::Write as _;

/// Says what is not tested, past the test harness, which keeps the output of tests that pass to itself.
pub(crate) fn skipped(what: &str) {
    // Where nobody can be told, nothing is lost but that.
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}
