//! One flow: a 5-tuple, both directions in one entry.
//!
//! **A flow counts as real once both sides have shown that they are there.** For TCP, each must have acknowledged a number that the
//! other one sent: who forges an address does not see what is sent to it, and can't know that number. A SYN-ACK
//! acknowledges the SYN, and the client's ACK the SYN-ACK. RST takes its numbers from the packet that it answers and proves
//! nothing. For other protocols, a packet and an answer to it are enough. Both sides must have MAC addresses of their own,
//! where there are any: a third machine that forges both knows all numbers.
//!
//! **A flow that is seen from its middle on has no client** until it is real: nothing of one packet says who began.

mod key;
mod step;

use bytemuck::{Pod, Zeroable};
use nad_common::record::{PacketRecord, flag};

use super::{
    icmp::{is_icmp, is_icmp_answer},
    table::Entry,
    vantage::Trust,
    weight::Weight,
};
pub use key::{FlowId, FlowKey};
pub use step::FlowStep;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;
const FIN: u8 = 0x01;

const PROTOCOL_TCP: u8 = 6;

/// A flow without TCP's marks begins anew after this silence.
const SILENCE_NS: u64 = 60_000_000_000;
/// How far an acknowledgement may lie from the last number that was seen: what is on its way, or was not recorded. A
/// number that is guessed lies so close once in 2,000 times.
const WINDOW: u32 = 1 << 20;

/// The same where the flow is known from its first packet on: once in 262,144 times.
const HANDSHAKE_WINDOW: u32 = 1 << 14;

/// Bits of [`FlowState::marks`].
mod mark {
    /// A SYN without ACK was seen.
    pub(super) const SYN: u16 = 1;
    /// The other side answered: with SYN-ACK for TCP, with anything for what has no handshake.
    pub(super) const ANSWERED: u16 = 2;
    /// The handshake is complete, or both sides of a flow seen from its middle on are there; for others the same as
    /// answered.
    pub(super) const ESTABLISHED: u16 = 4;
    /// A FIN or RST ended it.
    pub(super) const CLOSED: u16 = 8;
    /// The initiator is the side of the higher key.
    pub(super) const INITIATOR_HIGH: u16 = 16;
    /// It was seen from its middle on, so that the initiator is only who sent first.
    pub(super) const MIDSTREAM: u16 = 32;
    /// The initiator, and the other side, acknowledged what the other one sent.
    pub(super) const PROVEN: [u16; 2] = [64, 128];
    /// The initiator, and the other side, sent a number that can be acknowledged.
    pub(super) const NUMBERED: [u16; 2] = [256, 512];
    /// Only one side was seen, and what it acknowledges moves on: it hears the other.
    pub(super) const ONE_SIDED: u16 = 1024;
    /// Both sides' numbers match, and they come from one MAC address.
    pub(super) const OF_ONE_MAC: u16 = 2048;
}

/// What is known of one flow: two cache lines.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct FlowState {
    id: FlowId,
    /// When it began and when it last was seen, in nanoseconds.
    pub first_ns: u64,
    /// See `first_ns`.
    pub last_ns: u64,
    /// Packets from the initiator and from the other side.
    pub packets: [u32; 2],
    /// Bytes on the wire, likewise.
    pub bytes: [u64; 2],
    /// The TCP sequence number that comes next from each side, where there is one.
    next_sequence: [u32; 2],
    /// What the initiator acknowledged last.
    acknowledged: u32,
    /// Packets that said again what was said.
    pub repeats: u32,
    marks: u16,
    /// Where the first packet of each side came from; 0 before it, and without MAC addresses.
    macs: [[u8; 6]; 2],
    padding: [u8; 18],
}

const _: () = assert!(size_of::<FlowState>() == 128);

impl Entry for FlowState {
    type Key = FlowId;

    fn key(&self) -> FlowId {
        self.id
    }

    fn begin(id: FlowId) -> Self {
        Self { id, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.marks & mark::ESTABLISHED != 0
    }
}

impl FlowState {
    /// Takes one packet into account; a state that is zero but for its key is one that begins with it.
    pub fn update(&mut self, record: &PacketRecord, key: FlowKey, now_ns: u64, trust: Trust) -> FlowStep {
        // Where a capture cut the header, its flags and numbers are unknown, not 0.
        let is_tcp = record.protocol == PROTOCOL_TCP && !record.has(flag::HEADER_CUT);
        let flags = if is_tcp { record.tcp_flags } else { 0 };
        let opened = self.begins(record, is_tcp, flags, now_ns);
        if opened {
            self.begin_again(record, is_tcp, flags, key, now_ns);
        }
        let mut from_initiator = key.sender_is_high == (self.marks & mark::INITIATOR_HIGH != 0);
        let side = usize::from(!from_initiator);
        let more = Weight::of(record).flow();
        let silence = now_ns.saturating_sub(self.last_ns) as f32 * 1e-9;
        let gap = if opened { 0.0 } else { silence / (1.0 + more.packets as f32) };
        let was_real = self.is_real();
        if self.packets[side] == 0 {
            self.macs[side] = record.source_mac;
        }
        // Of hosts that talk to each other, each has its own; a third one that forges both has its own for both.
        let is_of_one = self.macs[0] == self.macs[1] && self.macs[0] != [0; 6];
        let may_be_real = trust.one_mac || !is_of_one;
        let fits = is_tcp && self.acknowledges(record, flags, side);
        let proven = may_be_real && fits && self.prove(side);
        let one_sided = is_tcp && self.is_one_sided_from_now(record, flags, side);
        let mut step = self.advance(is_tcp, flags, from_initiator, may_be_real);
        step.one_sided = one_sided;
        step.of_one_mac = fits && is_of_one && self.marks & mark::OF_ONE_MAC == 0;
        self.marks |= if step.of_one_mac { mark::OF_ONE_MAC } else { 0 };
        if trust.one_side && one_sided && self.marks & mark::MIDSTREAM == 0 && !was_real {
            self.marks |= mark::ANSWERED | mark::ESTABLISHED;
            (step.answered, step.established) = (true, true);
        }
        step.proven = proven || step.answered && !is_tcp;
        step.repeat = is_tcp && self.follow_sequence(record, flags, side, opened);
        self.repeats += u32::from(step.repeat);
        self.packets[side] = self.packets[side].saturating_add(1).saturating_add(more.packets);
        self.bytes[side] += u64::from(record.length) + u64::from(more.bytes);
        self.last_ns = self.last_ns.max(now_ns);
        if self.marks & mark::MIDSTREAM != 0 {
            let is_alive = self.marks & mark::CLOSED == 0;
            if !was_real && is_alive && (trust.one_side || may_be_real && self.is_proven(is_tcp)) {
                self.marks |= mark::ANSWERED | mark::ESTABLISHED;
                step.joined = true;
                if self.sent_first_as_server(record, from_initiator) {
                    self.swap_sides();
                    from_initiator = !from_initiator;
                }
            }
        } else {
            step.opened = opened;
        }
        step.from_initiator = from_initiator;
        step.is_stray = from_initiator && !self.is_real();
        step.has_roles = self.marks & mark::MIDSTREAM == 0 || self.is_real();
        step.probes = opened && step.is_stray && self.is_midstream() && is_tcp && is_probe(record, flags);
        step.gap = gap;
        step
    }

    /// Packets both ways.
    pub fn packets_total(&self) -> u32 {
        self.packets[0].saturating_add(self.packets[1])
    }

    /// Whether it was seen from its middle on.
    pub fn is_midstream(&self) -> bool {
        self.marks & mark::MIDSTREAM != 0
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

    fn begin_again(&mut self, record: &PacketRecord, is_tcp: bool, flags: u8, key: FlowKey, now_ns: u64) {
        let is_midstream = if is_tcp {
            flags & (SYN | ACK | RST) != SYN
        } else if is_icmp(record) {
            is_icmp_answer(record)
        } else {
            // What comes from a well-known port answers what was asked before nad looked, or nothing at all.
            let is_query = record.has(flag::DNS) && !record.has(flag::DNS_RESPONSE);
            (1..1024).contains(&record.source_port) && record.destination_port >= 1024 && !is_query
        };
        *self = Self { id: self.id, first_ns: now_ns, last_ns: now_ns, ..Self::zeroed() };
        if key.sender_is_high {
            self.marks |= mark::INITIATOR_HIGH;
        }
        self.marks |= match (is_midstream, is_tcp, flags & RST != 0) {
            (true, true, true) => mark::MIDSTREAM | mark::CLOSED,
            (true, ..) => mark::MIDSTREAM,
            (false, true, _) => mark::SYN,
            (false, false, _) => 0,
        };
    }

    /// Whether the sender acknowledges a number of the other side. It has sent one of its own now.
    fn acknowledges(&mut self, record: &PacketRecord, flags: u8, side: usize) -> bool {
        if flags & RST != 0 {
            return false;
        }
        let other = 1 - side;
        let missing = self.next_sequence[other].wrapping_sub(record.tcp_acknowledgement);
        let is_close = if self.marks & mark::MIDSTREAM == 0 {
            missing <= HANDSHAKE_WINDOW
        } else {
            missing.wrapping_add(WINDOW) <= 2 * WINDOW
        };
        let is_numbered = self.marks & mark::NUMBERED[other] != 0;
        self.marks |= mark::NUMBERED[side];
        flags & ACK != 0 && is_numbered && is_close
    }

    /// The sender has acknowledged a number of the other side; whether for the first time.
    fn prove(&mut self, side: usize) -> bool {
        let is_first = self.marks & mark::PROVEN[side] == 0;
        self.marks |= mark::PROVEN[side];
        is_first
    }

    /// Whether it shows with this packet that only the initiator's side is seen. Where packets are left out under load, the
    /// other side's may be those, and nothing shows.
    fn is_one_sided_from_now(&mut self, record: &PacketRecord, flags: u8, side: usize) -> bool {
        if side == 1 || flags & (ACK | RST) != ACK || self.packets[1] != 0 {
            return false;
        }
        let now = if record.level() == 0 { record.tcp_acknowledgement } else { 0 };
        let before = std::mem::replace(&mut self.acknowledged, now);
        let moved = before != 0 && now != 0 && before != now;
        let is_first = moved && self.marks & mark::ONE_SIDED == 0;
        self.marks |= if moved { mark::ONE_SIDED } else { 0 };
        is_first
    }

    fn is_proven(&self, is_tcp: bool) -> bool {
        if is_tcp {
            mark::PROVEN.iter().all(|proven| self.marks & proven != 0)
        } else {
            !self.packets.contains(&0)
        }
    }

    /// Whether the side that sent first in a flow seen from its middle on is the server: its port is the lower one, or its
    /// message an answer.
    fn sent_first_as_server(&self, record: &PacketRecord, from_initiator: bool) -> bool {
        if is_icmp(record) {
            return is_icmp_answer(record) == from_initiator;
        }
        let (own, other) = if from_initiator {
            (record.source_port, record.destination_port)
        } else {
            (record.destination_port, record.source_port)
        };
        own < other
    }

    fn swap_sides(&mut self) {
        let exchanged = |marks: u16, [first, second]: [u16; 2]| {
            let rest = marks & !(first | second);
            rest | if marks & first != 0 { second } else { 0 } | if marks & second != 0 { first } else { 0 }
        };
        self.packets.swap(0, 1);
        self.macs.swap(0, 1);
        self.bytes.swap(0, 1);
        self.next_sequence.swap(0, 1);
        self.marks = exchanged(exchanged(self.marks, mark::PROVEN), mark::NUMBERED) ^ mark::INITIATOR_HIGH;
    }

    fn advance(&mut self, is_tcp: bool, flags: u8, from_initiator: bool, may_be_real: bool) -> FlowStep {
        let before = self.marks;
        let has = |bit: u16| before & bit != 0;
        let mut step = FlowStep { from_initiator, ..FlowStep::NONE };
        if !is_tcp {
            if may_be_real && !from_initiator && !has(mark::ANSWERED | mark::MIDSTREAM) {
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
        } else {
            // Whatever acknowledges the SYN shows that it was answered, where the SYN-ACK was not recorded.
            let is_answer = flags & ACK != 0 && !from_initiator && has(mark::SYN) && has(mark::PROVEN[1]);
            if is_answer && !has(mark::ANSWERED) {
                self.marks |= mark::ANSWERED;
                step.answered = true;
            }
            let is_handshake = flags & SYN != 0;
            let completes = !is_handshake && from_initiator && has(mark::ANSWERED) && has(mark::PROVEN[0]);
            if completes && !has(mark::ESTABLISHED) {
                self.marks |= mark::ESTABLISHED;
                step.established = true;
            }
            if !is_handshake && flags & FIN != 0 && !has(mark::CLOSED) {
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

/// Whether a packet that begins outside of any connection asks something: it is no answer, which SYN-ACK and RST are, and what
/// comes from the lower port with ACK may go on with a connection that nobody saw begin.
fn is_probe(record: &PacketRecord, flags: u8) -> bool {
    let is_answer = flags & RST != 0 || flags & (SYN | ACK) == SYN | ACK;
    !is_answer && (flags & ACK == 0 || record.source_port > record.destination_port)
}

#[cfg(test)]
mod tests;
