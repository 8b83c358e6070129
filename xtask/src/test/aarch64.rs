//! aarch64 on a machine that is none: everything is checked for it, and what computes is tested under emulation.

use std::process::Command;

use anyhow::Result;

use super::{Outcome, PACKAGES, programs::count};
use crate::{
    ebpf::toolchain::{self, Choice, Toolchain},
    shell,
};

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// For what crates have in C, and for linking.
const COMPILER: &str = "aarch64-linux-gnu-gcc";
/// Where Debian's cross packages have the libraries of the other architecture.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";
const EMULATOR: &str = "qemu-aarch64-static";

/// All crates but the kernel's.
pub(super) fn check() -> Result<Outcome> {
    if let Some(skipped) = without(COMPILER, "gcc-aarch64-linux-gnu libc6-dev-arm64-cross") {
        return Ok(skipped);
    }
    let toolchain = toolchain::set_up(Choice::Auto)?;
    let mut cargo = cargo(&toolchain)?;
    shell::run(cargo.arg("check").args(PACKAGES).args(target()))?;
    Ok(Outcome::passed(toolchain.version))
}

/// The tests of the parser and of the record, which the sensor shares with the kernel, and those of the forests that score.
pub(super) fn tests() -> Result<Outcome> {
    for (program, packages) in
        [(COMPILER, "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"), (EMULATOR, "qemu-user-static")]
    {
        if let Some(skipped) = without(program, packages) {
            return Ok(skipped);
        }
    }
    let toolchain = toolchain::set_up(Choice::Auto)?;
    let test = |name, arguments: &[&str]| {
        let mut cargo = cargo(&toolchain)?;
        // Documentation tests would be built for this machine.
        cargo.args(["test", "--locked", "--lib"]).args(target()).args(arguments);
        count(name, &mut cargo)
    };
    Ok(Outcome::of(vec![
        // Those of millions of packets take many minutes under emulation, and have no arithmetic of their own.
        test(
            "nad-common for aarch64",
            &["--package=nad-common", "--test=parse", "--test=properties", "--test=wire"],
        )?,
        test("forests for aarch64", &["--package=nad-engine", "model::forest"])?,
    ]))
}

/// No package has this target's standard library, so it is built from its sources.
fn target() -> [&'static str; 3] {
    ["--target", TARGET, "-Zbuild-std"]
}

fn cargo(toolchain: &Toolchain) -> Result<Command> {
    let directory = shell::target_dir()?.join("aarch64");
    let runner = format!("{EMULATOR} -L {LIBRARIES}");
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(shell::workspace())
        .env("RUSTC_BOOTSTRAP", "1")
        // Quickly built, and not too slow under emulation.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_TARGET_DIR", directory)
        .env("CC_aarch64_unknown_linux_gnu", COMPILER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", COMPILER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
    Ok(cargo)
}

fn without(program: &str, packages: &str) -> Option<Outcome> {
    let missing = shell::find(program).is_none();
    missing.then(|| Outcome::skipped(format!("{program} is not installed: apt-get install {packages}")))
}
