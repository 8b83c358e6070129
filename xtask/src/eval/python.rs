//! Python programs, where there is Python with the modules that they need.

use std::process::Command;

use crate::shell;

const PYTHON: &str = "python3";

/// Whether these modules can be imported.
pub(super) fn has(modules: &[&str]) -> bool {
    shell::succeeds(python().args(["-c", &format!("import {}", modules.join(", "))]))
}

pub(super) fn python() -> Command {
    Command::new(PYTHON)
}
