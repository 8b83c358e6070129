//! What a host does that looks for what there is, and the ICMP errors because of it.

use nad_common::record::PacketRecord;

use super::{HostState, Sketch};
use crate::context::{
    host_key::HostKey,
    known::{Novelty, ServiceKey},
    weight::Weight,
};

/// What a flow that a host opens leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exploration {
    /// How new it is.
    pub novelty: Novelty,
    /// Whether it is what browsers do: another server outside of one's own network, at a port that is known.
    pub is_browsing: bool,
}

impl Exploration {
    /// Of a client that opens a flow to a service of some novelty.
    pub fn new(client: HostKey, service: &ServiceKey, novelty: Novelty) -> Self {
        let leads_outside = service.server.is_global() && !client.is_global();
        Self { novelty, is_browsing: novelty == Novelty::NewServer && leads_outside }
    }
}

impl HostState {
    /// The flow that it opened leads to a service of some novelty, and so do `more` like it. The hashes are those of the service
    /// and of its host.
    pub fn explore(&mut self, [service_hash, peer_hash]: [u64; 2], new: Exploration, more: u32, now_ns: u64) {
        if new.is_browsing {
            self.note(Sketch::Outside120, peer_hash, now_ns);
            return;
        }
        if new.novelty > Novelty::NewClient {
            self.unfamiliar_60 += 1.0 + more as f32;
        }
        // Known services do not count as scanning, also when every flow is new to a sensor that has just started.
        if new.novelty > Novelty::Known {
            self.note(Sketch::Services10, service_hash, now_ns);
            self.note(Sketch::Services120, service_hash, now_ns);
            self.note(Sketch::Peers10, peer_hash, now_ns);
            self.note(Sketch::Peers120, peer_hash, now_ns);
        }
    }

    /// It sent a packet outside of any connection to a service.
    pub fn probe(&mut self, service: &ServiceKey, now_ns: u64) {
        self.favourite.vote(service.server, service.port, 1.0, now_ns);
        self.recent_targets.add(service.server);
    }

    /// It was sent an ICMP error; whether that is about a packet of its own, as far as there were as many.
    pub fn take_error(&mut self, record: &PacketRecord) -> bool {
        self.errors_10 += Weight::of(record).received();
        self.errors_10 <= 1.0 + self.sent_10 + self.opened_everywhere_10() + self.stray_everywhere_10()
    }

    /// It sent an ICMP error to a host about nothing that this has sent.
    pub fn send_orphan(&mut self, record: &PacketRecord) {
        self.icmp_10 += Weight::of(record).sent();
    }

    /// A host sent it an ICMP error about nothing that it has sent.
    pub fn receive_orphan(&mut self, peer: HostKey, record: &PacketRecord, now_ns: u64) {
        let packets = Weight::of(record).received();
        self.icmp_in_10 += packets;
        self.pinger.vote(peer, 0, packets, now_ns);
    }
}
