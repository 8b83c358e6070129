//! Locked memory: before Linux 5.11 the kernel counted maps and programs as that, of which a process has little.

use aya::util::KernelVersion;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The first kernel that counts maps as memory of the cgroup.
pub(crate) const MEMORY_CGROUPS: KernelVersion = KernelVersion::new(5, 11, 0);

/// Raises the limit where this kernel counts maps by it: away, or as far as that is allowed.
pub(super) fn raise() {
    let limits = getrlimit(Resource::Memlock);
    let Some(limit) = limits.current.filter(|_| counts_maps()) else { return };
    let away = Rlimit { current: None, maximum: None };
    let allowed = Rlimit { current: limits.maximum, ..limits };
    if let Err(error) = setrlimit(Resource::Memlock, away).or_else(|_| setrlimit(Resource::Memlock, allowed))
    {
        tracing::debug!("the limit of locked memory stays at {limit} bytes: {error}");
    }
}

/// The limit in bytes where this kernel counts maps by it and there is one.
pub(super) fn limit() -> Option<u64> {
    getrlimit(Resource::Memlock).current.filter(|_| counts_maps())
}

fn counts_maps() -> bool {
    KernelVersion::current().is_ok_and(|version| version < MEMORY_CGROUPS)
}
