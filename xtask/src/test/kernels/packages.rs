//! Kernels of Debian's suites, by apt with directories of its own: what this machine has installed stays as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::SUITES;
use crate::shell;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Lists older than this are fetched again.
const FRESH: Duration = Duration::from_secs(12 * 3600);
/// The metapackage of the suite's stock kernel.
const NEWEST: &str = "linux-image-amd64";
/// What is unpacked: the image, and the modules that a guest could need.
const PARTS: [&str; 4] = ["*/vmlinuz*", "*/kernel/net/*", "*/kernel/lib/*", "*/kernel/drivers/net/veth.ko*"];

/// apt's directories below cargo's.
pub(super) struct Archive {
    root: PathBuf,
}

/// An unpacked kernel.
pub(super) struct Kernel {
    pub(super) suite: &'static str,
    pub(super) image: PathBuf,
    /// Where the modules are, somewhere below.
    pub(super) modules: PathBuf,
}

impl Archive {
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let archive = Self { root: directory.join("apt") };
        for part in ["lists/partial", "cache/archives/partial", "packages"] {
            let part = archive.root.join(part);
            fs::create_dir_all(&part).with_context(|| format!("can't make {}", part.display()))?;
        }
        ensure!(
            Path::new(KEYRING).is_file(),
            "{KEYRING} is missing, by which packages are verified: apt-get install debian-archive-keyring"
        );
        let mirror = mirror()?;
        let sources: String = SUITES
            .iter()
            .map(|suite| format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {suite} main\n"))
            .collect();
        archive.write("sources.list", &sources)?;
        archive.write("status", "")?;
        let stamp = archive.root.join("updated");
        let age = fs::metadata(&stamp).and_then(|file| file.modified()).ok();
        let age = age.and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_none_or(|age| age > FRESH) {
            shell::run(&mut archive.apt("apt-get", &["update"]))
                .context("the suites' lists can't be fetched")?;
            archive.write("updated", "")?;
        }
        Ok(archive)
    }

    /// The newest stock kernel of a suite, fetched where it is not here yet.
    pub(super) fn kernel(&self, suite: &'static str) -> Result<Kernel> {
        let image = self
            .depends(NEWEST, suite)?
            .into_iter()
            .find(|name| name.starts_with("linux-image-"))
            .with_context(|| format!("{NEWEST} of {suite} depends on no linux-image-…"))?;
        // Since 7.0 the image is empty, and depends on two packages with what it had.
        let is_part = |name: &String| name.starts_with("linux-binary-") || name.starts_with("linux-modules-");
        let mut parts: Vec<String> = self.depends(&image, suite)?.into_iter().filter(is_part).collect();
        parts.push(image.clone());

        let unpacked = self.root.join("packages").join(format!("{image}-{}", self.version(&image, suite)?));
        let done = unpacked.join("complete");
        if !done.is_file() {
            fs::create_dir_all(&unpacked).with_context(|| format!("can't make {}", unpacked.display()))?;
            for package in &parts {
                let mut download = self.apt("apt-get", &["download"]);
                download.arg(format!("{package}/{suite}")).current_dir(&unpacked);
                shell::run(&mut download)
                    .with_context(|| format!("{package} of {suite} can't be fetched"))?;
            }
            for file in files(&unpacked, &|name| name.ends_with(".deb")) {
                unpack(&file, &unpacked)?;
                fs::remove_file(&file).with_context(|| format!("can't remove {}", file.display()))?;
            }
            fs::write(&done, "").with_context(|| format!("can't write {}", done.display()))?;
        }
        let images = files(&unpacked, &|name| name.starts_with("vmlinuz"));
        let image = images.into_iter().next().with_context(|| format!("{image} holds no vmlinuz"))?;
        Ok(Kernel { suite, image, modules: unpacked })
    }

    /// Names of the packages that a package of this suite depends on.
    fn depends(&self, package: &str, suite: &str) -> Result<Vec<String>> {
        let shown = self.show(package, suite)?;
        let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: ")).unwrap_or_default();
        Ok(depends
            .split([',', '|'])
            .filter_map(|one| one.split_whitespace().next())
            .map(str::to_owned)
            .collect())
    }

    fn version(&self, package: &str, suite: &str) -> Result<String> {
        let shown = self.show(package, suite)?;
        let version = shown.lines().find_map(|line| line.strip_prefix("Version: "));
        // An epoch's colon is no good name for a directory.
        version.map(|version| version.replace(':', "%")).with_context(|| format!("{package} has no version"))
    }

    fn show(&self, package: &str, suite: &str) -> Result<String> {
        shell::output(self.apt("apt-cache", &["show", "--no-all-versions"]).arg(format!("{package}/{suite}")))
    }

    fn apt(&self, program: &str, arguments: &[&str]) -> Command {
        let mut apt = Command::new(program);
        let at = |name: &str| self.root.join(name).display().to_string();
        for (option, value) in [
            ("Dir::State", at("")),
            ("Dir::State::Lists", at("lists")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            // An image for containers may have switched them off, and each question would read all lists anew.
            ("Dir::Cache::pkgcache", at("cache/pkgcache.bin")),
            ("Dir::Cache::srcpkgcache", at("cache/srcpkgcache.bin")),
            ("Dir::Etc::sourcelist", at("sources.list")),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
            // The newest of the suite that is asked for, whatever this machine prefers.
            ("Dir::Etc::preferencesparts", "/dev/null".into()),
            ("APT::Architecture", "amd64".into()),
            ("APT::Sandbox::User", "root".into()),
            ("Acquire::Languages", "none".into()),
            ("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false".into()),
        ] {
            apt.arg("-o").arg(format!("{option}={value}"));
        }
        apt.arg("-qq").args(arguments).stdin(Stdio::null());
        apt
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.root.join(name);
        fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
    }
}

/// Where this machine gets Debian's packages from.
fn mirror() -> Result<String> {
    let mut apt = Command::new("apt-get");
    let targets =
        shell::output(apt.args(["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]))?;
    let is_plain = |suite: &str| !suite.contains(['-', '/']);
    let mut mirrors =
        targets.lines().filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [uri, suite, "main"] if is_plain(suite) && uri.contains("debian") => Some(uri.to_owned()),
            _ => None,
        });
    mirrors
        .next()
        .context("apt on this machine has no source with a suite of Debian's: add one (sources.list(5))")
}

fn unpack(package: &Path, into: &Path) -> Result<()> {
    let mut tar =
        Command::new("dpkg-deb").arg("--fsys-tarfile").arg(package).stdout(Stdio::piped()).spawn()?;
    let stdout = tar.stdout.take().context("dpkg-deb has no output")?;
    let mut extract = Command::new("tar");
    extract.args(["--extract", "--wildcards", "--directory"]).arg(into).args(PARTS).stdin(stdout);
    // tar's word for a pattern that nothing matched is an error, too: what is missing is missed later.
    let _ = extract.stderr(Stdio::null()).status().context("can't start tar")?;
    if !tar.wait()?.success() {
        bail!("{} is damaged: remove it", package.display());
    }
    Ok(())
}

/// The files below a directory whose names are wanted, in order.
pub(super) fn files(directory: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory {
            found.extend(files(&path, is_wanted));
        } else if is_wanted(&entry.file_name().to_string_lossy()) {
            found.push(path);
        }
    }
    found.sort();
    found
}
