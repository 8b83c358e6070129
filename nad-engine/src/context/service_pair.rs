//! A client-service pair: all flows of one client to one port of one server.
//!
//! Brute force, slow requests, uploads, tunnels and beacons show here, where neither a single flow nor the whole
//! host stands out.

mod look_ups;
mod outflow;
mod said;
mod subject;

use bytemuck::{Pod, Zeroable};
use nad_common::record::{PacketRecord, flag};

use super::{
    active::Turn,
    decay::{Decay, FADE_STEP_NS, step_mean},
    flow::FlowStep,
    host_key::HostKey,
    known::{FirstContact, Novelty, ServiceKey},
    table::Entry,
    weight::Weight,
};
use crate::payload::HeadFacts;

pub(super) use outflow::Outflow;
use outflow::Visited;
pub use said::SaidCounts;
pub(super) use subject::ServicePairs;
pub use subject::{JudgedPair, ServicePair};

const PROTOCOL_TCP: u8 = 6;

/// A pause of the client of this many seconds: what it sends next begins another interval.
const PAUSE_S: f32 = 1.0;
/// An interval is regular when it differs from the mean interval by at most this part of it.
const REGULAR: f32 = 0.4;
/// Intervals from which on it is known how regular they are.
const FEWEST_INTERVALS: f32 = 3.0;
/// The least deviation that is told apart.
const LEAST_SPREAD: f32 = 0.02;
/// Intervals over which the mean is taken.
const AVERAGED_INTERVALS: f32 = 8.0;

/// What is known of a client-service pair. Counts fade over the time in their names, in seconds.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ServicePairState {
    /// The client.
    pub client: HostKey,
    /// The server.
    pub server: HostKey,
    /// When it began, and up to when its counts have faded, in nanoseconds.
    pub first_ns: u64,
    /// See `first_ns`.
    pub last_ns: u64,
    /// Bytes both ways in the tick in which it was active last.
    pub tick_bytes: u64,
    /// When the client last sent payload.
    client_spoke_ns: u64,
    /// When the last interval began.
    interval_began_ns: u64,
    /// Flows that were opened.
    pub opened_10: f32,
    /// See `opened_10`.
    pub opened_60: f32,
    /// Flows that were refused, given up before the handshake, or not answered so far.
    pub failed_10: f32,
    /// Flows that are waiting for an answer.
    waiting_10: f32,
    /// Established TCP connections that have not ended.
    pub open_now: f32,
    /// Client payload that follows server payload, or begins a flow: a request.
    pub turns_10: f32,
    /// Packets of the client.
    pub sent_1: f32,
    /// Bytes of payload from the client.
    pub up_60: f32,
    /// Bytes of payload from the server.
    pub down_60: f32,
    /// The mean interval in seconds.
    pub interval_mean: f32,
    /// How many intervals in a row were regular.
    pub regular_intervals: f32,
    /// By how many bits the intervals speak for a clock and against chance.
    pub regularity_bits: f32,
    /// Mean deviation of an interval from their mean, as a part of that.
    interval_spread: f32,
    /// Intervals begun so far.
    interval_count: f32,
    /// Bytes of payload, both ways, since the last interval began, and their mean.
    interval_bytes: f32,
    /// See `interval_bytes`.
    pub interval_bytes_mean: f32,
    /// DNS queries.
    pub queries_10: f32,
    /// Bytes of a queried name, mean of the last ones.
    pub name_length: f32,
    /// The part of queries for types that hosts seldom ask for, likewise.
    pub rare_types: f32,
    /// Queries so far.
    query_count: f32,
    /// The part of responses that say there is no such name, likewise.
    pub no_such_name: f32,
    /// How far out it was when it was last visited: -log10 of the probability.
    pub anomaly_level: f32,
    /// Packets both ways in the tick in which it was active last.
    pub tick_packets: u32,
    /// Tick in which it was active last.
    pub active_tick: u32,
    /// Port of the service.
    pub port: u16,
    /// IP protocol.
    pub protocol: u8,
    /// Bit 0: answered; bit 1: the server spoke last; bit 2: to meet the server is the client's work; bit 3: the client called
    /// back; bit 4: its pace is one that the client had elsewhere before.
    marks: u8,
    /// [`Novelty`], as of its last flow.
    novelty: u8,
    padding: [u8; 3],
    /// Hours between two first contacts such as this pair's was, on this network; it fades over a minute.
    pub contact_60: f32,
    /// The same of all that the client had within minutes.
    pub contacts_60: f32,
    /// Answers that a name does not exist, those to reverse look-ups left out.
    pub missing_60: f32,
    /// Bytes of queried names beyond [`Self::USUAL_NAME`] each, those of reverse look-ups left out.
    pub long_names_60: f32,
    /// What is said in the clear.
    pub said: SaidCounts,
    /// What was sent by its last visit.
    visited: Visited,
}

const ANSWERED: u8 = 1;
const SERVER_SPOKE_LAST: u8 = 2;
const WORK: u8 = 4;
const CALLED_BACK: u8 = 8;
const USUAL_PACE: u8 = 16;

/// What identifies a client-service pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServicePairKey {
    /// The client.
    pub client: HostKey,
    /// The service.
    pub service: ServiceKey,
}

impl Entry for ServicePairState {
    type Key = ServicePairKey;

    fn key(&self) -> ServicePairKey {
        ServicePairKey { client: self.client, service: self.service() }
    }

    fn begin(ServicePairKey { client, service }: ServicePairKey) -> Self {
        let ServiceKey { server, port, protocol } = service;
        Self { client, server, port, protocol, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.marks & ANSWERED != 0
    }
}

impl ServicePairState {
    /// Bytes that nearly every name has at most.
    pub const USUAL_NAME: f32 = 48.0;

    /// Takes one packet into account; a state that is zero but for its key is one that begins with it.
    pub fn update(&mut self, record: &PacketRecord, step: &FlowStep, now_ns: u64) {
        if self.last_ns == 0 {
            (self.first_ns, self.last_ns) = (now_ns, now_ns);
        }
        self.fade(now_ns);
        self.count_flows(step);
        let more = Weight::of(record).flow();
        let payload = f32::from(record.payload_length) + more.payload(record);
        if step.from_initiator {
            self.sent_1 += 1.0 + more.packets as f32;
            self.up_60 += payload;
        } else {
            self.down_60 += payload;
        }
        self.interval_bytes += payload;
        if record.payload_length > 0 && !step.repeat {
            self.speak(step, now_ns);
        }
        if record.has(flag::DNS) {
            self.count_names(record);
        }
    }

    /// Takes what a packet's head says into account.
    pub(super) fn hear(&mut self, facts: &HeadFacts, step: &FlowStep, now_ns: u64) {
        self.said.count(facts, step, now_ns);
    }

    /// Counts a packet in a tick.
    #[inline]
    pub fn count(&mut self, tick: u32, record: &PacketRecord) -> Turn {
        let is_first = self.active_tick != tick;
        if is_first {
            (self.active_tick, self.tick_packets, self.tick_bytes) = (tick, 0, 0);
        }
        let more = Weight::of(record).flow();
        let before = self.tick_packets;
        self.tick_packets = before.saturating_add(1).saturating_add(more.packets);
        self.tick_bytes += u64::from(record.length) + u64::from(more.bytes);
        Turn::of(is_first, before, self.tick_packets)
    }

    /// Lets counts fade up to a moment.
    pub fn fade(&mut self, now_ns: u64) {
        let Some(age) = now_ns.checked_sub(self.last_ns).filter(|age| *age >= FADE_STEP_NS) else { return };
        let decay = Decay::after(age);
        self.sent_1 *= decay.second;
        for count in [
            &mut self.opened_10,
            &mut self.failed_10,
            &mut self.waiting_10,
            &mut self.turns_10,
            &mut self.queries_10,
        ] {
            *count *= decay.ten;
        }
        for count in [
            &mut self.opened_60,
            &mut self.up_60,
            &mut self.down_60,
            &mut self.contact_60,
            &mut self.contacts_60,
            &mut self.missing_60,
            &mut self.long_names_60,
        ] {
            *count *= decay.minute;
        }
        self.last_ns = now_ns;
    }

    /// Flows that failed or have had no answer so far.
    pub fn unsuccessful_10(&self) -> f32 {
        self.failed_10 + self.waiting_10
    }

    /// Flows that were answered and not refused: a client that tries again where nobody answers comes no further.
    pub fn successful_10(&self) -> f32 {
        (self.opened_10 - self.unsuccessful_10()).max(0.0)
    }

    /// The service.
    pub fn service(&self) -> ServiceKey {
        ServiceKey { server: self.server, port: self.port, protocol: self.protocol }
    }

    /// Whether the server ever answered.
    pub fn is_answered(&self) -> bool {
        self.marks & ANSWERED != 0
    }

    /// How new it was when its last flow began: a [`Novelty`].
    pub fn novelty(&self) -> f32 {
        self.novelty.into()
    }

    /// How new it is, where its server is new.
    pub(super) fn novelty_of_server(&self) -> Option<Novelty> {
        [Novelty::NewServer, Novelty::NewEverything].into_iter().find(|it| *it as u8 == self.novelty)
    }

    /// Notes how new it is.
    pub fn set_novelty(&mut self, novelty: Novelty) {
        self.novelty = novelty as u8;
    }

    /// Whether it was the client's work to meet the server, which its further flows need not show anew.
    pub fn is_work(&self) -> bool {
        self.marks & WORK != 0
    }

    /// Notes that it is.
    pub fn set_work(&mut self) {
        self.marks |= WORK;
    }

    /// Notes that it had its first exchange.
    pub(super) fn set_contact(&mut self, contact: &FirstContact) {
        (self.contact_60, self.contacts_60) = (contact.hours, contact.hours_together);
        self.marks |= if contact.calls_back { CALLED_BACK } else { 0 };
    }

    /// Notes that it had one more first contact of another kind, where that is rarer.
    pub(super) fn raise_contact(&mut self, contact: &FirstContact) {
        self.contact_60 = self.contact_60.max(contact.hours);
        self.contacts_60 = self.contacts_60.max(contact.hours_together);
    }

    /// Notes whether its intervals are as long as others of the client at such a port were before.
    pub(super) fn set_usual_pace(&mut self, is_usual: bool) {
        self.marks = self.marks & !USUAL_PACE | if is_usual { USUAL_PACE } else { 0 };
    }

    /// Whether its intervals are as long as others of the client at such a port were before.
    pub fn has_usual_pace(&self) -> bool {
        self.marks & USUAL_PACE != 0
    }

    /// Whether the server had just turned to the client when that turned to it.
    pub fn calls_back(&self) -> bool {
        self.marks & CALLED_BACK != 0
    }

    fn count_flows(&mut self, step: &FlowStep) {
        if step.opened {
            self.opened_10 += 1.0;
            self.opened_60 += 1.0;
            self.waiting_10 += 1.0;
        }
        if step.answered || step.refused {
            self.waiting_10 = (self.waiting_10 - 1.0).max(0.0);
        }
        if step.refused || step.aborted {
            self.failed_10 += 1.0;
        }
        if step.answered || step.established || step.joined {
            self.marks |= ANSWERED;
        }
        // Nothing says when a flow of another protocol ends.
        if step.established && self.protocol == PROTOCOL_TCP {
            self.open_now += 1.0;
        }
        if step.closed {
            self.open_now = (self.open_now - 1.0).max(0.0);
        }
    }

    fn speak(&mut self, step: &FlowStep, now_ns: u64) {
        if !step.from_initiator {
            self.marks |= SERVER_SPOKE_LAST;
            return;
        }
        if self.marks & SERVER_SPOKE_LAST != 0 || step.opened {
            self.turns_10 += 1.0;
        }
        self.marks &= !SERVER_SPOKE_LAST;
        let pause = now_ns.saturating_sub(self.client_spoke_ns) as f32 * 1e-9;
        if pause > PAUSE_S || self.client_spoke_ns == 0 {
            self.begin_interval(now_ns);
        }
        self.client_spoke_ns = now_ns;
    }

    fn begin_interval(&mut self, now_ns: u64) {
        if self.interval_count > 0.0 {
            let interval = now_ns.saturating_sub(self.interval_began_ns) as f32 * 1e-9;
            let is_regular = (interval - self.interval_mean).abs() <= REGULAR * self.interval_mean;
            let part = interval / self.interval_mean.max(1e-3);
            if self.interval_count > FEWEST_INTERVALS {
                let bits = self.regularity_bits + bits_of_interval(part, self.interval_spread);
                self.regularity_bits = bits.max(0.0);
            }
            if self.interval_count > 1.0 {
                step_mean(
                    &mut self.interval_spread,
                    self.interval_count - 1.0,
                    AVERAGED_INTERVALS,
                    (part - 1.0).abs(),
                );
                self.regular_intervals =
                    if is_regular { self.regular_intervals + 1.0 } else { self.regular_intervals * 0.5 };
            }
            step_mean(&mut self.interval_mean, self.interval_count, AVERAGED_INTERVALS, interval);
            step_mean(
                &mut self.interval_bytes_mean,
                self.interval_count,
                AVERAGED_INTERVALS,
                self.interval_bytes,
            );
        }
        self.interval_count += 1.0;
        self.interval_bytes = 0.0;
        self.interval_began_ns = now_ns;
    }
}

/// By how many bits an interval, as a part of the mean, speaks for a clock whose intervals deviate by `spread` on average
/// (Laplace), and against events that come by chance (a Poisson process).
fn bits_of_interval(interval: f32, spread: f32) -> f32 {
    let spread = spread.max(LEAST_SPREAD);
    let by_clock = -libm::log2f(2.0 * spread) - (interval - 1.0).abs() / spread * std::f32::consts::LOG2_E;
    by_clock + interval * std::f32::consts::LOG2_E
}

#[cfg(test)]
mod tests;
