//! The tarball: what the packages have, for whoever has no package manager that nad makes a package for.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::Release;
use crate::shell;

pub(super) fn make(release: &Release) -> Result<PathBuf> {
    let Release { version, processor, epoch, content, out } = release;
    let name = format!("nad-{version}-{processor}-linux");
    let stage = release.stage("tarball")?;
    content.write(&stage.join(&name), *epoch)?;
    let tarball = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file").arg(&tarball).arg("--directory").arg(&stage);
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    // Without the name and the time that gzip writes.
    tar.args([&format!("--mtime=@{epoch}"), "--use-compress-program=gzip -6n", &name]);
    shell::run(&mut tar)?;
    Ok(tarball)
}
