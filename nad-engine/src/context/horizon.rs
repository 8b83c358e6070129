//! Long horizons: what sources and services do over hours.
//!
//! A scan of one service each half minute, or a password guess each 20 s, is unremarkable over two minutes on any network. So
//! failed attempts and logins are kept for up to eight hours, and compared with the past of the same source or service.
//! Few packets concern them: each partition keeps these facts until the end of the second.

mod logins;
mod outflow;
mod past;
mod port;
mod source;
mod state;

use std::io;

use super::{
    EachTable, Sizes, Subject, TableId,
    active::{Active, SubjectTable},
    hash::HashKey,
    host::Exploration,
    host_key::HostKey,
    kinds::{End, KindPart, PairPacket, SubjectKind},
    known::{Novelty, ServiceKey},
    network::Network,
    partition::Facts,
    service_pair::Outflow,
    subject::Verdict,
    table::{Group, Hashed},
    weight::Volume,
};
use crate::payload::Refused;
use logins::LoginsKey;
pub use logins::{Logins, LoginsState};
pub use outflow::{LongOutflow, LongOutflowState};
use port::PortKey;
pub use port::{TriedPort, TriedPortState};
pub use source::{LongSource, LongSourceState};
pub(super) use state::HorizonsState;

/// Facts that a partition keeps in a second. A flood has many times as many.
const MOST_FACTS: usize = 1024;

/// A packet between a client and a service that the client is not known to use, or that refuses the client a login.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    client: HostKey,
    /// The client's MAC address; zeros for a packet of the server.
    mac: [u8; 6],
    service: ServiceKey,
    step: Step,
    length: u32,
    time_ns: u64,
}

/// What it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It opened a flow, or probed the service outside of any.
    Tried,
    /// The exchange is complete: both sides have spoken.
    Met,
    /// The service refused a login.
    Refused,
}

/// The facts of one partition.
#[derive(Debug, Default)]
pub(super) struct Noted(Facts<Fact>);

impl KindPart for Noted {
    fn new(_: &Sizes) -> io::Result<Self> {
        Ok(Self::default())
    }

    fn each_table<'a>(&'a self, _: EachTable<'_, 'a>) {}

    /// Facts without room: each may have been of another subject.
    fn passed_over(&self) -> u64 {
        self.0.lost
    }

    #[inline]
    fn observe(&mut self, packet: &PairPacket<'_>) {
        let PairPacket { network, record, step, client, service, moment, .. } = *packet;
        let fact = |step| Fact {
            client,
            mac: if packet.step.from_initiator { record.source_mac } else { [0; 6] },
            service,
            step,
            length: record.length,
            time_ns: moment.ns,
        };
        // Also of those who are known: it is held against the service's own past.
        let is_refused = packet.facts.refused == Some(Refused::Login) && !step.from_initiator;
        if is_refused && packet.is_own && !step.repeat {
            self.0.add_within(fact(Step::Refused), MOST_FACTS);
        }
        let begun = packet.novelty.or(packet.probed);
        if begun.is_none() && !step.established {
            return;
        }
        // Where one side is seen, no attempt is known to have failed.
        if !packet.is_own || service.server.is_group() || network.vantage.is_one_way() {
            return;
        }
        let novelty = begun.unwrap_or_else(|| network.known.novelty(client, &service, moment.ns));
        if novelty == Novelty::Known {
            return;
        }
        // Many servers of the web never answer.
        let is_tried = begun.is_some() && !Exploration::new(client, &service, novelty).is_browsing;
        let facts = [is_tried.then(|| fact(Step::Tried)), step.established.then(|| fact(Step::Met))];
        for fact in facts.into_iter().flatten() {
            self.0.add_within(fact, MOST_FACTS);
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Horizons {
    sources: SubjectTable<LongSourceState>,
    logins: SubjectTable<LoginsState>,
    ports: SubjectTable<TriedPortState>,
    outflows: SubjectTable<LongOutflowState>,
}

impl SubjectKind for Horizons {
    type Part = Noted;

    fn new(sizes: &Sizes) -> io::Result<Self> {
        Ok(Self {
            sources: SubjectTable::of(sizes.long_memory, Active::of_network())?,
            logins: SubjectTable::of(sizes.long_memory, Active::of_network())?,
            ports: SubjectTable::of(sizes.tried_ports, Active::of_network())?,
            outflows: SubjectTable::of(sizes.long_memory, Active::of_network())?,
        })
    }

    fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
        each(TableId::LongMemory, &self.sources.table);
        each(TableId::Logins, &self.logins.table);
        each(TableId::TriedPorts, &self.ports.table);
        each(TableId::Outflows, &self.outflows.table);
    }

    fn passed_over(&self) -> u64 {
        self.sources.active.passed_over + self.logins.active.passed_over + self.ports.active.passed_over
    }

    fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict) {
        let mut facts: Vec<Fact> = Vec::new();
        for partition in &mut *end.partitions {
            facts.append(&mut partition.kinds.horizons.0.take());
        }
        // Of the same moment in the order of the partitions.
        facts.sort_by_key(|fact| fact.time_ns);
        for fact in &facts {
            self.take(fact, end.network, end.tick as u32);
        }
        let (now_ns, watched_ns) = (end.ns, end.network.watched_ns(end.ns));
        self.sources.active.choose();
        self.sources.visit(|stored, _| {
            if visit(Subject::LongSource(&stored.at(now_ns, watched_ns))).is_ordinary {
                stored.learn(now_ns);
            }
        });
        self.logins.active.choose();
        self.logins.visit(|stored, _| {
            if visit(Subject::Logins(&stored.at(now_ns, watched_ns))).is_ordinary {
                stored.learn(now_ns);
            }
        });
        self.ports.active.choose();
        self.ports.visit(|stored, _| {
            if visit(Subject::TriedPort(&stored.at(now_ns, watched_ns))).is_ordinary {
                stored.learn(now_ns);
            }
        });
        for outflow in std::mem::take(&mut end.network.outflows) {
            self.send(&outflow, &end.network.hash_key, now_ns, end.tick as u32);
        }
        self.outflows.active.choose();
        self.outflows.visit(|stored, _| {
            if visit(Subject::LongOutflow(&stored.at(now_ns, watched_ns))).is_ordinary {
                stored.learn(now_ns);
            }
        });
    }
}

impl Horizons {
    fn take(&mut self, fact: &Fact, network: &Network, tick: u32) {
        let hash_key = &network.hash_key;
        let Fact { client, service, time_ns, .. } = *fact;
        let source = client.hashed(hash_key);
        if fact.step == Step::Tried {
            // A prober, a resolver or a crawler meets dead servers all day.
            if !network.known.is_worker(client, &service, time_ns) {
                self.attempt(fact, &source, hash_key, tick);
                self.attempt_at_port(fact, &source, hash_key, tick);
            }
            return;
        }
        let is_refused = fact.step == Step::Refused;
        if !is_refused && let Some(slot) = self.sources.table.find(&source) {
            self.sources.table.get_mut(slot).meet(service.hash(hash_key), time_ns);
            self.sources.table.confirm(slot);
        }
        let port = PortKey::of(&service, hash_key);
        if !is_refused && let Some(slot) = self.ports.table.find(&port) {
            self.ports.table.get_mut(slot).meet(pair_hash(&source, &service, hash_key), time_ns);
            self.ports.table.confirm(slot);
        }
        let key = if is_refused { Some(LoginsKey::any(&service)) } else { LoginsKey::of(&service) };
        let Some(key) = key else { return };
        let wanted = Hashed { hash: service.hash(hash_key), key };
        let group = || Group::of(hash_key, service.server, [0; 6]);
        let Some(slot) = self.logins.table.enter(&wanted, group, time_ns).slot() else { return };
        let state = self.logins.table.get_mut(slot);
        if is_refused {
            state.refuse(client, time_ns);
        } else {
            state.connect(client, source.hash, time_ns);
        }
        let turn = state.count_mut().count(tick, fact.length, Volume::default());
        self.logins.active.add(turn, slot, || wanted.hash);
        self.logins.table.confirm(slot);
    }

    fn send(&mut self, outflow: &Outflow, hash_key: &HashKey, now_ns: u64, tick: u32) {
        let source = outflow.client.hashed(hash_key);
        let group = || Group::of(hash_key, outflow.client, [0; 6]);
        let Some(slot) = self.outflows.table.enter(&source, group, now_ns).slot() else { return };
        let state = self.outflows.table.get_mut(slot);
        state.send(outflow, now_ns);
        let turn = state.count(tick, outflow);
        if state.is_worth_a_visit() {
            self.outflows.active.add(turn, slot, || source.hash);
        }
        self.outflows.table.confirm(slot);
    }

    fn attempt_at_port(&mut self, fact: &Fact, source: &Hashed<HostKey>, hash_key: &HashKey, tick: u32) {
        let wanted = PortKey::of(&fact.service, hash_key);
        let group = || Group::of(hash_key, fact.client, fact.mac);
        let Some(slot) = self.ports.table.enter(&wanted, group, fact.time_ns).slot() else { return };
        let state = self.ports.table.get_mut(slot);
        let [_, host_hash] = fact.service.hashes(hash_key);
        let hashes = [pair_hash(source, &fact.service, hash_key), source.hash, host_hash];
        state.attempt((fact.client, fact.service.server), hashes, fact.time_ns);
        let turn = state.count_mut().count(tick, fact.length, Volume::default());
        if state.is_worth_a_visit() {
            self.ports.active.add(turn, slot, || wanted.hash);
        }
        self.ports.table.confirm(slot);
    }

    fn attempt(&mut self, fact: &Fact, source: &Hashed<HostKey>, hash_key: &HashKey, tick: u32) {
        let group = || Group::of(hash_key, source.key, fact.mac);
        let Some(slot) = self.sources.table.enter(source, group, fact.time_ns).slot() else { return };
        let state = self.sources.table.get_mut(slot);
        state.attempt(&fact.service, fact.service.hashes(hash_key), fact.time_ns);
        let turn = state.count_mut().count(tick, fact.length, Volume::default());
        if state.is_worth_a_visit() {
            self.sources.active.add(turn, slot, || source.hash);
        }
        self.sources.table.confirm(slot);
    }
}

/// The hash of a source and a service that it tries.
fn pair_hash(source: &Hashed<HostKey>, service: &ServiceKey, hash_key: &HashKey) -> u64 {
    hash_key.hash([source.hash, service.hash(hash_key)])
}
