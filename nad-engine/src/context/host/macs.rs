//! Which MAC addresses a host's packets come from, and where they were seen.

use bytemuck::{Pod, Zeroable};
use nad_common::record::PacketRecord;

use crate::{
    context::{flow::FlowStep, subject::Place},
    presentation,
};

/// MAC addresses that a host has at a time: behind several routers, or with several cards.
const MOST_MACS: usize = 4;
/// Another MAC address takes the place of one that was silent for this many seconds.
const MAC_SILENCE_S: u32 = 60;

const PROTOCOL_TCP: u8 = 6;
/// An interface's index in a place; the VLAN id's 12 bits are above it.
const INTERFACE_BITS: u32 = 20;
const MOST_INTERFACE: u32 = (1 << INTERFACE_BITS) - 1;

/// See the module.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct Macs {
    /// Those of packets in flows that showed that the host sent them; zero where there is none.
    shown: [[u8; 6]; MOST_MACS],
    /// That of the last packet.
    last: [u8; 6],
    /// Which of the shown ones a further one takes the place of.
    next: u16,
    /// When a packet last came from the first of the shown ones, in seconds.
    last_s: u32,
    /// Where the last packet was seen, see [`packed`].
    place: u32,
}

/// What a packet shows of whether the MAC address that it came from belongs to its source address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacProof {
    /// Nothing.
    Nothing,
    /// Its flow was answered. Whoever forges an address gets that far, so it shows something only where nothing is known.
    Answered,
    /// It answers, and so its sender may have received what was asked, or have guessed the ports: it takes the place of one
    /// that has been silent.
    Answering,
    /// Its sender received what was sent to the address.
    Proven,
}

impl MacProof {
    /// What a packet shows, by what it did to its flow, and whether that is real.
    #[inline]
    pub fn of(record: &PacketRecord, step: &FlowStep, is_real: bool) -> Self {
        match (record.protocol == PROTOCOL_TCP, step.proven, is_real) {
            (true, true, _) => Self::Proven,
            (false, true, _) => Self::Answering,
            (false, false, true) => Self::Answered,
            _ => Self::Nothing,
        }
    }
}

impl Macs {
    /// Notes where a packet came from, whatever that shows.
    #[inline]
    pub(super) fn note(&mut self, record: &PacketRecord) {
        self.last = record.source_mac;
        self.place = packed(record);
    }

    /// Where its last packet was seen.
    pub fn place(&self) -> Place {
        let vlan = (self.place >> INTERFACE_BITS) as u16;
        Place { interface: self.place & MOST_INTERFACE, vlan: Some(vlan).filter(|vlan| *vlan != 0) }
    }

    /// Whether a packet of the host's address came from another MAC address than its packets come from.
    #[inline]
    pub fn is_foreign(&self, mac: [u8; 6]) -> bool {
        mac != [0; 6] && self.shown[0] != [0; 6] && !self.shown.contains(&mac)
    }

    /// Where its packets come from: as was shown, or else where the last one came from; `None` where the link has no
    /// MAC addresses.
    pub fn first(&self) -> Option<[u8; 6]> {
        let shown = self.shown[0];
        Some(if shown == [0; 6] { self.last } else { shown }).filter(|mac| *mac != [0; 6])
    }

    /// A packet came from this address and a MAC address; whether something is known by it that was not.
    #[inline]
    pub fn learn(&mut self, mac: [u8; 6], proof: MacProof, now_ns: u64) -> bool {
        if mac == [0; 6] {
            return false;
        }
        let now_s = (now_ns / 1_000_000_000) as u32;
        if mac == self.shown[0] {
            self.last_s = now_s;
            return false;
        }
        let is_first = self.shown[0] == [0; 6];
        let is_silent = now_s.saturating_sub(self.last_s) > MAC_SILENCE_S;
        match proof {
            MacProof::Answered | MacProof::Answering | MacProof::Proven if is_first => {
                (self.shown[0], self.last_s) = (mac, now_s);
            }
            MacProof::Answering | MacProof::Proven if is_silent => {
                // Who had it before may come back.
                let before = std::mem::replace(&mut self.shown[0], mac);
                self.last_s = now_s;
                match self.shown[1..].iter_mut().find(|known| **known == mac) {
                    Some(known) => *known = before,
                    None => self.add(before),
                }
            }
            MacProof::Proven if !self.shown.contains(&mac) => self.add(mac),
            _ => return false,
        }
        true
    }

    /// Takes what a partition, which knew the same at the last second's end, has heard of the host since: up to when from its
    /// first MAC address, and from where last, where no other has heard of it later.
    pub(in crate::context) fn hear(&mut self, part: &Self, is_newest: bool) {
        if part.shown[0] == self.shown[0] {
            self.last_s = self.last_s.max(part.last_s);
        }
        if is_newest {
            (self.last, self.place) = (part.last, part.place);
        }
    }

    fn add(&mut self, mac: [u8; 6]) {
        self.shown[1 + usize::from(self.next) % (MOST_MACS - 1)] = mac;
        self.next = self.next.wrapping_add(1);
    }
}

/// Where a packet was seen, in a word. An index that is too large is not known; VLAN 0 is none (a tag of priority alone).
#[inline]
fn packed(record: &PacketRecord) -> u32 {
    let vlan = presentation::vlan(record).unwrap_or(0);
    let interface = if record.interface > MOST_INTERFACE { 0 } else { record.interface };
    u32::from(vlan) << INTERFACE_BITS | interface
}
