//! What is known about a packet besides its own header: its flow, its hosts, its client-service pair, at its own time.
//!
//! Records go in in the order of their time and change the tables; the states are pure functions of state, record
//! and time, the tables are storage beside them. Every second of the packets' clock the subjects that were active
//! in it are visited once: that is when views of more than a packet are scored.
//!
//! One context belongs to one thread, which sees the records of all rings, so a host's packets meet in one place
//! whichever CPU received them.

pub mod decay;
pub mod distinct;
pub mod flow;
pub mod hash;
pub mod host;
pub mod host_key;
pub mod known;
pub mod link;
pub mod malformed;
pub mod service_pair;
pub mod table;
pub mod weight;

mod active;
mod ahead;
mod contacts;
mod counts;
mod observe;
mod questions;
mod subject;
mod tables;
mod tick;
mod vantage;

use std::collections::HashSet;

use nad_common::record::{AddressKind, PacketRecord};

use active::Active;
use ahead::Keys;
use contacts::Contacts;
pub use counts::{ContextCounts, CountedTable, TABLES};
use flow::{FlowKey, FlowState, FlowStep};
use hash::HashKey;
use host::HostState;
use host_key::HostKey;
use known::{KnownEntry, KnownServices, KnownSnapshot};
use link::{Binding, LinkState};
use questions::Questions;
use service_pair::ServicePairState;
use subject::nobody;
pub use subject::{Origin, Seen, Subject, Verdict};
use table::{Entry, Table};
use tables::Fetching;
pub use tables::Tables;
pub use vantage::Change as VantageChange;
use vantage::Vantage;

/// Nanoseconds of a tick: subjects that were active in it are visited at its end.
pub const TICK_NS: u64 = 1_000_000_000;

/// Entries may go after they were idle for this long.
const FLOW_IDLE_NS: u64 = 300_000_000_000;
const HOST_IDLE_NS: u64 = 3_600_000_000_000;

/// For so long after the first packet, connections that go on since before it count as what they are, and not as packets
/// outside of any flow.
const SETTLING_NS: u64 = 10_000_000_000;

const PROTOCOL_TCP: u8 = 6;

/// The part of its hosts' anomaly level that a packet inherits: not all that an anomalous host sends is anomalous.
const OF_HOSTS: f32 = 0.8;

/// How many entries each table has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Flows.
    pub flows: usize,
    /// Hosts.
    pub hosts: usize,
    /// Client-service pairs.
    pub service_pairs: usize,
    /// MAC addresses, and bindings of IP addresses to them.
    pub links: usize,
    /// Known services, with their hosts, clients and ports.
    pub known_services: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            flows: 1 << 18,
            hosts: 1 << 16,
            service_pairs: 1 << 17,
            links: 1 << 13,
            known_services: 1 << 18,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Context {
    // The first to be dropped.
    #[expect(dead_code, reason = "it is there to be dropped")]
    fetching: Option<Fetching>,
    flows: Table<FlowState>,
    hosts: Table<HostState>,
    /// Those who have no state of their own, by MAC address or network: hosts for which there was no room, and whoever
    /// sends in the name of an address that belongs to another MAC address.
    groups: Table<HostState>,
    service_pairs: Table<ServicePairState>,
    links: Table<LinkState>,
    bindings: Table<Binding>,
    known: KnownServices,
    hash_key: HashKey,
    vantage: Vantage,
    questions: Questions,
    contacts: Contacts,
    /// Hosts of open incidents: what they do makes nothing known.
    suspects: HashSet<HostKey>,
    tick: u64,
    began_ns: u64,
    now_ns: u64,
    active: ActiveSubjects,
    keys: Vec<Keys>,
}

/// Subjects that were active in this tick, by kind.
#[derive(Debug, Default)]
struct ActiveSubjects {
    service_pairs: Active,
    sources: Active,
    targets: Active,
    group_sources: Active,
    group_targets: Active,
    links: Active,
}

impl Context {
    /// An empty one, for a baseline of this many seconds.
    pub fn new(tables: Tables, hash_key: HashKey, baseline_s: u64) -> Self {
        let known = |table| KnownServices::new(table, hash_key, baseline_s);
        Self::with_known(tables, hash_key, Vantage::default(), known)
    }

    /// One with the known services of a model.
    pub fn restore(tables: Tables, hash_key: HashKey, known: &KnownSnapshot) -> Self {
        let vantage = Vantage::known(known.is_one_way());
        Self::with_known(tables, hash_key, vantage, |table| KnownServices::restore(table, hash_key, known))
    }

    fn with_known(
        tables: Tables,
        hash_key: HashKey,
        vantage: Vantage,
        known: impl FnOnce(Table<KnownEntry>) -> KnownServices,
    ) -> Self {
        Self {
            fetching: tables.fetching,
            flows: tables.flows,
            hosts: tables.hosts,
            groups: tables.groups,
            service_pairs: tables.service_pairs,
            links: tables.links,
            bindings: tables.bindings,
            known: known(tables.known),
            hash_key,
            vantage,
            questions: Questions::default(),
            contacts: Contacts::default(),
            suspects: HashSet::new(),
            tick: 0,
            began_ns: 0,
            now_ns: 0,
            active: ActiveSubjects::default(),
            keys: Vec::new(),
        }
    }

    /// Computes where a batch's states are and asks the memory for them; [`Self::observe`] of the same records,
    /// by their place in the batch, follows.
    pub fn prepare(&mut self, records: &[PacketRecord]) {
        self.look_ahead(records);
    }

    /// Whether a moment lies past the end of the tick, so that [`Self::close_tick`] is due. Before the first record
    /// there is no tick.
    pub fn is_tick_over(&self, now_ns: u64) -> bool {
        self.now_ns > 0 && now_ns / TICK_NS > self.tick
    }

    /// Time has passed without packets, up to a moment.
    pub fn pass(&mut self, now_ns: u64) {
        if self.now_ns > 0 {
            self.now_ns = self.now_ns.max(now_ns);
            self.tick = self.tick.max(now_ns / TICK_NS);
        }
    }

    /// Takes the record at a place of the prepared batch into account.
    pub fn observe(&mut self, place: usize, record: &PacketRecord, now_ns: u64) -> Seen<'_> {
        self.look_further(place);
        if self.now_ns == 0 {
            self.began_ns = now_ns;
            self.known.begin(now_ns);
        }
        // Sensor time never runs backwards; what is tested without a timeline may.
        self.now_ns = self.now_ns.max(now_ns);
        let now_ns = self.now_ns;
        self.tick = self.tick.max(now_ns / TICK_NS);
        let keys = self.keys[place];
        if record.address_kind() == AddressKind::Link {
            let inherited_level = self.observe_link(record, now_ns);
            let nobody = nobody();
            return Seen {
                inherited_level,
                flow: &nobody.flow,
                step: FlowStep::NONE,
                source: &nobody.host,
                target: &nobody.host,
                service_pair: &nobody.service_pair,
            };
        }
        self.observe_ip(record, keys, now_ns)
    }

    /// The end of the current tick, in nanoseconds.
    pub fn tick_end_ns(&self) -> u64 {
        (self.tick + 1).saturating_mul(TICK_NS)
    }

    /// The hosts of open incidents: what they do makes nothing known.
    pub fn set_suspects(&mut self, suspects: HashSet<HostKey>) {
        self.suspects = suspects;
    }

    /// The baseline is over: what was seen in it is known from now on.
    pub fn end_baseline(&mut self) {
        self.known.end_baseline();
        self.vantage.settle();
    }

    /// The known services, for a model.
    pub fn known_services(&self) -> KnownSnapshot {
        self.known.keep(self.vantage.is_one_way(), self.now_ns)
    }

    /// Whether only one side of connections is seen from here, so that nothing can be verified.
    pub fn is_one_way(&self) -> bool {
        self.vantage.is_one_way()
    }

    /// How what is seen of connections has changed since the baseline, once.
    pub fn take_vantage_change(&mut self) -> Option<VantageChange> {
        self.vantage.take_news()
    }

    /// What is known of who sends in the name of an address.
    pub fn origin(&self, key: HostKey) -> Origin {
        let wanted = key.hashed(&self.hash_key);
        let Some(slot) = self.hosts.find(&wanted) else {
            return Origin { is_verified: false, mac: key.to_mac() };
        };
        let host = self.hosts.get(slot);
        Origin { is_verified: host.is_real(), mac: host.macs.first() }
    }

    /// The IP address that a MAC address used first, where it is known.
    pub fn ip_of_link(&self, mac: HostKey) -> Option<HostKey> {
        let slot = self.links.find(&mac.hashed(&self.hash_key))?;
        Some(self.links.get(slot).own_ip).filter(|ip| *ip != HostKey::NOBODY)
    }

    /// What became of those who wanted an entry.
    pub fn counts(&self) -> ContextCounts {
        ContextCounts {
            flows: self.flows.counts(),
            hosts: self.hosts.counts(),
            groups: self.groups.counts(),
            service_pairs: self.service_pairs.counts(),
            links: self.links.counts(),
            bindings: self.bindings.counts(),
            known_services: self.known.counts(),
            passed_over: [
                &self.active.service_pairs,
                &self.active.sources,
                &self.active.targets,
                &self.active.group_sources,
                &self.active.group_targets,
                &self.active.links,
            ]
            .iter()
            .map(|active| active.passed_over)
            .sum(),
        }
    }

    /// The tables by their names in `[context]`, each with the bytes of memory that it takes when it is full.
    pub fn bytes(&self) -> [(&'static str, usize); 5] {
        [
            ("flows", self.flows.bytes()),
            ("hosts", self.hosts.bytes() + self.groups.bytes()),
            ("service_pairs", self.service_pairs.bytes()),
            ("links", self.links.bytes() + self.bindings.bytes()),
            ("known_services", self.known.bytes()),
        ]
    }
}

#[cfg(test)]
mod tests;
