//! Fuzz targets: hostile bytes for everything that reads what others wrote, and hostile records for the detector.
//!
//! Each target takes bytes and panics where an invariant is broken. `cargo xtask fuzz` runs them under libFuzzer, with
//! AddressSanitizer and overflow checks; `cargo test -p nad-fuzz` runs their seeds and every input that once failed.

mod capture;
mod config;
mod frame;
#[expect(dead_code, reason = "what must become of a frame is for other tests")]
#[path = "../../nad-common/tests/frames/mod.rs"]
mod frames;
mod history;
mod model;
mod payload;
mod records;
mod scratch;
mod traffic;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on the command line, and its folder in `inputs/`.
    pub name: &'static str,
    /// Takes one input.
    ///
    /// # Panics
    ///
    /// Where an invariant is broken.
    pub run: fn(&[u8]),
    /// What fuzzing starts from: names and inputs.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
    /// Bytes of an input at most.
    pub longest: usize,
}

/// All of them. `cargo xtask fuzz --list` prints their names.
pub const TARGETS: [Target; 7] = [
    Target { name: "frame", run: frame::run, seeds: frame::seeds, longest: 2048 },
    Target { name: "capture", run: capture::run, seeds: capture::seeds, longest: 8192 },
    Target { name: "model", run: model::run, seeds: model::seeds, longest: 393_216 },
    Target { name: "history", run: history::run, seeds: history::seeds, longest: 131_072 },
    Target { name: "config", run: config::run, seeds: config::seeds, longest: 16_384 },
    Target { name: "records", run: records::run, seeds: records::seeds, longest: 4096 },
    Target { name: "payload", run: payload::run, seeds: payload::seeds, longest: 1024 },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
