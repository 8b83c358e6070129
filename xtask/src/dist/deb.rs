//! The package for Debian and Ubuntu.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{
    Release,
    content::{CONFIG, DOCS, ZSH, ZSH_OF_DEBIAN, set_times, write},
    maintainer,
};
use crate::shell;

/// Scripts of dist/debian, by the names that dpkg knows.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

pub(super) fn make(release: &Release) -> Result<PathBuf> {
    let Release { version, epoch, content, out, .. } = release;
    let processor = architecture(release.processor);
    let stage = release.stage("deb")?;
    let licences = ["LICENSE-APACHE", "LICENSE-GPL-2.0", "LICENSE-MIT", "THIRD-PARTY-LICENSES"];
    let copyright = format!(
        "nad is licensed MIT or Apache-2.0 at your choice, its kernel program MIT or GPL-2.0.\nThe texts, and those of the \
         crates that are linked to it:\n\n{}",
        licences.map(|name| format!("/{DOCS}/{name}\n")).concat()
    );
    let content = content.moved(ZSH, ZSH_OF_DEBIAN).with(&format!("{DOCS}/copyright"), copyright.into());
    content.write(&stage, *epoch)?;
    let control = stage.join("DEBIAN");
    let bytes: usize = content.files().iter().map(|file| file.bytes.len()).sum();
    let fields = [
        ("Package", "nad".to_owned()),
        ("Version", version.clone()),
        ("Architecture", processor.to_owned()),
        ("Maintainer", maintainer()),
        ("Section", "net".into()),
        ("Priority", "optional".into()),
        ("Installed-Size", bytes.div_ceil(1024).to_string()),
        ("Depends", format!("libc6 (>= {}), libgcc-s1 | libgcc1, passwd", glibc(&stage.join("usr/bin/nad"))?)),
        (
            "Description",
            "passive network-anomaly sensor\n nad watches interfaces with XDP and TC programs, learns what hosts and services \
             usually\n do, and reports incidents with the reason in words. Nothing is dropped, delayed or\n altered."
                .into(),
        ),
    ];
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    write(&control.join("control"), fields.as_bytes(), 0o644)?;
    write(&control.join("conffiles"), format!("/{CONFIG}\n").as_bytes(), 0o644)?;
    let mut md5sum = Command::new("md5sum");
    md5sum
        .current_dir(&stage)
        .args(content.files().iter().map(|file| &file.path).filter(|path| *path != CONFIG));
    write(&control.join("md5sums"), shell::output(&mut md5sum)?.as_bytes(), 0o644)?;
    for script in SCRIPTS {
        let text = super::content::read(&shell::workspace().join("dist/debian").join(script))?;
        write(&control.join(script), &text, 0o755)?;
    }
    set_times(&stage, *epoch)?;
    let package = out.join(format!("nad_{version}_{processor}.deb"));
    let mut build = Command::new("dpkg-deb");
    // The threads of xz would make other bytes on another machine.
    build.env("SOURCE_DATE_EPOCH", epoch.to_string()).args([
        "--root-owner-group",
        "-Zgzip",
        "-z6",
        "--build",
    ]);
    shell::run(build.arg(&stage).arg(&package).stdout(std::io::stderr()))?;
    Ok(package)
}

/// As dpkg names a processor.
pub(super) fn architecture(processor: &str) -> &str {
    match processor {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The oldest version of the C library that a program runs with.
fn glibc(program: &std::path::Path) -> Result<String> {
    super::need("readelf", "binutils")?;
    let said = shell::output(Command::new("readelf").args(["--version-info", "--wide"]).arg(program))?;
    newest(&said).with_context(|| format!("{} names no version of the C library", program.display()))
}

fn newest(said: &str) -> Option<String> {
    let versions = said.split("GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split(|it: char| !it.is_ascii_digit() && it != '.').next()?;
        Some((version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?, version))
    });
    versions.max().map(|(_, version)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_is_as_new_as_the_newest_symbol_needs() {
        let said = "  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 4\n  0x0020:   Name: GLIBC_2.34  Flags: none\n \
                    GLIBC_2.2.5 (3) GLIBC_PRIVATE";
        assert_eq!(newest(said).as_deref(), Some("2.34"));
        assert_eq!(newest("no version"), None);
    }
}
