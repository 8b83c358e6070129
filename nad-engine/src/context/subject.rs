//! What the context knows of packets and subjects.

use std::fmt;

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    Sort, Subject, SubjectState,
    flow::{FlowState, FlowStep},
    host::HostState,
    host_key::HostKey,
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

/// What a view judges: the state, and what is said of it wherever it is told.
pub trait Judged {
    /// What is judged.
    type State: fmt::Debug + Pod;

    /// See [`Subject::principal`].
    fn principal(state: &Self::State) -> HostKey;

    /// See [`Subject::parties`].
    fn parties(state: &Self::State) -> Parties;

    /// See [`Subject::cap_target`].
    fn cap_target(state: &Self::State) -> HostKey;

    /// See [`Subject::volume`].
    fn volume(state: &Self::State) -> (u64, u64);

    /// What tells a deviation's subject from others of its kind, by who did what to whom.
    fn identity(parties: &Parties) -> Identity;

    /// See [`Subject::name`].
    fn name(state: &Self::State) -> String;

    /// See [`Subject::other_side`].
    fn other_side(_state: &Self::State) -> String {
        String::new()
    }

    /// See [`Subject::host`].
    fn host(_state: &Self::State) -> Option<HostKey> {
        None
    }

    /// See [`Subject::shows_its_source`].
    fn shows_its_source(_state: &Self::State) -> bool {
        true
    }

    /// See [`Subject::is_unserved`].
    fn is_unserved(_state: &Self::State) -> bool {
        false
    }

    /// See [`Subject::is_target_of_many`].
    fn is_target_of_many(_state: &Self::State) -> bool {
        false
    }

    /// See [`Subject::may_follow_others`].
    fn may_follow_others(_state: &Self::State) -> bool {
        false
    }
}

/// One of the subjects that there are.
pub(crate) trait OneOf: Judged {
    /// Which one.
    const SORT: Sort;

    /// Its state, where the subject is it.
    fn state<'a>(subject: &Subject<'a>) -> Option<&'a Self::State>;
}

/// Source, target and port that tell subjects of a view apart, as far as they do.
pub(crate) type Identity = (Option<HostKey>, Option<HostKey>, Option<u16>);

/// Who did what to whom, as far as a deviation shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parties {
    /// Who did it; a flood from everywhere has nobody.
    pub source: Option<HostKey>,
    /// Another name of the source: the MAC address of an IP address.
    pub alias: Option<HostKey>,
    /// Who did it, where it is many together.
    pub other_sources: Vec<HostKey>,
    /// What is known of the source.
    pub origin: Origin,
    /// To whom.
    pub target: Option<HostKey>,
    /// To whom else.
    pub other_targets: Vec<HostKey>,
    /// Port of the service, where it is one.
    pub port: Option<u16>,
    /// IP protocol, where it is one.
    pub protocol: Option<u8>,
}

impl Parties {
    /// A source, and the last ones of many that it turned to; the port, unless it is 0, and the protocol are those of the very last.
    pub(super) fn of_recent(
        source: HostKey,
        mut targets: impl Iterator<Item = HostKey>,
        port: u16,
        protocol: u8,
    ) -> Self {
        Self {
            source: Some(source),
            target: targets.next(),
            other_targets: targets.collect(),
            port: (port != 0).then_some(port),
            protocol: Some(protocol),
            ..Self::default()
        }
    }
}

/// What is known of who sends in the name of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Whether it has shown that it receives what is sent to the address.
    pub is_verified: bool,
    /// Where its packets come from, where that is known.
    pub mac: Option<[u8; 6]>,
}

/// Where packets are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index of the interface; 0 where it is not known, as in a replay.
    pub interface: u32,
    /// Outer VLAN id, where there is a tag that has one.
    pub vlan: Option<u16>,
}

/// What a visit found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// How far out the subject is: -log10 of the probability that an ordinary one is at least as far out.
    pub anomaly_level: f32,
    /// Whether what it does may be learnt from.
    pub is_ordinary: bool,
}

/// As it is in a state file: by its number, and without zeros.
impl Serialize for SubjectState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (sort, packed) = self.packed();
        (sort as u8, packed).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SubjectState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (sort, packed) = <(u8, &[u8])>::deserialize(deserializer)?;
        let sort = Sort::ALL.get(usize::from(sort)).copied();
        let state = sort.and_then(|sort| Self::unpacked(sort, packed));
        state.ok_or_else(|| D::Error::custom("a subject of an incident is none that a sensor has"))
    }
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
