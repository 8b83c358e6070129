//! The house rules that tools check.

use anyhow::Result;

use super::{Outcome, PACKAGES, PROFILE, pass};
use crate::shell;

pub(super) fn formatting() -> Result<Outcome> {
    if let Some(skipped) = without("fmt", "rustfmt", "rustup component add rustfmt") {
        return Ok(skipped);
    }
    pass(shell::cargo().args(["fmt", "--all", "--check"]))
}

pub(super) fn clippy() -> Result<Outcome> {
    if let Some(skipped) = without("clippy", "clippy", "rustup component add clippy") {
        return Ok(skipped);
    }
    let mut cargo = shell::cargo();
    // With the tests' profile: what build scripts make, such as libraries in C, is then built once for both.
    pass(cargo.arg("clippy").args(PACKAGES).args([PROFILE, "--all-targets", "--", "--deny=warnings"]))
}

/// nad without any of its optional parts: what is left must not use them, nor be left over.
pub(super) fn minimal() -> Result<Outcome> {
    if let Some(skipped) = without("clippy", "clippy", "rustup component add clippy") {
        return Ok(skipped);
    }
    let minimal = ["--package=nad", "--no-default-features", "--lib", "--bins", "--locked"];
    pass(shell::cargo().arg("clippy").args(minimal).args([PROFILE, "--", "--deny=warnings"]))
}

pub(super) fn documentation() -> Result<Outcome> {
    let mut cargo = shell::cargo();
    pass(cargo.env("RUSTDOCFLAGS", "--deny=warnings").arg("doc").args(PACKAGES).args([PROFILE, "--no-deps"]))
}

pub(super) fn dependencies() -> Result<Outcome> {
    deny(&["bans", "licenses", "sources"])
}

/// Vulnerabilities that are known, dependencies that nobody keeps any more, and versions that were withdrawn. No package
/// registry serves RustSec's database: cargo-deny gets it by git, so this step is only taken where it is asked for.
pub(super) fn advisories() -> Result<Outcome> {
    deny(&["advisories"])
}

fn deny(checks: &[&str]) -> Result<Outcome> {
    if let Some(skipped) = without("deny", "cargo-deny", "cargo install cargo-deny") {
        return Ok(skipped);
    }
    pass(shell::cargo().args(["deny", "--all-features", "check"]).args(checks))
}

/// The step's outcome where one of cargo's subcommands is missing.
fn without(subcommand: &str, tool: &str, remedy: &str) -> Option<Outcome> {
    let there = shell::succeeds(shell::cargo().args([subcommand, "--version"]));
    (!there).then(|| Outcome::skipped(format!("{tool} is not installed: {remedy}")))
}
