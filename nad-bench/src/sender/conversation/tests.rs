use std::collections::{HashMap, HashSet};

use bytemuck::Zeroable as _;
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::{Addresses, PacketRecord},
};
use nad_engine::context::table::Entry as _;

use super::*;
use crate::{
    bpf::{
        XDP_DROP, XDP_TX,
        interpreter::Machine,
        sending::{self, SenderState, Shared},
    },
    scoring::vectors,
};

/// Maps by their descriptors, as the machine has them.
const SHARED: i32 = 1;
const TABLE: i32 = 2;

/// The sending program, with the same table as the kernel's.
struct Sending {
    machine: Machine,
    code: Vec<u64>,
    entries: usize,
}

impl Sending {
    fn new(table: impl Iterator<Item = Entry>, entries: u32, state: SenderState) -> Self {
        let shared = Shared { state, steps: steps() };
        let maps = vec![bytemuck::bytes_of(&shared).to_vec(), Vec::new()];
        let code = sending::code(SHARED, TABLE, entries).unwrap();
        let mut sending = Self { machine: Machine::new(longest(), maps), code, entries: entries as usize };
        sending.fill(table);
        sending
    }

    fn fill(&mut self, table: impl Iterator<Item = Entry>) {
        let table: Vec<Entry> = table.take(self.entries).collect();
        self.machine.maps[TABLE as usize - 1] = bytemuck::cast_slice(&table).to_vec();
    }

    /// The frames of a round.
    fn round(&mut self) -> Vec<Vec<u8>> {
        (0..self.entries).map(|_| self.frame()).collect()
    }

    fn frame(&mut self) -> Vec<u8> {
        let (result, length) = self.machine.run(&self.code);
        assert_eq!(result, XDP_TX as u64);
        self.machine.frame[..length].to_vec()
    }
}

fn endless() -> SenderState {
    SenderState { remaining: u64::MAX, ..SenderState::default() }
}

/// The handshakes of all flows and so many rounds, as records a hundred microseconds apart.
fn conversations(flows: u32, rounds_after: usize) -> Vec<PacketRecord> {
    let mut sending = Sending::new(beginnings(flows), flows * ENTRIES_PER_FLOW, endless());
    let mut frames = sending.round();
    sending.fill(rounds(flows));
    frames.extend((0..rounds_after).flat_map(|_| sending.round()));
    read(&frames)
}

fn read(frames: &[Vec<u8>]) -> Vec<PacketRecord> {
    let record = |(number, frame): (u64, &Vec<u8>)| {
        let mut record = PacketRecord::zeroed();
        let length = frame.len() as u32;
        let stamp = Stamp { time_ns: 1_000_000_000_000 + number * 100_000, length, ..Stamp::default() };
        parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).unwrap();
        assert_eq!(record.defect(), None, "{frame:02x?}");
        record
    };
    (0..).zip(frames).map(record).collect()
}

/// The addresses and ports of a packet, whoever sent it.
fn flow_of(record: &PacketRecord) -> String {
    let Addresses::V4(from, to) = record.addresses() else { panic!("{record:?}") };
    let mut ends = [(from, record.source_port), (to, record.destination_port)].map(|end| format!("{end:?}"));
    ends.sort();
    format!("{} {}", record.protocol, ends.join(" "))
}

#[test]
fn every_flow_becomes_real_and_says_nothing_twice() {
    const FLOWS: u32 = 512;
    let records = conversations(FLOWS, 5);
    let mut context = vectors::context().unwrap();
    let (mut packets, mut real) = (0, HashSet::new());
    vectors::each_seen(&mut context, &records, |record, seen| {
        packets += 1;
        assert!(!seen.step.repeat, "{record:?}");
        assert!(!seen.flow.is_midstream());
        if seen.flow.is_real() {
            real.insert(flow_of(record));
        }
        // The handshakes are the first packets; whatever follows belongs to a flow that is real.
        assert!(seen.flow.is_real() || packets <= 4 * FLOWS, "{record:?}");
    });
    assert_eq!((packets, real.len()), (24 * FLOWS, FLOWS as usize));
    let counts = context.counts();
    assert_eq!(counts.overruns(), 0, "{counts:?}");
}

#[test]
fn each_side_goes_on_where_it_ended_and_acknowledges_all_that_the_other_has_sent() {
    let mut next: HashMap<(String, u16), u32> = HashMap::new();
    for record in conversations(64, 3).iter().filter(|record| record.protocol == TCP) {
        let own = (flow_of(record), record.source_port);
        let other = (flow_of(record), record.destination_port);
        if let Some(expected) = next.get(&own) {
            assert_eq!(record.tcp_sequence, *expected, "{record:?}");
        }
        if record.tcp_flags & ACK != 0 {
            assert_eq!(record.tcp_acknowledgement, next[&other], "{record:?}");
        } else {
            assert_eq!(record.tcp_acknowledgement, 0);
        }
        let carried = u32::from(record.payload_length) + u32::from(record.tcp_flags & SYN != 0);
        next.insert(own, record.tcp_sequence.wrapping_add(carried));
    }
    assert_eq!(next.len(), 2 * 56, "an eighth is UDP");
}

#[test]
fn packets_of_both_sides_have_the_lengths_of_what_they_say() {
    let records = conversations(64, 1);
    let mut kinds: HashMap<(u8, u8, u16, u32), u32> = HashMap::new();
    for record in &records {
        let headers = if record.protocol == TCP { 54 } else { 42 };
        assert_eq!(u32::from(record.payload_length) + headers, record.length, "{record:?}");
        *kinds
            .entry((record.protocol, record.tcp_flags, record.payload_length, record.length))
            .or_default() += 1;
    }
    let tcp = [
        ((TCP, SYN, 0, 54), 56),
        ((TCP, SYN | ACK, 0, 54), 56),
        ((TCP, ACK, 0, 54), 2 * 56),
        ((TCP, ACK | PUSH, PAYLOAD, 454), 4 * 56),
    ];
    let udp = [((UDP, 0, QUESTION, 134), 32), ((UDP, 0, ANSWER, 454), 32)];
    assert_eq!(kinds, tcp.into_iter().chain(udp).collect());
}

#[test]
fn a_side_has_one_mac_address_and_the_other_side_sends_to_it() {
    let mut macs: HashMap<[u8; 4], HashSet<u8>> = HashMap::new();
    let mut sending = Sending::new(beginnings(64), 256, endless());
    for frame in sending.round() {
        for (address, mac) in [(26, 11), (30, 5)] {
            let address = frame[address..][..4].try_into().unwrap();
            macs.entry(address).or_default().insert(frame[mac]);
        }
    }
    let client = |address: &[u8; 4]| address[0] == 10;
    let [of_clients, of_servers] = traffic::LAST_OF_MACS;
    for (address, macs) in &macs {
        let expected = if client(address) { of_clients } else { of_servers };
        assert_eq!(macs, &HashSet::from([expected]), "{address:?}");
    }
}

#[test]
fn a_flood_asks_anew_in_each_round_and_makes_nothing_real() {
    let mut sending = Sending::new(flood(), 256, endless());
    let frames: Vec<_> = (0..2).flat_map(|_| sending.round()).collect();
    let records = read(&frames);
    assert!(records.iter().all(|record| record.tcp_flags == SYN && record.payload_length == 0));
    let mut context = vectors::context().unwrap();
    vectors::each_seen(&mut context, &records, |record, seen| {
        assert!(!seen.step.repeat && !seen.flow.is_real(), "{record:?}");
    });
}

#[test]
fn what_is_not_due_yet_is_dropped_and_what_was_sent_is_counted() {
    let state = SenderState { remaining: 3, interval: 1_000 << sending::FRACTION, ..SenderState::default() };
    let mut sending = Sending::new(rounds(1), 4, state);
    let mut sent = Vec::new();
    for now_ns in [5_000, 5_001, 5_999, 6_000, 9_000, 9_001, 9_002] {
        sending.machine.now_ns = now_ns;
        let (result, _) = sending.machine.run(&sending.code);
        assert!([XDP_TX, XDP_DROP].map(|result| result as u64).contains(&result));
        if result == XDP_TX as u64 {
            sent.push(now_ns);
        }
    }
    assert_eq!(sent, [5_000, 6_000, 9_000], "the fourth would be due, but there are no more");
    let state: SenderState = *bytemuck::from_bytes(&sending.machine.maps[0][..size_of::<SenderState>()]);
    assert_eq!((state.sent, state.place, state.remaining), (3, 3, 0));
    assert_eq!((state.first_ns, state.last_ns), (5_000, 9_000));
}
