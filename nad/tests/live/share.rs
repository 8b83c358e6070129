//! A process that gets no more than a part of a core, as in a container with a limit.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// How long a period is of which a part is given, in microseconds.
const PERIOD: u32 = 40_000;
/// Groups that this process has made: tests run at the same time.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A control group, which is gone once nobody is left in it.
pub(crate) struct Share(PathBuf);

impl Share {
    /// One that gets `part` of a core, at least a fortieth; why not, where the machine does not let it.
    pub(crate) fn of_a_core(part: f64) -> Result<Self, String> {
        let quota = f64::from(PERIOD) * part;
        // The first is version 1's, the others are version 2's.
        let limits = [
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", format!("{quota:.0}")),
            ("/sys/fs/cgroup", "cpu.max", format!("{quota:.0} {PERIOD}")),
            ("/sys/fs/cgroup/unified", "cpu.max", format!("{quota:.0} {PERIOD}")),
        ];
        let mut reasons = Vec::new();
        for (parent, limit, value) in limits {
            let name = format!("nad-test-{}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
            let share = Self(Path::new(parent).join(name));
            match share.limit(limit, &value) {
                Ok(()) => return Ok(share),
                Err(error) => reasons.push(format!("{parent}: {error}")),
            }
        }
        Err(reasons.join("; "))
    }

    fn limit(&self, limit: &str, value: &str) -> io::Result<()> {
        fs::create_dir(&self.0)?;
        let period = self.0.join("cpu.cfs_period_us");
        if period.exists() {
            fs::write(period, PERIOD.to_string())?;
        }
        // Only one that is there: without the controller there is no such file, and none may be made.
        fs::OpenOptions::new().write(true).open(self.0.join(limit))?;
        fs::write(self.0.join(limit), value)
    }

    /// Puts a process in it, with all its threads.
    pub(crate) fn give_to(&self, process: u32) {
        fs::write(self.0.join("cgroup.procs"), process.to_string()).expect("the process can be limited");
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A panic here would hide the test's own.
        let _ = fs::remove_dir(&self.0);
    }
}
