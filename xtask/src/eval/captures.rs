//! The labelled captures in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

const ENDINGS: [&str; 6] = [".pcap", ".pcap.zst", ".pcap.gz", ".pcapng", ".pcapng.zst", ".pcapng.gz"];

/// A capture, and what stands beside it. Without labels and windows it holds no attack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Capture {
    /// The file's name without its ending.
    pub(super) name: String,
    pub(super) file: PathBuf,
    /// `NAME.labels.csv.gz` or `NAME.labels.csv`.
    pub(super) labels: Option<PathBuf>,
    /// `NAME.windows.csv`.
    pub(super) windows: Option<PathBuf>,
}

/// Lists the captures in a folder by name; folders in it are not looked into.
pub(super) fn discover(folder: &Path) -> Result<Vec<Capture>> {
    // Absolute, because nad is run in another folder.
    let folder =
        folder.canonicalize().with_context(|| format!("can't read the folder {}", folder.display()))?;
    let entries = fs::read_dir(&folder).with_context(|| format!("can't list {}", folder.display()))?;
    let mut captures: Vec<Capture> = Vec::new();
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) else { continue };
        let beside =
            |ending: &str| Some(folder.join(format!("{name}{ending}"))).filter(|file| file.is_file());
        captures.push(Capture {
            name: name.to_owned(),
            labels: beside(".labels.csv.gz").or_else(|| beside(".labels.csv")),
            windows: beside(".windows.csv"),
            file,
        });
    }
    captures.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = captures.windows(2).find(|pair| pair[0].name == pair[1].name) {
        bail!(
            "{} and {} have the same name: keep one of them",
            pair[0].file.display(),
            pair[1].file.display()
        );
    }
    if captures.is_empty() {
        bail!("{} has no captures: a name ends in {}", folder.display(), ENDINGS.join(", "));
    }
    Ok(captures)
}

/// The capture that this one is a continuation of: `office` for `office-night`.
pub(super) fn base<'a>(name: &str, captures: &'a [Capture]) -> Option<&'a Capture> {
    let is_base = |base: &&Capture| {
        name.strip_prefix(base.name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.starts_with('-'))
    };
    // The shortest, which is no continuation itself.
    captures.iter().filter(is_base).min_by_key(|base| base.name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_capture_is_found_with_what_stands_beside_it() {
        let folder = folder(&[
            "office.pcap.zst",
            "office.labels.csv.gz",
            "office.windows.csv",
            "home.pcapng",
            "notes.md",
            "lab.labels.csv",
        ]);
        let found = discover(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|capture| capture.name.as_str()).collect();
        assert_eq!(names, ["home", "office"]);
        assert_eq!((&found[0].labels, &found[0].windows), (&None, &None));
        assert!(found[1].labels.as_ref().unwrap().ends_with("office.labels.csv.gz"));
        assert!(found[1].windows.as_ref().unwrap().ends_with("office.windows.csv"));
    }

    #[test]
    fn two_files_of_one_name_and_none_at_all_are_refused() {
        let error = discover(folder(&["a.pcap", "a.pcap.gz"]).path()).unwrap_err().to_string();
        assert!(error.contains("a.pcap.gz") && error.contains("same name"), "{error}");
        let error = discover(folder(&["a.csv"]).path()).unwrap_err().to_string();
        assert!(error.contains("has no captures"), "{error}");
    }

    #[test]
    fn the_base_is_the_shortest_name_before_a_dash() {
        let folder = folder(&["a.pcap", "a-b.pcap", "a-b-c.pcap", "ab.pcap"]);
        let captures = discover(folder.path()).unwrap();
        let base = |name| base(name, &captures).map(|capture| capture.name.as_str());
        assert_eq!(
            (base("a-b-c"), base("a-b"), base("a"), base("ab"), base("b-c")),
            (Some("a"), Some("a"), None, None, None)
        );
    }
}
