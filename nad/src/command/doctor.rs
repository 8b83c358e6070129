//! `nad doctor`: can this machine run nad?

use std::io::{self, Write};

use super::Outcome;
use crate::{
    doctor::{self, Finding},
    interface,
    source::xdp::{AttachError, Directions, Watch, XdpError, XdpOptions, XdpSource},
};

/// Settings of `nad doctor`.
#[derive(Debug)]
pub struct DoctorConfig {
    /// Interfaces; none stands for the one of the default route.
    pub interfaces: Vec<String>,
    /// Bytes of each CPU's ring.
    pub ring_bytes: u32,
}

pub(super) fn doctor(config: DoctorConfig) -> Outcome {
    let mut findings = Vec::new();
    let interfaces = match (config.interfaces, interface::default_route()) {
        (named, _) if !named.is_empty() => named,
        (_, Ok(interface)) => vec![interface],
        (_, Err(error)) => {
            findings.push(Finding::warn("interface", error.to_string()));
            Vec::new()
        }
    };
    findings.extend(doctor::examine(&interfaces, config.ring_bytes.into()));
    findings.extend(overlap(&interfaces));
    findings.push(load(config.ring_bytes));
    let mut out = io::stdout().lock();
    for finding in &findings {
        // Nobody to tell it to is no failure of the machine's.
        let _ = writeln!(out, "{finding}");
    }
    if doctor::any_failed(&findings) { Outcome::Failed } else { Outcome::Fine }
}

/// Interfaces that `nad run` refuses to watch together.
fn overlap(interfaces: &[String]) -> Option<Finding> {
    match Watch::plan(interfaces, Directions::Both) {
        Err(error @ AttachError::Stacked { .. }) => {
            Some(Finding::fail("interfaces", error.to_string()).remedy("--iface with one of the two"))
        }
        _ => None,
    }
}

/// Loads the kernel programs, which attaches them to nothing: the one check that no other can stand for.
fn load(ring_bytes: u32) -> Finding {
    match XdpSource::load(&XdpOptions { ring_bytes, ..XdpOptions::default() }) {
        Ok(_) => Finding::ok("program", "the kernel accepts nad's programs"),
        Err(XdpError::Privilege) => {
            Finding::fail("program", "it can't be loaded without CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")
                .remedy("run with sudo")
        }
        Err(XdpError::Kernel { what, reason }) => {
            Finding::fail("program", format!("the kernel refused to {what}: {reason}"))
                .remedy("do what the lines above say; where all of them are ok, report this line")
        }
        Err(error) => Finding::fail("program", error.to_string()).remedy("report this line"),
    }
}
