//! Attaching to what an interface sends.

use aya::programs::{
    LinkOrder, ProgramError, SchedClassifier, TcAttachType,
    links::Link as _,
    tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcError},
};
use nad_common::settings::EGRESS_PROGRAM;

use super::attach::{AttachError, chain, os_error};

/// How the program for sent packets is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressHook {
    /// By a BPF link (Linux 6.6 and newer), which the kernel closes however nad ends.
    Tcx,
    /// As a filter of the interface's `clsact` queueing discipline, which outlives a nad that is killed.
    Clsact,
}

/// Before all other filters, as with TCX before all other programs: each of them may end the round, and what XDP sees
/// has not been filtered either.
const CLSACT_PRIORITY: u16 = 1;

/// An attached program. Dropped, it is detached as well, without a word where that fails.
#[derive(Debug)]
pub(super) struct EgressLink {
    pub(super) hook: EgressHook,
    /// Whether it took the place of a filter that an earlier nad left.
    pub(super) replaced: bool,
    interface: String,
    link: SchedClassifierLink,
}

impl EgressLink {
    /// Detaches, and says where that failed; an interface that is gone took its filters with it.
    pub(super) fn detach(self) -> Option<String> {
        match self.link.detach() {
            Err(error) if !matches!(os_error(&error), Some(libc::ENODEV | libc::ENOENT)) => {
                Some(left_behind(&self.interface, &error))
            }
            _ => None,
        }
    }
}

fn left_behind(interface: &str, error: &(dyn std::error::Error + 'static)) -> String {
    format!(
        "the egress filter stays on {interface} ({}): remove it with `{}`",
        chain(error),
        removal(interface)
    )
}

/// The command that removes a filter which was left behind.
pub(super) fn removal(interface: &str) -> String {
    format!("tc filter del dev {interface} egress prio {CLSACT_PRIORITY}")
}

/// By TCX where the kernel has it and `clsact` does not rule it out.
pub(super) fn attach(
    program: &mut SchedClassifier,
    interface: &str,
    clsact: bool,
) -> Result<EgressLink, AttachError> {
    let attached = |hook, link, replaced| EgressLink { hook, replaced, interface: interface.into(), link };
    if !clsact {
        match attach_tcx(program, interface) {
            Ok(link) => return Ok(attached(EgressHook::Tcx, link, false)),
            // What kernels say that don't know the attach type, or not the size of the request.
            Err(error) if matches!(os_error(&error), Some(libc::EINVAL | libc::E2BIG | libc::EOPNOTSUPP)) => {
            }
            Err(error) => return Err(explain(interface, &error)),
        }
    }
    let attachment = attach_clsact(program, interface);
    let (link, replaced) = attachment.map_err(|error| explain(interface, &error))?;
    Ok(attached(EgressHook::Clsact, link, replaced))
}

fn attach_tcx(program: &mut SchedClassifier, interface: &str) -> Result<SchedClassifierLink, ProgramError> {
    let options = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = program.attach_with_options(interface, TcAttachType::Egress, options)?;
    program.take_link(id)
}

fn attach_clsact(
    program: &mut SchedClassifier,
    interface: &str,
) -> Result<(SchedClassifierLink, bool), ProgramError> {
    match tc::qdisc_add_clsact(interface) {
        Err(error) if os_error(&error) != Some(libc::EEXIST) => return Err(error.into()),
        _ => {}
    }
    // A nad that was killed may have left its filter there. A running one has the interface's XDP hook, or is the
    // only one that watches nothing but egress.
    let replaced = match tc::qdisc_detach_program(interface, TcAttachType::Egress, EGRESS_PROGRAM) {
        Ok(()) => true,
        Err(TcError::IoError(error)) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    let options = TcAttachOptions::Netlink(NlOptions { priority: CLSACT_PRIORITY, ..NlOptions::default() });
    let id = program.attach_with_options(interface, TcAttachType::Egress, options)?;
    Ok((program.take_link(id)?, replaced))
}

fn explain(interface: &str, error: &ProgramError) -> AttachError {
    let interface = interface.to_owned();
    match os_error(error) {
        Some(libc::EPERM | libc::EACCES) => AttachError::Privilege { interface },
        _ => AttachError::Egress { interface, reason: chain(error) },
    }
}
