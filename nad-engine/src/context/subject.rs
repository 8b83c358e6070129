//! What the context knows of packets and subjects.

use bytemuck::Zeroable;

use super::{
    flow::{FlowState, FlowStep},
    host::HostState,
    host_key::HostKey,
    known::Usual,
    link::LinkState,
    service_pair::ServicePairState,
};

/// What is known about one packet; what it does not have (ARP has no flow) is zeroed.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its flow.
    pub flow: &'a FlowState,
    /// What it did to its flow.
    pub step: FlowStep,
    /// Its sender.
    pub source: &'a HostState,
    /// Its receiver.
    pub target: &'a HostState,
    /// The service pair that it belongs to.
    pub service_pair: &'a ServicePairState,
    /// The anomaly level that it inherits from the subjects it belongs to, as of the last tick: -log10 of the probability.
    pub inherited_level: f32,
}

impl Seen<'_> {
    /// Of a packet without IP, which has nothing but the anomaly level of its sender.
    pub(super) fn of_link(inherited_level: f32) -> Self {
        let nobody = nobody();
        Self {
            flow: &nobody.flow,
            step: FlowStep::NONE,
            source: &nobody.host,
            target: &nobody.host,
            service_pair: &nobody.service_pair,
            inherited_level,
        }
    }
}

impl Subject<'_> {
    /// Who is behind what it does, or whom it is done to.
    pub fn principal(&self) -> HostKey {
        match self {
            Self::ServicePair(pair, _) => pair.client,
            Self::Source(host) | Self::Target(host) => host.key,
            Self::Link(link) if link.own_ip != HostKey::NOBODY => link.own_ip,
            Self::Link(link) => link.key,
        }
    }
}

/// What a view judges.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A client and a service, and what is usual for clients of it.
    ServicePair(&'a ServicePairState, Usual),
    /// A host as the one who begins.
    Source(&'a HostState),
    /// A host as the one who is asked.
    Target(&'a HostState),
    /// A MAC address.
    Link(&'a LinkState),
}

/// What is known of who sends in the name of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Whether it has shown that it receives what is sent to the address.
    pub is_verified: bool,
    /// Where its packets come from, where that is known.
    pub mac: Option<[u8; 6]>,
}

/// What a visit found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// How far out the subject is: -log10 of the probability that an ordinary one is at least as far out.
    pub anomaly_level: f32,
    /// Whether what it does may be learnt from.
    pub is_ordinary: bool,
}

/// The states of what is not there.
pub(super) struct Nobody {
    pub(super) flow: FlowState,
    pub(super) host: HostState,
    pub(super) service_pair: ServicePairState,
}

pub(super) fn nobody() -> &'static Nobody {
    static NOBODY: std::sync::OnceLock<Nobody> = std::sync::OnceLock::new();
    NOBODY.get_or_init(|| Nobody {
        flow: FlowState::zeroed(),
        host: HostState::zeroed(),
        service_pair: ServicePairState::zeroed(),
    })
}
