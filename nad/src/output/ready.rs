//! Waiting for descriptors.

use std::{os::fd::BorrowedFd, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// There is something to read.
#[cfg(any(feature = "mail", feature = "webhook"))]
pub(super) const READABLE: PollFlags = PollFlags::IN;
/// There is room to write.
pub(super) const WRITABLE: PollFlags = PollFlags::OUT;
/// Whoever is on the other side has gone.
pub(super) const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP);

/// Waits until a descriptor has what is wanted, or the other side has gone, or for a while: what it has.
pub(super) fn wait(descriptor: BorrowedFd<'_>, wanted: PollFlags, longest: Duration) -> PollFlags {
    let mut polled = [PollFd::from_borrowed_fd(descriptor, wanted)];
    // One that is too long for the kernel is none.
    let longest = Timespec::try_from(longest).ok();
    match poll(&mut polled, longest.as_ref()) {
        Ok(1..) => polled[0].revents(),
        _ => PollFlags::empty(),
    }
}
