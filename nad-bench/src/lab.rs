//! A network of the bench's own, in which nothing moves by itself, and a sender of frames.
//!
//! It is a namespace without a name, which is gone with the last process that is in it.

#[path = "../../nad/tests/support/packet_socket.rs"]
mod packet_socket;

use std::{
    ffi::CString,
    fs, io,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

pub(crate) use packet_socket::PacketSocket;

/// What a frame that the kernel does not take is reported with.
pub(crate) const UNSENT: &str = "a frame can't be sent";

/// Whether there is a way to load programs and to make namespaces, or why not, in one line.
pub(crate) fn why_not() -> Option<String> {
    // SAFETY: takes nothing and always succeeds.
    let user = unsafe { libc::geteuid() };
    (user != 0)
        .then(|| "it loads kernel programs, which needs root: run 'cargo xtask bench' as root".to_owned())
}

/// Runs `work` on a thread in a network of its own.
pub(crate) fn inside<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let inside = || {
            // SAFETY: changes this thread only.
            let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
            ensure!(result == 0, "a network namespace can't be made: {}", io::Error::last_os_error());
            for scope in ["all", "default"] {
                // Where it is missing, the kernel has no IPv6 to disable.
                let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1");
            }
            work()
        };
        scope.spawn(inside).join().unwrap_or_else(|_| bail!("the measuring thread failed"))
    })
}

/// The same where a network of its own is wanted and may be made; otherwise in this one.
pub(crate) fn inside_if<T: Send>(is_wanted: bool, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if is_wanted { inside(work) } else { work() }
}

/// A cable: frames that are sent into `sender` arrive at `receiver`.
#[derive(Debug)]
pub(crate) struct Cable {
    pub(crate) sender: u32,
    pub(crate) receiver: u32,
    pub(crate) receiver_name: String,
}

impl Cable {
    /// Lays it in this thread's network, with its two ends named after `name`.
    pub(crate) fn lay(name: &str) -> Result<Self> {
        let (receiver_name, sender_name) = (format!("{name}0"), format!("{name}1"));
        ip(&["link", "add", &receiver_name, "type", "veth", "peer", "name", &sender_name])?;
        for end in [&receiver_name, &sender_name] {
            ip(&["link", "set", "dev", end, "up"])?;
        }
        let index = |name: &str| -> Result<u32> {
            let name = CString::new(name)?;
            // SAFETY: the name ends in a zero.
            let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
            ensure!(index != 0, "there is no interface {name:?}");
            Ok(index)
        };
        Ok(Self { sender: index(&sender_name)?, receiver: index(&receiver_name)?, receiver_name })
    }
}

impl Cable {
    /// Takes it away.
    pub(crate) fn cut(&self) -> Result<()> {
        ip(&["link", "del", &self.receiver_name])
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("can't start ip: install iproute2")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), said.trim());
    Ok(())
}

/// Waits until something is there; `None` after `patience`.
///
/// # Errors
///
/// Where asking fails.
pub(crate) fn wait_for<T>(
    patience: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let begun = Instant::now();
    loop {
        if let Some(there) = ask()? {
            return Ok(Some(there));
        }
        if begun.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}
