//! A network namespace of the test's own, removed in the end.

use std::{fs::File, os::fd::AsRawFd, process::Command, thread};

pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    /// Makes a namespace with nothing in it but a loopback interface that is down.
    pub(crate) fn empty(label: &str) -> Self {
        let namespace = Self { name: format!("nad-test-{}-{label}", std::process::id()) };
        ip(&["netns", "add", &namespace.name]);
        namespace
    }

    /// Runs `ip` inside the namespace.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.name], arguments].concat());
    }

    /// Runs `inside` on a thread of its own that is in the namespace.
    pub(crate) fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.name)).expect("the namespace is there");
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: takes an open descriptor and touches no memory.
                let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
                inside()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A panic here would hide the test's own.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
