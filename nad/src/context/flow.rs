//! One flow: a 5-tuple, both directions in one entry.

use bytemuck::{Pod, Zeroable};
use nad_common::record::{PacketRecord, flag};

use super::{host_key::HostKey, table::Entry, weight::Weight};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;
const FIN: u8 = 0x01;

const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_ICMPV6: u8 = 58;

/// A flow without TCP's marks begins anew after this silence.
const SILENCE_NS: u64 = 60_000_000_000;

/// Bits of [`FlowState::marks`].
mod mark {
    /// A SYN without ACK was seen.
    pub(super) const SYN: u8 = 1;
    /// The other side answered: with SYN-ACK for TCP, with anything for what has no handshake.
    pub(super) const ANSWERED: u8 = 2;
    /// The handshake is complete, or was before nad looked; for others the same as answered.
    pub(super) const ESTABLISHED: u8 = 4;
    /// A FIN or RST ended it.
    pub(super) const CLOSED: u8 = 8;
    /// The initiator is the side of the higher key.
    pub(super) const INITIATOR_HIGH: u8 = 16;
}

/// What is known of one flow: one cache line.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct FlowState {
    /// When it began and when it last was seen, in nanoseconds.
    pub first_ns: u64,
    /// See `first_ns`.
    pub last_ns: u64,
    /// Bytes on the wire from the initiator and from the other side.
    pub bytes: [u64; 2],
    /// Packets, likewise.
    pub packets: [u32; 2],
    /// The TCP sequence number that comes next from each side, where there is one.
    next_sequence: [u32; 2],
    /// Packets that said again what was said.
    pub repeats: u32,
    marks: u8,
    padding: [u8; 11],
}

const _: () = assert!(size_of::<FlowState>() == 64);

impl Entry for FlowState {
    fn is_real(&self) -> bool {
        self.marks & mark::ESTABLISHED != 0
    }
}

/// Where a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKey {
    /// The table's key, the same for both directions.
    pub hash: u64,
    /// Whether the sender is the side of the higher key.
    pub sender_is_high: bool,
}

impl FlowKey {
    /// The flow of a record between two hosts.
    #[inline]
    pub fn of(record: &PacketRecord, source: HostKey, destination: HostKey) -> Self {
        // Fragments after the first have no ports: all of them belong to the flow without any.
        let (source_end, destination_end) =
            ((source, record.source_port), (destination, record.destination_port));
        let sender_is_high = source_end > destination_end;
        let (low, high) =
            if sender_is_high { (destination_end, source_end) } else { (source_end, destination_end) };
        let ports = u64::from(low.1) << 32 | u64::from(high.1) << 16 | u64::from(record.protocol);
        let protocol = u64::from(record.ether_type) << 48;
        let hash =
            super::hash::mix(super::hash::mix(low.0.hash(), high.0.hash().rotate_left(32)), ports | protocol);
        Self { hash, sender_is_high }
    }
}

/// What one packet did to its flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowStep {
    /// Whether the packet's sender is the one who began the flow.
    pub from_initiator: bool,
    /// The flow began with it (again).
    pub opened: bool,
    /// The first answer.
    pub answered: bool,
    /// The handshake is complete with it.
    pub established: bool,
    /// The other side refused: RST to a SYN.
    pub refused: bool,
    /// The initiator gave up before the handshake was complete.
    pub aborted: bool,
    /// An established flow ended.
    pub closed: bool,
    /// The packet says again what was said (TCP sequence numbers).
    pub repeat: bool,
    /// Seconds since the flow's last packet, on average where packets were left out; 0 for its first.
    pub gap: f32,
}

impl FlowStep {
    /// Of a packet that belongs to no flow.
    pub const NONE: Self = Self {
        from_initiator: true,
        opened: false,
        answered: false,
        established: false,
        refused: false,
        aborted: false,
        closed: false,
        repeat: false,
        gap: 0.0,
    };
}

impl FlowState {
    /// Takes one packet into account; a zeroed state is one that begins with it.
    pub fn update(&mut self, record: &PacketRecord, key: FlowKey, now_ns: u64) -> FlowStep {
        let is_tcp = record.protocol == PROTOCOL_TCP;
        let flags = if is_tcp { record.tcp_flags } else { 0 };
        let opened = self.begins(record, is_tcp, flags, now_ns);
        if opened {
            self.begin(record, is_tcp, flags, key, now_ns);
        }
        let from_initiator = key.sender_is_high == (self.marks & mark::INITIATOR_HIGH != 0);
        let side = usize::from(!from_initiator);
        let more = Weight::of(record).flow();
        let silence = now_ns.saturating_sub(self.last_ns) as f32 * 1e-9;
        let gap = if opened { 0.0 } else { silence / (1.0 + more.packets as f32) };
        let mut step = self.advance(is_tcp, flags, from_initiator);
        step.opened = opened;
        step.gap = gap;
        step.repeat = is_tcp && self.follow_sequence(record, flags, side, opened);
        self.repeats += u32::from(step.repeat);
        self.packets[side] = self.packets[side].saturating_add(1).saturating_add(more.packets);
        self.bytes[side] += u64::from(record.length) + u64::from(more.bytes);
        self.last_ns = self.last_ns.max(now_ns);
        step
    }

    /// Packets both ways.
    pub fn packets_total(&self) -> u32 {
        self.packets[0].saturating_add(self.packets[1])
    }

    fn begins(&self, record: &PacketRecord, is_tcp: bool, flags: u8, now_ns: u64) -> bool {
        if self.packets_total() == 0 {
            return true;
        }
        if is_tcp {
            // Another initial sequence number is another connection over the same ports.
            let is_syn = flags & (SYN | ACK | RST) == SYN;
            return is_syn && self.next_sequence[0] != record.tcp_sequence.wrapping_add(1);
        }
        now_ns.saturating_sub(self.last_ns) > SILENCE_NS
    }

    fn begin(&mut self, record: &PacketRecord, is_tcp: bool, flags: u8, key: FlowKey, now_ns: u64) {
        let sender_began = if is_tcp && flags & SYN != 0 {
            flags & ACK == 0
        } else if is_icmp(record) {
            !is_icmp_answer(record)
        } else if is_tcp {
            // In the middle of a connection: the service is at the lower port.
            record.source_port >= record.destination_port
        } else {
            // An answer to what was asked before nad looked comes from a well-known port.
            !(record.source_port < 1024 && record.destination_port >= 1024 && record.source_port != 0)
                || record.has(flag::DNS) && !record.has(flag::DNS_RESPONSE)
        };
        *self = Self { first_ns: now_ns, last_ns: now_ns, ..Self::zeroed() };
        if sender_began == key.sender_is_high {
            self.marks |= mark::INITIATOR_HIGH;
        }
        if is_tcp {
            self.marks |= match (flags & SYN != 0, flags & RST != 0) {
                (true, _) => mark::SYN,
                (false, true) => mark::CLOSED,
                (false, false) => mark::ANSWERED | mark::ESTABLISHED,
            };
        }
    }

    fn advance(&mut self, is_tcp: bool, flags: u8, from_initiator: bool) -> FlowStep {
        let before = self.marks;
        let has = |bit: u8| before & bit != 0;
        let mut step = FlowStep { from_initiator, ..FlowStep::NONE };
        if !is_tcp {
            if !from_initiator && !has(mark::ANSWERED) {
                self.marks |= mark::ANSWERED | mark::ESTABLISHED;
                (step.answered, step.established) = (true, true);
            }
            return step;
        }
        if flags & RST != 0 {
            self.marks |= mark::CLOSED;
            step.refused = !from_initiator && has(mark::SYN) && !has(mark::ANSWERED | mark::CLOSED);
            step.aborted = from_initiator && has(mark::SYN) && !has(mark::ESTABLISHED | mark::CLOSED);
            step.closed = has(mark::ESTABLISHED) && !has(mark::CLOSED);
        } else if flags & SYN != 0 {
            if flags & ACK != 0 && !from_initiator && !has(mark::ANSWERED) {
                self.marks |= mark::ANSWERED;
                step.answered = true;
            }
        } else {
            if from_initiator && has(mark::ANSWERED) && !has(mark::ESTABLISHED) {
                self.marks |= mark::ESTABLISHED;
                step.established = true;
            }
            if flags & FIN != 0 && !has(mark::CLOSED) {
                self.marks |= mark::CLOSED;
                step.closed = has(mark::ESTABLISHED) || step.established;
            }
        }
        step
    }

    /// Whether the sender's sequence number lies before what it has sent already; remembers what comes next.
    fn follow_sequence(&mut self, record: &PacketRecord, flags: u8, side: usize, opened: bool) -> bool {
        let carried = u32::from(record.payload_length) + u32::from(flags & (SYN | FIN) != 0);
        let next = record.tcp_sequence.wrapping_add(carried);
        let ahead = next.wrapping_sub(self.next_sequence[side]) as i32;
        let is_first = opened || self.packets[side] == 0;
        if is_first || ahead > 0 {
            self.next_sequence[side] = next;
        }
        !is_first && carried > 0 && ahead <= 0
    }
}

/// Whether it is ICMP of either version.
pub fn is_icmp(record: &PacketRecord) -> bool {
    matches!(record.protocol, PROTOCOL_ICMP | PROTOCOL_ICMPV6)
}

/// Whether it is ICMP that one host sends another of its own accord: neighbour discovery (RFC 4861) and multicast
/// listeners (RFC 3810) are the network's own business.
pub fn is_ping(record: &PacketRecord) -> bool {
    match record.protocol {
        PROTOCOL_ICMP => true,
        PROTOCOL_ICMPV6 => !matches!(record.message_type, 130..=143),
        _ => false,
    }
}

/// Whether an ICMP message answers another packet: echo, timestamp and mask replies.
fn is_icmp_answer(record: &PacketRecord) -> bool {
    match record.protocol {
        PROTOCOL_ICMP => matches!(record.message_type, 0 | 14 | 16 | 18),
        _ => matches!(record.message_type, 129 | 136),
    }
}

/// Whether an ICMP message says that a packet could not be delivered: unreachable and, in IPv6, such as are
/// errors. Time exceeded is not one: traceroute lives on it.
pub fn is_unreachable(record: &PacketRecord) -> bool {
    match record.protocol {
        PROTOCOL_ICMP => record.message_type == 3,
        PROTOCOL_ICMPV6 => record.message_type == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
