//! What the process does.

use std::{
    io::{self, PipeReader, PipeWriter, Read},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    thread::set_name,
};
use tracing::subscriber::{NoSubscriber, with_default};

use super::{Said, Watching, say, state::State};
use crate::{interface::Changes, sandbox, source::xdp::programs::Programs};

/// What the process is called, in 15 letters at most.
const NAME: &std::ffi::CStr = c"nad-attach";
/// Changes that come at once are looked at together.
const PAUSE: Duration = Duration::from_millis(50);

/// Works until nad ends, and gives the exit code.
pub(super) fn run(
    programs: &mut Programs,
    watching: Watching,
    listening: PipeReader,
    saying: PipeWriter,
) -> i32 {
    // nad's log and terminal are not the process's to write to.
    let work = || with_default(NoSubscriber::new(), || keep(programs, watching, listening, saying));
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => 0,
        Ok(Err(_)) | Err(_) => 1,
    }
}

fn keep(
    programs: &mut Programs,
    watching: Watching,
    mut listening: PipeReader,
    mut saying: PipeWriter,
) -> io::Result<()> {
    let mut kept = programs.descriptors();
    kept.extend([listening.as_raw_fd(), saying.as_raw_fd()]);
    outlive(&kept)?;
    let missing = sandbox::of_keeper().map_err(io::Error::other)?;
    // Before looking for the first time, so that nothing changes unseen in between.
    let changes = Changes::listen()?;
    if listening.read(&mut [0])? == 0 {
        return Ok(());
    }
    say(&mut saying, &Said::Unconfined(missing));
    let mut state = State::new(programs, watching, saying);
    if state.begin().is_ok() {
        loop {
            if wait(&[listening.as_fd(), changes.as_fd()], state.pause())? {
                break;
            }
            let gone = changes.gone()?;
            state.look(&gone);
            if wait(&[listening.as_fd()], Some(PAUSE))? {
                break;
            }
        }
    }
    state.end();
    Ok(())
}

/// Waits until one of them has something to say; true where that is the first, which only says that nad has ended.
fn wait(descriptors: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<bool> {
    let mut entries: Vec<_> =
        descriptors.iter().map(|&descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)).collect();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut entries, timeout.as_ref()) {
        Ok(_) => Ok(!entries[0].revents().is_empty()),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Not ended by what ends nad, and without what nad has opened: its sockets and files are to close with it.
fn outlive(kept: &[RawFd]) -> io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGPIPE] {
        // SAFETY: ignoring a signal runs nothing.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    set_name(NAME)?;
    let highest = kept.iter().copied().max().unwrap_or(2);
    // Standard error stays, for what a panic says.
    for descriptor in (0..=highest).filter(|descriptor| *descriptor != 2 && !kept.contains(descriptor)) {
        // SAFETY: this process uses none of them; whoever owns them here never runs.
        unsafe { libc::close(descriptor) };
    }
    let others = libc::c_uint::try_from(highest + 1).unwrap_or(3);
    // SAFETY: likewise.
    let result = unsafe { libc::syscall(libc::SYS_close_range, others, libc::c_uint::MAX, 0) };
    if result == 0 {
        return Ok(());
    }
    // Before Linux 5.9; here below 5.10 nothing works anyway.
    Err(io::Error::last_os_error())
}
