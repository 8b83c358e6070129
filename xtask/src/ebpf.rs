//! `cargo xtask ebpf`: the kernel object from its sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use self::toolchain::{Choice, Toolchain};
use crate::shell;

mod btf;
mod compare;
mod linker;
#[path = "../../nad-ebpf/stamp.rs"]
mod stamp;
pub(crate) mod toolchain;

const OBJECT: &str = "nad-ebpf/prebuilt/nad.o";
const STAMP: &str = "nad-ebpf/prebuilt/nad.stamp";
const TARGET: &str = "bpfel-unknown-none";
/// One flag a line; part of the stamp.
const RUSTFLAGS: &str = include_str!("../../nad-ebpf/rustflags.txt");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compare the committed object with one built now, and change nothing
    #[arg(long)]
    check: bool,
    /// Write the object here, and leave the committed one and its stamp alone
    #[arg(long, value_name = "PATH", conflicts_with = "check")]
    out: Option<PathBuf>,
    /// Where the compiler comes from
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    toolchain: Choice,
}

/// Prints the path of the built object on standard output, and everything else on standard error.
pub(crate) fn ebpf(args: &Args) -> Result<()> {
    let workspace = shell::workspace();
    let target_dir = shell::target_dir()?;
    let toolchain = toolchain::set_up(args.toolchain)?;
    let linker = linker::set_up(&toolchain, &target_dir)?;
    let built = target_dir.join("ebpf/nad.o");
    build(&toolchain, &linker, &target_dir, &built)?;

    let object = if args.check {
        compare::check(&toolchain, &workspace, &built)?;
        built
    } else if let Some(out) = &args.out {
        copy(&built, out)?;
        out.clone()
    } else {
        let object = workspace.join(OBJECT);
        copy(&built, &object)?;
        let bytes = fs::read(&object).with_context(|| format!("can't read {}", object.display()))?;
        let stamp = stamp::stamp(&workspace, &bytes).context("can't read a source of the kernel object")?;
        let stamp_file = workspace.join(STAMP);
        fs::write(&stamp_file, format!("{stamp}compiler {}\n", toolchain.version))
            .with_context(|| format!("can't write {}", stamp_file.display()))?;
        object
    };
    println!("{}", object.display());
    Ok(())
}

fn build(toolchain: &Toolchain, linker: &Path, target_dir: &Path, built: &Path) -> Result<()> {
    let workspace = shell::workspace();
    let build_dir = target_dir.join("ebpf/build");
    // First the crates' sources, whose directories the flags name.
    shell::run(toolchain.cargo().current_dir(&workspace).args(["fetch", "--locked"]))?;

    let mut path = vec![linker.to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&workspace)
        .env("PATH", env::join_paths(path).context("PATH can't be extended")?)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &build_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, &workspace)?.join("\x1f"))
        .args(["build", "--locked", "--release", "--package=nad-ebpf", "--bin=nad-ebpf"])
        .args(["-Zbuild-std=core", "--target", TARGET]);
    shell::run(&mut cargo)?;

    // DWARF is most of the file, and the kernel reads only BTF.
    let linked = build_dir.join(TARGET).join("release/nad-ebpf");
    let mut strip = Command::new(toolchain.llvm_tool("llvm-objcopy")?);
    shell::run(strip.arg("--strip-debug").arg(linked).arg(built))
}

/// The committed flags, and those which keep this machine's directories out of the object's line information.
fn flags(toolchain: &Toolchain, workspace: &Path) -> Result<Vec<String>> {
    let mut flags: Vec<String> = RUSTFLAGS.lines().map(str::to_owned).collect();
    let mut remap =
        |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    remap(workspace, "/nad");
    remap(&toolchain.sysroot.join("lib/rustlib/src/rust"), "/rust");
    for registry in registries()? {
        remap(&registry, "/crates");
    }
    Ok(flags)
}

/// The directories that hold the unpacked crates, one for each registry.
fn registries() -> Result<Vec<PathBuf>> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => {
            env::home_dir().context("neither CARGO_HOME nor HOME is set: set one of them")?.join(".cargo")
        }
    };
    let sources = home.join("registry/src");
    let entries = fs::read_dir(&sources).with_context(|| format!("can't list {}", sources.display()))?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("can't write {}", to.display()))?;
    Ok(())
}
