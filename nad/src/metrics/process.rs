//! What the process takes, from `/proc` (proc(5)), as Prometheus' own clients tell it.

use std::fs;

/// Facts about this process; what can't be read is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Process {
    /// Time that its threads ran, in user and kernel mode, in seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Resident memory.
    pub(super) resident_bytes: Option<u64>,
    /// When it was started, in seconds since the Unix epoch.
    pub(super) start_seconds: Option<f64>,
    /// Open files.
    pub(super) open_files: Option<u64>,
}

impl Process {
    /// Reads them.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let system = fs::read_to_string("/proc/stat").unwrap_or_default();
        let ticks_a_second = system_setting(libc::_SC_CLK_TCK);
        let seconds =
            |ticks: Option<u64>| Some(ticks? as f64 / ticks_a_second.filter(|&ticks| ticks > 0)? as f64);
        let (cpu_ticks, start_ticks) = ticks(&stat).unzip();
        let pages: Option<u64> = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        Self {
            cpu_seconds: seconds(cpu_ticks),
            resident_bytes: pages.zip(system_setting(libc::_SC_PAGESIZE)).map(|(pages, size)| pages * size),
            start_seconds: boot_time(&system)
                .zip(seconds(start_ticks))
                .map(|(boot, since)| boot as f64 + since),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        }
    }
}

/// CPU time, and when the process was started after the machine, in clock ticks: fields 14, 15 and 22.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    // The second field is a name in parentheses, which may have anything in it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let field = |number: usize| rest.split(' ').nth(number - 3)?.parse::<u64>().ok();
    Some((field(14)? + field(15)?, field(22)?))
}

/// When the machine was started, in seconds since the Unix epoch.
fn boot_time(system: &str) -> Option<u64> {
    system.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
}

fn system_setting(name: libc::c_int) -> Option<u64> {
    // SAFETY: takes a number and touches no memory of ours.
    u64::try_from(unsafe { libc::sysconf(name) }).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_moves_no_field() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 700 30 0 0 20 0 9 0 4321 1000 200";
        assert_eq!(ticks(&format!("12 (a) b) {rest}")), Some((730, 4321)));
        assert_eq!(ticks("12 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_begun_lately_and_takes_memory() {
        let process = Process::read();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - process.start_seconds.unwrap();
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!(process.resident_bytes.unwrap() > 1 << 20);
        assert!(process.cpu_seconds.unwrap() >= 0.0);
        assert!(process.open_files.unwrap() >= 3);
    }
}
