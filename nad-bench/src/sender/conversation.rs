//! What both sides of a flow say to each other, as steps and entries of the sending program.
//!
//! A TCP flow begins with its handshake. From then on, each round is a request of the client, the two halves of the server's
//! answer, and between them what the client has to acknowledge. A UDP flow is questions and answers.

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use crate::{
    bpf::sending::{Entry, Number, STEPS, Step},
    traffic::{self, ACK, End, PUSH, SYN},
};

/// Entries of the table for each flow, in each round.
pub(crate) const ENTRIES_PER_FLOW: u32 = 4;
/// Bytes that a TCP segment with data carries.
pub(crate) const PAYLOAD: u16 = 400;
/// The same of a question, and its answer, over UDP.
const QUESTION: u16 = 92;
const ANSWER: u16 = 412;

/// The longest packet, from its IP header on.
const LONGEST: u16 = 440;
const IPV4_TCP: u16 = 40;
const IPV4_UDP: u16 = 28;
const UDP_HEADER: u16 = 8;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What each side's sequence numbers begin with, in a flow whose addresses make no difference.
const CLIENT_FIRST: u32 = 1_000;
const SERVER_FIRST: u32 = 0x4000_0000;
/// Bytes that each side sends in a round.
const CLIENT_BYTES: u32 = PAYLOAD as u32;
const SERVER_BYTES: u32 = 2 * PAYLOAD as u32;
/// Between the numbers of two requests for connections in the name of the same source.
const FLOOD_ADVANCE: u32 = 1 << 14;

/// Which step; its number is its place in the program's table.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Open,
    Accept,
    Confirm,
    First,
    Request,
    Answer,
    Acknowledge,
    Rest,
    Ask,
    Tell,
    Flood,
}

impl Which {
    const ALL: [Self; 11] = [
        Self::Open,
        Self::Accept,
        Self::Confirm,
        Self::First,
        Self::Request,
        Self::Answer,
        Self::Acknowledge,
        Self::Rest,
        Self::Ask,
        Self::Tell,
        Self::Flood,
    ];

    fn is_clients(self) -> bool {
        !matches!(self, Self::Accept | Self::Answer | Self::Rest | Self::Tell)
    }

    fn step(self) -> Step {
        // What each side has sent when a round begins. The handshake takes round 0, in which the client says its first
        // request and the server nothing, so that in round 1 the server goes on with its first byte.
        let client = |more: u32| of_flow(CLIENT_FIRST + 1 + more, CLIENT_BYTES);
        let server = |more: u32| of_flow((SERVER_FIRST + 1 + more).wrapping_sub(SERVER_BYTES), SERVER_BYTES);
        let once = |number: u32| of_flow(number, 0);
        let half = u32::from(PAYLOAD);
        let none = Number::default();
        let (flags, sequence, acknowledgement, payload) = match self {
            Self::Open => (SYN, once(CLIENT_FIRST), none, 0),
            Self::Accept => (SYN | ACK, once(SERVER_FIRST), once(CLIENT_FIRST + 1), 0),
            Self::Confirm => (ACK, once(CLIENT_FIRST + 1), once(SERVER_FIRST + 1), 0),
            Self::First => (ACK | PUSH, once(CLIENT_FIRST + 1), once(SERVER_FIRST + 1), PAYLOAD),
            Self::Request => (ACK | PUSH, client(0), server(0), PAYLOAD),
            Self::Answer => (ACK | PUSH, server(0), client(CLIENT_BYTES), PAYLOAD),
            Self::Acknowledge => (ACK, client(CLIENT_BYTES), server(half), 0),
            Self::Rest => (ACK | PUSH, server(half), client(CLIENT_BYTES), PAYLOAD),
            Self::Flood => (SYN, of_flow(CLIENT_FIRST, FLOOD_ADVANCE), none, 0),
            Self::Ask => return self.datagram(QUESTION),
            Self::Tell => return self.datagram(ANSWER),
        };
        self.of(
            TCP,
            IPV4_TCP + payload,
            Step { sequence, acknowledgement, tcp_flags: flags, ..Step::default() },
        )
    }

    /// Its length stands where TCP has its number; the checksum behind it is left out.
    fn datagram(self, payload: u16) -> Step {
        let length = Number { base: u32::from(UDP_HEADER + payload) << 16, advance: 0, of_flow: 0 };
        self.of(UDP, IPV4_UDP + payload, Step { sequence: length, ..Step::default() })
    }

    fn of(self, protocol: u8, total_length: u16, rest: Step) -> Step {
        let [client, server] = traffic::LAST_OF_MACS;
        let macs = if self.is_clients() { [server, client] } else { [client, server] };
        let cut = LONGEST - total_length;
        Step { protocol, total_length: total_length.to_be_bytes(), cut, macs, ..rest }
    }
}

fn of_flow(base: u32, advance: u32) -> Number {
    Number { base, advance, of_flow: u32::MAX }
}

/// All of them, for the program.
pub(crate) fn steps() -> [Step; STEPS] {
    let mut steps = [Step::default(); STEPS];
    for which in Which::ALL {
        steps[which as usize] = which.step();
    }
    steps
}

/// Begins every flow: round 0.
pub(crate) fn beginnings(flows: u32) -> impl Iterator<Item = Entry> {
    const TCP: [Which; ENTRIES_PER_FLOW as usize] =
        [Which::Open, Which::Accept, Which::Confirm, Which::First];
    (0..flows).flat_map(|flow| {
        (0..TCP.len()).map(move |at| entry(flow, if is_udp(flow) { DATAGRAMS[at] } else { TCP[at] }))
    })
}

/// A round of every flow; the flows are in no order, but the steps of each are.
pub(crate) fn rounds(flows: u32) -> impl Iterator<Item = Entry> {
    const TCP: [Which; ENTRIES_PER_FLOW as usize] =
        [Which::Request, Which::Answer, Which::Acknowledge, Which::Rest];
    let mut order: Vec<u32> = (0..flows * ENTRIES_PER_FLOW).map(|place| place / ENTRIES_PER_FLOW).collect();
    order.shuffle(&mut SmallRng::seed_from_u64(1));
    let mut said = vec![0_u8; flows as usize];
    order.into_iter().map(move |flow| {
        let at = usize::from(said[flow as usize]);
        said[flow as usize] += 1;
        entry(flow, if is_udp(flow) { DATAGRAMS[at] } else { TCP[at] })
    })
}

const DATAGRAMS: [Which; ENTRIES_PER_FLOW as usize] = [Which::Ask, Which::Tell, Which::Ask, Which::Tell];

/// Requests for connections to one service, each in the name of another source, without end.
pub(crate) fn flood() -> impl Iterator<Item = Entry> {
    let (_, server) = traffic::flow(0);
    let mut random = SmallRng::seed_from_u64(2);
    std::iter::from_fn(move || {
        let client = End { address: random.random(), port: random.random_range(1024..u16::MAX) };
        Some(entry_of(client, server, Which::Flood))
    })
}

/// Whether a flow is one of the eighth that is UDP: all of the same client and server.
fn is_udp(flow: u32) -> bool {
    flow / traffic::FLOWS_PER_PAIR % 8 == 7
}

fn entry(flow: u32, which: Which) -> Entry {
    let (client, server) = traffic::flow(flow);
    if which.is_clients() { entry_of(client, server, which) } else { entry_of(server, client, which) }
}

fn entry_of(from: End, to: End, which: Which) -> Entry {
    Entry {
        source: from.address,
        destination: to.address,
        source_port: from.port.to_be_bytes(),
        destination_port: to.port.to_be_bytes(),
        step: which as u8,
        unused: [0; 3],
    }
}

/// The longest of the packets, which the program makes all of them from.
pub(crate) fn longest() -> Vec<u8> {
    let (client, server) = traffic::flow(0);
    traffic::tcp(client, server, ACK | PUSH, 1, PAYLOAD.into())
}

#[cfg(test)]
mod tests;
