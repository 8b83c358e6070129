//! One of the parts that the context is in: what concerns pairs of addresses, and a share of what concerns hosts.
//!
//! A pair of addresses belongs to one partition with all its flows, in both directions. So what follows from the order of
//! a pair's packets is decided here, at once. What concerns a host over all its peers is added up at the end of each
//! second; of other partitions, packets use it as it stood at the end of the last one. There is always the same number of
//! partitions, and each sees its records in their order: what comes out does not depend on how many threads share them.

mod observe;

use std::io;

use nad_common::record::PacketRecord;

pub(super) use observe::Moment;

use super::{
    ContextCounts, EachTable, FLOW_IDLE_NS, HOST_IDLE_NS, KindParts, Sizes, TableId,
    active::Active,
    contacts::Contacts,
    flow::FlowState,
    host::{HostState, MacProof},
    host_key::HostKey,
    known::{Novelty, ServiceKey},
    questions::Questions,
    table::{Hashed, Table},
    vantage::Sides,
};

/// Partitions of a context; a power of two.
pub const PARTITIONS: usize = u16::BITS as usize;
/// MAC addresses and networks of those who have no state of their own.
const GROUPS: usize = 1024;
/// Facts of a kind that a partition notes in a second for the second's end; more are counted.
const MOST_PENDING: usize = 16_384;

/// See the module.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) flows: Table<FlowState>,
    pub(super) hosts: Table<HostState>,
    /// Those who have no state of their own, by MAC address or network: hosts for which there was no room, and whoever
    /// sends in the name of an address that belongs to another MAC address.
    pub(super) groups: Table<HostState>,
    /// What it has of each kind of subject.
    pub(super) kinds: KindParts,
    pub(super) questions: Questions,
    pub(super) contacts: Contacts,
    pub(super) active: ActiveStates,
    pub(super) pending: Pending,
    /// When a packet last came while others were left out under load.
    sampled_ns: Option<u64>,
}

/// States of hosts that were active in this tick.
#[derive(Debug)]
pub(super) struct ActiveStates {
    pub(super) hosts: ActiveHosts,
    pub(super) groups: ActiveHosts,
}

/// Hosts, or groups of them, that were active in either role.
#[derive(Debug)]
pub(super) struct ActiveHosts {
    pub(super) sources: Active,
    pub(super) targets: Active,
}

/// Facts about more than a pair of addresses, which wait for the end of the second.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) exchanges: Facts<Exchange>,
    pub(super) meetings: Facts<Meeting>,
    pub(super) solicitations: Facts<Solicitation>,
    pub(super) macs: Facts<MacShown>,
    pub(super) addressed: Facts<Addressed>,
    /// When connections showed which of their sides are seen.
    pub(super) sides: Facts<(u64, Sides)>,
}

/// Facts of a kind, in the order of their times.
#[derive(Debug)]
pub(super) struct Facts<T> {
    facts: Vec<T>,
    /// Those that there was no room for, of all seconds.
    pub(super) lost: u64,
}

impl<T> Default for Facts<T> {
    fn default() -> Self {
        Self { facts: Vec::new(), lost: 0 }
    }
}

impl<T> Facts<T> {
    /// Notes one; whether there was room.
    fn add(&mut self, fact: T) -> bool {
        self.add_within(fact, MOST_PENDING)
    }

    /// Notes one where there are fewer than so many; whether there was room.
    pub(super) fn add_within(&mut self, fact: T, most: usize) -> bool {
        let has_room = self.facts.len() < most;
        if has_room {
            self.facts.push(fact);
        } else {
            self.lost += 1;
        }
        has_room
    }

    /// All of them, at the end of the second.
    pub(super) fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.facts)
    }
}

/// A packet showed where a host's packets come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct MacShown {
    pub(super) host: Hashed<HostKey>,
    pub(super) mac: [u8; 6],
    pub(super) proof: MacProof,
    pub(super) time_ns: u64,
}

/// Both sides took part: the service is known from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    pub(super) client: HostKey,
    pub(super) mac: [u8; 6],
    pub(super) service: ServiceKey,
    /// Whether it began just now; otherwise it was found in its middle.
    pub(super) begins: bool,
    pub(super) time_ns: u64,
}

/// A client asks a server that it did not know by its address instead of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addressed {
    pub(super) client: HostKey,
    pub(super) mac: [u8; 6],
    pub(super) service: ServiceKey,
    /// How new the server is to the client.
    pub(super) novelty: Novelty,
    pub(super) time_ns: u64,
}

/// A client whose work it is to meet new servers opens a flow to one: whether that is its work depends on how many it meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting {
    pub(super) client: HostKey,
    pub(super) service: ServiceKey,
    pub(super) novelty: Novelty,
    /// Flows besides the record's own.
    pub(super) more: u32,
    pub(super) time_ns: u64,
}

/// Somebody asks for the MAC address of an IPv6 address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Solicitation {
    pub(super) record: PacketRecord,
    pub(super) time_ns: u64,
}

/// The partition of two hosts, by their hashes, which are keyed; the same for both directions.
#[inline]
pub(super) fn of_pair(one: u64, other: u64) -> usize {
    const SHIFT: u32 = u64::BITS - PARTITIONS.ilog2();
    // Neither a table's bucket nor a sketch's bit is chosen by these bits.
    ((one ^ other) >> SHIFT) as usize
}

/// A partition's share of so many entries.
pub(super) fn share(entries: usize) -> usize {
    entries.div_ceil(PARTITIONS)
}

impl Partition {
    /// One of the partitions of a context of these sizes.
    pub(super) fn new(sizes: &Sizes) -> io::Result<Self> {
        Ok(Self {
            flows: Table::new(share(sizes.flows), FLOW_IDLE_NS)?,
            hosts: Table::new(share(sizes.hosts), HOST_IDLE_NS)?,
            groups: Table::new(share(GROUPS), HOST_IDLE_NS)?,
            kinds: KindParts::new(sizes)?,
            questions: Questions::default(),
            contacts: Contacts::default(),
            active: ActiveStates::default(),
            pending: Pending::default(),
            sampled_ns: None,
        })
    }

    /// Its tables.
    pub(super) fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
        each(TableId::Flows, &self.flows);
        each(TableId::Hosts, &self.hosts);
        each(TableId::Groups, &self.groups);
        self.kinds.each_table(each);
    }

    /// Adds what there was no room for besides entries.
    pub(super) fn count_lost(&self, counts: &mut ContextCounts) {
        let ActiveStates { hosts, groups } = &self.active;
        let Pending { exchanges, solicitations, macs, addressed, .. } = &self.pending;
        // What would have become known, or been held against it.
        counts.known_services.refused += exchanges.lost + macs.lost + addressed.lost;
        counts.links.refused += solicitations.lost;
        let active = [&hosts.sources, &hosts.targets, &groups.sources, &groups.targets];
        counts.passed_over += active.iter().map(|active| active.passed_over).sum::<u64>();
        counts.passed_over += self.kinds.passed_over();
    }
}

impl Default for ActiveStates {
    fn default() -> Self {
        let hosts = || ActiveHosts { sources: Active::of_partition(), targets: Active::of_partition() };
        Self { hosts: hosts(), groups: hosts() }
    }
}
