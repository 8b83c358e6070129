//! What is known about a packet besides its own header: its flow, its hosts, its dealing, at its own time.
//!
//! Records go in in the order of their time and change the tables; the states are pure functions of state, record
//! and time, the tables are storage beside them. Every second of the packets' clock the subjects that were active
//! in it are visited once: that is when views of more than a packet are scored.
//!
//! One context belongs to one thread, which sees the records of all rings, so a host's packets meet in one place
//! whichever CPU received them.

pub mod dealing;
pub mod decay;
pub mod distinct;
pub mod flow;
pub mod form;
pub mod hash;
pub mod host;
pub mod host_key;
pub mod link;
pub mod memory;
pub mod table;
pub mod weight;

mod ahead;
mod subject;
mod tables;
mod tick;

use std::collections::HashSet;

use bytemuck::Zeroable;
use nad_common::record::{AddressKind, Addresses, PacketRecord};

use ahead::Keys;
use dealing::DealingState;
use flow::{FlowKey, FlowState, FlowStep};
use host::HostState;
use host_key::HostKey;
use link::{Binding, LinkState};
use memory::{Memories, Memory, Remembered, ServiceKey, Strangeness};
use subject::nobody;
pub use subject::{ContextCounts, Seen, Subject, Verdict};
use table::{Entry, Slot, Table};
use tables::Fetching;
pub use tables::Tables;
use tick::Active;
use weight::Weight;

/// Nanoseconds of a tick: subjects that were active in it are visited at its end.
pub const TICK_NS: u64 = 1_000_000_000;

/// Entries may go after they were idle for this long.
const FLOW_IDLE_NS: u64 = 300_000_000_000;
const HOST_IDLE_NS: u64 = 3_600_000_000_000;

/// How much of its hosts' standing a packet has: not all that a host sends belongs to what makes it stand out.
const OF_HOSTS: f32 = 0.8;

/// How many entries each table has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Flows.
    pub flows: usize,
    /// Hosts.
    pub hosts: usize,
    /// Dealings of a client with a service.
    pub dealings: usize,
    /// MAC addresses, and bindings of IP addresses to them.
    pub links: usize,
    /// Things that are remembered for long.
    pub memory: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { flows: 1 << 18, hosts: 1 << 16, dealings: 1 << 17, links: 1 << 13, memory: 1 << 18 }
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
    dealings: Table<DealingState>,
    links: Table<LinkState>,
    bindings: Table<Binding>,
    memory: Memory,
    /// Hosts of open incidents: what they do makes nothing known.
    suspects: HashSet<HostKey>,
    tick: u64,
    now_ns: u64,
    active_dealings: Active,
    active_sources: Active,
    active_targets: Active,
    active_links: Active,
    keys: Vec<Keys>,
}

impl Context {
    /// An empty one, for a baseline of this many seconds.
    pub fn new(tables: Tables, baseline_s: u64) -> Self {
        Self::with_memory(tables, |table| Memory::new(table, baseline_s))
    }

    /// One that remembers what a model does.
    pub fn restore(tables: Tables, memories: &Memories) -> Self {
        Self::with_memory(tables, |table| Memory::restore(table, memories))
    }

    fn with_memory(tables: Tables, memory: impl FnOnce(Table<Remembered>) -> Memory) -> Self {
        Self {
            fetching: tables.fetching,
            flows: tables.flows,
            hosts: tables.hosts,
            dealings: tables.dealings,
            links: tables.links,
            bindings: tables.bindings,
            memory: memory(tables.memory),
            suspects: HashSet::new(),
            tick: 0,
            now_ns: 0,
            active_dealings: Active::default(),
            active_sources: Active::default(),
            active_targets: Active::default(),
            active_links: Active::default(),
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

    /// Takes the record at a place of the prepared batch into account.
    pub fn observe(&mut self, place: usize, record: &PacketRecord, now_ns: u64) -> Seen<'_> {
        self.look_further(place);
        // Time does not run backwards for the states, even where a capture's does.
        let now_ns = now_ns.max(self.now_ns);
        self.now_ns = now_ns;
        self.tick = self.tick.max(now_ns / TICK_NS);
        let keys = self.keys[place];
        if record.address_kind() == AddressKind::Link {
            let standing = self.observe_link(record, now_ns);
            let nobody = nobody();
            return Seen {
                standing,
                flow: &nobody.flow,
                step: FlowStep::NONE,
                source: &nobody.host,
                target: &nobody.host,
                dealing: &nobody.dealing,
            };
        }
        self.observe_ip(record, keys, now_ns)
    }

    fn observe_ip(&mut self, record: &PacketRecord, keys: Keys, now_ns: u64) -> Seen<'_> {
        let is_error = flow::is_unreachable(record);
        let flow_slot = self.flows.enter(keys.flow.hash, now_ns);
        let mut scratch = FlowState::zeroed();
        let state = flow_slot.map_or(&mut scratch, |slot| self.flows.get_mut(slot));
        let mut step = state.update(record, keys.flow, now_ns);
        let is_real = state.is_real();
        let is_midstream = step.opened && is_real;
        if is_error {
            // About somebody else's flow; as a flow of its own it opens nothing.
            step.opened = false;
        }

        let (client, server, port) = if step.from_initiator {
            (keys.source, keys.destination, record.destination_port)
        } else {
            (keys.destination, keys.source, record.source_port)
        };
        let service = ServiceKey { server, port, protocol: record.protocol };
        let strangeness = step.opened.then(|| self.memory.strangeness(client, &service, now_ns));
        if (step.answered || is_midstream || step.opened && server.is_group())
            && !self.is_suspect(client, server)
        {
            self.memory.remember(client, &service, now_ns);
        }

        let source_slot = self.enter_host(keys.source, keys.source_hash, now_ns);
        if let Some(slot) = source_slot {
            self.hosts.get_mut(slot).send((keys.source, keys.destination), record, &step, is_real, now_ns);
        }
        let target_slot = self.enter_host(keys.destination, keys.destination_hash, now_ns);
        // Its place may have been the only one that was left for the target.
        let source_slot =
            source_slot.filter(|_| source_slot != target_slot || keys.source == keys.destination);
        if let Some(slot) = target_slot {
            let target = self.hosts.get_mut(slot);
            target.receive((keys.destination, keys.source), record, &step, is_real, now_ns);
            if is_error {
                target.be_unreached();
            }
        }
        let (client_slot, server_slot) =
            if step.from_initiator { (source_slot, target_slot) } else { (target_slot, source_slot) };
        if let Some(strangeness) = strangeness {
            let (of_source, of_target) = Weight::of(record).more_flows();
            if let Some(slot) = client_slot {
                self.hosts.get_mut(slot).open(&service, strangeness, of_source, now_ns);
            }
            if let Some(slot) = server_slot {
                self.hosts.get_mut(slot).be_asked(client, &service, of_target, now_ns);
            }
        }
        let dealing_slot = if is_error {
            None
        } else {
            self.update_dealing(record, client, &service, &step, strangeness, now_ns)
        };
        self.count_hosts([(client, client_slot), (server, server_slot)], record, step.from_initiator);

        if let Some(slot) = flow_slot {
            self.flows.confirm(slot);
        }
        for slot in [source_slot, target_slot].into_iter().flatten() {
            self.hosts.confirm(slot);
        }

        let nobody = nobody();
        let host = |slot: Option<Slot>| slot.map_or(&nobody.host, |slot| self.hosts.get(slot));
        let dealing = dealing_slot.map_or(&nobody.dealing, |slot| self.dealings.get(slot));
        // What a host does to many shows in packets outside of its ordinary dealings.
        let is_stray =
            !is_real || step.opened || dealing.strangeness() > f32::from(Strangeness::NewClient as u8);
        let of_hosts = host(client_slot).source_standing.max(host(server_slot).target_standing);
        Seen {
            flow: flow_slot.map_or(&nobody.flow, |slot| self.flows.get(slot)),
            step,
            source: host(source_slot),
            target: host(target_slot),
            dealing,
            standing: if is_stray { dealing.standing.max(OF_HOSTS * of_hosts) } else { dealing.standing },
        }
    }

    /// The end of the current tick, in nanoseconds.
    pub fn tick_end_ns(&self) -> u64 {
        (self.tick + 1) * TICK_NS
    }

    /// The hosts of open incidents: what they do makes nothing known.
    pub fn set_suspects(&mut self, suspects: HashSet<HostKey>) {
        self.suspects = suspects;
    }

    /// The baseline is over: what was seen in it is known from now on.
    pub fn end_baseline(&mut self) {
        self.memory.end_baseline(self.now_ns);
    }

    /// What is remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The IP address that a MAC address used first, where it is known.
    pub fn ip_of_link(&self, mac: HostKey) -> Option<HostKey> {
        let slot = self.links.find(mac.hash())?;
        Some(self.links.get(slot).own_ip).filter(|ip| *ip != HostKey::NOBODY)
    }

    /// What became of those who wanted an entry.
    pub fn counts(&self) -> ContextCounts {
        ContextCounts {
            flows: self.flows.counts(),
            hosts: self.hosts.counts(),
            dealings: self.dealings.counts(),
            links: self.links.counts(),
            bindings: self.bindings.counts(),
            memory: self.memory.counts(),
            passed_over: [
                &self.active_dealings,
                &self.active_sources,
                &self.active_targets,
                &self.active_links,
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
            ("hosts", self.hosts.bytes()),
            ("dealings", self.dealings.bytes()),
            ("links", self.links.bytes() + self.bindings.bytes()),
            ("memory", self.memory.bytes()),
        ]
    }

    fn is_suspect(&self, client: HostKey, server: HostKey) -> bool {
        !self.suspects.is_empty() && (self.suspects.contains(&client) || self.suspects.contains(&server))
    }

    fn enter_host(&mut self, key: HostKey, hash: u64, now_ns: u64) -> Option<Slot> {
        if key.is_group() { None } else { self.hosts.enter(hash, now_ns) }
    }

    fn update_dealing(
        &mut self,
        record: &PacketRecord,
        client: HostKey,
        service: &ServiceKey,
        step: &FlowStep,
        strangeness: Option<Strangeness>,
        now_ns: u64,
    ) -> Option<Slot> {
        let hash = service.dealing_hash(client);
        let slot = self.dealings.enter(hash, now_ns)?;
        let state = self.dealings.get_mut(slot);
        state.update(record, client, service, step, now_ns);
        if let Some(strangeness) = strangeness {
            state.set_strangeness(strangeness);
        }
        if state.count(self.tick as u32, record) {
            self.active_dealings.add(slot, hash);
        }
        self.dealings.confirm(slot);
        Some(slot)
    }

    /// Counts a packet with the one who began its flow and the one who was asked.
    fn count_hosts(
        &mut self,
        [(client, client_slot), (server, server_slot)]: [(HostKey, Option<Slot>); 2],
        record: &PacketRecord,
        from_client: bool,
    ) {
        let (tick, length) = (self.tick as u32, record.length);
        let (of_client, of_server) = Weight::of(record).of_ends(from_client);
        if let Some(slot) = client_slot
            && self.hosts.get_mut(slot).begun.count(tick, length, of_client)
        {
            self.active_sources.add(slot, client.hash());
        }
        if let Some(slot) = server_slot
            && self.hosts.get_mut(slot).asked.count(tick, length, of_server)
        {
            self.active_targets.add(slot, server.hash());
        }
    }

    fn observe_link(&mut self, record: &PacketRecord, now_ns: u64) -> f32 {
        const REQUEST: u8 = 1;
        const REPLY: u8 = 2;
        let Addresses::Link { source, sender_ip, target_ip, sender_mac, .. } = record.addresses() else {
            return 0.0;
        };
        let claims = record.is_arp() && sender_ip != [0; 4];
        let key = HostKey::mac(if record.is_arp() { sender_mac } else { source });
        let Some(slot) = self.links.enter(key.hash(), now_ns) else { return 0.0 };
        self.links.get_mut(slot).update(key, record, now_ns);
        let more = Weight::of(record).source();
        if record.is_arp() && record.message_type == REQUEST && sender_ip != target_ip {
            let asked = HostKey::v4(target_ip);
            self.links.get_mut(slot).ask(asked, more.packets, now_ns);
            if let Some(binding) = self.bindings.enter(asked.hash(), now_ns) {
                self.bindings.get_mut(binding).ask(now_ns);
            }
        }
        if claims {
            let ip = HostKey::v4(sender_ip);
            if let Some(binding) = self.bindings.enter(ip.hash(), now_ns) {
                let is_reply = record.message_type == REPLY || sender_ip == target_ip;
                let claim = self.bindings.get_mut(binding).claim(key, is_reply, now_ns);
                self.links.get_mut(slot).claim(ip, HostKey::v4(target_ip), claim);
            }
        }
        if self.links.get_mut(slot).sent.count(self.tick as u32, record.length, more) {
            self.active_links.add(slot, key.hash());
        }
        self.links.get(slot).standing
    }
}

#[cfg(test)]
mod tests;
