//! Whether two kernel objects are the same program: compared by what the kernel would run, since another
//! machine's compiler may order names and strings differently.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{OBJECT, STAMP, btf, toolchain::Toolchain};
use crate::shell;

/// Fails when the committed object is not what its sources give.
pub(crate) fn check(toolchain: &Toolchain, workspace: &Path, built: &Path) -> Result<()> {
    let committed = workspace.join(OBJECT);
    if read(&committed)? == read(built)? {
        eprintln!("{OBJECT} is, byte for byte, what its sources give");
        return Ok(());
    }
    let scratch = built.parent().unwrap_or(workspace);
    let ours = describe(toolchain, &committed, scratch)?;
    let theirs = describe(toolchain, built, scratch)?;
    if ours == theirs {
        eprintln!("{OBJECT} is the program that its sources give, though its bytes differ");
        return Ok(());
    }
    let (was, is) = first_difference(&ours, &theirs);
    let stamp = fs::read_to_string(workspace.join(STAMP)).unwrap_or_default();
    let compiler =
        stamp.lines().find_map(|line| line.strip_prefix("compiler ")).unwrap_or("an unknown compiler");
    bail!(
        "{OBJECT}, built by {compiler}, is not what its sources give with {}: it has '{was}' where they give '{is}': \
         run 'cargo xtask ebpf' and commit the result",
        toolchain.version
    );
}

/// The program's instructions and relocations, the sizes of its sections, its data, and its types, in which
/// the maps are defined.
fn describe(toolchain: &Toolchain, object: &Path, scratch: &Path) -> Result<Vec<String>> {
    let objdump = toolchain.llvm_tool("llvm-objdump")?;
    let dump = |flags: &[&str]| shell::output(Command::new(&objdump).args(flags).arg(object));

    let mut lines = Vec::new();
    for section in dump(&["--section-headers"])?.lines() {
        let mut words = section.split_whitespace().skip(1);
        if let (Some(name), Some(size)) = (words.next(), words.next())
            && !name.contains(".BTF")
            && !["Name", ".strtab", ".symtab"].contains(&name)
        {
            lines.push(format!("section {name} {size}"));
        }
    }
    for section in ["license", ".maps", ".rodata", "maps"] {
        let flag = format!("--section={section}");
        lines.extend(body(&dump(&["--full-contents", &flag])?));
    }
    lines.extend(body(&dump(&["--disassemble", "--reloc", "--no-show-raw-insn", "--no-leading-addr"])?));

    let btf = section(toolchain, object, ".BTF", &scratch.join("nad.btf"))?;
    lines.extend(btf::types(&btf).with_context(|| format!("the BTF of {} is damaged", object.display()))?);
    Ok(lines)
}

/// A section's bytes, which llvm-objcopy writes to `file`.
fn section(toolchain: &Toolchain, object: &Path, name: &str, file: &Path) -> Result<Vec<u8>> {
    let mut objcopy = Command::new(toolchain.llvm_tool("llvm-objcopy")?);
    let flag = format!("--dump-section={name}={}", file.display());
    // Without a second name it would write the object anew.
    shell::output(objcopy.arg(flag).arg(object).arg("/dev/null"))?;
    read(file)
}

/// What follows objdump's first line, which holds the file's name.
fn body(dump: &str) -> Vec<String> {
    dump.lines().filter(|line| !line.contains("file format")).map(|line| line.trim().to_owned()).collect()
}

fn first_difference<'a>(ours: &'a [String], theirs: &'a [String]) -> (&'a str, &'a str) {
    let at = ours.iter().zip(theirs).take_while(|(one, other)| one == other).count();
    let line = |lines: &'a [String]| lines.get(at).map_or("the end", String::as_str);
    (line(ours), line(theirs))
}

fn read(object: &Path) -> Result<Vec<u8>> {
    fs::read(object).with_context(|| format!("can't read {}: run 'cargo xtask ebpf'", object.display()))
}
