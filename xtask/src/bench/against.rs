//! Another commit's nad, built beside this one to be measured in turns with it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::shell;

/// A build of a commit.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) program: PathBuf,
    /// The commit, in short.
    pub(super) name: String,
}

/// Builds the commit's nad in a git worktree in cargo's target folder, unless that was done before.
///
/// # Errors
///
/// When there is no such commit, or it can't be built.
pub(super) fn build(commit: &str) -> Result<Other> {
    let hash = of_git(&["rev-parse", "--verify", "--end-of-options", &format!("{commit}^{{commit}}")])?;
    let name = of_git(&["rev-parse", "--short", &hash])?;
    let folder = shell::target_dir()?.join("bench/against");
    let program = folder.join(format!("nad-{hash}"));
    if !program.is_file() {
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let tree = folder.join(&hash);
        let built = build_in(&tree, &hash, &folder.join("target"));
        // What was built outlives it; where building failed, that is the error to be told of.
        let removed = shell::run(git(&["worktree", "remove", "--force"]).arg(&tree));
        let built = built?;
        removed?;
        // Not seen half-written, nor what an interrupted copy left.
        let copy = program.with_extension("copy");
        fs::copy(&built, &copy).with_context(|| format!("can't copy {}", built.display()))?;
        fs::rename(&copy, &program).with_context(|| format!("can't write {}", program.display()))?;
    }
    Ok(Other { program, name })
}

fn build_in(tree: &Path, hash: &str, target: &Path) -> Result<PathBuf> {
    // One of an interrupted run.
    if tree.exists() {
        shell::run(git(&["worktree", "remove", "--force"]).arg(tree))?;
    }
    shell::run(git(&["worktree", "add", "--detach"]).arg(tree).arg(hash))?;
    let mut cargo = shell::cargo();
    cargo.current_dir(tree).env("CARGO_TARGET_DIR", target);
    cargo.args(["build", "--release", "--locked", "--package", "nad", "--bin", "nad"]);
    shell::run(&mut cargo)?;
    Ok(target.join("release/nad"))
}

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.current_dir(shell::workspace()).args(arguments);
    git
}

fn of_git(arguments: &[&str]) -> Result<String> {
    Ok(shell::output(&mut git(arguments))?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_commit_is_refused_before_anything_is_built() {
        for wrong in ["no-such-commit", "--help", "HEAD^{tree}"] {
            let error = build(wrong).unwrap_err().to_string();
            assert!(error.contains("rev-parse"), "{wrong}: {error}");
        }
    }
}
