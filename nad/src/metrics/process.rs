//! What the process takes, from `/proc` (proc(5)), as Prometheus' own clients tell it.

use std::fs;

use procfs::{
    CurrentSI, FromRead, KernelStats, page_size,
    process::{Stat, StatM},
    ticks_per_second,
};

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
        let stat = Stat::from_file("/proc/self/stat").ok();
        let memory = StatM::from_file("/proc/self/statm").ok();
        let boot = KernelStats::current().ok().map(|system| system.btime);
        let seconds = |ticks: u64| ticks as f64 / ticks_per_second() as f64;
        Self {
            cpu_seconds: stat.as_ref().map(|stat| seconds(stat.utime + stat.stime)),
            resident_bytes: memory.map(|memory| memory.resident * page_size()),
            start_seconds: stat.zip(boot).map(|(stat, boot)| boot as f64 + seconds(stat.starttime)),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

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
