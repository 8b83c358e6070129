//! As little power as possible: what nad gives up once it has attached, before it reads a packet.
//!
//! One file a mechanism. Each works for itself, so that a kernel without one still has the others:
//!
//! | mechanism | what it takes away |
//! |---|---|
//! | [`user`] | root's files, from the very start |
//! | [`capabilities`] | everything that only root may do |
//! | [`process`] | getting privileges through another program, and being read by one: dumps, tracers |
//! | [`landlock`] | files that no setting names, and TCP ports likewise |
//! | [`seccomp`] | system calls that nad has no use for |
//!
//! What they allow comes from the settings alone ([`Needs`]).

pub mod capabilities;
pub mod landlock;
pub mod needs;
pub mod process;
pub mod seccomp;
pub mod user;

#[cfg(debug_assertions)]
mod probe;

use std::{fmt, io, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use needs::{Needs, SocketNeed};
pub use user::Identity;

/// How much of the sandbox there has to be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What the kernel and the settings give; what is missing is said.
    #[default]
    Auto,
    /// All of it, or nad does not start.
    Strict,
    /// Capabilities are given up, and nothing else: for debuggers and tracers.
    Off,
}

/// `[security]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecuritySection {
    /// How much of the sandbox there has to be.
    pub sandbox: Option<Level>,
    /// Whose rights nad has: a name, a number, or two numbers with a colon between them.
    pub user: Option<String>,
}

/// The settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityConfig {
    /// How much of the sandbox there has to be.
    pub level: Level,
    /// Whose rights nad has; see [`user::assume`] for where nothing is said.
    pub user: Option<String>,
}

impl SecurityConfig {
    /// Flags and environment before the file.
    pub fn decide(level: Option<Level>, user: Option<String>, file: &SecuritySection) -> Self {
        Self {
            level: level.or(file.sandbox).unwrap_or_default(),
            user: user.or_else(|| file.user.clone()).filter(|user| !user.is_empty()),
        }
    }
}

/// Why nad does not go on without its sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The user that was asked for can't be used.
    #[error("user {user}: {reason}")]
    User {
        /// What was asked for.
        user: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A part is missing, and all were asked for.
    #[error(
        "the sandbox would be without {missing}, and --sandbox strict wants all of it; --sandbox auto goes on without"
    )]
    Missing {
        /// The parts.
        missing: String,
    },
    /// A thread was started before, which would keep its privileges.
    #[error("privileges can't be given up: {threads} threads run already, of which each has its own")]
    Threads {
        /// How many there are.
        threads: usize,
    },
    /// The system refuses what it gives to everybody.
    #[error("the system refuses to {what}: {cause}; --sandbox off goes on without")]
    Refused {
        /// What it was asked.
        what: &'static str,
        /// Its reason.
        cause: String,
    },
}

/// What is in force; displayed as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    parts: Vec<String>,
    missing: Vec<String>,
    unreadable: Vec<PathBuf>,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sandbox: {}", self.parts.join(", "))?;
        if self.missing.is_empty() { Ok(()) } else { write!(f, "; without {}", self.missing.join(", ")) }
    }
}

impl InForce {
    /// The files of settings that can't be read any more: their changes take a restart.
    pub fn unreadable(&self) -> &[PathBuf] {
        &self.unreadable
    }

    /// The parts that are missing, each with its reason.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// Puts the sandbox in force for this process, which must have one thread: others are born into it. `beside` is what is
/// missing of the sandbox of its other process.
///
/// # Errors
///
/// See [`SandboxError`]; the process is then to end, as parts may be in force.
pub fn enter(
    level: Level,
    identity: &Identity,
    needs: &Needs,
    beside: &[String],
) -> Result<InForce, SandboxError> {
    alone()?;
    let mut parts = vec![identity.to_string()];
    let mut missing = Vec::new();
    if level != Level::Off {
        missing.extend(identity.missing());
        missing.extend_from_slice(beside);
    }
    capabilities::give_up_all().map_err(|error| refused("give up capabilities", error))?;
    process::forbid_new_privileges().map_err(|error| refused("forbid new privileges", error))?;
    parts.extend(["no capabilities".to_owned(), "no_new_privs".to_owned()]);
    if level == Level::Off {
        parts.push("everything else is off".into());
        return Ok(InForce { parts, missing, unreadable: unreadable(needs) });
    }
    process::forbid_dumps().map_err(|error| refused("forbid core dumps", error))?;
    parts.push("no core dumps".into());
    // Landlock before seccomp, which forbids its system calls.
    match landlock::restrict(needs).map_err(|error| refused("restrict files", error))? {
        landlock::Extent::None(why) => missing.push(format!("Landlock ({why})")),
        landlock::Extent::Files(abi) => {
            parts.push(format!("Landlock {abi} for files"));
            missing.push("Landlock for TCP (Linux 6.7 is the first that has it)".into());
        }
        landlock::Extent::FilesAndTcp(abi) => parts.push(format!("Landlock {abi} for files and TCP")),
    }
    match seccomp::restrict(needs) {
        Ok(calls) => parts.push(format!("seccomp ({calls} system calls)")),
        Err(error) => missing.push(format!("seccomp ({error})")),
    }
    if level == Level::Strict && !missing.is_empty() {
        return Err(SandboxError::Missing { missing: missing.join(" and ") });
    }
    #[cfg(debug_assertions)]
    probe::begin_if_asked();
    Ok(InForce { parts, missing, unreadable: unreadable(needs) })
}

/// As it is from within.
fn unreadable(needs: &Needs) -> Vec<PathBuf> {
    let is_closed = |path: &&PathBuf| {
        std::fs::File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    needs.reads.iter().filter(is_closed).cloned().collect()
}

/// Of the process that attaches programs: two capabilities, netlink, `bpf()` for links, and no file. Gives the parts that
/// are missing, each with its reason: what that means is for [`enter`] to decide.
///
/// # Errors
///
/// When the capabilities can't be given up.
pub(crate) fn of_keeper() -> Result<Vec<String>, SandboxError> {
    capabilities::keep_for_links().map_err(|error| refused("give up capabilities", error))?;
    process::forbid_new_privileges().map_err(|error| refused("forbid new privileges", error))?;
    process::forbid_dumps().map_err(|error| refused("forbid core dumps", error))?;
    let files = match landlock::restrict(&Needs::default()) {
        Ok(landlock::Extent::None(why)) => Some(why.to_owned()),
        Ok(landlock::Extent::Files(_) | landlock::Extent::FilesAndTcp(_)) => None,
        Err(error) => Some(error.to_string()),
    };
    let calls = seccomp::restrict_keeper().err().map(|error| error.to_string());
    let missing = [("Landlock", files), ("seccomp", calls)].map(|(part, why)| Some((part, why?)));
    Ok(missing.into_iter().flatten().map(|(part, why)| format!("{part} of nad-attach ({why})")).collect())
}

/// A sandbox from its settings to where it is in force.
#[derive(Debug)]
pub struct Sandbox {
    level: Level,
    identity: Identity,
    needs: Needs,
}

impl Sandbox {
    /// Of what attaches to interfaces: becomes another user at once, before anything is opened.
    ///
    /// # Errors
    ///
    /// See [`user::assume`].
    pub fn begin(config: &SecurityConfig, needs: Needs) -> Result<Self, SandboxError> {
        let identity = user::assume(config, &needs)?;
        Ok(Self { level: config.level, identity, needs })
    }

    /// Of what reads files: whoever started it goes on.
    pub fn of_files(config: &SecurityConfig, needs: Needs) -> Self {
        Self { level: config.level, identity: Identity::current().kept(), needs }
    }

    /// See [`enter`].
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn enter(&self) -> Result<InForce, SandboxError> {
        self.enter_beside(&[])
    }

    /// The same beside a process with a sandbox of its own, of which these parts are missing.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn enter_beside(&self, missing: &[String]) -> Result<InForce, SandboxError> {
        enter(self.level, &self.identity, &self.needs, missing)
    }
}

/// Capabilities and Landlock are each thread's own: the only thread has to be the one that gives up.
fn alone() -> Result<(), SandboxError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads == 1 { Ok(()) } else { Err(SandboxError::Threads { threads }) }
}

fn refused(what: &'static str, cause: impl fmt::Display) -> SandboxError {
    SandboxError::Refused { what, cause: cause.to_string() }
}

/// A system call's error in words, for those whose crates give a number.
fn os(error: nix::Error) -> io::Error {
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_before_the_file_and_an_empty_user_is_none() {
        let file = SecuritySection { sandbox: Some(Level::Strict), user: Some("nad".into()) };
        let decided = |level, user: Option<&str>| SecurityConfig::decide(level, user.map(Into::into), &file);
        assert_eq!(decided(None, None), SecurityConfig { level: Level::Strict, user: Some("nad".into()) });
        assert_eq!(decided(Some(Level::Off), Some("65534")).user.as_deref(), Some("65534"));
        assert_eq!(decided(Some(Level::Off), Some("")), SecurityConfig { level: Level::Off, user: None });
    }

    #[test]
    fn what_is_in_force_is_a_line_that_says_what_is_missing() {
        let parts = vec!["user nad (uid 990)".into(), "no capabilities".into()];
        let whole = InForce { parts: parts.clone(), missing: Vec::new(), unreadable: Vec::new() };
        assert_eq!(whole.to_string(), "sandbox: user nad (uid 990), no capabilities");
        let missing = vec!["Landlock (not in this kernel)".into()];
        let partial = InForce { parts, missing, unreadable: Vec::new() };
        assert!(partial.to_string().ends_with("no capabilities; without Landlock (not in this kernel)"));
    }

    #[test]
    fn a_process_of_several_threads_is_refused() {
        // The harness has a thread for each test.
        assert!(matches!(alone(), Err(SandboxError::Threads { threads }) if threads > 1));
    }
}
