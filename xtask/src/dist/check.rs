//! Whether packages hold: the same bytes from the same input, what is in them, and a life from installation to purge.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{Kind, Release, content::CONFIG};
use crate::{
    shell,
    test::{Outcome, programs},
};

const SCRIPT: &str = include_str!("check.sh");

/// Installs, uses, removes and purges a Debian package in a root; `/` stands for a copy of this machine's.
pub(super) fn installed(package: &Path, root: &Path, release: &Release) -> Result<()> {
    ensure!(shell::is_root(), "installing a package takes root: run `cargo xtask dist --check` as root");
    let root = fs::canonicalize(root).with_context(|| format!("there is no directory {}", root.display()))?;
    let mut check = Command::new("unshare");
    check.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "check.sh"]);
    check.arg(package).arg(root).arg(&release.version);
    let status = check.status().context("can't start unshare: apt-get install util-linux")?;
    ensure!(status.success(), "the Debian package does not hold: see above");
    Ok(())
}

/// The step of `cargo xtask test`: packages of the program that other tests start.
pub(crate) fn step() -> Result<Outcome> {
    if !shell::is_root() {
        return Ok(Outcome::skipped("packages are installed as root: run as root"));
    }
    for (program, package) in Kind::ALL.map(Kind::tool).into_iter().chain([("strip", "binutils")]) {
        if shell::find(program).is_none() {
            return Ok(Outcome::skipped(format!("{program} is missing: apt-get install {package}")));
        }
    }
    let (nad, manual) = (programs::tested("nad")?, programs::example("manual")?);
    let out = shell::target_dir()?.join("dist-test");
    let make = |name: &str| -> Result<(Release, Vec<PathBuf>)> {
        let out = out.join(name);
        let pages = out.join("manual");
        shell::run(Command::new(&manual).arg(&pages))?;
        let release = Release::new(&nad, &pages, &out)?;
        let packages = release.make(&Kind::ALL)?;
        Ok((release, packages))
    };
    let ((release, packages), (_, again)) = (make("one")?, make("other")?);
    for (one, other) in packages.iter().zip(&again) {
        ensure!(fs::read(one)? == fs::read(other)?, "{} is another one when it is made again", one.display());
    }
    let [tarball, deb, rpm] = &packages[..] else { anyhow::bail!("there are {} packages", packages.len()) };
    let listed = [
        shell::output(Command::new("tar").args(["--list", "--file"]).arg(tarball))?,
        shell::output(Command::new("dpkg-deb").arg("--contents").arg(deb))?,
        shell::output(Command::new("rpm").args(["--query", "--list", "--package"]).arg(rpm))?,
    ];
    for file in release.content.files() {
        // Completions of zsh are elsewhere on Debian.
        let name = file.path.rsplit('/').next().unwrap_or_default();
        for (list, package) in listed.iter().zip(&packages) {
            ensure!(
                list.lines().any(|line| line.ends_with(name)),
                "{} has no {}",
                package.display(),
                file.path
            );
        }
    }
    ensure!(
        listed[1].lines().all(|line| line.split_whitespace().nth(1) == Some("root/root")),
        "not all of {} is root's",
        deb.display()
    );
    let settings =
        shell::output(Command::new("rpm").args(["--query", "--configfiles", "--package"]).arg(rpm))?;
    ensure!(settings.trim() == format!("/{CONFIG}"), "{} has the settings {settings}", rpm.display());
    installed(deb, Path::new("/"), &release)?;
    let size = |package: &PathBuf| fs::metadata(package).map(|metadata| metadata.len() >> 20);
    Ok(Outcome::passed(format!(
        "tarball {} MiB, deb {} MiB, rpm {} MiB on {}",
        size(tarball)?,
        size(deb)?,
        size(rpm)?,
        env::consts::ARCH
    )))
}
