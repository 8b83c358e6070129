//! What is measured: programs of nad, each with so many shards.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

/// One build of nad.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The name in the table of one that is only compared with.
    pub(crate) against: Option<String>,
    /// Whether the number of threads that judge packets can be chosen.
    has_shards: bool,
}

/// A program, with so many threads that judge packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant<'a> {
    pub(crate) program: &'a Program,
    pub(crate) shards: usize,
}

impl Program {
    /// Asks a program what it can do.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub(crate) fn new(path: PathBuf, against: Option<String>) -> Result<Self> {
        let help = Command::new(&path).args(["run", "--help"]).output();
        let help = help.with_context(|| format!("can't start {}", path.display()))?;
        let has_shards = String::from_utf8_lossy(&help.stdout).contains("--shards");
        Ok(Self { path, against, has_shards })
    }

    /// With so many shards; nothing where it has always one thread and more are wanted.
    pub(crate) fn with_shards(&self, shards: usize) -> Option<Variant<'_>> {
        (self.has_shards || shards == 1).then_some(Variant { program: self, shards })
    }
}

impl Variant<'_> {
    /// What it is started with.
    pub(crate) fn arguments(self) -> Vec<String> {
        if self.program.has_shards {
            vec!["--shards".to_owned(), self.shards.to_string()]
        } else {
            Vec::new()
        }
    }

    /// "2 shards", of a program that is compared with "2 shards, COMMIT".
    pub(crate) fn name(self) -> String {
        let shards = if self.shards == 1 { "1 shard".to_owned() } else { format!("{} shards", self.shards) };
        match &self.program.against {
            Some(name) => format!("{shards}, {name}"),
            None => shards,
        }
    }

    /// The CPUs of a live sensor, of those that there are: one for each shard, as far as there are any besides the first, which
    /// is the sender's.
    pub(crate) fn cpus(self, all: &[usize]) -> Vec<usize> {
        all.iter().copied().skip(1).take(self.shards).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(has_shards: bool, against: Option<&str>) -> Program {
        Program { path: "nad".into(), against: against.map(str::to_owned), has_shards }
    }

    #[test]
    fn a_program_without_shards_is_measured_with_its_one_thread_only() {
        let old = program(false, Some("0123abc"));
        let one = old.with_shards(1).unwrap();
        assert_eq!((one.arguments(), one.name().as_str()), (Vec::new(), "1 shard, 0123abc"));
        assert!(old.with_shards(2).is_none());
        let new = program(true, None);
        let two = new.with_shards(2).unwrap();
        assert_eq!((two.arguments().join(" "), two.name().as_str()), ("--shards 2".to_owned(), "2 shards"));
        assert_eq!(new.with_shards(1).unwrap().arguments(), ["--shards", "1"], "auto may be more");
    }

    #[test]
    fn a_sensor_has_a_cpu_for_each_shard_but_never_the_senders() {
        let program = program(true, None);
        let cpus = |shards, all: &[usize]| program.with_shards(shards).unwrap().cpus(all);
        assert_eq!((cpus(1, &[0, 1]), cpus(2, &[0, 1])), (vec![1], vec![1]));
        assert_eq!((cpus(1, &[2, 3, 5, 7]), cpus(2, &[2, 3, 5, 7])), (vec![3], vec![3, 5]));
    }

    #[test]
    fn a_program_says_in_its_help_whether_it_has_shards() {
        let folder = tempfile::tempdir().unwrap();
        for (help, expected) in [("--shards <N>", true), ("--iface <IF>", false)] {
            let path = folder.path().join("nad");
            std::fs::write(&path, format!("#!/bin/sh\necho '{help}'\n")).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            assert_eq!(Program::new(path, None).unwrap().has_shards, expected);
        }
        assert!(Program::new(folder.path().join("missing"), None).is_err());
    }
}
