//! A process of its own that removes egress filters which would outlive nad.
//!
//! Before Linux 6.6 the program for sent packets is a filter, which stays until somebody with `CAP_NET_ADMIN` removes it. nad
//! keeps no capability; this process keeps that one and nothing else: it waits until nad has ended, however that was,
//! removes what it was told of, and ends.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::{AsRawFd, RawFd},
};

use aya::util::KernelVersion;
use nix::{
    sys::wait::waitpid,
    unistd::{ForkResult, Pid, fork},
};

use super::{Sent, Watch, XdpOptions, egress};
use crate::sandbox;

/// The first kernel whose filters end with the process.
const TCX: KernelVersion = KernelVersion::new(6, 6, 0);
/// What the process is called, in 15 letters at most.
const NAME: &std::ffi::CStr = c"nad-egress";

/// nad's end of it.
#[derive(Debug)]
pub struct Remover {
    /// Its end is what it waits for.
    told: PipeWriter,
    said: PipeReader,
    process: Pid,
}

impl Remover {
    /// Starts it where what is planned may need it. The process must have one thread.
    ///
    /// # Errors
    ///
    /// When there can't be one more process.
    pub fn for_plan(plan: &[Watch], options: &XdpOptions) -> io::Result<Option<Self>> {
        let watches = plan.iter().any(|watch| watch.egress == Sent::Watched);
        let has_tcx = !options.clsact && KernelVersion::current().is_ok_and(|version| version >= TCX);
        if watches && !has_tcx { Self::start().map(Some) } else { Ok(None) }
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn start() -> io::Result<Self> {
        let (listening, told) = io::pipe()?;
        let (said, saying) = io::pipe()?;
        // SAFETY: there is no other thread whose locks the child could wait for, and it never returns from here.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(Self { told, said, process: child }),
            ForkResult::Child => {
                drop((told, said));
                let code = i32::from(wait(listening, saying).is_err());
                // SAFETY: ends the process without running what belongs to nad.
                unsafe { libc::_exit(code) }
            }
        }
    }

    /// Tells it of an interface whose filter is to be removed.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub(super) fn tell(&mut self, index: u32) -> io::Result<()> {
        writeln!(self.told, "{index}")
    }

    /// Has it remove what it was told of, and gives what it could not.
    pub(super) fn finish(mut self) -> Vec<String> {
        drop(self.told);
        let mut said = String::new();
        // Where it was killed, it said nothing.
        let _ = self.said.read_to_string(&mut said);
        let _ = waitpid(self.process, None);
        said.lines().map(str::to_owned).collect()
    }
}

/// What the process does.
fn wait(mut listening: PipeReader, mut saying: PipeWriter) -> io::Result<()> {
    outlive(&[listening.as_raw_fd(), saying.as_raw_fd()])?;
    sandbox::of_helper().map_err(io::Error::other)?;
    let mut told = String::new();
    listening.read_to_string(&mut told)?;
    for index in told.lines().filter_map(|line| line.parse().ok()) {
        if let Err(reason) = egress::remove(index) {
            // Whoever is gone is not told.
            let _ = writeln!(saying, "{reason}");
        }
    }
    Ok(())
}

/// Not ended by what ends nad, and without what nad has opened: its sockets and files are to close with it.
fn outlive(kept: &[RawFd]) -> io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGPIPE] {
        // SAFETY: ignoring a signal runs nothing.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: names this thread by a text that ends.
    unsafe { libc::prctl(libc::PR_SET_NAME, NAME.as_ptr()) };
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
