//! What the process as a whole can't do any more.

use std::io;

use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
};

/// No program that this process becomes or starts has more privileges than it has.
///
/// # Errors
///
/// Before Linux 3.5.
pub fn forbid_new_privileges() -> io::Result<()> {
    prctl::set_no_new_privs().map_err(super::os)
}

/// No core dump is written, where other people's packets and nad's passwords would be in, and no process of the same user
/// may read or trace this one.
///
/// # Errors
///
/// When the system refuses, which it doesn't do for giving up.
pub fn forbid_dumps() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(super::os)?;
    prctl::set_dumpable(false).map_err(super::os)
}

/// Whether capabilities stay when root becomes another user; only until then, they do.
///
/// # Errors
///
/// As for [`forbid_dumps`].
pub(super) fn keep_capabilities(keep: bool) -> io::Result<()> {
    // SAFETY: sets a flag of this thread; nothing is read or written.
    let result = unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, libc::c_ulong::from(keep), 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
