//! A compiler that builds `core` for BPF: Debian's packages, or rustup's pinned nightly.

use std::{
    env,
    io::stderr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell;

/// The nightly of rustup's way. Its LLVM must not be newer than [`LLVM`], which reads what it writes.
const NIGHTLY: &str = "nightly-2026-05-20";
/// The LLVM that bpf-linker is linked with, and the directory in which Debian installs it.
pub(crate) const LLVM: u32 = 22;
pub(crate) const DEBIAN_LLVM: &str = "/usr/lib/llvm-22";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_COMPILER: [&str; 3] = ["rustc-web", "rust-web-src", "cargo-web"];
pub(crate) const DEBIAN_LINKER: [&str; 3] = ["llvm-22", "llvm-22-dev", "libpolly-22-dev"];

/// Where the compiler comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// Debian's packages where they are installed; else rustup's nightly where it is; else what can be installed
    Auto,
    /// rustup's pinned nightly, installed if missing
    Rustup,
    /// Debian's packages, installed through apt-get if missing
    Debian,
}

/// A compiler that is ready for use.
#[derive(Debug)]
pub(crate) struct Toolchain {
    pub(crate) debian: bool,
    /// What `rustc --version` prints.
    pub(crate) version: String,
    pub(crate) sysroot: PathBuf,
    /// The machine's own target, as in `x86_64-unknown-linux-gnu`.
    host: String,
}

/// Picks a toolchain, and installs what is missing of it.
pub(crate) fn set_up(choice: Choice) -> Result<Toolchain> {
    let debian = match choice {
        Choice::Debian => true,
        Choice::Rustup => false,
        Choice::Auto => {
            let all_there = missing(&DEBIAN_COMPILER).is_empty() && missing(&DEBIAN_LINKER).is_empty();
            all_there || (!nightly_is_installed() && shell::find("apt-get").is_some())
        }
    };
    if debian {
        // bpf-linker needs this LLVM, and so do the strip and the comparison afterwards.
        apt_install(&[DEBIAN_COMPILER, DEBIAN_LINKER].concat())?;
    } else if !nightly_is_installed() {
        install_nightly()?;
    }
    let toolchain = Toolchain::ask(debian)?;
    ensure!(
        toolchain.core_sources().is_file(),
        "the compiler '{}' has no sources of core at {}: {}",
        toolchain.version,
        toolchain.core_sources().display(),
        if debian {
            "apt-get install --reinstall rust-web-src"
        } else {
            "install rustup's component rust-src"
        }
    );
    Ok(toolchain)
}

impl Toolchain {
    fn ask(debian: bool) -> Result<Self> {
        let ask = |args: &[&str]| shell::output(clean(rustc(debian).args(args)));
        let about = ask(&["--version", "--verbose"])?;
        let field = |name: &str| {
            let value = about.lines().find_map(|line| line.strip_prefix(name));
            value.with_context(|| format!("rustc --version --verbose prints no line '{name}'"))
        };
        let llvm = field("LLVM version: ")?;
        let major: u32 =
            llvm.split('.').next().unwrap_or(llvm).parse().context("rustc's LLVM has no number")?;
        ensure!(
            major <= LLVM,
            "rustc writes LLVM {llvm}, which bpf-linker with LLVM {LLVM} can't read: \
             raise LLVM in xtask/src/ebpf/toolchain.rs, or take the other --toolchain"
        );
        Ok(Self {
            debian,
            version: about.lines().next().unwrap_or_default().to_owned(),
            sysroot: ask(&["--print", "sysroot"])?.trim_end().into(),
            host: field("host: ")?.to_owned(),
        })
    }

    /// This toolchain's cargo, free from what the calling cargo and its settings left in the environment.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = if self.debian {
            let mut cargo = Command::new(DEBIAN_CARGO);
            cargo.env("RUSTC", DEBIAN_RUSTC);
            cargo
        } else {
            rustup_run("cargo")
        };
        clean(&mut cargo);
        cargo
    }

    /// One of LLVM's programs: this toolchain's own, or the one on `PATH`.
    pub(crate) fn llvm_tool(&self, name: &str) -> Result<PathBuf> {
        let own = if self.debian {
            Path::new(DEBIAN_LLVM).join("bin").join(name)
        } else {
            self.sysroot.join("lib/rustlib").join(&self.host).join("bin").join(name)
        };
        if own.is_file() {
            return Ok(own);
        }
        let remedy =
            if self.debian { "apt-get install llvm-22" } else { "install rustup's component llvm-tools" };
        shell::find(name).with_context(|| format!("{name} is missing: {remedy}"))
    }

    fn core_sources(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs")
    }
}

/// Installs those of Debian's packages that are missing.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    ensure!(
        shell::find("apt-get").is_some(),
        "apt-get is missing, so the packages {names} can't be installed: use --toolchain rustup"
    );
    for arguments in [vec!["update"], [vec!["install", "--yes", "--no-install-recommends"], missing].concat()]
    {
        let mut apt = as_root("apt-get")?;
        apt.args(arguments).stdout(stderr());
        shell::run(&mut apt).with_context(|| {
            format!("can't install {names}: see what apt-get says above, or use --toolchain rustup")
        })?;
    }
    Ok(())
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &str| {
        let mut query = Command::new("dpkg-query");
        query.args(["--show", "--showformat=${db:Status-Status}", package]);
        query.output().is_ok_and(|output| output.stdout == b"installed")
    };
    packages.iter().copied().filter(|package| !installed(package)).collect()
}

fn as_root(program: &str) -> Result<Command> {
    // apt-get must not wait for answers which nobody gives.
    let quiet = "DEBIAN_FRONTEND=noninteractive";
    let mut command = if shell::is_root() {
        Command::new("env")
    } else if shell::find("sudo").is_some() {
        shell::sudo(Path::new("env"), |_| false)
    } else {
        bail!("sudo is not installed, and {program} needs root: install sudo, or run this task as root");
    };
    command.args([quiet, program]);
    Ok(command)
}

fn install_nightly() -> Result<()> {
    ensure!(
        shell::find("rustup").is_some(),
        "rustup is missing, so {NIGHTLY} can't be installed: install rustup, or on Debian use --toolchain debian"
    );
    let mut rustup = Command::new("rustup");
    rustup
        .args(["toolchain", "install", NIGHTLY, "--profile=minimal", "--component=rust-src,llvm-tools"])
        .stdout(stderr());
    shell::run(&mut rustup).with_context(|| {
        format!("can't install {NIGHTLY}: see what rustup says above, or on Debian use --toolchain debian")
    })
}

/// Whether the pinned nightly is there, with the sources of core.
fn nightly_is_installed() -> bool {
    let mut list = Command::new("rustup");
    let list = list.args(["toolchain", "list"]).output();
    list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).lines().any(|line| line.starts_with(NIGHTLY)))
        && Toolchain::ask(false).is_ok_and(|toolchain| toolchain.core_sources().is_file())
}

fn rustc(debian: bool) -> Command {
    if debian { Command::new(DEBIAN_RUSTC) } else { rustup_run("rustc") }
}

fn rustup_run(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", NIGHTLY, program]);
    command
}

fn clean(command: &mut Command) -> &mut Command {
    let ours = |name: &str| {
        let set_here =
            ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
        let prefixes =
            ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_UNSTABLE_", "CARGO_ENCODED_"];
        name == "CARGO" || set_here.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
}
