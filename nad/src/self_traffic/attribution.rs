//! Which records are of registered connections.
//!
//! A record is attributed by both addresses, both ports and its sequence numbers. The sequence numbers tell a
//! connection from a later one with the same ports, which another program may open soon after nad has closed its own.

use std::sync::atomic::Ordering;

use nad_common::record::PacketRecord;
use nad_engine::{context::host_key::HostKey, detector};

use super::{Connection, End, Registry};
use crate::clock::kernel_ns;

const PROTOCOL_TCP: u8 = 6;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// The longest of the kernel's ticks, by which a record's time may lie before its packet.
const TICK_NS: u64 = 10_000_000;
/// A closed connection is forgotten after this time without packets: longer than the kernel tries to end it.
const FORGOTTEN_AFTER_NS: u64 = 120_000_000_000;
/// How far a sequence number may lie from the one that is due. Outputs send and get less than that between two
/// records, even where most packets are sampled out.
const SEQUENCE_REACH: u32 = 1 << 20;
/// Records of one connection that are attributed in a second. A server that sends more is no partner of an output.
const MAX_RECORDS_PER_SECOND: u32 = 4096;

/// Attributes records to a registry's connections.
#[derive(Debug)]
pub struct SelfTraffic {
    registry: &'static Registry,
    version: u64,
    conversations: Vec<Conversation>,
    local_ports: PortFilter,
}

impl SelfTraffic {
    /// Nothing is attributed before the first [`refresh`](detector::SelfTraffic::refresh).
    pub fn new(registry: &'static Registry) -> Self {
        Self { registry, version: 0, conversations: Vec::new(), local_ports: PortFilter::default() }
    }

    #[cold]
    fn take_up(&mut self) {
        let connections = self.registry.lock();
        let version = self.registry.version.load(Ordering::Relaxed);
        for conversation in &mut self.conversations {
            let known = &mut conversation.connection;
            let registered = connections.iter().find(|registered| registered.number == known.number);
            // What the registry has no room for any more ended before.
            known.closed_ns = registered
                .map_or_else(|| known.closed_ns.min(kernel_ns()), |registered| registered.closed_ns);
        }
        let new = connections.iter().filter(|registered| registered.number > self.version);
        self.conversations.extend(new.map(|registered| Conversation::of(*registered)));
        drop(connections);
        self.version = version;
        self.filter_ports();
    }

    fn forget(&mut self, now_ns: u64) {
        let before = self.conversations.len();
        self.conversations.retain(|conversation| !conversation.is_past(now_ns));
        if self.conversations.len() != before {
            self.filter_ports();
        }
    }

    fn filter_ports(&mut self) {
        self.local_ports = PortFilter::default();
        for conversation in &self.conversations {
            self.local_ports.add(conversation.connection.local.1);
        }
    }

    #[cold]
    fn attribute(&mut self, record: &PacketRecord) -> bool {
        let (source, destination) = HostKey::of(record);
        let (sender, receiver) = ((source, record.source_port), (destination, record.destination_port));
        // A local port may be known twice: of the connection that nad has open, and of one that ended before.
        self.conversations.iter_mut().any(|conversation| conversation.takes(record, sender, receiver))
    }
}

impl detector::SelfTraffic for SelfTraffic {
    fn refresh(&mut self) {
        let version = self.registry.version.load(Ordering::Acquire);
        if version != self.version {
            self.take_up();
        }
        if !self.conversations.is_empty() {
            self.forget(kernel_ns());
        }
    }

    fn has(&mut self, record: &PacketRecord) -> bool {
        record.protocol == PROTOCOL_TCP
            && (self.local_ports.may_have(record.source_port)
                || self.local_ports.may_have(record.destination_port))
            && self.attribute(record)
    }
}

/// A connection, and how far it has come.
#[derive(Debug)]
struct Conversation {
    connection: Connection,
    /// Sequence number of the first SYN.
    initial: Option<u32>,
    /// Which sequence number is due from either side, once one was seen.
    from_local: Option<u32>,
    from_server: Option<u32>,
    last_ns: u64,
    /// Another connection has its ports now.
    is_succeeded: bool,
    second: u64,
    records: u32,
}

impl Conversation {
    const fn of(connection: Connection) -> Self {
        Self {
            connection,
            initial: None,
            from_local: None,
            from_server: None,
            last_ns: connection.opened_ns,
            is_succeeded: false,
            second: 0,
            records: 0,
        }
    }

    fn is_past(&self, now_ns: u64) -> bool {
        let silent_since_ns = self.last_ns.max(self.connection.closed_ns);
        self.is_succeeded || now_ns.saturating_sub(silent_since_ns) >= FORGOTTEN_AFTER_NS
    }

    fn takes(&mut self, record: &PacketRecord, sender: End, receiver: End) -> bool {
        let Connection { local, server, opened_ns, .. } = self.connection;
        let is_from_local = (sender, receiver) == (local, server);
        if !(is_from_local || (sender, receiver) == (server, local))
            || record.time_ns + TICK_NS < opened_ns
            || record.is_defective()
            || self.is_succeeded
        {
            return false;
        }
        let is_part = if is_from_local { self.is_sent(record) } else { self.is_answer(record) };
        is_part && {
            self.follow(record, is_from_local);
            self.is_within_rate(record.time_ns)
        }
    }

    fn is_sent(&mut self, record: &PacketRecord) -> bool {
        if record.tcp_flags & SYN == 0 {
            return is_in_sequence(record, self.from_local, self.from_server);
        }
        let is_after = record.time_ns > self.connection.closed_ns;
        let is_first_or_again = self.initial.map_or(!is_after, |initial| initial == record.tcp_sequence);
        self.is_succeeded = is_after && !is_first_or_again;
        is_first_or_again && record.tcp_flags & ACK == 0
    }

    fn is_answer(&self, record: &PacketRecord) -> bool {
        if record.tcp_flags & SYN == 0 {
            return is_in_sequence(record, self.from_server, self.from_local);
        }
        let acknowledged = record.tcp_acknowledgement.wrapping_sub(1);
        record.tcp_flags & ACK != 0
            && self.initial.is_none_or(|initial| initial == acknowledged)
            && self.from_server.is_none_or(|due| is_near(due, record.tcp_sequence))
    }

    fn follow(&mut self, record: &PacketRecord, is_from_local: bool) {
        let flags = record.tcp_flags;
        self.last_ns = self.last_ns.max(record.time_ns);
        let (sender, receiver) = if is_from_local {
            (&mut self.from_local, &mut self.from_server)
        } else {
            (&mut self.from_server, &mut self.from_local)
        };
        if flags & SYN != 0 {
            let initial =
                if is_from_local { record.tcp_sequence } else { record.tcp_acknowledgement.wrapping_sub(1) };
            self.initial = Some(initial);
        }
        if flags & RST == 0 {
            let flag_length = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
            let length = u32::from(record.payload_length) + flag_length;
            advance(sender, record.tcp_sequence.wrapping_add(length));
        }
        if flags & ACK != 0 {
            advance(receiver, record.tcp_acknowledgement);
        }
    }

    fn is_within_rate(&mut self, time_ns: u64) -> bool {
        let second = time_ns / 1_000_000_000;
        if self.second != second {
            (self.second, self.records) = (second, 0);
        }
        self.records += 1;
        self.records <= MAX_RECORDS_PER_SECOND
    }
}

/// Whether a packet's numbers are near those that are due. A reset has either number, by whom it answers (RFC 9293, 3.5.2).
fn is_in_sequence(record: &PacketRecord, due: Option<u32>, acknowledged: Option<u32>) -> bool {
    let is_acknowledging = record.tcp_flags & ACK != 0;
    let is_reset = record.tcp_flags & RST != 0;
    let fits = |due: Option<u32>, number| due.is_none_or(|due| is_near(due, number));
    (is_reset && is_acknowledging || fits(due, record.tcp_sequence))
        && (!is_acknowledging || fits(acknowledged, record.tcp_acknowledgement))
}

const fn is_near(due: u32, number: u32) -> bool {
    number.wrapping_sub(due).wrapping_add(SEQUENCE_REACH) <= 2 * SEQUENCE_REACH
}

/// Moves a sequence number on, never back.
fn advance(due: &mut Option<u32>, number: u32) {
    if due.is_none_or(|due| number.wrapping_sub(due) < 1 << 31) {
        *due = Some(number);
    }
}

/// Ports that may be among some: one bit for each of 64 that a port's lowest bits choose between, in each of 16 words.
#[derive(Debug, Default)]
struct PortFilter([u64; 16]);

impl PortFilter {
    fn add(&mut self, port: u16) {
        self.0[Self::word(port)] |= 1 << (port % 64);
    }

    #[inline]
    const fn may_have(&self, port: u16) -> bool {
        self.0[Self::word(port)] & 1 << (port % 64) != 0
    }

    const fn word(port: u16) -> usize {
        port as usize / 64 % 16
    }
}

#[cfg(test)]
mod tests;
