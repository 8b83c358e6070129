//! What the process as a whole can't do any more.

use std::io;

use rustix::{
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    thread::{set_keep_capabilities, set_no_new_privs},
};

/// No program that this process becomes or starts has more privileges than it has.
///
/// # Errors
///
/// Before Linux 3.5.
pub fn forbid_new_privileges() -> io::Result<()> {
    Ok(set_no_new_privs(true)?)
}

/// No core dump is written, where other people's packets and nad's passwords would be in, and no process of the same user
/// may read or trace this one.
///
/// # Errors
///
/// When the system refuses, which it doesn't do for giving up.
pub fn forbid_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Whether capabilities stay when root becomes another user; only until then, they do.
///
/// # Errors
///
/// As for [`forbid_dumps`].
pub(super) fn keep_capabilities(keep: bool) -> io::Result<()> {
    Ok(set_keep_capabilities(keep)?)
}
