//! What loading and attaching needs, and giving up what is not needed afterwards.

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

/// What is still needed afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Reading the kernel program's counters.
    Counters,
    /// That, and writing a model at the end wherever root may.
    CountersAndFiles,
}

/// Whether this thread may load and attach the kernel program: `CAP_BPF`, `CAP_NET_ADMIN` and `CAP_PERFMON`, without which
/// the verifier allows less than the program does; or `CAP_SYS_ADMIN`, which stands for the first and the last.
pub fn are_enough() -> bool {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    let for_bpf = has(Capability::CAP_SYS_ADMIN) || has(Capability::CAP_BPF) && has(Capability::CAP_PERFMON);
    for_bpf && has(Capability::CAP_NET_ADMIN)
}

/// Gives up every capability but those of `keep`, and the one for detaching where that `needs_netlink`, for this thread and those that it starts, and the possibility to
/// get them back through another program.
///
/// # Errors
///
/// When the system refuses, which it does not do for giving up.
pub fn give_up(keep: Keep, needs_netlink: bool) -> Result<(), CapsError> {
    let mut wanted = CapsHashSet::from([Capability::CAP_BPF]);
    if needs_netlink {
        wanted.insert(Capability::CAP_NET_ADMIN);
    }
    if keep == Keep::CountersAndFiles {
        wanted.insert(Capability::CAP_DAC_OVERRIDE);
    }
    let had = caps::read(None, CapSet::Permitted)?;
    // Before Linux 5.8 there was no CAP_BPF, and CAP_SYS_ADMIN stood for it.
    if !had.contains(&Capability::CAP_BPF) {
        wanted.insert(Capability::CAP_SYS_ADMIN);
    }
    let kept: CapsHashSet = had.intersection(&wanted).copied().collect();
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    // SAFETY: sets a flag of this process; nothing is read or written.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    Ok(())
}
