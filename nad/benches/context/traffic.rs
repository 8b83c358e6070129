//! Made-up traffic, the same every time: a population of established TCP flows, or SYNs from forged sources.

use bytemuck::Zeroable;
use nad_common::record::{AddressKind, PacketRecord};
use nad_engine::batch::BATCH_RECORDS;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x08;

/// Flows that a client has with one service, on average, and clients for each server.
const FLOWS_PER_PAIR: u32 = 4;
const PAIRS_PER_CLIENT: u32 = 4;
const SERVERS: u32 = 256;

/// Nanoseconds from one record to the next: a million packets a second.
const GAP_NS: u64 = 1_000;

/// A population of flows, and the time that its records have come to.
pub(crate) struct Traffic {
    flows: u32,
    random: u64,
    now_ns: u64,
}

impl Traffic {
    pub(crate) fn new(flows: u32) -> Self {
        Self { flows, random: 1, now_ns: 1_000_000_000_000 }
    }

    /// The three records of each flow's handshake, flow after flow.
    pub(crate) fn handshakes(&mut self) -> impl Iterator<Item = PacketRecord> {
        let steps = [(SYN, true), (SYN | ACK, false), (ACK, true)];
        (0..self.flows).flat_map(move |flow| steps.map(|(flags, is_client)| (flow, flags, is_client))).map(
            |(flow, flags, is_client)| {
                let record = self.record(flow, is_client);
                PacketRecord { tcp_flags: flags, length: 60, payload_length: 0, ..record }
            },
        )
    }

    /// A batch of packets of any of the established flows, in both directions.
    pub(crate) fn fill(&mut self, batch: &mut Vec<PacketRecord>) {
        batch.clear();
        batch.extend((0..BATCH_RECORDS).map(|_| {
            let random = self.next();
            let flow = ((random >> 32) * u64::from(self.flows)) >> 32;
            self.record(flow as u32, random & 1 == 0)
        }));
    }

    /// A batch of SYNs to one server, each from another source.
    pub(crate) fn forge(&mut self, batch: &mut Vec<PacketRecord>) {
        batch.clear();
        batch.extend((0..BATCH_RECORDS).map(|_| {
            let source = (self.next() >> 32) as u32;
            let (client, port) = (address(source), 1024 + (source >> 8) as u16 % 60_000);
            let record = self.tcp((client, port), (address(server_of(0)), 443));
            PacketRecord { tcp_flags: SYN, length: 60, payload_length: 0, ..record }
        }));
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, ns: u64) {
        self.now_ns += ns;
    }

    fn record(&mut self, flow: u32, is_client: bool) -> PacketRecord {
        let pair = flow / FLOWS_PER_PAIR;
        let client = address(0x0a00_0000 + pair / PAIRS_PER_CLIENT);
        let server = address(server_of(pair));
        // Flows of one service pair differ in the client's port alone.
        let client_end = (client, 20_000 + (flow % 16 * 1009) as u16);
        let server_end = (server, 443 + (pair % PAIRS_PER_CLIENT) as u16);
        if is_client { self.tcp(client_end, server_end) } else { self.tcp(server_end, client_end) }
    }

    fn tcp(&mut self, source: ([u8; 4], u16), destination: ([u8; 4], u16)) -> PacketRecord {
        self.now_ns += GAP_NS;
        let mut record = PacketRecord {
            time_ns: self.now_ns,
            length: 714,
            flags: AddressKind::V4 as u32,
            // Above every one before it, so that it is none that is repeated.
            tcp_sequence: (self.now_ns / GAP_NS) as u32,
            tcp_acknowledgement: (self.now_ns / GAP_NS) as u32,
            ether_type: 0x0800,
            payload_length: 660,
            source_port: source.1,
            destination_port: destination.1,
            protocol: 6,
            ttl: 64,
            tcp_flags: ACK | PUSH,
            ..PacketRecord::zeroed()
        };
        record.address_bytes[..4].copy_from_slice(&source.0);
        record.address_bytes[4..8].copy_from_slice(&destination.0);
        record
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn server_of(pair: u32) -> u32 {
    0xac10_0000 + pair.wrapping_mul(0x9e37_79b9) % SERVERS
}

fn address(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}
