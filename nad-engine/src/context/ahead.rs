//! Asking the memory for states before their records' turn.
//!
//! A state that is not in a cache takes longer to come than everything that is then done with it. So a record's buckets
//! are asked for some records ahead, and the states themselves once the buckets are there.

use nad_common::record::PacketRecord;

use super::{
    FlowKey, HostKey,
    flow::FlowState,
    hash::HashKey,
    host::HostState,
    known::ServiceKey,
    network::Network,
    partition::{PARTITIONS, of_pair},
    service_pair::ServicePairState,
    shard::{Shard, SharedNetwork},
    table::Hashed,
};

/// Records ahead of whose turn the memory is asked for the buckets of their states, and for the states.
const BUCKETS_AHEAD: usize = 12;
const VALUES_AHEAD: usize = 5;

/// Where a record's states are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub(super) source: Hashed<HostKey>,
    pub(super) destination: Hashed<HostKey>,
    pub(super) flow: FlowKey,
    /// The hash of the client-service pair, as the ports let guess it.
    service_pair: u64,
    /// The place of its partition in the shard; where it belongs to another shard, any place.
    pub(super) local: usize,
}

impl Keys {
    fn of(hash_key: &HashKey, record: &PacketRecord, locals: &[u8; PARTITIONS]) -> Self {
        let (source, destination) = HostKey::of(record);
        let (client, server, port) = if looks_like_a_clients(record) {
            (source, destination, record.destination_port)
        } else {
            (destination, source, record.source_port)
        };
        let service = ServiceKey { server, port, protocol: record.protocol };
        let (source_hashed, destination_hashed) = (source.hashed(hash_key), destination.hashed(hash_key));
        Self {
            local: locals[of_pair(source_hashed.hash, destination_hashed.hash)].into(),
            source: source_hashed,
            destination: destination_hashed,
            flow: FlowKey::of(hash_key, record, source, destination),
            service_pair: service.service_pair(hash_key, client).hash,
        }
    }

    /// The hash of the client-service pair of the record, now that it is known whether the client sent it; none where the
    /// ports were misleading.
    #[inline]
    pub(super) fn pair_hash(&self, record: &PacketRecord, is_clients: bool) -> Option<u64> {
        (is_clients == looks_like_a_clients(record)).then_some(self.service_pair)
    }
}

/// Whether a record looks like one of a client's: the service has the lower port.
#[inline]
fn looks_like_a_clients(record: &PacketRecord) -> bool {
    record.source_port >= record.destination_port
}

/// Room for where the states of records are, used for one batch after the other.
#[derive(Debug, Default)]
pub struct Ahead(Vec<Keys>);

/// A record that was looked ahead for, with where its states are.
#[derive(Debug)]
pub struct Prepared<'a> {
    record: &'a PacketRecord,
    pub(super) keys: &'a Keys,
    /// Those of the records after it.
    after: &'a [Keys],
}

impl<'a> Prepared<'a> {
    /// The record.
    pub fn record(&self) -> &'a PacketRecord {
        self.record
    }
}

impl Shard {
    /// Computes where records' states are, and asks the memory for those of the first ones. What comes back is to be
    /// observed here, in its order, while the shard has the same partitions.
    pub fn prepare<'a>(
        &self,
        network: &SharedNetwork,
        records: &'a [PacketRecord],
        ahead: &'a mut Ahead,
    ) -> impl Iterator<Item = Prepared<'a>> + use<'a> {
        let network = &*network.0;
        let Ahead(keys) = ahead;
        keys.clear();
        keys.extend(records.iter().map(|record| Keys::of(&network.hash_key, record, &self.locals)));
        let keys = &keys[..];
        keys.iter().take(BUCKETS_AHEAD).for_each(|keys| self.prefetch_buckets(keys));
        keys.iter().take(VALUES_AHEAD).for_each(|keys| self.prefetch_values(network, keys));
        let prepared = |(place, record)| Prepared { record, keys: &keys[place], after: &keys[place + 1..] };
        records.iter().enumerate().map(prepared)
    }

    /// Asks for states of records after the one whose turn it is.
    #[inline]
    pub(super) fn look_further(&self, network: &Network, prepared: &Prepared<'_>) {
        let after = prepared.after;
        if let Some(keys) = after.get(BUCKETS_AHEAD - 1) {
            self.prefetch_buckets(keys);
        }
        if let Some(keys) = after.get(VALUES_AHEAD - 1) {
            self.prefetch_values(network, keys);
        }
    }

    #[inline]
    fn prefetch_buckets(&self, keys: &Keys) {
        let partition = &self.partitions[keys.local];
        partition.flows.prefetch(keys.flow.id.hash);
        partition.hosts.prefetch(keys.source.hash);
        partition.hosts.prefetch(keys.destination.hash);
        partition.kinds.service_pairs.table.prefetch(keys.service_pair);
    }

    #[inline]
    fn prefetch_values(&self, network: &Network, keys: &Keys) {
        let partition = &self.partitions[keys.local];
        if !partition.flows.prefetch_value(keys.flow.id.hash, size_of::<FlowState>()) {
            // It begins, so its novelty will be asked for.
            network.known.prefetch(keys.service_pair);
        }
        partition.hosts.prefetch_value(keys.source.hash, HostState::HOT_BYTES);
        partition.hosts.prefetch_value(keys.destination.hash, HostState::HOT_BYTES);
        partition.kinds.service_pairs.table.prefetch_value(keys.service_pair, size_of::<ServicePairState>());
    }
}
