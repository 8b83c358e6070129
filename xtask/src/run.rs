//! `cargo xtask run`: build nad, become root, be nad.

use std::{ffi::OsString, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::{Result, anyhow, bail};

use crate::shell;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What `nad run` is given
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Returns only when nad can't be built or started: otherwise this process becomes nad, which then gets the
/// terminal's signals itself and whose exit code is the caller's.
pub(crate) fn run(args: &Args) -> Result<()> {
    let nad = build()?;
    let mut command = if shell::is_root() {
        Command::new(&nad)
    } else if shell::find("sudo").is_some() {
        shell::sudo(&nad, |name| name.starts_with("NAD_"))
    } else {
        bail!(
            "sudo is not installed, and nad needs root to load its kernel program: \
             install sudo, or as root run '{} run'",
            nad.display()
        );
    };
    command.arg("run").args(&args.args);
    shell::announce(&command);
    let error = command.exec();
    Err(anyhow!(error).context(format!("can't start {}", nad.display())))
}

/// Builds nad as it is used, and tells where it is.
pub(crate) fn build() -> Result<PathBuf> {
    shell::build("nad", "--release")
}
