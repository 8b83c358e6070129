//! `nad doctor`: can this machine run nad?

use std::io::{self, Write};

use anyhow::Result;
use nad_engine::{context::Sizes, model::Training};

use super::{
    Outcome,
    live::QUEUE_BYTES,
    memory::{self, MemoryNeeds},
};
use crate::{
    config::Task,
    doctor::{self, Finding},
    output::{OutputError, terminal::STANDARD_OUTPUT},
    parts,
    sandbox::{Needs, SecurityConfig},
    source::xdp::{Directions, XdpError, XdpOptions, XdpSource},
    text,
};

/// Settings of `nad doctor`.
#[derive(Debug)]
pub struct DoctorConfig {
    /// Interfaces; none stands for the one of the default route.
    pub interfaces: Vec<String>,
    /// Bytes of each CPU's ring.
    pub ring_bytes: u32,
    /// How large the context's tables are.
    pub sizes: Sizes,
    /// Threads that would judge packets.
    pub shards: usize,
    /// Which packets the config file asks for, where it does.
    pub direction: Option<Directions>,
    /// What nad would do.
    pub task: Option<Task>,
    /// How it would train.
    pub training: Training,
    /// As whom nad works, and in which sandbox.
    pub security: SecurityConfig,
    /// Whether what was learnt is saved.
    pub keeps_state: bool,
    /// What the outputs of the config file need of the system.
    pub needs: Needs,
}

pub(super) fn doctor(config: DoctorConfig) -> Result<Outcome> {
    let version = env!("CARGO_PKG_VERSION");
    let mut findings = vec![Finding::ok("build", format!("nad {version}, with {}", parts::built()))];
    findings.extend(doctor::examine(&config.interfaces, config.ring_bytes.into()));
    findings.extend(load(config.ring_bytes, config.direction));
    findings.extend(doctor::examine_sandbox(&config.security, &config.needs));
    let needs = MemoryNeeds {
        sizes: &config.sizes,
        queue: QUEUE_BYTES,
        ring_bytes: Some(config.ring_bytes),
        models: memory::models(config.task.as_ref(), &config.training),
        keeps_state: config.keeps_state,
    };
    let shards = memory::of_shards(&config.sizes, config.shards);
    findings.extend(doctor::examine_memory(&needs.parts(), shards));
    let mut out = io::stdout().lock();
    let written =
        findings.iter().try_for_each(|finding| writeln!(out, "{}", text::escaped(&finding.to_string())));
    match written.and_then(|()| out.flush()) {
        // Whoever has seen enough of it learns the rest by the exit code.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(OutputError::new(STANDARD_OUTPUT, error).into());
        }
        _ => {}
    }
    Ok(if doctor::any_failed(&findings) { Outcome::Failed } else { Outcome::Fine })
}

/// Loads the kernel programs, which attaches them to nothing: the one check that no other can stand for. Each alone, as
/// `nad run` does with received packets alone where `direction` does not ask for more.
fn load(ring_bytes: u32, direction: Option<Directions>) -> Vec<Finding> {
    let load =
        |directions| XdpSource::load(&XdpOptions { ring_bytes, directions, ..XdpOptions::default() }).err();
    let wanted = direction.unwrap_or_default();
    let mut findings = Vec::new();
    if wanted.ingress() {
        findings.push(match load(Directions::Ingress) {
            None => Finding::ok("program", "the kernel accepts nad's program for received packets"),
            Some(error) => refused(error),
        });
    }
    if wanted.egress() {
        findings.push(match load(Directions::Egress) {
            None => Finding::ok("program", "the kernel accepts nad's program for sent packets"),
            Some(XdpError::Kernel { what, reason }) if direction.is_none() => {
                let what = format!(
                    "the kernel refused to {what}: {reason}; nad run then sees received packets only, and says so"
                );
                Finding::warn("program", what).remedy("a newer kernel, or --direction ingress")
            }
            Some(error) => refused(error),
        });
    }
    findings
}

fn refused(error: XdpError) -> Finding {
    match error {
        XdpError::Privilege => {
            Finding::fail("program", "it can't be loaded without CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")
                .remedy("run with sudo")
        }
        XdpError::Kernel { what, reason } => {
            Finding::fail("program", format!("the kernel refused to {what}: {reason}"))
                .remedy("do what the lines above say; where all of them are ok, report this line")
        }
        XdpError::LockedMemory { limit } => {
            Finding::fail("program", format!("{limit} bytes of locked memory are too few to load it"))
                .remedy("ulimit -l unlimited (systemd: LimitMEMLOCK=infinity), or CAP_SYS_RESOURCE")
        }
        error => Finding::fail("program", error.to_string()).remedy("report this line"),
    }
}
