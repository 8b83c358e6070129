//! A port of the whole network: who tries it, and at how many hosts, without success. A scan of many sources shows here, each of
//! which tries less than anybody would notice.

use bytemuck::{Pod, Zeroable};

use super::past::Past;
use crate::{
    context::{
        distinct::Distinct,
        hash::HashKey,
        host::{Recent, TickCount},
        host_key::HostKey,
        known::ServiceKey,
        subject::{Identity, Judged, Parties},
        table::{Entry, Hashed},
    },
    presentation,
};

/// Nanoseconds of a window, by horizon (two minutes, an hour); a sketch covers one to two windows.
const WINDOWS_NS: [u64; 2] = [60_000_000_000, 1_800_000_000_000];
/// Sources and hosts from which on it is many that try many.
const MANY: f32 = 6.0;
/// Services for each source, up to which it is all of them together: whoever tries more is found as a source.
const FEW_EACH: f32 = 16.0;

/// A port that is tried, as a subject.
#[derive(Debug)]
pub enum TriedPort {}

/// The state of one.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct TriedPortState {
    /// When it was last tried, in nanoseconds.
    last_ns: u64,
    /// Nanoseconds for which the network was watched by then.
    watched_ns: u64,
    /// Pairs of a source and a host that were tried, by horizon.
    tried: [Distinct; WINDOWS_NS.len()],
    /// Pairs among them with a complete exchange.
    met: [Distinct; WINDOWS_NS.len()],
    /// Sources that tried.
    sources: [Distinct; WINDOWS_NS.len()],
    /// Hosts that were tried.
    hosts: [Distinct; WINDOWS_NS.len()],
    /// The last ones.
    recent_sources: Recent,
    recent_hosts: Recent,
    /// Attempts of the last tick.
    count: TickCount,
    /// Its past, by horizon.
    past: [Past; WINDOWS_NS.len()],
    port: u16,
    protocol: u8,
    padding: [u8; 5],
}

/// What identifies one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortKey {
    port: u16,
    protocol: u8,
}

impl PortKey {
    /// The port of a service, with its hash.
    pub(super) fn of(service: &ServiceKey, hash_key: &HashKey) -> Hashed<Self> {
        let ServiceKey { port, protocol, .. } = *service;
        Hashed {
            hash: hash_key.hash([u64::from(port) << 8 | u64::from(protocol)]),
            key: Self { port, protocol },
        }
    }
}

impl Entry for TriedPortState {
    type Key = PortKey;

    fn key(&self) -> PortKey {
        PortKey { port: self.port, protocol: self.protocol }
    }

    fn begin(PortKey { port, protocol }: PortKey) -> Self {
        Self { port, protocol, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        false
    }
}

impl TriedPortState {
    /// A source tries it at a host; the hashes are of both together, of the source and of the host.
    pub(super) fn attempt(
        &mut self,
        (source, host): (HostKey, HostKey),
        [pair_hash, source_hash, host_hash]: [u64; 3],
        now_ns: u64,
    ) {
        self.last_ns = now_ns;
        for (horizon, window_ns) in WINDOWS_NS.into_iter().enumerate() {
            let window = now_ns / window_ns;
            self.tried[horizon].add(pair_hash, window);
            self.sources[horizon].add(source_hash, window);
            self.hosts[horizon].add(host_hash, window);
        }
        self.recent_sources.add(source);
        self.recent_hosts.add(host);
    }

    /// The exchange of a source and a host is complete.
    pub(super) fn meet(&mut self, pair_hash: u64, now_ns: u64) {
        for ((met, tried), window_ns) in self.met.iter_mut().zip(&self.tried).zip(WINDOWS_NS) {
            if tried.has(pair_hash, now_ns / window_ns) {
                met.add(pair_hash, now_ns / window_ns);
            }
        }
    }

    /// Attempts of a tick.
    pub(super) fn count_mut(&mut self) -> &mut TickCount {
        &mut self.count
    }

    /// Whether enough was tried for it to be judged.
    pub(super) fn is_worth_a_visit(&self) -> bool {
        self.tried[1].estimate(self.last_ns / WINDOWS_NS[1]) >= MANY
    }

    /// The state at a moment, after so much watched time.
    pub(super) fn at(&self, now_ns: u64, watched_ns: u64) -> Self {
        Self { last_ns: now_ns, watched_ns, ..*self }
    }

    /// Learns from an ordinary second.
    pub(super) fn learn(&mut self, now_ns: u64) {
        for (horizon, window_ns) in WINDOWS_NS.into_iter().enumerate() {
            let attempts = self.together(horizon, now_ns);
            self.past[horizon].learn(attempts, now_ns, window_ns);
        }
    }

    /// Pairs of a source and a host that were tried without success within a horizon, by many sources that each tried few hosts,
    /// beyond what is usual for the port; of the longer one 0 until the network was watched for so long.
    pub fn attempts(&self, horizon: usize) -> f32 {
        let window_ns = WINDOWS_NS[horizon];
        if horizon > 0 && self.watched_ns < 2 * window_ns {
            return 0.0;
        }
        self.past[horizon].excess(self.together(horizon, self.last_ns), self.last_ns, window_ns)
    }

    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound_at(&self, now_ns: u64) -> bool {
        let sketches = [&self.tried, &self.met, &self.sources, &self.hosts];
        let is_sound = |(past, window_ns): (&Past, u64)| past.is_sound(now_ns, window_ns);
        let is_possible = |(sketch, window_ns): (&Distinct, &u64)| sketch.is_sound(now_ns / window_ns);
        self.last_ns <= now_ns
            && self.count.is_sound()
            && self.recent_sources.is_sound()
            && self.recent_hosts.is_sound()
            && sketches.into_iter().flatten().zip(WINDOWS_NS.iter().cycle()).all(is_possible)
            && self.past.iter().zip(WINDOWS_NS).all(is_sound)
    }

    fn together(&self, horizon: usize, now_ns: u64) -> f32 {
        let window = now_ns / WINDOWS_NS[horizon];
        let sources = self.sources[horizon].estimate(window);
        let failed = self.tried[horizon].estimate(window) - self.met[horizon].estimate(window);
        let are_many = sources >= MANY && self.hosts[horizon].estimate(window) >= MANY;
        if are_many && failed <= FEW_EACH * sources { failed.max(0.0) } else { 0.0 }
    }
}

impl Judged for TriedPort {
    type State = TriedPortState;

    fn principal(port: &TriedPortState) -> HostKey {
        port.recent_hosts.iter().next().unwrap_or_default()
    }

    fn parties(port: &TriedPortState) -> Parties {
        let mut targets = port.recent_hosts.iter();
        Parties {
            other_sources: port.recent_sources.iter().collect(),
            target: targets.next(),
            other_targets: targets.collect(),
            port: (port.port != 0).then_some(port.port),
            protocol: Some(port.protocol),
            ..Parties::default()
        }
    }

    fn cap_target(_: &TriedPortState) -> HostKey {
        HostKey::NOBODY
    }

    fn volume(port: &TriedPortState) -> (u64, u64) {
        (port.count.packets.into(), port.count.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (None, None, parties.port)
    }

    fn name(port: &TriedPortState) -> String {
        let protocol = presentation::protocol_name(port.protocol);
        match port.port {
            0 => format!("{protocol} of many hosts"),
            number => format!("port {number} ({protocol}) of many hosts"),
        }
    }

    fn is_target_of_many(_: &TriedPortState) -> bool {
        true
    }
}
