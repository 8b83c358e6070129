//! Finds the kernel object that the library embeds, and refuses one that is older than its sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

#[path = "../nad-ebpf/stamp.rs"]
mod stamp;

fn main() {
    match kernel_object() {
        Ok(object) => println!("cargo::rustc-env=NAD_EBPF_OBJECT_PATH={}", object.display()),
        Err(message) => println!("cargo::error={message}"),
    }
}

fn kernel_object() -> Result<PathBuf, String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NAD_EBPF_OBJECT");
    let package =
        env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set: build with cargo")?;
    let workspace = Path::new(&package).parent().ok_or("the package nad lies outside its workspace")?;

    if let Some(given) = env::var_os("NAD_EBPF_OBJECT") {
        // A relative path is relative to the workspace, wherever in it cargo was started.
        let object = workspace.join(given);
        watch(&object);
        return match object.is_file() {
            true => Ok(object),
            false => Err(format!(
                "NAD_EBPF_OBJECT names no file: {}: name a built kernel object, or unset it",
                object.display()
            )),
        };
    }

    for source in stamp::SOURCES {
        watch(&workspace.join(source));
    }
    let object = workspace.join("nad-ebpf/prebuilt/nad.o");
    let stamp_file = workspace.join("nad-ebpf/prebuilt/nad.stamp");
    watch(&object);
    watch(&stamp_file);

    // Missing files are as stale as old ones, and the remedy is the same.
    let bytes = fs::read(&object).unwrap_or_default();
    let committed = fs::read_to_string(&stamp_file).unwrap_or_default().replace("\r\n", "\n");
    let expected =
        stamp::stamp(workspace, &bytes).map_err(|error| format!("can't read a source: {error}"))?;
    if committed.starts_with(&expected) {
        Ok(object)
    } else {
        Err("the kernel object nad-ebpf/prebuilt/nad.o is older than its sources: run 'cargo xtask ebpf'"
            .into())
    }
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}
