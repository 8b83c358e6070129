//! The Ethernet segment as a whole: how many new MAC addresses send.
//!
//! A switch keeps some thousands of addresses. A MAC flood fills its table with frames from ever new ones. None of these is
//! remarkable by itself; only their number is.

mod state;

use std::io;

use bytemuck::{Pod, Zeroable};
use nad_common::record::PacketRecord;

use super::{
    Sizes, Subject,
    decay::Decay,
    hash::HashKey,
    host::TickCount,
    host_key::HostKey,
    kinds::{End, SubjectKind},
    partition::Moment,
    subject::{Identity, Judged, Parties, Verdict},
    weight::Volume,
};

pub(super) use state::SegmentsState;

/// Bits of a Bloom filter (CACM 1970) of the addresses that have sent.
const BITS: usize = 1 << 19;
/// Bits that are set at most before a new filter takes its turn.
const FULL: u32 = BITS as u32 / 2;
/// Nanoseconds after which it takes its turn anyhow: an address is forgotten after one to two of these.
const WINDOW_NS: u64 = 3_600_000_000_000;
/// Addresses that need no look into the filter.
const RECENT: usize = 256;
/// Nanoseconds after the first packet in which every address is new.
const SETTLING_NS: u64 = 60_000_000_000;

/// All senders of the segment, as one subject.
#[derive(Debug)]
pub enum Segment {}

/// What is known of it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SegmentState {
    /// New senders, over 10 s and over 60 s.
    pub new_10: f32,
    /// See `new_10`.
    pub new_60: f32,
    last_ns: u64,
    /// Packets of new senders in the last tick.
    count: TickCount,
}

impl SegmentState {
    fn fade(&mut self, now_ns: u64) {
        let decay = Decay::after(now_ns.saturating_sub(self.last_ns));
        self.new_10 *= decay.ten;
        self.new_60 *= decay.minute;
        self.last_ns = now_ns.max(self.last_ns);
    }
}

/// Addresses that have sent: two Bloom filters that take turns.
#[derive(Debug)]
struct Filter {
    current: Vec<u64>,
    previous: Vec<u64>,
    set: u32,
    began_ns: u64,
}

impl Filter {
    /// Adds an address by its hash; whether it is new.
    fn add(&mut self, hash: u64, now_ns: u64) -> bool {
        if self.set >= FULL || now_ns.saturating_sub(self.began_ns) >= WINDOW_NS {
            std::mem::swap(&mut self.current, &mut self.previous);
            self.current.fill(0);
            (self.set, self.began_ns) = (0, now_ns);
        }
        let mut is_there = [true; 2];
        for part in [hash, hash >> 32] {
            let bit = part as usize % BITS;
            let (word, mask) = (bit / 64, 1 << (bit % 64));
            is_there[0] &= self.current[word] & mask != 0;
            is_there[1] &= self.previous[word] & mask != 0;
            self.set += u32::from(self.current[word] & mask == 0);
            self.current[word] |= mask;
        }
        is_there == [false; 2]
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Segments {
    state: SegmentState,
    seen: Filter,
    /// Addresses that the current filter has, by their last byte.
    recent: Vec<u64>,
    began_ns: Option<u64>,
}

impl SubjectKind for Segments {
    type Part = ();

    fn new(_: &Sizes) -> io::Result<Self> {
        let bits = || vec![0; BITS / 64];
        Ok(Self {
            state: SegmentState::zeroed(),
            seen: Filter { current: bits(), previous: bits(), set: 0, began_ns: 0 },
            recent: vec![0; RECENT],
            began_ns: None,
        })
    }

    #[inline]
    fn observe(&mut self, record: &PacketRecord, hash_key: &HashKey, moment: Moment) -> f32 {
        let [a, b, c, d, e, f] = record.source_mac;
        let mac = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let recent = &mut self.recent[usize::from(f) % RECENT];
        if *recent != mac && mac != 0 {
            *recent = mac;
            self.come(mac, record.length, hash_key, moment);
        }
        0.0
    }

    fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict) {
        let is_settled = self.began_ns.is_some_and(|began_ns| end.ns.saturating_sub(began_ns) >= SETTLING_NS);
        if is_settled && self.state.count.tick == end.tick as u32 {
            let mut state = self.state;
            state.fade(end.ns);
            visit(Subject::Segment(&state));
        }
    }
}

impl Segments {
    fn come(&mut self, mac: u64, length: u32, hash_key: &HashKey, moment: Moment) {
        let began_ns = *self.began_ns.get_or_insert(moment.ns);
        let turned_ns = self.seen.began_ns;
        let is_new = self.seen.add(hash_key.hash([mac]), moment.ns);
        if self.seen.began_ns != turned_ns {
            self.recent.fill(0);
        }
        if is_new && moment.ns.saturating_sub(began_ns) >= SETTLING_NS {
            self.state.fade(moment.ns);
            self.state.new_10 += 1.0;
            self.state.new_60 += 1.0;
            self.state.count.count(moment.tick as u32, length, Volume::default());
        }
    }
}

impl Judged for Segment {
    type State = SegmentState;

    fn principal(_: &SegmentState) -> HostKey {
        everybody()
    }

    fn parties(_: &SegmentState) -> Parties {
        Parties { target: Some(everybody()), ..Parties::default() }
    }

    fn cap_target(_: &SegmentState) -> HostKey {
        everybody()
    }

    fn volume(segment: &SegmentState) -> (u64, u64) {
        (segment.count.packets.into(), segment.count.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (None, parties.target, None)
    }

    fn name(_: &SegmentState) -> String {
        "the network".into()
    }

    fn is_target_of_many(_: &SegmentState) -> bool {
        true
    }
}

/// The broadcast address stands for all hosts of the segment.
fn everybody() -> HostKey {
    HostKey::mac([0xff; 6])
}
