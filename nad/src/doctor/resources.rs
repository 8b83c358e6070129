//! Memory for the rings, and whether the kernel gives nad one.

use std::{fs, io};

use aya::{
    maps::MapType,
    sys::{SyscallError, is_map_supported},
    util::{KernelVersion, nr_cpus},
};
use caps::{CapSet, Capability};
use rustix::process::{Resource, getrlimit};

use super::{Finding, memory::line_bytes};
use crate::source::xdp::MEMORY_CGROUPS;

const RINGS: &str = "rings";
const MIB: f64 = (1 << 20) as f64;

pub(super) fn examine(ring_bytes: u64) -> Vec<Finding> {
    let mut findings = vec![ring_buffer(is_map_supported(MapType::RingBuf))];
    let needed = match nr_cpus() {
        Ok(cpus) => {
            findings.push(memory(cpus as u64, ring_bytes, available_memory()));
            (cpus as u64).saturating_mul(ring_bytes)
        }
        Err((path, error)) => {
            findings.push(Finding::warn(RINGS, format!("can't count the CPUs: {path}: {error}")));
            ring_bytes
        }
    };
    if KernelVersion::current().is_ok_and(|version| version < MEMORY_CGROUPS) {
        let limit = getrlimit(Resource::Memlock).current;
        let may_raise = caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_RESOURCE).unwrap_or(false);
        findings.push(memlock(limit, needed, may_raise));
    }
    findings
}

/// Takes the outcome of making the smallest ring buffer there is, which is gone again.
fn ring_buffer(outcome: Result<bool, SyscallError>) -> Finding {
    const CHECK: &str = "ring buffer";
    match outcome {
        Ok(true) => Finding::ok(CHECK, "the kernel makes one"),
        Ok(false) => {
            Finding::fail(CHECK, "the kernel has none").remedy("Linux 5.10 or newer with CONFIG_BPF_SYSCALL")
        }
        Err(error) => {
            let remedy = match error.io_error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "grant the privileges named above; in a container also a seccomp profile that allows bpf()"
                }
                io::ErrorKind::OutOfMemory => {
                    "more memory for the machine or its cgroup (docker run --memory)"
                }
                _ => "see the kernel's log (dmesg)",
            };
            Finding::fail(CHECK, format!("the kernel refuses to make one: {}", error.io_error)).remedy(remedy)
        }
    }
}

/// Bytes that the machine has left.
fn available_memory() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    line_bytes(&meminfo, "MemAvailable:")
}

fn memory(cpus: u64, ring_bytes: u64, available: Option<u64>) -> Finding {
    let needed = cpus.saturating_mul(ring_bytes);
    let rings =
        format!("{cpus} possible CPUs, {} MiB each: {} MiB", mebibytes(ring_bytes), mebibytes(needed));
    let Some(available) = available else { return Finding::ok(RINGS, rings) };
    let what = format!("{rings} of {} MiB available", mebibytes(available));
    match needed {
        needed if needed > available => Finding::fail(RINGS, what).remedy("smaller rings"),
        needed if needed > available / 4 => Finding::warn(RINGS, what).remedy("smaller rings"),
        _ => Finding::ok(RINGS, what),
    }
}

/// Takes the limit in bytes, where there is one, and whether nad raises it when it loads its programs.
fn memlock(limit: Option<u64>, needed: u64, may_raise: bool) -> Finding {
    const CHECK: &str = "memlock";
    match limit {
        None => Finding::ok(CHECK, "unlimited, enough for the rings on a kernel before 5.11"),
        Some(limit) if limit >= needed => {
            Finding::ok(CHECK, format!("{limit}, enough for the rings on a kernel before 5.11"))
        }
        Some(limit) if may_raise => {
            Finding::ok(CHECK, format!("{limit} bytes, which nad raises on a kernel before 5.11"))
        }
        Some(limit) => {
            let what = format!("{limit} bytes, but the rings need {needed} on a kernel before 5.11");
            Finding::warn(CHECK, what)
                .remedy("ulimit -l unlimited (systemd: LimitMEMLOCK=infinity), or CAP_SYS_RESOURCE")
        }
    }
}

/// With at most one decimal, and that only where it says something.
pub(super) fn mebibytes(bytes: u64) -> f64 {
    let mebibytes = bytes as f64 / MIB;
    if mebibytes < 10.0 { (mebibytes * 10.0).round() / 10.0 } else { mebibytes.round() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let meminfo =
            "MemTotal:        8039260 kB\nMemFree:          289404 kB\nMemAvailable:    4921340 kB\n";
        assert_eq!(line_bytes(meminfo, "MemAvailable:"), Some(4_921_340 * 1024));
        assert_eq!(line_bytes("MemTotal:        8039260 kB\n", "MemAvailable:"), None);
        assert_eq!(line_bytes("MemAvailable:    many kB\n", "MemAvailable:"), None);
    }

    #[test]
    fn rings_that_take_much_of_the_memory_are_a_warning_and_more_than_all_a_failure() {
        let ring = 8 << 20;
        let fine = memory(2, ring, Some(1 << 30));
        assert_eq!(
            (fine.status, &*fine.what),
            (Status::Ok, "2 possible CPUs, 8 MiB each: 16 MiB of 1024 MiB available")
        );
        assert_eq!(memory(64, ring, Some(1 << 30)).status, Status::Warn);
        assert_eq!(memory(256, ring, Some(1 << 30)).status, Status::Fail);
        assert_eq!(memory(u64::MAX, ring, None).status, Status::Ok);
        assert_eq!(memory(1, 4096 * 25, None).what, "1 possible CPUs, 0.1 MiB each: 0.1 MiB");
    }

    #[test]
    fn a_small_limit_of_locked_memory_is_a_warning() {
        assert_eq!(memlock(Some(65_536), 16 << 20, false).status, Status::Warn);
        assert_eq!(memlock(Some(65_536), 16 << 20, true).status, Status::Ok);
        assert_eq!(memlock(None, u64::MAX, false).status, Status::Ok);
        assert_eq!(memlock(Some(16 << 20), 16 << 20, false).status, Status::Ok);
    }

    #[test]
    fn a_refused_ring_buffer_fails_with_the_kernels_words() {
        let refused =
            SyscallError { call: "bpf_map_create", io_error: io::Error::from_raw_os_error(libc::EPERM) };
        let finding = ring_buffer(Err(refused));
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.what.contains("Operation not permitted"), "{finding}");
        assert_eq!(ring_buffer(Ok(false)).status, Status::Fail);
    }
}
