//! Whether a process that wrote still runs.

use std::{fs, process};

use procfs::{FromRead, process::Stat};

/// Names this process for whoever reads: its number, and what says whether that means anything to them.
pub(super) fn own_name() -> String {
    let start = start_of(process::id()).unwrap_or_default();
    format!("{} {start} {}", process::id(), place())
}

/// Whether a process of this name has gone; `None` where that can't be seen from here.
pub(super) fn has_gone(name: &str) -> Option<bool> {
    let mut parts = name.splitn(3, ' ');
    let (id, start, place_of_it) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    // Another number of the same process: a number is given anew once its process has gone.
    (place_of_it == place()).then(|| start_of(id).is_none_or(|of_now| of_now.to_string() != start))
}

/// Where process numbers mean the same: since the machine was started, and in one container.
fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

/// When a process was started, in the kernel's ticks (proc_pid_stat(5), field 22); `None` where there is none any more,
/// or only what its parent has not waited for.
fn start_of(id: u32) -> Option<u64> {
    let stat = Stat::from_file(format!("/proc/{id}/stat")).ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_there_until_it_has_gone() {
        assert_eq!(has_gone(&own_name()), Some(false));
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        let name = format!("{} {} {}", child.id(), start_of(child.id()).unwrap(), place());
        assert_eq!(has_gone(&name), Some(false));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(has_gone(&name), Some(true));
        assert_eq!(has_gone(&format!("{} 0 {}", process::id(), place())), Some(true), "a number given anew");
        assert_eq!(has_gone("1 1 of another machine"), None);
        assert_eq!(has_gone(""), None);
    }
}
