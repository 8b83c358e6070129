//! What is known about a packet besides its own header: its flow, its hosts, its client-service pair, at its own time.
//!
//! Records go in in the order of their time and change the tables; the states are pure functions of state, record
//! and time, the tables are storage beside them. Every second of the packets' clock the subjects that were active
//! in it are visited once: that is when views of more than a packet are scored.
//!
//! What concerns a pair of addresses is in one of [`PARTITIONS`] partitions, which see the records of their pairs only. What
//! concerns more than a pair is added up at the end of each second, and used as it stood at the end of the last one.

pub mod decay;
pub mod distinct;
pub mod flow;
pub mod hash;
pub mod horizon;
pub mod host;
pub mod host_key;
pub mod icmp;
pub mod known;
pub mod link;
pub mod malformed;
pub mod segment;
pub mod service_pair;
pub mod table;
pub mod weight;

mod active;
mod ahead;
mod contacts;
mod counts;
mod kinds;
mod links;
mod merge;
mod network;
mod partition;
mod questions;
mod settle;
mod shard;
mod state;
mod subject;
mod tables;
mod threads;
mod tick;
mod vantage;

use std::{collections::HashSet, sync::Arc};

use nad_common::record::{AddressKind, PacketRecord};

use ahead::Keys;
pub use ahead::{Ahead, Prepared};
pub use counts::CountedTable;
use flow::FlowKey;
use hash::HashKey;
use host_key::HostKey;
use kinds::{End, KindPart, PairPacket, SubjectKind};
use known::{KnownEntry, KnownServices, KnownSnapshot};
use network::Network;
use partition::Moment;
pub use partition::PARTITIONS;
use questions::Questions;
pub use shard::{Route, Shard, SharedNetwork, owner};
pub use state::{ContextSizes, ContextState};
pub(crate) use subject::{Identity, OneOf};
pub use subject::{Judged, Origin, Parties, Place, Seen, Verdict};
use table::{AnyTable, Table, TableCounts};
use tables::Fetching;
pub use tables::Tables;
use threads::Threads;
pub use vantage::Change as VantageChange;
use vantage::Vantage;

use crate::payload::HeadFacts;

/// Takes a table, for each that there is.
type EachTable<'e, 'a> = &'e mut dyn FnMut(TableId, &'a dyn AnyTable);

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

counts::tables! {
    Flows flows: "Flows", entries 1 << 19;
    Hosts hosts: "Hosts", entries 1 << 17;
    Groups groups: "Groups of hosts that share a state", with hosts;
    ServicePairs service_pairs: "Client-service pairs", entries 1 << 17;
    Links links: "MAC addresses", entries 1 << 13;
    Bindings bindings: "IP addresses of MAC addresses", with links;
    LongMemory long_memory: "Sources over hours", entries 1 << 13;
    Logins logins: "Remote login services over an hour", with long_memory;
    Outflows outflows: "Sources that send outside, over hours", with long_memory;
    TriedPorts tried_ports: "Ports that sources try without success", entries 1 << 10;
    KnownServices known_services: "Known services, hosts and pairs", entries 1 << 18;
}

kinds::kinds! {
    service_pairs: service_pair::ServicePairs {
        /// A client and a service, and what is usual for clients of it.
        ServicePair: service_pair::ServicePair,
    }
    hosts: merge::Hosts {
        /// A host as the one who begins.
        Source: host::Source,
        /// A host as the one who is asked.
        Target: host::Target,
    }
    links: links::Links {
        /// A MAC address, and the IP address that it used first.
        Link: link::Link,
    }
    horizons: horizon::Horizons {
        /// A host as the one who begins, over hours.
        LongSource: horizon::LongSource,
        /// A remote login service, over an hour.
        Logins: horizon::Logins,
        /// What a host sends outside, over hours.
        LongOutflow: horizon::LongOutflow,
        /// A port of the whole network, over an hour.
        TriedPort: horizon::TriedPort,
    }
    segments: segment::Segments {
        /// All senders of the Ethernet segment.
        Segment: segment::Segment,
    }
}

/// See the module.
#[derive(Debug)]
pub struct Context {
    // The first to be dropped.
    #[expect(dead_code, reason = "it is there to be dropped")]
    fetching: Option<Fetching>,
    /// All partitions, or none while other threads have them.
    shard: Shard,
    network: SharedNetwork,
    kinds: Kinds,
    /// Who has just asked many.
    asked: Questions,
    /// Who shares the work of a second's end.
    threads: Threads,
    tick: u64,
    now_ns: u64,
    has_begun: bool,
}

impl Context {
    /// An empty one, for a baseline of this many seconds.
    pub fn new(tables: Tables, hash_key: HashKey, baseline_s: u64) -> Self {
        let known = |table| KnownServices::new(table, hash_key, baseline_s);
        Self::with_known(tables, hash_key, Vantage::default(), known)
    }

    /// One with the known services of a model.
    pub fn restore(tables: Tables, hash_key: HashKey, known: &KnownSnapshot) -> Self {
        let vantage = Vantage::known(known.trust());
        Self::with_known(tables, hash_key, vantage, |table| KnownServices::restore(table, hash_key, known))
    }

    fn with_known(
        tables: Tables,
        hash_key: HashKey,
        vantage: Vantage,
        known: impl FnOnce(Table<KnownEntry>) -> KnownServices,
    ) -> Self {
        let network = Network {
            hash_key,
            known: known(tables.known),
            hosts: tables.hosts,
            vantage,
            suspects: HashSet::new(),
            began_ns: 0,
            outflows: Vec::new(),
            watched_before_ns: 0,
        };
        Self {
            fetching: tables.fetching,
            shard: Shard::whole(tables.partitions),
            network: SharedNetwork(Arc::new(network)),
            kinds: tables.kinds,
            asked: Questions::default(),
            threads: Threads::ONE,
            tick: 0,
            now_ns: 0,
            has_begun: false,
        }
    }

    /// Has so many threads share the work of a second's end; what comes of it is the same.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: Threads::new(threads), ..self }
    }

    /// Computes where records' states are and asks the memory for them; [`Self::observe`] of what comes back follows, in its
    /// order.
    pub fn prepare<'a>(
        &self,
        records: &'a [PacketRecord],
        ahead: &'a mut Ahead,
    ) -> impl Iterator<Item = Prepared<'a>> + use<'a> {
        self.shard.prepare(&self.network, records, ahead)
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

    /// Takes a record into account, and what its head says.
    pub fn observe(&mut self, prepared: &Prepared<'_>, facts: HeadFacts, now_ns: u64) -> Seen<'_> {
        let (record, keys) = (prepared.record(), prepared.keys);
        let moment = self.advance(now_ns);
        let inherited_level = self.kinds.observe(record, &self.network.0.hash_key, moment);
        let route = if record.address_kind() == AddressKind::Link {
            Route::of_link(moment, inherited_level)
        } else {
            let Keys { source, destination, .. } = keys;
            Route::of_pair(&self.network.0, (record, facts), source, destination, moment, &mut self.asked)
        };
        let seen = self.shard.observe(&self.network, prepared, &route);
        seen.unwrap_or_else(|| unreachable!("all partitions are here"))
    }

    /// Takes one record into account that no batch is around.
    #[cfg(test)]
    pub(crate) fn observe_one(&mut self, record: &PacketRecord, now_ns: u64) -> Seen<'_> {
        let mut ahead = Ahead::default();
        let prepared = self.prepare(std::slice::from_ref(record), &mut ahead).next().unwrap();
        self.observe(&prepared, HeadFacts::default(), now_ns)
    }

    /// Where a record is taken into account. The [`owner`] of [`Route::partition`] does so, or every shard, in the order of the
    /// records.
    pub fn route(&mut self, record: &PacketRecord, facts: HeadFacts, now_ns: u64) -> Route {
        let moment = self.advance(now_ns);
        let network = &self.network.0;
        let inherited_level = self.kinds.observe(record, &network.hash_key, moment);
        if record.address_kind() == AddressKind::Link {
            return Route::of_link(moment, inherited_level);
        }
        let (source, destination) = HostKey::of(record);
        let (source, destination) = (source.hashed(&network.hash_key), destination.hashed(&network.hash_key));
        Route::of_pair(network, (record, facts), &source, &destination, moment, &mut self.asked)
    }

    /// Gives the partitions away, to so many shards, with what all of them may read. They have to come back by
    /// [`Self::join`], and the copies of what they read to be dropped, before anything else is asked of the context but
    /// [`Self::route`].
    pub fn split(&mut self, shards: usize) -> (Vec<Shard>, SharedNetwork) {
        (self.shard.split(shards), self.network.clone())
    }

    /// Takes the partitions back.
    pub fn join(&mut self, shards: Vec<Shard>) {
        self.shard.join(shards);
    }

    /// A packet comes at a moment of sensor time.
    fn advance(&mut self, now_ns: u64) -> Moment {
        if !std::mem::replace(&mut self.has_begun, true) {
            let network = self.network.get_mut();
            network.began_ns = now_ns;
            network.known.begin(now_ns);
        }
        // Sensor time never runs backwards; what is tested without a timeline may.
        self.now_ns = self.now_ns.max(now_ns);
        self.tick = self.tick.max(now_ns / TICK_NS);
        Moment { ns: self.now_ns, tick: self.tick }
    }

    /// What its tables hash by.
    pub(crate) fn hash_key(&self) -> HashKey {
        self.network.0.hash_key
    }

    /// The end of the current tick, in nanoseconds.
    pub fn tick_end_ns(&self) -> u64 {
        (self.tick + 1).saturating_mul(TICK_NS)
    }

    /// The hosts of open incidents: what they do makes nothing known.
    pub fn set_suspects(&mut self, suspects: HashSet<HostKey>) {
        self.network.get_mut().suspects = suspects;
    }

    /// The baseline is over: what was seen in it is known from now on.
    pub fn end_baseline(&mut self) {
        let (partitions, network) = (&mut self.shard.partitions, self.network.get_mut());
        settle::vantage(partitions, network);
        settle::exchanges(partitions, network);
        network.known.end_baseline();
        network.vantage.settle();
    }

    /// The known services, for a model.
    pub fn known_services(&self) -> KnownSnapshot {
        self.network.0.known.keep(self.network.0.vantage.trust(), self.now_ns)
    }

    /// Whether only one side of connections is seen from here, so that nothing can be verified.
    pub fn is_one_way(&self) -> bool {
        self.network.0.vantage.is_one_way()
    }

    /// Whether both sides of connections come from one MAC address here, so that hosts can't be told by theirs.
    pub fn is_of_one_mac(&self) -> bool {
        self.network.0.vantage.trust().one_mac
    }

    /// How what is seen of connections has changed since the baseline, once.
    pub fn take_vantage_change(&mut self) -> Option<VantageChange> {
        self.network.get_mut().vantage.take_news()
    }

    /// What is known of who sends in the name of an address.
    pub fn origin(&self, key: HostKey) -> Origin {
        self.network.0.origin(key)
    }

    /// Where a host's packets are seen: where its last one was, as of the last second's end.
    pub fn place(&self, key: HostKey) -> Place {
        self.network.0.place(key)
    }

    /// The IP address that a MAC address used first, where it is known.
    pub fn ip_of_link(&self, mac: HostKey) -> Option<HostKey> {
        self.kinds.links.ip_of(&mac.hashed(&self.network.0.hash_key))
    }

    /// What became of those who wanted an entry.
    pub fn counts(&self) -> ContextCounts {
        let mut counts = ContextCounts { passed_over: self.kinds.passed_over(), ..ContextCounts::default() };
        self.each_table(&mut |id, table| counts.of_mut(id).add(&table.counts()));
        self.shard.partitions.iter().for_each(|partition| partition.count_lost(&mut counts));
        counts
    }

    /// The bytes of memory that tables take when they are full, by the size that decides it.
    pub fn bytes(&self) -> Sizes {
        let mut bytes = Sizes::all(0);
        self.each_table(&mut |id, table| *bytes.of_mut(id) += table.bytes());
        bytes.hosts += self.network.0.hosts.bytes();
        bytes
    }

    /// The bytes of memory that the largest of so many shards takes for the partitions that it owns, when their tables are full;
    /// part of [`Self::bytes`].
    pub fn shard_bytes(&self, shards: usize) -> usize {
        let largest = self.shard.partitions.len().div_ceil(shards.max(1));
        let mut bytes = 0;
        for partition in self.shard.partitions.iter().take(largest) {
            partition.each_table(&mut |_, table| bytes += table.bytes());
        }
        bytes
    }

    fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
        self.kinds.each_table(each);
        self.network.0.known.each_table(each);
        self.shard.partitions.iter().for_each(|partition| partition.each_table(each));
    }
}

#[cfg(test)]
mod tests;
