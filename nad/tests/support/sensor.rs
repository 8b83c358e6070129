//! Runs the real binary in a folder of its own, and reads what it printed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A working directory for one test; whatever nad writes goes there.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// nad in this folder, with none of the settings of whoever runs the tests.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nad"));
        command.current_dir(self.0.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NAD_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs nad with `arguments`, separated by spaces.
    pub(crate) fn nad(&self, arguments: &str) -> Ran {
        Ran::of(self.command().args(arguments.split_whitespace()))
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

/// What a run of nad left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Asserts the exit code; everything that was printed tells why it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// Incidents and anomalous packets, as the summary at the end of standard output tells them.
    #[track_caller]
    pub(crate) fn detected(&self) -> (usize, usize) {
        let summary = self.stdout.lines().next_back().unwrap_or_default();
        let counts = summary.strip_prefix("Detected ").and_then(|rest| {
            let (incidents, packets) = rest.split_once(" and ")?;
            let number = |text: &str, one: &str, many: &str| {
                let number = text.strip_suffix(one).or_else(|| text.strip_suffix(many))?.parse().ok()?;
                (text.ends_with(one) == (number == 1)).then_some(number)
            };
            Some((
                number(incidents, " incident", " incidents")?,
                number(packets, " anomalous packet.", " anomalous packets.")?,
            ))
        });
        counts.unwrap_or_else(|| panic!("no summary: {}", self.stdout))
    }
}

/// The last ledger of a run, which balances.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) seen: usize,
    pub(crate) unparsed: usize,
    pub(crate) learned: usize,
    pub(crate) scored: usize,
}

impl Ran {
    /// Reads the ledger from standard error and asserts that it balances by the numbers that are printed.
    #[track_caller]
    pub(crate) fn ledger(&self) -> Ledger {
        let lines: Vec<&str> = self.stderr.lines().filter_map(|line| line.strip_prefix("ledger: ")).collect();
        assert_eq!(lines.len(), 1, "{}", self.stderr);
        let count = |name: &str| {
            let mut words = lines[0].split([' ', ',', ';', '(', ')']).skip_while(|word| *word != name);
            words.nth(1).map_or(0, |number| number.parse().unwrap())
        };
        let (recorded, drained) = (count("recorded"), count("drained"));
        let ledger = Ledger {
            seen: count("seen"),
            unparsed: count("unparsed"),
            learned: count("learned"),
            scored: count("scored"),
        };
        assert!(lines[0].starts_with("seen ") && lines[0].contains("; drained "), "{}", lines[0]);
        assert_eq!(
            ledger.seen,
            recorded + count("thinned") + count("ring_full") + ledger.unparsed,
            "{}",
            lines[0]
        );
        assert_eq!(recorded, drained + count("unreadable"), "{}", lines[0]);
        assert_eq!(
            drained,
            ledger.learned + ledger.scored + count("own") + count("discarded"),
            "{}",
            lines[0]
        );
        ledger
    }
}
