//! Other programs: what is installed, how long they take, and how much memory.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

/// How often the memory of a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Bytes of memory in use at once, as last looked at; what is allocated in the last moments is missed.
    pub(crate) peak_memory: u64,
}

/// nad, in this folder, so that no `nad.toml` of someone else's is read, with nobody's settings, not even this machine's.
pub(crate) fn nad(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("NAD_") {
            command.env_remove(name);
        }
    }
    // A nad of a commit before there was such a file does not know this.
    if Path::new("/etc/nad/nad.toml").exists() {
        command.env("NAD_CONFIG", "none");
    }
    command
}

/// Whether a program is on `PATH`.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a program to its end, which must be a good one; what it writes is thrown away.
pub(crate) fn run(command: &mut Command) -> Result<Cost> {
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.with_context(|| format!("can't start {command:?}"))?;
    let (status, peak_memory) = watch(child)?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(Cost { seconds: begun.elapsed().as_secs_f64(), peak_memory })
}

/// Waits for a process, and remembers the most memory that it said to have used.
fn watch(mut child: Child) -> Result<(ExitStatus, u64)> {
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_memory = 0;
    loop {
        if let Some(status) = child.try_wait().context("can't wait for a program")? {
            return Ok((status, peak_memory));
        }
        let kibibytes = fs::read_to_string(&status_file).ok().and_then(|text| peak_kibibytes(&text));
        peak_memory = kibibytes.map_or(peak_memory, |kibibytes| kibibytes * 1024);
        thread::sleep(LOOK_EVERY);
    }
}

fn peak_kibibytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_memory_is_read_from_proc() {
        assert_eq!(peak_kibibytes("VmPeak:\t   99 kB\nVmHWM:\t    8124 kB\n"), Some(8124));
        assert_eq!(peak_kibibytes("Name:\tnad\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn a_run_costs_time_and_memory_and_a_failed_one_is_an_error() {
        let cost = run(Command::new("sleep").arg("0.05")).unwrap();
        assert!(cost.seconds >= 0.05 && cost.peak_memory > 100_000, "{cost:?}");
        let error = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 7"), "{error}");
    }
}
