//! Whether nad can do its work on this machine, and what to do where it can't. Looks only: nothing is attached
//! and nothing is changed.

mod kernel;
mod memory;
mod network;
mod privileges;
mod resources;
mod sandbox;

use std::fmt;

use nad_common::opaque::Opaque;

pub use memory::{Fit, Part, Room, Shards, fit, room};

use nad_engine::unread;

use crate::{
    interface::{self, InterfaceError, Selection},
    sandbox::{Needs, SecurityConfig},
};

/// The result of one check.
///
/// Displayed as one line: the status, the check, what was found and, after `remedy:`, what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check, at most twelve characters so that lines stay aligned.
    pub check: &'static str,
    /// How it went.
    pub status: Status,
    /// What was found, and what follows from it.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Ok,
    /// nad works, but not as well as it could, or not in every case.
    Warn,
    /// nad can't work.
    Fail,
}

impl Finding {
    /// Something that is as it should be.
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, what: what.into(), remedy: None }
    }

    /// Something that nad can work with, though not as well or not in every case.
    pub fn warn(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, status: Status::Warn, what: what.into(), remedy: None }
    }

    /// Something that keeps nad from working.
    pub fn fail(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, status: Status::Fail, what: what.into(), remedy: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
        };
        write!(f, "{status:<4}  {:<12}  {}", self.check, self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "   remedy: {remedy}"),
            None => Ok(()),
        }
    }
}

/// Looks at the machine and at each of `interfaces`; without any, at the interface of the default route.
///
/// `ring_bytes` is the size of the ring buffer that each CPU gets, in bytes. A caller that knows more, such as
/// whether the kernel accepts its program, adds its own findings to those returned.
pub fn examine(interfaces: &[String], ring_bytes: u64) -> Vec<Finding> {
    let mut findings = kernel::examine();
    findings.extend(privileges::examine());
    findings.extend(resources::examine(ring_bytes));
    let route;
    let interfaces = match (interfaces, interface::default_route()) {
        ([], Ok(name)) => {
            route = [name];
            &route[..]
        }
        ([], Err(error)) => {
            findings.push(missing_interface(&error));
            interfaces
        }
        (named, _) => named,
    };
    findings.extend(network::examine_all(&Selection::new(interfaces)));
    findings.push(never_read());
    findings
}

/// What nad does not look into on any interface.
fn never_read() -> Finding {
    let names = unread::NEVER_READ.map(Opaque::name).join(", ");
    Finding::ok(
        "unread",
        format!(
            "what {names} carry is not looked into; such packets are counted (`opaque`), and more than 1 % of them is a \
             warning"
        ),
    )
}

/// What takes memory, part by part and by shard, and whether there is enough of it for all.
pub fn examine_memory(parts: &[Part], shards: Shards) -> Vec<Finding> {
    memory::examine(parts, shards, room().as_ref())
}

/// As whom nad would work, and in which sandbox.
pub fn examine_sandbox(config: &SecurityConfig, needs: &Needs) -> Vec<Finding> {
    sandbox::examine(config, needs)
}

/// Whether any finding keeps nad from working.
pub fn any_failed(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.status == Status::Fail)
}

fn missing_interface(error: &InterfaceError) -> Finding {
    let finding = Finding::fail("interface", error.to_string());
    match error {
        InterfaceError::NotFound { .. } | InterfaceError::NoDefaultRoute { .. } => {
            finding.remedy("--iface with one of those")
        }
        InterfaceError::Read { .. } => {
            finding.remedy("allow netlink and /proc/net to nad (a seccomp filter or a container hides them)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_aligned_line() {
        let ok = Finding::ok("kernel", "6.18.44, 5.10 or newer is needed");
        assert_eq!(ok.to_string(), "ok    kernel        6.18.44, 5.10 or newer is needed");
        let fail = Finding::fail("privileges", "no CAP_BPF").remedy("run with sudo");
        assert_eq!(fail.to_string(), "fail  privileges    no CAP_BPF   remedy: run with sudo");
    }

    #[test]
    fn only_a_failure_fails() {
        let mut findings = vec![Finding::ok("a", ""), Finding::warn("b", "")];
        assert!(!any_failed(&findings));
        findings.push(Finding::fail("c", ""));
        assert!(any_failed(&findings));
        assert!(!any_failed(&[]));
    }

    #[test]
    fn every_line_of_a_real_examination_is_aligned_and_every_failure_has_a_remedy() {
        let findings = examine(&["lo".to_owned(), "nad-no-such0".to_owned()], 8 << 20);
        for finding in &findings {
            let line = finding.to_string();
            assert!(finding.check.len() <= 12 && !line.contains('\n'), "{line}");
            assert!(finding.status != Status::Fail || finding.remedy.is_some(), "{line}");
        }
        assert!(any_failed(&findings), "one of the interfaces does not exist");
    }
}
