//! `cargo xtask dist`: a tarball and packages for Debian and for distributions with RPM.
//!
//! They are made with the distributions' own tools, `dpkg-deb` and `rpmbuild`, which are ordinary packages everywhere. The same
//! sources and the same binary give the same bytes: times are those of the last commit, or of `SOURCE_DATE_EPOCH`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::shell;
use content::Content;

mod bill;
mod check;
mod content;
mod deb;
mod rpm;
mod tarball;

pub(crate) use check::step;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Package this program instead of building nad
    #[arg(long, value_name = "PATH")]
    nad: Option<PathBuf>,
    /// What nad, and what writes its manual, are built with
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: String,
    /// Where packages are written
    #[arg(long, value_name = "DIRECTORY", default_value = "target/dist")]
    out: PathBuf,
    /// Only these, of all that there are
    #[arg(long, value_enum, value_name = "KIND")]
    only: Vec<Kind>,
    /// Install, use, remove and purge the Debian package as well, as root: in a copy of this machine's files that goes
    /// away, or in this directory, such as one that debootstrap(8) made, which is changed
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, default_missing_value = "/")]
    check: Option<PathBuf>,
}

/// A kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Files below usr/ and etc/, for every distribution with a glibc that is new enough
    Tarball,
    /// For Debian and Ubuntu
    Deb,
    /// For Fedora, RHEL, openSUSE
    Rpm,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Tarball, Self::Deb, Self::Rpm];

    /// The program that makes it, and the package that has it.
    fn tool(self) -> (&'static str, &'static str) {
        match self {
            Self::Tarball => ("tar", "tar"),
            Self::Deb => ("dpkg-deb", "dpkg"),
            Self::Rpm => ("rpmbuild", "rpm"),
        }
    }
}

/// What is packaged, and as what.
pub(crate) struct Release {
    /// The version of the workspace.
    version: String,
    /// The processor, as Rust names it.
    processor: &'static str,
    /// Seconds since the Unix epoch that every file has as its time.
    epoch: u64,
    content: Content,
    /// Where packages are written, and made.
    out: PathBuf,
}

/// Prints the path of each package on standard output, and everything else on standard error.
pub(crate) fn dist(args: &Args) -> Result<()> {
    let profile = format!("--profile={}", args.profile);
    let nad = match &args.nad {
        Some(nad) => nad.clone(),
        None => shell::build("nad", &profile)?,
    };
    let out = shell::workspace().join(&args.out);
    let manual = out.join("manual");
    let mut write = shell::cargo();
    write
        .args(["run", "--quiet", "--locked", &profile, "--package=nad", "--example=manual", "--"])
        .arg(&manual);
    shell::run(&mut write)?;
    let release = Release::new(&nad, &manual, &out)?;
    let kinds = if args.only.is_empty() { &Kind::ALL[..] } else { &args.only };
    let packages = release.make(kinds)?;
    packages.iter().for_each(|package| println!("{}", package.display()));
    if let Some(root) = &args.check {
        let deb = packages.iter().find(|package| package.extension().is_some_and(|kind| kind == "deb"));
        check::installed(deb.context("--check takes the Debian package: --only deb")?, root, &release)?;
    }
    Ok(())
}

impl Release {
    /// Collects what is packaged: `nad` without its symbols, its manual, and the files of the repository.
    pub(crate) fn new(nad: &Path, manual: &Path, out: &Path) -> Result<Self> {
        fs::create_dir_all(out).with_context(|| format!("can't make {}", out.display()))?;
        let stripped = out.join("nad");
        need("strip", "binutils")?;
        shell::run(Command::new("strip").arg("--strip-all").arg("-o").arg(&stripped).arg(nad))?;
        let manifest = bill::metadata()?;
        let version = manifest.version()?;
        let content = Content::collect(&stripped, manual, &manifest)?;
        Ok(Self { version, processor: env::consts::ARCH, epoch: epoch()?, content, out: out.to_owned() })
    }

    /// Makes packages, and gives their paths.
    pub(crate) fn make(&self, kinds: &[Kind]) -> Result<Vec<PathBuf>> {
        let make = |kind: &Kind| {
            let (program, package) = kind.tool();
            need(program, package)?;
            match kind {
                Kind::Tarball => tarball::make(self),
                Kind::Deb => deb::make(self),
                Kind::Rpm => rpm::make(self),
            }
        };
        kinds.iter().map(make).collect()
    }

    /// An empty directory to make a package in.
    fn stage(&self, name: &str) -> Result<PathBuf> {
        let stage = self.out.join("stage").join(name);
        if stage.exists() {
            fs::remove_dir_all(&stage).with_context(|| format!("can't remove {}", stage.display()))?;
        }
        fs::create_dir_all(&stage).with_context(|| format!("can't make {}", stage.display()))?;
        Ok(stage)
    }
}

fn need(program: &str, package: &str) -> Result<()> {
    ensure!(
        shell::find(program).is_some(),
        "{program} is missing: apt-get install {package}, or leave the kind out with --only"
    );
    Ok(())
}

/// The time that every file in a package has: `SOURCE_DATE_EPOCH` (reproducible-builds.org), or that of the last commit.
fn epoch() -> Result<u64> {
    const REMEDY: &str = "set SOURCE_DATE_EPOCH to a time in seconds";
    let said = match env::var("SOURCE_DATE_EPOCH") {
        Ok(said) => said,
        Err(_) => {
            let mut git = Command::new("git");
            shell::output(git.current_dir(shell::workspace()).args(["log", "-1", "--format=%ct"]))
                .context(REMEDY)?
        }
    };
    said.trim().parse().with_context(|| format!("SOURCE_DATE_EPOCH {said:?} is no number: {REMEDY}"))
}

/// Who answers for a package: the address that reports of vulnerabilities go to, see SECURITY.md.
fn maintainer() -> String {
    let mut git = Command::new("git");
    git.current_dir(shell::workspace()).args(["log", "-1", "--format=%an <%ae>", "--", "SECURITY.md"]);
    let answer = shell::output(&mut git).unwrap_or_default();
    let answer = answer.trim();
    if answer.is_empty() { "nad <root@localhost>".into() } else { answer.into() }
}
