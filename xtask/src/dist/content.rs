//! What is in each package: the one list of it.

use std::{
    fs::{self, File, FileTimes, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::GzEncoder};

use super::bill::Manifest;
use crate::shell;

/// Where settings are; a package manager keeps what was changed in it.
pub(super) const CONFIG: &str = "etc/nad/nad.toml";
/// Where each distribution looks for completions of zsh.
pub(super) const ZSH: &str = "usr/share/zsh/site-functions/_nad";
pub(super) const ZSH_OF_DEBIAN: &str = "usr/share/zsh/vendor-completions/_nad";
pub(super) const DOCS: &str = "usr/share/doc/nad";

/// The repository's own files, and where they go.
const FILES: [(&str, &str); 12] = [
    ("dist/systemd/nad.service", "usr/lib/systemd/system/nad.service"),
    ("dist/systemd/nad.sysusers", "usr/lib/sysusers.d/nad.conf"),
    ("dist/grafana/nad.json", "usr/share/doc/nad/grafana.json"),
    ("dist/prometheus/alerts.yml", "usr/share/doc/nad/alerts.yml"),
    ("schemas/alert.schema.json", "usr/share/doc/nad/alert.schema.json"),
    ("schemas/incident.schema.json", "usr/share/doc/nad/incident.schema.json"),
    ("README.md", "usr/share/doc/nad/README.md"),
    ("CHANGELOG.md", "usr/share/doc/nad/CHANGELOG.md"),
    ("docs/service.md", "usr/share/doc/nad/service.md"),
    ("LICENSE-APACHE", "usr/share/doc/nad/LICENSE-APACHE"),
    ("LICENSE-GPL-2.0", "usr/share/doc/nad/LICENSE-GPL-2.0"),
    ("LICENSE-MIT", "usr/share/doc/nad/LICENSE-MIT"),
];

/// Lines of the example that a service has otherwise.
const AS_A_SERVICE: [(&str, &str); 3] = [
    (
        "# As it stands it changes nothing: each setting is commented out and shows its default, or an example where there is\n\
         # no default. ",
        "# As it was installed it sets where the log and the history are: every other setting is commented out and shows its\n\
         # default, or an example where there is no default. ",
    ),
    ("# path = \"logs/anomaly_detector.log\"\n", "path = \"/var/log/nad/nad.log\"\n"),
    ("# path = \"nad.db\"\n", "path = \"/var/lib/nad/nad.db\"\n"),
];

/// A file of a package.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// Its path from the root.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
}

/// All files, in the order of their paths.
#[derive(Debug, Clone)]
pub(crate) struct Content(Vec<Packed>);

impl Content {
    /// Reads them: the program, what [`nad`'s example](../../../nad/examples/manual.rs) wrote into `manual`, and the rest.
    pub(super) fn collect(nad: &Path, manual: &Path, manifest: &Manifest) -> Result<Self> {
        let mut files = Vec::new();
        let mut add =
            |path: &str, bytes: Vec<u8>, mode| files.push(Packed { path: path.into(), bytes, mode });
        add("usr/bin/nad", read(nad)?, 0o755);
        let example = shell::workspace().join("nad.example.toml");
        add(
            CONFIG,
            config(&String::from_utf8(read(&example)?).context("the example is no text")?)?.into(),
            0o644,
        );
        for (from, to) in FILES {
            add(to, read(&shell::workspace().join(from))?, 0o644);
        }
        let pages = manual.join("man");
        for page in fs::read_dir(&pages).with_context(|| format!("can't list {}", pages.display()))? {
            let page = page?;
            let name = page.file_name().into_string().ok().context("a page has no name")?;
            add(&format!("usr/share/man/man1/{name}.gz"), compressed(&read(&page.path())?)?, 0o644);
        }
        for (from, to) in [
            ("nad.bash", "usr/share/bash-completion/completions/nad"),
            ("nad.fish", "usr/share/fish/vendor_completions.d/nad.fish"),
            ("_nad", ZSH),
        ] {
            add(to, read(&manual.join("completions").join(from))?, 0o644);
        }
        add(&format!("{DOCS}/nad.cdx.json"), manifest.bill_of_materials()?.into(), 0o644);
        add(&format!("{DOCS}/THIRD-PARTY-LICENSES"), manifest.licences()?.into(), 0o644);
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self(files))
    }

    pub(super) fn files(&self) -> &[Packed] {
        &self.0
    }

    /// The same with another path for a file, or without it.
    pub(super) fn moved(&self, from: &str, to: &str) -> Self {
        let mut files = self.0.clone();
        files.iter_mut().filter(|file| file.path == from).for_each(|file| to.clone_into(&mut file.path));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self(files)
    }

    /// The same with a further file.
    pub(super) fn with(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.0.push(Packed { path: path.into(), bytes, mode: 0o644 });
        self.0.sort_by(|one, other| one.path.cmp(&other.path));
        self
    }

    /// Writes all of them below a directory, with the same time.
    pub(super) fn write(&self, root: &Path, epoch: u64) -> Result<()> {
        for Packed { path, bytes, mode } in &self.0 {
            write(&root.join(path), bytes, *mode)?;
        }
        set_times(root, epoch)
    }
}

/// Writes a file with its mode, whatever the umask, and makes its directories.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let context = || format!("can't write {}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(context)?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    file.set_permissions(Permissions::from_mode(mode)).with_context(context)
}

/// Gives everything below a directory, and itself, one time, and directories the usual mode.
pub(super) fn set_times(directory: &Path, epoch: u64) -> Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
    let times = FileTimes::new().set_accessed(time).set_modified(time);
    for entry in fs::read_dir(directory).with_context(|| format!("can't list {}", directory.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            set_times(&entry.path(), epoch)?;
        } else {
            File::open(entry.path())?.set_times(times)?;
        }
    }
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    Ok(File::open(directory)?.set_times(times)?)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// As `gzip -9n` does: without a name or a time.
pub(super) fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The example with the paths of a service.
fn config(example: &str) -> Result<String> {
    let mut text = example.to_owned();
    for (from, to) in AS_A_SERVICE {
        ensure!(
            text.matches(from).count() == 1,
            "nad.example.toml has not one {from:?}: change AS_A_SERVICE in xtask/src/dist/content.rs with it"
        );
        text = text.replacen(from, to, 1);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_service_are_the_example_with_its_paths() {
        let example = fs::read_to_string(shell::workspace().join("nad.example.toml")).unwrap();
        let settings: toml::Table = config(&example).unwrap().parse().unwrap();
        let set: Vec<_> = settings
            .iter()
            .flat_map(|(section, values)| {
                values.as_table().unwrap().iter().map(move |(key, value)| (section, key, value))
            })
            .map(|(section, key, value)| format!("{section}.{key} = {value}"))
            .collect();
        assert_eq!(set, ["history.path = \"/var/lib/nad/nad.db\"", "log.path = \"/var/log/nad/nad.log\""]);
        assert!(config("").unwrap_err().to_string().contains("change AS_A_SERVICE"));
    }
}
