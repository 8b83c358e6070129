//! The stamp of the kernel object: what it was built from, and which bytes came out.
//!
//! Part of two programs: `cargo xtask ebpf` writes the stamp beside the object, `nad/build.rs` compares it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The files and directories that the object is made of, relative to the workspace. Of `Cargo.lock` and of the
/// workspace's `Cargo.toml` only the part that [`relevant_part`] names counts.
pub(crate) const SOURCES: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "nad-common/Cargo.toml",
    "nad-common/src",
    "nad-ebpf/Cargo.toml",
    "nad-ebpf/rustflags.txt",
    "nad-ebpf/src",
    "nad-ebpf/stamp.rs",
];

/// The crates that are compiled into the object, or that write code which is.
const CRATES: [&str; 11] = [
    "aya-ebpf",
    "aya-ebpf-bindings",
    "aya-ebpf-cty",
    "aya-ebpf-macros",
    "aya-log-common",
    "aya-log-ebpf",
    "aya-log-ebpf-macros",
    "aya-log-parser",
    "bytemuck",
    "bytemuck_derive",
    "network-types",
];

/// The first two lines of the stamp for `object` and the sources below `workspace`: a name and a SHA-256 each.
///
/// # Errors
///
/// When a source can't be read; the message names it.
pub(crate) fn stamp(workspace: &Path, object: &[u8]) -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&workspace.join(source), &mut files)?;
    }
    let mut named = Vec::new();
    for file in files {
        let name = file.strip_prefix(workspace).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        named.push((name, file));
    }
    named.sort();

    let mut hash = Sha256::new();
    for (name, file) in named {
        let text =
            fs::read_to_string(&file).map_err(|error| named_error(&file, &error))?.replace("\r\n", "\n");
        let text = relevant_part(&name, text);
        hash.update(format!("{name}\n{}\n{text}", text.len()));
    }
    Ok(format!("sources {}\nobject {}\n", hex(hash), hex(Sha256::new_with_prefix(object))))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| named_error(path, &error))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What editors leave beside the sources is no source.
        if !name.starts_with('.') && !name.ends_with('~') {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// The versions in `Cargo.lock` of the crates in the object, and the release profile in `Cargo.toml`: other
/// dependencies come and go without a new object.
fn relevant_part(name: &str, text: String) -> String {
    match name {
        "Cargo.lock" => text
            .split("[[package]]\n")
            .filter(|package| CRATES.iter().any(|name| package.starts_with(&format!("name = \"{name}\"\n"))))
            .flat_map(|package| package.lines().take(2))
            .fold(String::new(), |kept, line| kept + line + "\n"),
        "Cargo.toml" => {
            let mut inside = false;
            text.lines()
                .filter(|line| {
                    if line.starts_with('[') {
                        inside = line.starts_with("[profile.release");
                    }
                    inside && !line.is_empty() && !line.starts_with('#')
                })
                .fold(String::new(), |kept, line| kept + line + "\n")
        }
        _ => text,
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn named_error(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
