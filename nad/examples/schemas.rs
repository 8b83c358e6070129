//! Writes the JSON Schema files of nad's own format into a folder: what `cargo xtask schema` runs.

use std::{env, error::Error, fs, path::PathBuf};

use nad::format::native;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf =
        env::args_os().nth(1).ok_or("give the folder that the schemas are written to")?.into();
    fs::create_dir_all(&folder)?;
    for (name, text) in native::schemas() {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}
