//! Attaching to an interface, and saying why when it does not work.

use std::{fmt, io};

use aya::programs::{ProgramError, Xdp, links::FdLink, xdp::XdpMode as AyaMode};

use super::{
    egress::{self, EgressHook},
    watch::Sent,
};
use crate::interface::{self, Interface, InterfaceError, NativeXdp};

/// How the program is attached.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum XdpMode {
    /// Native where the driver can, generic otherwise.
    #[default]
    Auto,
    /// In the driver, before the kernel makes a packet of the frame.
    Native,
    /// In the network stack: works with every driver, slower.
    Generic,
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// Where and how the programs were attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The interface's name.
    pub interface: String,
    /// How received packets are watched, where they are.
    pub ingress: Option<IngressHook>,
    /// How sent packets are watched, or why they aren't.
    pub egress: Result<EgressHook, Sent>,
    /// Whether a filter that an earlier nad left was removed first.
    pub replaced: bool,
}

/// How the program for received packets is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressHook {
    /// Native or generic, never auto.
    pub mode: XdpMode,
    /// Why it is not native, where auto had to fall back.
    pub fallback: Option<String>,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interface = &self.interface;
        write!(f, "{interface}: ")?;
        if let Some(ingress) = &self.ingress {
            write!(f, "{ingress}")?;
        }
        let separator = if self.ingress.is_some() { ", " } else { "" };
        match &self.egress {
            Ok(EgressHook::Tcx) => write!(f, "{separator}egress by TCX"),
            Ok(EgressHook::Clsact) => {
                let replaced =
                    if self.replaced { ", in place of the one that an earlier nad left" } else { "" };
                write!(
                    f,
                    "{separator}egress by clsact{replaced} (a process of its own removes the filter when nad ends; by \
                     hand: `{}`)",
                    egress::removal(interface)
                )
            }
            Err(Sent::Arrives(at)) => {
                write!(
                    f,
                    "{separator}no egress (what {interface} sends arrives at {at}, where it is counted)"
                )
            }
            Err(Sent::Passes(through)) => {
                write!(
                    f,
                    "{separator}no egress (what {interface} sends passes {through} or came in elsewhere)"
                )
            }
            Err(Sent::Refused(_)) => write!(f, "{separator}no egress"),
            Err(Sent::Watched | Sent::Unwanted) => Ok(()),
        }
    }
}

impl fmt::Display for IngressHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} XDP", self.mode)?;
        match &self.fallback {
            Some(reason) => write!(f, " (native was refused: {reason})"),
            None => Ok(()),
        }
    }
}

/// Why a program could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No such interface.
    #[error("interface {interface} does not exist: this machine has {}", existing.join(", "))]
    NoInterface {
        /// What was asked for.
        interface: String,
        /// What there is.
        existing: Vec<String>,
    },
    /// Not allowed.
    #[error(
        "attaching to {interface} needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run with sudo, or see `nad doctor`"
    )]
    Privilege {
        /// The interface.
        interface: String,
    },
    /// Another program is there.
    #[error(
        "another XDP program is attached to {interface}: stop what attached it (`ip -d link show {interface}` \
         gives its id, `bpftool prog show id ID` its name), or remove it with `ip link set dev {interface} xdp off`"
    )]
    Occupied {
        /// The interface.
        interface: String,
    },
    /// Native XDP is not to be had.
    #[error("native XDP on {interface} was refused: {reason}; use --xdp-mode generic")]
    Native {
        /// The interface.
        interface: String,
        /// The most likely cause.
        reason: String,
    },
    /// What has to be known about an interface can't be learnt.
    #[error(transparent)]
    Facts(InterfaceError),
    /// The program for sent packets is refused.
    #[error("attaching to what {interface} sends failed: {reason}; --direction ingress does without it")]
    Egress {
        /// The interface.
        interface: String,
        /// The kernel's answer.
        reason: String,
    },
    /// Anything else.
    #[error("attaching to {interface} in {mode} mode failed: {reason}; see `nad doctor --iface {interface}`")]
    Other {
        /// The interface.
        interface: String,
        /// The mode that was tried.
        mode: XdpMode,
        /// The kernel's answer.
        reason: String,
    },
}

pub(super) fn attach(
    program: &mut Xdp,
    interface: &str,
    mode: XdpMode,
) -> Result<(IngressHook, FdLink), AttachError> {
    let attached = |mode, fallback| IngressHook { mode, fallback };
    if mode != XdpMode::Auto {
        let link = attach_in(program, interface, mode)?;
        return Ok((attached(mode, None), link));
    }
    match attach_in(program, interface, XdpMode::Native) {
        Ok(link) => Ok((attached(XdpMode::Native, None), link)),
        Err(AttachError::Native { reason, .. }) => {
            let link = attach_in(program, interface, XdpMode::Generic)?;
            Ok((attached(XdpMode::Generic, Some(reason)), link))
        }
        Err(error) => Err(error),
    }
}

fn attach_in(program: &mut Xdp, interface: &str, mode: XdpMode) -> Result<FdLink, AttachError> {
    let flags = if mode == XdpMode::Native { AyaMode::Driver } else { AyaMode::Skb };
    let link = program.attach(interface, flags).and_then(|id| program.take_link(id));
    let link = link.map_err(|error| explain(interface, mode, &error))?;
    // On kernels without XDP links, aya attaches in the older way, which outlives this process.
    FdLink::try_from(link).map_err(|_| AttachError::Other {
        interface: interface.into(),
        mode,
        reason: "this kernel has no XDP links (Linux 5.9 is the first that has)".into(),
    })
}

fn explain(interface: &str, mode: XdpMode, error: &ProgramError) -> AttachError {
    let interface_name = || interface.to_owned();
    if matches!(error, ProgramError::UnknownInterface { .. }) {
        return AttachError::NoInterface { interface: interface_name(), existing: interface::names() };
    }
    let code = os_error(error);
    match code {
        Some(libc::EPERM | libc::EACCES) => AttachError::Privilege { interface: interface_name() },
        Some(libc::EBUSY | libc::EEXIST) => AttachError::Occupied { interface: interface_name() },
        _ if mode == XdpMode::Native => {
            AttachError::Native { interface: interface_name(), reason: native_reason(interface, code) }
        }
        _ => AttachError::Other { interface: interface_name(), mode, reason: chain(error) },
    }
}

/// What most drivers mean by their error numbers.
fn native_reason(interface: &str, code: Option<i32>) -> String {
    let error =
        code.map_or_else(|| "unknown error".into(), |code| io::Error::from_raw_os_error(code).to_string());
    let limit = interface::native_mtu(interface::page_bytes());
    let facts = Interface::inspect(interface).ok();
    let mtu = facts.as_ref().map(|facts| facts.mtu).filter(|mtu| *mtu > limit);
    let has_native = facts.is_none_or(|facts| facts.native_xdp != NativeXdp::Unsupported);
    match (code, mtu) {
        (Some(libc::EOPNOTSUPP), _) if !has_native => format!("the driver has no native XDP ({error})"),
        (Some(libc::EOPNOTSUPP), Some(mtu)) => {
            format!("the driver has no native XDP, or not at MTU {mtu} ({error})")
        }
        (_, Some(mtu)) => format!("MTU {mtu} is too large, about {limit} is the most ({error})"),
        (Some(libc::EOPNOTSUPP), None) => format!("the driver has no native XDP ({error})"),
        (Some(libc::ENOMEM | libc::ENOSPC), None) => {
            format!("the driver lacks the queues or memory for it ({error})")
        }
        _ => error,
    }
}

pub(super) fn os_error(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut error = Some(error);
    while let Some(current) = error {
        if let Some(code) = current.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(code);
        }
        error = current.source();
    }
    None
}

pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(current) = source {
        text = format!("{text}: {current}");
        source = current.source();
    }
    text
}
