//! Skips that are seen and counted.

use std::{env, fs::OpenOptions, io::Write as _, thread};

/// Where `cargo xtask test` wants to be told of skips: a file, a line each.
const SKIPS: &str = "NAD_TEST_SKIPS";

/// Says what this test can't test on this machine, past the test harness, for which the test passes: to people on standard
/// error, and to `cargo xtask test`, for which it is skipped.
pub(crate) fn skipped(what: &str) {
    // The harness names each test's thread after it.
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test's thread");
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    // Where nobody can be told, nothing is lost but that.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {what}");
    if let Some(path) = env::var_os(SKIPS) {
        let told = OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(format!("{test}\t{what}\n").as_bytes()));
        // A skip that is not counted would be a pass.
        assert!(told.is_ok(), "the skip of {test} can't be written to {}: {told:?}", path.display());
    }
}
