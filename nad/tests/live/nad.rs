//! The running sensor.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::lab::{Lab, PATIENCE, inside, until, until_within};

pub(crate) const STARTED: &str = "Starting packet capture…";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_nad");

/// A process, killed where a test ends before it.
pub(crate) struct Nad {
    process: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Nad {
    /// Starts `nad` in the sensor's namespace and the lab's folder.
    pub(crate) fn start(lab: &Lab, arguments: &[&str]) -> Self {
        Self::start_as(lab, "nad", &mut inside(&lab.sensor, BINARY), arguments)
    }

    /// Starts it through a command that runs it; `name` tells its output from that of another one.
    pub(crate) fn start_as(
        lab: &Lab,
        name: &str,
        command: &mut Command,
        arguments: &[impl AsRef<OsStr>],
    ) -> Self {
        let (stdout, stderr) = (lab.path(&format!("{name}.out")), lab.path(&format!("{name}.err")));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("NAD_") {
                command.env_remove(variable);
            }
        }
        command.env_remove("STATE_DIRECTORY");
        // Tests that count what they send don't count what the sensor's machine answers; a flag says otherwise.
        let process = command
            .env("NAD_DIRECTION", "ingress")
            // That of the machine is not to count.
            .env("NAD_TEST_SYSTEM_FILE", "/nowhere/nad.toml")
            // One place for all sensors of the machine is none for those of tests.
            .env("NAD_STATUS_SOCKET", "none")
            .args(arguments)
            .current_dir(lab.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("output can be kept"))
            .stderr(File::create(&stderr).expect("output can be kept"))
            .spawn()
            .expect("nad starts");
        Self { process, stdout, stderr }
    }

    /// Starts it and waits until it captures.
    pub(crate) fn capturing(lab: &Lab, arguments: &[&str]) -> Self {
        let mut nad = Self::start(lab, arguments);
        nad.wait_for(STARTED);
        nad
    }

    /// `ip netns exec` and `setpriv` become what they run, so this is nad's own.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Everything said so far.
    pub(crate) fn said(&self) -> String {
        let read = |path| std::fs::read_to_string(path).expect("output is text");
        read(&self.stdout) + &read(&self.stderr)
    }

    /// Waits until it has said something.
    pub(crate) fn wait_for(&mut self, words: &str) {
        until(words, || {
            let said = self.said();
            if said.contains(words) {
                return true;
            }
            let ended = self.process.try_wait().expect("it is our own process");
            assert!(ended.is_none(), "ended ({ended:?}) before it said '{words}':\n{said}");
            false
        });
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        let id = libc::pid_t::try_from(self.id()).expect("a process id");
        // SAFETY: the process is our own child and not waited for yet.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "{}", std::io::Error::last_os_error());
    }

    /// Halts it. The signal alone says little: a thread goes on until it is its turn to take it.
    pub(crate) fn halt(&self) {
        self.signal(libc::SIGSTOP);
        let tasks = format!("/proc/{}/task", self.id());
        let is_halted = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.expect("its threads are listed").path().join("stat"));
            // The name before the state is in parentheses and may hold any; one that just ended goes on no more.
            stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T')))
        };
        until("every thread has halted", || std::fs::read_dir(&tasks).expect("it is there").all(is_halted));
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        self.end_within(PATIENCE)
    }

    /// The same where it takes longer.
    pub(crate) fn end_within(mut self, patience: Duration) -> Ended {
        let mut status = None;
        until_within(patience, "nad ends", || {
            status = self.process.try_wait().expect("it is our own process");
            status.is_some()
        });
        let read = |path| std::fs::read_to_string(path).expect("output is text");
        Ended {
            code: status.and_then(|status| status.code()),
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }

    /// Ctrl-C, and what follows.
    pub(crate) fn interrupt(self) -> Ended {
        self.signal(libc::SIGINT);
        self.end()
    }
}

impl Drop for Nad {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ended {
    /// Its last ledger, which must balance.
    pub(crate) fn ledger(&self) -> Ledger {
        let lines = || self.stderr.lines();
        let line = lines().filter_map(|line| line.strip_prefix("ledger: ")).next_back();
        let ledger = Ledger::parse(line.unwrap_or_else(|| panic!("no ledger:\n{}", self.stderr)));
        ledger.balances();
        assert!(!self.stderr.contains("does not balance"), "{}", self.stderr);
        ledger
    }
}

/// The ledger as it is printed: names and numbers.
#[derive(Debug)]
pub(crate) struct Ledger(HashMap<String, u64>);

impl Ledger {
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let pairs = words.chunks(2).map(|pair| {
            let [name, number] = pair else { panic!("no pairs of name and number: {line}") };
            (name.to_string(), number.parse().unwrap_or_else(|_| panic!("{number} is no number: {line}")))
        });
        Self(pairs.collect())
    }

    /// One of its numbers; what is 0 may be left out.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    fn balances(&self) {
        for name in ["seen", "recorded", "ring_full", "unparsed", "drained", "learned", "scored"] {
            assert!(self.0.contains_key(name), "no {name} in {self:?}");
        }
        let sum = |names: &[&str]| names.iter().map(|name| self.get(name)).sum::<u64>();
        assert_eq!(self.get("seen"), sum(&["recorded", "sampled_out", "ring_full", "unparsed"]), "{self:?}");
        assert_eq!(self.get("recorded"), sum(&["drained", "unreadable"]), "{self:?}");
        assert_eq!(self.get("drained"), sum(&["learned", "scored", "self_traffic", "discarded"]), "{self:?}");
        assert_eq!(sum(&["in_rings", "in_queue"]), 0, "{self:?}");
    }
}
