//! What all partitions may know of the network: as it stood at the end of the last second.

use std::{collections::HashSet, io};

use bytemuck::{Pod, Zeroable};

use super::{
    HOST_IDLE_NS,
    hash::HashKey,
    host::{HostState, Macs},
    host_key::HostKey,
    known::{ExchangeKeys, FirstContact, KnownServices},
    partition::{Addressed, Exchange},
    service_pair::Outflow,
    subject::{Origin, Place},
    table::{Entry, Group, Hashed, Slot, Table},
    vantage::Vantage,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) hash_key: HashKey,
    pub(super) known: KnownServices,
    pub(super) hosts: Table<HostSummary>,
    pub(super) vantage: Vantage,
    /// Hosts of open incidents: what they do makes nothing known.
    pub(super) suspects: HashSet<HostKey>,
    /// When the first packet came.
    pub(super) began_ns: u64,
    /// What left in the second that ends, until it is counted.
    pub(super) outflows: Vec<Outflow>,
    /// For how long the network was watched in earlier runs, in nanoseconds.
    pub(super) watched_before_ns: u64,
}

/// What is known of a host, or a group of them, over all its peers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct HostSummary {
    key: HostKey,
    /// When it was first seen, in nanoseconds; 0 where nothing is known.
    pub(super) first_ns: u64,
    /// When it last made a first contact, in nanoseconds.
    contact_ns: u64,
    /// How far out it was as source and as target when it was last visited: -log10 of the probability.
    pub(super) source_level: f32,
    /// See `source_level`.
    pub(super) target_level: f32,
    /// Where its packets come from.
    pub(super) macs: Macs,
    /// A bit for each partition in which it has a state.
    pub(super) partitions: u16,
    /// 1 where it took part in an exchange both ways.
    is_real: u16,
    /// How rare its first contacts of the last minutes are together, in hours.
    contact_hours: f32,
}

impl HostSummary {
    /// Takes what a second showed of the host.
    pub(super) fn take(&mut self, host: &HostState) {
        self.first_ns = host.first_ns;
        (self.source_level, self.target_level) = (host.source_level, host.target_level);
        self.is_real = host.is_real().into();
    }
}

impl Entry for HostSummary {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.key
    }

    fn begin(key: HostKey) -> Self {
        Self { key, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.is_real != 0
    }
}

impl Network {
    /// Room for summaries of so many hosts.
    pub(super) fn hosts(capacity: usize) -> io::Result<Table<HostSummary>> {
        Table::new(capacity, HOST_IDLE_NS)
    }

    /// For how long the network was watched up to a moment, in nanoseconds.
    pub(super) fn watched_ns(&self, now_ns: u64) -> u64 {
        self.watched_before_ns.saturating_add(now_ns.saturating_sub(self.began_ns))
    }

    /// What is known of a host.
    #[inline]
    pub(super) fn summary(&self, host: &Hashed<HostKey>) -> Option<&HostSummary> {
        self.hosts.find(host).map(|slot| self.hosts.get(slot))
    }

    /// The place of a host's summary, a new one where it has none yet; none where there is no room.
    pub(super) fn enter(&mut self, host: &Hashed<HostKey>, mac: [u8; 6], now_ns: u64) -> Option<Slot> {
        let hash_key = self.hash_key;
        self.hosts.enter(host, || Group::of(&hash_key, host.key, mac), now_ns).slot()
    }

    /// Whether a packet in a host's name came from another MAC address than its packets come from.
    pub(super) fn is_foreign(&self, host: &Hashed<HostKey>, mac: [u8; 6]) -> bool {
        self.summary(host).is_some_and(|summary| summary.macs.is_foreign(mac))
    }

    /// What is known of who sends in the name of an address.
    pub(super) fn origin(&self, key: HostKey) -> Origin {
        // Of those who are judged together nobody is verified.
        let of_host = key.to_ip().and_then(|_| self.summary(&key.hashed(&self.hash_key)));
        match of_host {
            Some(summary) => Origin { is_verified: summary.is_real(), mac: summary.macs.first() },
            None => Origin { is_verified: false, mac: key.to_mac() },
        }
    }

    /// Where a host's packets are seen.
    pub(super) fn place(&self, key: HostKey) -> Place {
        let of_host = key.to_ip().and_then(|_| self.summary(&key.hashed(&self.hash_key)));
        of_host.map(|summary| summary.macs.place()).unwrap_or_default()
    }

    /// A client and a service had an exchange: both become known. If it was the first, how rare such a contact is.
    pub(super) fn remember(&mut self, exchange: &Exchange, keys: &ExchangeKeys) -> Option<FirstContact> {
        let Exchange { client, mac, service, begins, time_ns } = *exchange;
        let is_contact = begins && !service.server.is_group() && !self.known.has_met(keys);
        // By what was known before.
        let contact = is_contact.then(|| {
            let novelty = self.known.novelty(client, &service, time_ns);
            self.known.contact(client, mac, &service, novelty, time_ns)
        });
        self.known.remember_by(keys, client, mac, &service, time_ns);
        contact.map(|contact| self.join(contact, client, time_ns))
    }

    /// A client asks a server outside that it did not know by its address: how rare that is.
    pub(super) fn address(&mut self, addressed: &Addressed) -> FirstContact {
        let contact = self.known.addressed(addressed);
        self.join(contact, addressed.client, addressed.time_ns)
    }

    /// Joins a contact with the client's others.
    fn join(&mut self, mut contact: FirstContact, client: HostKey, time_ns: u64) -> FirstContact {
        let hash_key = self.hash_key;
        if let Some(slot) = self.hosts.find(&client.hashed(&hash_key)) {
            let host = self.hosts.get_mut(slot);
            contact.join(&mut host.contact_hours, time_ns.saturating_sub(host.contact_ns));
            host.contact_ns = time_ns;
        }
        contact
    }

    /// Whether either end belongs to an open incident.
    pub(super) fn is_suspect(&self, client: HostKey, server: HostKey) -> bool {
        !self.suspects.is_empty() && (self.suspects.contains(&client) || self.suspects.contains(&server))
    }
}
