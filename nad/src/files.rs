//! Opening files: all that nad writes, and all that it trusts.
//!
//! - **Links.** The last part of a path that is written is never a symbolic link. A link before it, and any link of a path
//!   that is read, is followed where nobody but root and nad's own user may put one there: `/var/run` is fine, a link in
//!   `/tmp` or in somebody's home is refused (`place`).
//! - **New files** belong to nad alone, or have the mode and group of `[files]` (`policy`).
//! - **What nad trusts** (settings, models, the history, the spool) is refused where others may write it (`trust`).
//! - **Pipes and devices** are outputs only: a pipe that nobody reads is refused at once, and so is everything but a regular
//!   file where one is trusted.
//! - **What is renamed or deleted** is named by its directory's descriptor, so that no directory takes its place meanwhile.

mod database;
mod directory;
mod input;
mod output;
mod place;
mod policy;
mod trust;

use std::{fmt, io};

pub use database::{check_database, find_database, prepare_database};
pub use directory::Directory;
pub use input::{Trusted, open_own, open_secret, open_trusted, read_working_directory};
pub use output::{append, create, is_descriptor, replace, try_replace};
pub use place::{Identity, Place};
pub use policy::{FileMode, Policy, policy, set_policy};

/// Why a file is not opened, though the system would do so.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn refused(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, Refusal(reason.into()))
}

/// Whether nad refused a file, and not the system.
pub fn is_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Refusal>())
}

#[cfg(test)]
mod tests;
