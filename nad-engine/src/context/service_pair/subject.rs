//! Service pairs as subjects: where they are kept, and how they are visited.

use std::{io, ops::Deref};

use bytemuck::{Pod, Zeroable};

use super::{ServicePairKey, ServicePairState};
use crate::{
    context::{
        EachTable, Sizes, Subject, TableId,
        active::{self, Active, SubjectTable},
        host_key::HostKey,
        kinds::{End, KindPart, PairPacket, SubjectKind},
        known::Usual,
        network::Network,
        partition,
        subject::{Identity, Judged, Parties, Verdict},
        table::{Group, Hashed},
    },
    presentation,
};

/// Regular intervals in a row from which on it is asked whether their pace is usual for the client.
const REGULAR_INTERVALS: f32 = 4.0;

/// A client-service pair, with what is usual for clients of the service.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct JudgedPair {
    /// The pair.
    pub pair: ServicePairState,
    /// What is usual.
    pub usual: Usual,
    padding: [u32; 12],
}

impl JudgedPair {
    /// A pair with what is usual for it.
    pub fn new(pair: ServicePairState, usual: Usual) -> Self {
        Self { pair, usual, padding: [0; 12] }
    }
}

impl Deref for JudgedPair {
    type Target = ServicePairState;

    fn deref(&self) -> &ServicePairState {
        &self.pair
    }
}

/// A client and a service.
#[derive(Debug)]
pub enum ServicePair {}

impl Judged for ServicePair {
    type State = JudgedPair;

    fn principal(pair: &JudgedPair) -> HostKey {
        pair.client
    }

    fn parties(pair: &JudgedPair) -> Parties {
        Parties {
            source: Some(pair.client),
            target: Some(pair.server),
            port: (pair.port != 0).then_some(pair.port),
            protocol: Some(pair.protocol),
            ..Parties::default()
        }
    }

    fn cap_target(pair: &JudgedPair) -> HostKey {
        pair.server
    }

    fn volume(pair: &JudgedPair) -> (u64, u64) {
        (pair.tick_packets.into(), pair.tick_bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (parties.source, parties.target, parties.port)
    }

    fn name(pair: &JudgedPair) -> String {
        pair.client.to_string()
    }

    fn other_side(pair: &JudgedPair) -> String {
        let protocol = presentation::protocol_name(pair.protocol);
        match pair.port {
            0 => format!(" at {} ({protocol})", pair.server),
            port => format!(" at {} port {port} ({protocol})", pair.server),
        }
    }

    fn shows_its_source(pair: &JudgedPair) -> bool {
        pair.is_answered() || !pair.client.is_global()
    }

    fn is_unserved(pair: &JudgedPair) -> bool {
        pair.novelty() == 0.0
            && pair.opened_10 <= 2.0 * pair.usual.opened_10.max(1.0)
            && pair.unsuccessful_10() > 0.5 * pair.opened_10
    }
}

/// All service pairs: each is whole in the partition of its addresses.
#[derive(Debug)]
pub(in crate::context) struct ServicePairs;

impl SubjectKind for ServicePairs {
    type Part = SubjectTable<ServicePairState>;

    fn new(_: &Sizes) -> io::Result<Self> {
        Ok(Self)
    }

    fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict) {
        let End { partitions, network, ns, .. } = end;
        let numbers = partitions.iter().map(|partition| partition.kinds.service_pairs.active.len());
        let most = active::shares(&numbers.collect::<Vec<_>>());
        for partition in &mut **partitions {
            let pairs = &mut partition.kinds.service_pairs;
            pairs.active.choose_at_most(most);
            pairs.visit(|stored, ahead| {
                if let Some(hash) = ahead {
                    network.known.prefetch(hash);
                }
                judge(stored, network, visit, *ns);
            });
        }
    }
}

fn judge(
    stored: &mut ServicePairState,
    network: &mut Network,
    visit: &mut impl FnMut(Subject<'_>) -> Verdict,
    end_ns: u64,
) {
    let mut pair = *stored;
    pair.fade(end_ns);
    pair.said.fade(end_ns);
    let service = pair.service();
    // A flow may go on for longer than it takes to become known.
    let novelty = network.known.novelty(pair.client, &service, end_ns);
    stored.set_novelty(novelty);
    pair.set_novelty(novelty);
    if pair.regular_intervals >= REGULAR_INTERVALS {
        let is_usual = network.known.is_usual_pace(&pair, end_ns);
        stored.set_usual_pace(is_usual);
        pair.set_usual_pace(is_usual);
    }
    let places = network.known.places_of_usual(&service);
    if let Some(outflow) = stored.outflow(&pair, end_ns) {
        network.outflows.push(outflow);
    }
    let judged = JudgedPair::new(pair, network.known.usual(places, end_ns));
    let verdict = visit(Subject::ServicePair(&judged));
    stored.anomaly_level = verdict.anomaly_level;
    if !verdict.is_ordinary {
        return;
    }
    let reached = Usual {
        opened_10: pair.successful_10(),
        turns_10: pair.turns_10,
        up_60: pair.up_60,
        down_60: pair.down_60,
    };
    network.known.learn_usual(places, reached, end_ns);
    // What never answers, such as a log server, becomes known by being used for long, by a client that has shown
    // elsewhere that it is there.
    let age_s = end_ns.saturating_sub(pair.first_ns) / 1_000_000_000;
    if !pair.is_answered() && age_s > u64::from(network.known.epoch_s()) / 2 {
        let origin = network.origin(pair.client);
        if origin.is_verified {
            let mac = origin.mac.unwrap_or_default();
            network.known.remember(pair.client, mac, &service, end_ns);
        }
    }
}

impl KindPart for SubjectTable<ServicePairState> {
    fn new(sizes: &Sizes) -> io::Result<Self> {
        Self::of(partition::share(sizes.service_pairs), Active::of_partition())
    }

    fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
        each(TableId::ServicePairs, &self.table);
    }

    fn passed_over(&self) -> u64 {
        self.active.passed_over
    }

    fn observe(&mut self, packet: &PairPacket<'_>) {
        self.at_hand = None;
        if !packet.is_own {
            return;
        }
        let PairPacket { network, record, client, service, moment, .. } = *packet;
        let wanted = match packet.pair_hash {
            Some(hash) => Hashed { hash, key: ServicePairKey { client, service } },
            None => service.service_pair(&network.hash_key, client),
        };
        debug_assert_eq!(wanted, service.service_pair(&network.hash_key, client));
        let group = || Group::of(&network.hash_key, client, record.source_mac);
        let Some(slot) = self.table.enter(&wanted, group, moment.ns).slot() else { return };
        let state = self.table.get_mut(slot);
        state.update(record, packet.step, moment.ns);
        if !packet.facts.is_empty() {
            state.hear(&packet.facts, packet.step, moment.ns);
        }
        if let Some(novelty) = packet.novelty {
            state.set_novelty(novelty);
        }
        let turn = state.count(moment.tick as u32, record);
        self.active.add(turn, slot, || wanted.hash);
        self.table.confirm(slot);
        self.at_hand = Some(slot);
    }
}
