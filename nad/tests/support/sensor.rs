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
        // That of the machine is not to count.
        command.env("NAD_TEST_SYSTEM_FILE", "/nowhere/nad.toml");
        // One place for all sensors of the machine is none for those of tests.
        command.env("NAD_STATUS_SOCKET", "none");
        command.env_remove("STATE_DIRECTORY");
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

/// What `--format json` says at the end of a run.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Summary {
    pub(crate) captured: usize,
    pub(crate) incidents: usize,
    pub(crate) anomalous_packets: usize,
    pub(crate) ledger: Counts,
}

/// Where every packet went, which balances.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Counts {
    pub(crate) seen: usize,
    pub(crate) unparsed: std::collections::BTreeMap<String, usize>,
    pub(crate) learned: usize,
    pub(crate) scored: usize,
    recorded: usize,
    sampled_out: usize,
    ring_full: usize,
    drained: usize,
    unreadable: usize,
    self_traffic: usize,
    discarded: usize,
}

impl Ran {
    /// The last object on the standard output of a run with `--format json`.
    #[track_caller]
    pub(crate) fn summary(&self) -> Summary {
        let line = self.stdout.lines().next_back().unwrap_or_default();
        let object: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.stderr));
        let summary: Summary = serde_json::from_value(object["summary"].clone())
            .unwrap_or_else(|error| panic!("no summary ({error}): {line}"));
        let counts = &summary.ledger;
        let unparsed: usize = counts.unparsed.values().sum();
        assert_eq!(counts.seen, counts.recorded + counts.sampled_out + counts.ring_full + unparsed, "{line}");
        assert_eq!(counts.recorded, counts.drained + counts.unreadable, "{line}");
        let judged = counts.learned + counts.scored + counts.self_traffic + counts.discarded;
        assert_eq!(counts.drained, judged, "{line}");
        summary
    }

    /// Incidents and anomalous packets, as the summary at the end of standard output tells them.
    #[track_caller]
    pub(crate) fn detected(&self) -> (usize, usize) {
        let summary = self.stdout.lines().next_back().unwrap_or_default();
        let counts = summary.strip_prefix("Detected ").and_then(|rest| {
            // Where hosts were not judged, there is no number of incidents.
            let (incidents, packets) = match rest.split_once("; hosts were not judged: ") {
                Some((packets, _)) => ("0 incidents", format!("{packets}.")),
                None => rest.split_once(" and ").map(|(some, others)| (some, others.to_owned()))?,
            };
            let number = |text: &str, one: &str, many: &str| {
                let number = text.strip_suffix(one).or_else(|| text.strip_suffix(many))?.parse().ok()?;
                (text.ends_with(one) == (number == 1)).then_some(number)
            };
            Some((
                number(incidents, " incident", " incidents")?,
                number(&packets, " anomalous packet.", " anomalous packets.")?,
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
            recorded + count("sampled_out") + count("ring_full") + ledger.unparsed,
            "{}",
            lines[0]
        );
        assert_eq!(recorded, drained + count("unreadable"), "{}", lines[0]);
        assert_eq!(
            drained,
            ledger.learned + ledger.scored + count("self_traffic") + count("discarded"),
            "{}",
            lines[0]
        );
        ledger
    }
}
