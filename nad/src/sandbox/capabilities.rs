//! Capabilities: what attaching needs, and giving all of them up.

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

/// What loading and attaching may need: the first three since Linux 5.8, the fourth before; the fifth raises the limit of
/// locked memory before 5.11.
const FOR_ATTACHING: [Capability; 5] = [
    Capability::CAP_BPF,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_PERFMON,
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SYS_RESOURCE,
];

/// Whether this thread may load and attach the kernel program: `CAP_BPF`, `CAP_NET_ADMIN` and `CAP_PERFMON`, without which
/// the verifier allows less than the program does; or `CAP_SYS_ADMIN`, which stands for the first and the last.
pub fn are_enough() -> bool {
    let for_bpf = has(Capability::CAP_SYS_ADMIN) || has(Capability::CAP_BPF) && has(Capability::CAP_PERFMON);
    for_bpf && has(Capability::CAP_NET_ADMIN)
}

/// Whether this thread may become another user.
pub fn can_change_user() -> bool {
    has(Capability::CAP_SETUID) && has(Capability::CAP_SETGID)
}

fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

/// Of what this thread has, keeps what loading and attaching need, and what binding to a port below 1024 does.
///
/// # Errors
///
/// When the system refuses, which it does not do for giving up.
pub fn keep_for_attaching(low_port: bool) -> Result<(), CapsError> {
    let mut wanted = CapsHashSet::from(FOR_ATTACHING);
    let had = caps::read(None, CapSet::Permitted)?;
    // Before Linux 5.8 there was no CAP_BPF, and CAP_SYS_ADMIN stood for it.
    if had.contains(&Capability::CAP_BPF) {
        wanted.remove(&Capability::CAP_SYS_ADMIN);
    }
    if low_port {
        wanted.insert(Capability::CAP_NET_BIND_SERVICE);
    }
    keep(&wanted)
}

/// Keeps what attaching programs that are loaded takes, for the process that does so: `CAP_NET_ADMIN` and `CAP_BPF`, for which
/// `CAP_SYS_ADMIN` stood before Linux 5.8.
///
/// # Errors
///
/// As for [`keep_for_attaching`].
pub fn keep_for_links() -> Result<(), CapsError> {
    let had = caps::read(None, CapSet::Permitted)?;
    let bpf =
        [Capability::CAP_BPF, Capability::CAP_SYS_ADMIN].into_iter().find(|wanted| had.contains(wanted));
    keep(&bpf.into_iter().chain([Capability::CAP_NET_ADMIN]).collect())
}

/// Gives up every capability of this thread and of those that it starts.
///
/// # Errors
///
/// As for [`keep_for_attaching`].
pub fn give_up_all() -> Result<(), CapsError> {
    keep(&CapsHashSet::new())
}

fn keep(wanted: &CapsHashSet) -> Result<(), CapsError> {
    let had = caps::read(None, CapSet::Permitted)?;
    let kept: CapsHashSet = had.intersection(wanted).copied().collect();
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    // Who has become another user has them, and none is effective.
    caps::set(None, CapSet::Effective, &had)?;
    // What is in the bounding set a program with file capabilities could get; leaving it out takes CAP_SETPCAP.
    if has(Capability::CAP_SETPCAP) {
        for capability in caps::all() {
            if !kept.contains(&capability) && caps::has_cap(None, CapSet::Bounding, capability)? {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)
}
