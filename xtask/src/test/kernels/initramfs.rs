//! The guest's file system: busybox, the programs with their libraries, and the kernel's modules.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::packages::{Kernel, files};
use crate::shell;

/// What the guest starts first.
const INIT: &str = include_str!("guest.sh");
/// Programs of this machine that busybox has not, or not all of.
const TOOLS: [&str; 3] = ["ip", "tc", "setpriv"];
/// What a guest loads; the other modules that it needs are part of Debian's images.
const MODULES: [&str; 3] = ["veth", "sch_ingress", "cls_bpf"];

/// Writes the file that the kernel unpacks; gives its path.
pub(super) fn make(kernel: &Kernel, programs: &[(&str, PathBuf)], directory: &Path) -> Result<PathBuf> {
    let root = directory.join(format!("root-{}", kernel.suite));
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("can't remove {}", root.display()))?;
    }
    for part in ["bin", "dev", "etc", "lib/modules", "proc", "run", "sys", "tmp", "tools"] {
        let part = root.join(part);
        fs::create_dir_all(&part).with_context(|| format!("can't make {}", part.display()))?;
    }
    let init = root.join("init");
    fs::write(&init, INIT).with_context(|| format!("can't write {}", init.display()))?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    let busybox = find("busybox")?;
    if is_dynamic(&busybox)? {
        bail!("{} needs libraries: apt-get install busybox-static", busybox.display());
    }
    copy(&busybox, &root.join("bin/busybox"))?;
    for tool in TOOLS {
        add(&find(tool)?, tool, &root)?;
    }
    for (name, program) in programs {
        add(program, name, &root)?;
    }
    for module in MODULES {
        let mut order = Vec::new();
        add_module(module, kernel, &root, &mut order)?;
        // The files that the guest loads for it, one a line.
        fs::write(root.join(format!("lib/modules/{module}.load")), order.join("\n") + "\n")?;
    }
    pack(&root, &directory.join(format!("{}.cpio", kernel.suite)))
}

fn find(program: &str) -> Result<PathBuf> {
    let found = shell::find(program).or_else(|| {
        // Where a user's PATH has no programs for administrators.
        ["/usr/sbin", "/sbin"]
            .iter()
            .map(|directory| Path::new(directory).join(program))
            .find(|file| file.is_file())
    });
    found.with_context(|| format!("{program} is not on PATH"))
}

/// A program, and what it loads.
fn add(program: &Path, name: &str, root: &Path) -> Result<()> {
    copy(program, &root.join("tools").join(name))?;
    for library in libraries(program)? {
        let relative = library.strip_prefix("/").unwrap_or(&library);
        let there = root.join(relative);
        if !there.exists() {
            copy(&library, &there)?;
        }
    }
    Ok(())
}

fn is_dynamic(program: &Path) -> Result<bool> {
    Ok(!libraries(program)?.is_empty())
}

/// The paths in what `ldd` prints; none of a program that is linked statically.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).stdin(Stdio::null()).output().context("can't start ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

/// A module after those that it depends on.
fn add_module(name: &str, kernel: &Kernel, root: &Path, order: &mut Vec<String>) -> Result<()> {
    let there = root.join("lib/modules").join(format!("{name}.ko"));
    let is_it = |file: &str| file.strip_prefix(name).is_some_and(|rest| [".ko", ".ko.xz"].contains(&rest));
    let found = files(&kernel.modules, &is_it);
    let file = found.first().with_context(|| format!("{} has no module {name}", kernel.suite))?;
    let bytes = if file.extension().is_some_and(|extension| extension == "xz") {
        let output = Command::new("xz").args(["--decompress", "--stdout"]).arg(file).output()?;
        if !output.status.success() {
            bail!("{} is damaged: remove {}", file.display(), kernel.modules.display());
        }
        output.stdout
    } else {
        fs::read(file).with_context(|| format!("can't read {}", file.display()))?
    };
    for dependency in dependencies(&bytes) {
        add_module(&dependency, kernel, root, order)?;
    }
    order.push(format!("/lib/modules/{name}.ko"));
    fs::write(&there, bytes).with_context(|| format!("can't write {}", there.display()))
}

/// The names in the `depends=` of a module's information.
fn dependencies(module: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"\0depends=";
    let Some(at) = module.windows(FIELD.len()).position(|window| window == FIELD) else { return Vec::new() };
    let value = module[at + FIELD.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn pack(root: &Path, file: &Path) -> Result<PathBuf> {
    let names: Vec<String> = names(root, root)?;
    let out = fs::File::create(file).with_context(|| format!("can't write {}", file.display()))?;
    let mut cpio = Command::new("cpio");
    // Everything is root's, whoever packs it.
    cpio.args(["--create", "--quiet", "--format=newc", "--owner=+0:+0"]).current_dir(root);
    let mut cpio = cpio.stdin(Stdio::piped()).stdout(out).spawn().context("can't start cpio")?;
    std::io::Write::write_all(
        &mut cpio.stdin.take().context("cpio has no input")?,
        names.join("\n").as_bytes(),
    )?;
    if !cpio.wait()?.success() {
        bail!("cpio can't pack {}", root.display());
    }
    Ok(file.to_owned())
}

/// Names below a directory, each directory before what is in it.
fn names(directory: &Path, root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("can't list {}", directory.display()))? {
        let path = entry?.path();
        found.push(path.strip_prefix(root)?.display().to_string());
        if path.is_dir() {
            found.extend(names(&path, root)?);
        }
    }
    Ok(found)
}

/// What a link leads to, not the link.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("can't copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::dependencies;

    #[test]
    fn a_modules_dependencies_are_read_from_its_information() {
        assert_eq!(dependencies(b"x\0license=GPL\0depends=bridge,stp\0name=y\0"), ["bridge", "stp"]);
        assert!(dependencies(b"x\0depends=\0name=y\0").is_empty());
        assert!(dependencies(b"x\0name=y\0").is_empty());
    }
}
