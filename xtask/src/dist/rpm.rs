//! The package for Fedora, RHEL and openSUSE.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{
    Release,
    content::{CONFIG, DOCS, write},
};
use crate::shell;

pub(super) fn make(release: &Release) -> Result<PathBuf> {
    let Release { version, processor, epoch, content, out } = release;
    let stage = release.stage("rpm")?;
    let files = stage.join("files");
    content.write(&files, *epoch)?;
    let mut list = format!("%dir /{DOCS}\n%dir /etc/nad\n");
    list.extend(content.files().iter().map(|file| line(&file.path)));
    write(&stage.join("list"), list.as_bytes(), 0o644)?;
    let mut build = Command::new("rpmbuild");
    build.env("SOURCE_DATE_EPOCH", epoch.to_string()).args(["-bb", "--quiet", "--target", processor]);
    for (name, value) in [
        ("_topdir", stage.display().to_string()),
        ("nad_version", version.clone()),
        ("nad_files", files.display().to_string()),
        ("nad_list", stage.join("list").display().to_string()),
        // Threads of other compressors would make other bytes on another machine.
        ("_binary_payload", "w6.gzdio".into()),
    ] {
        build.args(["--define", &format!("{name} {value}")]);
    }
    shell::run(build.arg(shell::workspace().join("dist/rpm/nad.spec")).stdout(std::io::stderr()))?;
    let name = format!("nad-{version}-1.{processor}.rpm");
    let made = stage.join("RPMS").join(processor).join(&name);
    let package = out.join(name);
    fs::copy(&made, &package).with_context(|| format!("can't copy {}", made.display()))?;
    Ok(package)
}

/// A file's line in the list, by what it is to rpm.
fn line(path: &str) -> String {
    let kind = match path {
        CONFIG => "%config(noreplace) ",
        path if path.starts_with(&format!("{DOCS}/LICENSE")) => "%license ",
        path if path.starts_with(DOCS) => "%doc ",
        _ => "",
    };
    format!("%attr(-, root, root) {kind}\"/{path}\"\n")
}
