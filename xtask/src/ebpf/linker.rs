//! bpf-linker: built once for each version, into the target directory.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::toolchain::{self, DEBIAN_LINKER, DEBIAN_LLVM, LLVM, Toolchain};
use crate::shell;

const VERSION: &str = "0.13.0";

/// Returns the directory that holds a working bpf-linker of the pinned version.
pub(crate) fn set_up(toolchain: &Toolchain, target_dir: &Path) -> Result<PathBuf> {
    // The directory's name is the cache's key.
    let root = target_dir.join(format!("xtask-tools/bpf-linker-{VERSION}-llvm-{LLVM}"));
    let bin = root.join("bin");
    if works(&bin.join("bpf-linker")) {
        return Ok(bin);
    }
    // Its project recommends its own binaries over building it: take one that is there already.
    if let Some(found) = shell::find("bpf-linker").filter(|found| !toolchain.debian && works(found)) {
        return Ok(found.parent().unwrap_or(&found).to_owned());
    }
    install(toolchain, &root)?;
    ensure!(
        works(&bin.join("bpf-linker")),
        "{} does not start as version {VERSION}: remove {} and try again",
        bin.join("bpf-linker").display(),
        root.display()
    );
    Ok(bin)
}

fn works(linker: &Path) -> bool {
    let version = Command::new(linker).arg("--version").output();
    version.is_ok_and(|output| output.stdout == format!("bpf-linker {VERSION}\n").as_bytes())
}

fn install(toolchain: &Toolchain, root: &Path) -> Result<()> {
    let llvm = match find_llvm(toolchain)? {
        Some(llvm) => llvm,
        None if shell::find("cargo-binstall").is_some() => return binstall(root),
        None => bail!(
            "bpf-linker {VERSION} needs LLVM {LLVM}'s development files, and none were found: install them and set \
             LLVM_PREFIX to where they are, or put bpf-linker {VERSION} on PATH (its releases have binaries)"
        ),
    };
    let mut path = vec![llvm.join("bin")];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut cargo = toolchain.cargo();
    cargo
        .env("PATH", env::join_paths(path).context("PATH can't be extended")?)
        .env("LLVM_PREFIX", &llvm)
        .env(format!("LLVM_SYS_{LLVM}1_PREFIX"), &llvm)
        // Without optimisation it is there in half the time; the work is LLVM's, which is built already.
        .args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force", "--debug"])
        .args(["--no-default-features", "--features"])
        .arg(format!("llvm-{LLVM}"))
        .arg("--root")
        .arg(root);
    shell::run(&mut cargo)
}

/// The directory of an LLVM with which bpf-linker can be built; Debian's is installed where it can be.
fn find_llvm(toolchain: &Toolchain) -> Result<Option<PathBuf>> {
    if toolchain.debian {
        return Ok(Some(DEBIAN_LLVM.into()));
    }
    let named = env::var_os("LLVM_PREFIX").map(PathBuf::from);
    let asked = [format!("llvm-config-{LLVM}"), "llvm-config".to_owned()].into_iter().filter_map(|program| {
        let answer = Command::new(program).arg("--prefix").output().ok()?;
        Some(PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim_end()))
    });
    let places = named.into_iter().chain(asked).chain([DEBIAN_LLVM.into()]);
    if let Some(llvm) = places.into_iter().find(|llvm| is_our_llvm(llvm)) {
        return Ok(Some(llvm));
    }
    if shell::find("apt-get").is_some() && shell::find("cargo-binstall").is_none() {
        toolchain::apt_install(&DEBIAN_LINKER)?;
        return Ok(Some(DEBIAN_LLVM.into()));
    }
    Ok(None)
}

fn is_our_llvm(prefix: &Path) -> bool {
    let version = Command::new(prefix.join("bin/llvm-config")).arg("--version").output();
    version.is_ok_and(|output| output.stdout.starts_with(format!("{LLVM}.").as_bytes()))
}

fn binstall(root: &Path) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["binstall", "--no-confirm", "--version", VERSION, "--root"]).arg(root).arg("bpf-linker");
    shell::run(cargo.stdout(std::io::stderr()))
}
