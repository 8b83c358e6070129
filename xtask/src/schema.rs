//! `cargo xtask schema`: writes schemas/ anew from the types of nad's own format.

use anyhow::Result;

use crate::shell;

/// Writes every schema file.
pub(crate) fn schema() -> Result<()> {
    let folder = shell::workspace().join("schemas");
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--package", "nad", "--example", "schemas", "--"]).arg(folder);
    shell::run(&mut cargo)
}
