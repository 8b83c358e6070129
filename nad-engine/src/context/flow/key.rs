//! Which flow a record belongs to.

use bytemuck::{Pod, Zeroable};
use nad_common::record::PacketRecord;

use crate::context::{hash::HashKey, host_key::HostKey, table::Hashed};

/// What identifies a flow: both ends in the order of their keys.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct FlowId {
    low: HostKey,
    high: HostKey,
    low_port: u16,
    high_port: u16,
    protocol: u16,
    ether_type: u16,
}

/// Where a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKey {
    /// The table's key, the same for both directions.
    pub id: Hashed<FlowId>,
    /// Whether the sender is the side of the higher key.
    pub sender_is_high: bool,
}

impl FlowKey {
    /// The flow of a record between two hosts.
    #[inline]
    pub fn of(hash_key: &HashKey, record: &PacketRecord, source: HostKey, destination: HostKey) -> Self {
        // Fragments after the first have no ports: all of them belong to the flow without any.
        let (source_end, destination_end) =
            ((source, record.source_port), (destination, record.destination_port));
        let sender_is_high = source_end > destination_end;
        let (low, high) =
            if sender_is_high { (destination_end, source_end) } else { (source_end, destination_end) };
        let key = FlowId {
            low: low.0,
            high: high.0,
            low_port: low.1,
            high_port: high.1,
            protocol: record.protocol.into(),
            ether_type: record.ether_type,
        };
        let ports = u64::from(low.1) << 48
            | u64::from(high.1) << 32
            | u64::from(record.ether_type) << 16
            | u64::from(record.protocol);
        let ([a, b], [c, d]) = (low.0.words(), high.0.words());
        Self { id: Hashed { hash: hash_key.hash([a, b, c, d, ports]), key }, sender_is_high }
    }
}
