//! Waiting for descriptors.

use std::{
    os::fd::{AsRawFd, BorrowedFd},
    time::Duration,
};

/// There is room to write.
pub(super) const WRITABLE: i16 = libc::POLLOUT;
/// Whoever is on the other side has gone.
pub(super) const GONE: i16 = libc::POLLERR | libc::POLLHUP;

/// Waits until a descriptor has what is wanted, or the other side has gone, or for a while: what it has.
pub(super) fn wait(descriptor: BorrowedFd<'_>, wanted: i16, longest: Duration) -> i16 {
    let mut polled = libc::pollfd { fd: descriptor.as_raw_fd(), events: wanted, revents: 0 };
    let milliseconds = libc::c_int::try_from(longest.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: one entry is given, which the kernel writes to while this waits.
    let answered = unsafe { libc::poll(&raw mut polled, 1, milliseconds) };
    if answered > 0 { polled.revents } else { 0 }
}
