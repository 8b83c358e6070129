//! Locked memory: before Linux 5.11 the kernel counted maps and programs as that, of which a process has little.

use std::io;

use aya::util::KernelVersion;

/// The first kernel that counts maps as memory of the cgroup.
pub(crate) const MEMORY_CGROUPS: KernelVersion = KernelVersion::new(5, 11, 0);

/// Raises the limit where this kernel counts maps by it: away, or as far as that is allowed.
pub(super) fn raise() {
    let Some(limit) = limits().filter(|limit| counts_maps() && limit.rlim_cur != libc::RLIM_INFINITY) else {
        return;
    };
    let away = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let allowed = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    if let Err(error) = set(&away).or_else(|_| set(&allowed)) {
        tracing::debug!("the limit of locked memory stays at {} bytes: {error}", limit.rlim_cur);
    }
}

/// The limit in bytes where this kernel counts maps by it and there is one.
pub(super) fn limit() -> Option<u64> {
    let limit = limits().filter(|_| counts_maps())?.rlim_cur;
    (limit != libc::RLIM_INFINITY).then_some(limit)
}

fn counts_maps() -> bool {
    KernelVersion::current().is_ok_and(|version| version < MEMORY_CGROUPS)
}

fn limits() -> Option<libc::rlimit> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes into the struct, which lives through the call.
    (unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limits) } == 0).then_some(limits)
}

fn set(limits: &libc::rlimit) -> io::Result<()> {
    // SAFETY: the kernel reads the struct, which lives through the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, limits) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
