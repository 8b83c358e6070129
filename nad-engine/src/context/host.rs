//! One host: what it does as the one who begins, and what is done to it.

mod explore;
mod macs;
mod merge;
mod peers;
mod sketches;
mod subject;

use bytemuck::{Pod, Zeroable};
use nad_common::record::{PacketRecord, flag};

use super::{
    active::Turn,
    decay::{Decay, FADE_STEP_NS},
    flow::FlowStep,
    host_key::HostKey,
    icmp,
    known::ServiceKey,
    malformed::is_malformed,
    table::Entry,
    weight::{Volume, Weight},
};
pub use explore::Exploration;
pub use macs::{MacProof, Macs};
use peers::Majority;
pub(in crate::context) use peers::Recent;
use sketches::{Sketch, Sketches, Windows};
pub use subject::{Source, Target};

/// What is known of one host: its share in a partition, or all of it at a second's end. Counts fade over the time in their names, in seconds.
///
/// What every packet changes comes first, on [`HostState::HOT_BYTES`], and what few hosts have last, after `WARM_BYTES`.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct HostState {
    /// The host.
    pub key: HostKey,
    /// When it was first seen, in nanoseconds.
    pub first_ns: u64,
    /// Up to when its counts have faded: less than [`FADE_STEP_NS`] before it was last seen.
    pub last_ns: u64,
    /// Flows that it opened.
    pub opened_10: f32,
    /// Its flows that were refused, given up, or reported as unreachable.
    pub failed_10: f32,
    /// See `failed_10`.
    pub failed_60: f32,
    /// Its flows that have no answer so far.
    pub waiting_10: f32,
    /// Flows that it opened to services that were not known.
    pub unfamiliar_60: f32,
    /// Packets that it sent in flows that it began and that are not established.
    pub stray_10: f32,
    /// ICMP packets that it sent, errors left out.
    pub icmp_10: f32,
    /// All packets that it sent and received.
    pub sent_1: f32,
    /// See `sent_1`.
    pub sent_10: f32,
    /// See `sent_1`.
    pub received_10: f32,
    /// Flows that others opened to it.
    pub asked_10: f32,
    /// TCP connections among them.
    asked_tcp_10: f32,
    /// Flows that others opened to it and that are not established so far.
    pub half_open_10: f32,
    /// Flows that it refused, or that were given up on it.
    pub turned_away_10: f32,
    /// Packets to it in flows that others began and that are not established, the first of each left out.
    pub pressed_10: f32,
    /// ICMP packets to it, errors left out.
    pub icmp_in_10: f32,
    /// Packets that it sent which are malformed, or whose TCP flags make no sense together.
    pub malformed_10: f32,
    /// Fragments and packets with IP options that it sent.
    pub unusual_headers_10: f32,
    /// How far out it was as source and as target when it was last visited: -log10 of the probability.
    pub source_level: f32,
    /// See `source_level`.
    pub target_level: f32,
    /// Bit 0: it took part in an exchange both ways.
    marks: u32,
    /// TCP connections among the flows that it opened.
    opened_tcp_10: f32,
    /// What other partitions counted of the host up to the last second's end.
    elsewhere: Elsewhere,
    /// ICMP errors to it.
    errors_10: f32,
    /// What went on in the flows that it began, and in those that others began to it.
    pub begun: TickCount,
    /// See `begun`.
    pub asked: TickCount,
    /// Where its packets come from.
    pub macs: Macs,
    /// Up to when its sketches are.
    windows: Windows,
    /// Whom it mostly began flows with lately.
    pub favourite: Majority,
    /// Who was behind most of what presses on it: flows that nobody went on with, and packets in them.
    presser: Majority,
    /// Who sent most of the pings to it.
    pinger: Majority,
    /// The last different hosts that it began flows with, and that began flows with it.
    recent_targets: Recent,
    /// See `recent_targets`.
    recent_sources: Recent,
    /// What it did lately that it is not known to do.
    sketches: Sketches,
}

/// The counts of a host's other states that the packets here are judged by.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
struct Elsewhere {
    opened_10: f32,
    failed_10: f32,
    stray_10: f32,
}

/// Packets and bytes both ways in one tick.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct TickCount {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u32,
    /// The tick.
    pub tick: u32,
}

impl TickCount {
    /// Whether further packets can be counted.
    pub(super) fn is_sound(&self) -> bool {
        self.bytes <= u64::MAX / 2
    }

    /// Counts a packet, and more like it, in a tick.
    #[inline]
    pub fn count(&mut self, tick: u32, length: u32, more: Volume) -> Turn {
        let is_first = self.tick != tick;
        if is_first {
            *self = Self { bytes: 0, packets: 0, tick };
        }
        let before = self.packets;
        self.packets = before.saturating_add(1).saturating_add(more.packets);
        self.bytes += u64::from(length) + u64::from(more.bytes);
        Turn::of(is_first, before, self.packets)
    }
}

const REAL: u32 = 1;

const PROTOCOL_TCP: u8 = 6;

impl Entry for HostState {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.key
    }

    fn begin(key: HostKey) -> Self {
        Self { key, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.marks & REAL != 0
    }
}

impl HostState {
    /// Bytes from the beginning on that every packet needs.
    pub const HOT_BYTES: usize = std::mem::offset_of!(Self, windows);

    /// Bytes from the beginning on that belong to hosts whose sketches are over.
    pub(in crate::context) const WARM_BYTES: usize = std::mem::offset_of!(Self, sketches);

    /// Takes a packet into account that this host sent to a peer; a state that is zero but for its key is one that begins
    /// with it.
    pub fn send(
        &mut self,
        peer: HostKey,
        record: &PacketRecord,
        step: &FlowStep,
        is_real: bool,
        now_ns: u64,
    ) {
        self.come(now_ns);
        self.fade(now_ns);
        self.macs.note(record);
        let weight = Weight::of(record);
        let (packets, flows) = (weight.sent(), weight.source_flows());
        self.sent_1 += packets;
        self.sent_10 += packets;
        self.marks |= u32::from(is_real);
        self.malformed_10 += if is_malformed(record) { flows } else { 0.0 };
        // Group management carries a router alert by rule (RFC 3376, RFC 3810).
        let is_unusual =
            record.flags & (flag::FRAGMENT | flag::IP_OPTIONS) != 0 && !icmp::is_group_management(record);
        self.unusual_headers_10 += if is_unusual { flows } else { 0.0 };
        if step.from_initiator {
            self.icmp_10 += if icmp::is_ping(record) { packets } else { 0.0 };
            if step.is_stray {
                self.stray_10 += packets * share_of_group(record);
            }
            if step.aborted {
                self.failed_10 += flows;
                self.failed_60 += flows;
            }
        } else if step.refused || step.established {
            // What has no handshake is established by its answer.
            self.half_open_10 = (self.half_open_10 - flows).max(0.0);
            if step.refused {
                self.turned_away_10 += flows;
            } else {
                self.presser.retract(peer, flows);
            }
        }
    }

    /// Takes a packet into account that this host received from a peer.
    pub fn receive(
        &mut self,
        peer: HostKey,
        record: &PacketRecord,
        step: &FlowStep,
        is_real: bool,
        now_ns: u64,
    ) {
        self.come(now_ns);
        self.fade(now_ns);
        let weight = Weight::of(record);
        let (packets, flows) = (weight.received(), weight.target_flows());
        self.received_10 += packets;
        if !step.from_initiator {
            self.marks |= u32::from(is_real);
            if step.answered || step.refused {
                self.waiting_10 = (self.waiting_10 - flows).max(0.0);
            }
            if step.refused {
                self.failed_10 += flows;
                self.failed_60 += flows;
            }
            return;
        }
        if icmp::is_ping(record) {
            self.icmp_in_10 += packets;
            self.pinger.vote(peer, 0, packets, now_ns);
        }
        if step.is_stray && !step.opened {
            self.pressed_10 += packets;
            self.presser.vote(peer, record.destination_port, packets, now_ns);
        }
        if step.established || step.aborted {
            self.half_open_10 = (self.half_open_10 - flows).max(0.0);
        }
        if step.established {
            self.presser.retract(peer, flows);
        }
        if step.aborted {
            self.turned_away_10 += flows;
        }
    }

    /// Whether pings are what presses on it most.
    pub fn is_pressed_by_pings(&self) -> bool {
        self.icmp_in_10 > (self.half_open_10 + self.turned_away_10).max(self.pressed_10)
    }

    /// Who presses on it, where one does most of it.
    pub fn presser(&self) -> Option<HostKey> {
        let majority = if self.is_pressed_by_pings() { &self.pinger } else { &self.presser };
        majority.winner().map(|(host, _)| host)
    }

    /// This host opened a flow to a service, and `more` like it to whomever.
    pub fn open(&mut self, service: &ServiceKey, more: u32, now_ns: u64) {
        let flows = 1.0 + more as f32;
        self.opened_10 += flows;
        self.opened_tcp_10 += if service.protocol == PROTOCOL_TCP { flows } else { 0.0 };
        self.waiting_10 += flows;
        self.favourite.vote(service.server, service.port, 1.0, now_ns);
        self.recent_targets.add(service.server);
    }

    /// A client opened a flow to this host, and whoever else `more` like it.
    pub fn be_asked(&mut self, client: HostKey, service: &ServiceKey, more: u32, now_ns: u64) {
        let flows = 1.0 + more as f32;
        self.asked_10 += flows;
        self.asked_tcp_10 += if service.protocol == PROTOCOL_TCP { flows } else { 0.0 };
        self.half_open_10 += flows;
        self.presser.vote(client, service.port, 1.0, now_ns);
        self.presser.add_others(more as f32);
        self.recent_sources.add(client);
    }

    /// Something that this host sent could not be delivered.
    pub fn be_unreached(&mut self) {
        self.failed_10 += 1.0;
        self.failed_60 += 1.0;
        self.waiting_10 = (self.waiting_10 - 1.0).max(0.0);
    }

    /// Lets counts fade up to a moment.
    pub fn fade(&mut self, now_ns: u64) {
        let Some(decay) = self.decay(now_ns) else { return };
        self.sent_1 *= decay.second;
        let Elsewhere { opened_10, failed_10, stray_10 } = &mut self.elsewhere;
        for count in [opened_10, failed_10, stray_10] {
            *count *= decay.ten;
        }
        for count in self.counts_10_mut() {
            *count *= decay.ten;
        }
        self.failed_60 *= decay.minute;
        self.unfamiliar_60 *= decay.minute;
        self.last_ns = now_ns;
    }

    /// By how much counts fade up to a moment, where it is time for it.
    #[inline]
    fn decay(&self, now_ns: u64) -> Option<Decay> {
        let age = now_ns.checked_sub(self.last_ns).filter(|age| *age >= FADE_STEP_NS)?;
        Some(Decay::after(age))
    }

    /// Flows that it opened and that were refused, given up, unreachable or not answered so far.
    pub fn unsuccessful_10(&self) -> f32 {
        self.failed_10 + self.waiting_10
    }

    /// Whether the flows that it opened were mostly TCP connections.
    pub fn opens_mostly_tcp(&self) -> bool {
        self.opened_tcp_10 > 0.5 * self.opened_10
    }

    /// Whether the flows that others opened to it were mostly TCP connections.
    pub fn is_asked_mostly_tcp(&self) -> bool {
        self.asked_tcp_10 > 0.5 * self.asked_10
    }

    /// The last few hosts that it began flows with.
    pub fn recent_targets(&self) -> impl Iterator<Item = HostKey> {
        self.recent_targets.iter()
    }

    /// The last few hosts that began flows with it.
    pub fn recent_sources(&self) -> impl Iterator<Item = HostKey> {
        self.recent_sources.iter()
    }

    fn come(&mut self, now_ns: u64) {
        if self.last_ns == 0 {
            self.last_ns = now_ns;
            if self.first_ns == 0 {
                self.first_ns = now_ns;
            }
        }
    }
}

/// How much a packet outside of any flow counts: groups never answer, and what is announced to them is repeated.
fn share_of_group(record: &PacketRecord) -> f32 {
    if record.flags & (flag::LINK_BROADCAST | flag::LINK_MULTICAST) != 0 { 1.0 / 16.0 } else { 1.0 }
}

#[cfg(test)]
mod tests;
