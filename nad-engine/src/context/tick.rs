//! The end of a tick: visiting what was active in it.

use super::{
    Context, active,
    known::Usual,
    merge::{self, Kind},
    network::Network,
    partition::Partition,
    subject::{Subject, Verdict},
    table::{Entry, Slot, Table},
};

/// Subjects ahead of whose turn the memory is asked for their states.
const AHEAD: usize = 8;

impl Context {
    /// Visits everything that was active since the last tick closed, as it is at the end of that tick. What the
    /// visit finds is noted with the subject.
    pub fn close_tick(&mut self, mut visit: impl FnMut(Subject<'_>) -> Verdict) {
        let end_ns = self.tick_end_ns();
        let Self { shard, network, links, merged, merged_groups, tick, .. } = self;
        let (partitions, network) = (&mut shard.partitions, network.get_mut());
        merge::settle_vantage(partitions, network);
        merge::settle_exchanges(partitions, network);
        links.settle(partitions, &network.hash_key, *tick);
        let numbers = partitions.iter().map(|partition| partition.active.service_pairs.len());
        let most = active::shares(&numbers.collect::<Vec<_>>());
        for partition in &mut *partitions {
            partition.active.service_pairs.choose_at_most(most);
            partition.visit_service_pairs(network, &mut visit, end_ns);
        }
        let kinds = [(Kind::Hosts, merged), (Kind::Groups, merged_groups)];
        merge::visit_hosts(kinds, partitions, network, &mut visit, (end_ns, *tick as u32));
        links.visit(&mut visit, end_ns);
    }
}

impl Partition {
    fn visit_service_pairs(
        &mut self,
        network: &mut Network,
        visit: &mut impl FnMut(Subject<'_>) -> Verdict,
        end_ns: u64,
    ) {
        for place in 0..self.active.service_pairs.places.len() {
            let (slot, hash) = self.active.service_pairs.places[place];
            prefetch(&self.service_pairs, &self.active.service_pairs.places, place);
            if let Some((_, hash)) = self.active.service_pairs.places.get(place + AHEAD) {
                network.known.prefetch(*hash);
            }
            if !self.service_pairs.holds(slot, hash) {
                continue;
            }
            let mut state = *self.service_pairs.get(slot);
            state.fade(end_ns);
            let service = state.service();
            // A flow may go on for longer than it takes to become known.
            let novelty = network.known.novelty(state.client, &service, end_ns);
            self.service_pairs.get_mut(slot).set_novelty(novelty);
            state.set_novelty(novelty);
            let verdict = visit(Subject::ServicePair(&state, network.known.usual(&service, end_ns)));
            self.service_pairs.get_mut(slot).anomaly_level = verdict.anomaly_level;
            if verdict.is_ordinary {
                let reached =
                    Usual { opened_10: state.opened_10, turns_10: state.turns_10, up_60: state.up_60 };
                network.known.learn_usual(&service, reached, end_ns);
                // What never answers, such as a log server, becomes known by being used for long, by a client that has
                // shown elsewhere that it is there.
                let age_s = end_ns.saturating_sub(state.first_ns) / 1_000_000_000;
                if !state.is_answered() && age_s > u64::from(network.known.epoch_s()) / 2 {
                    let origin = network.origin(state.client);
                    if origin.is_verified {
                        let mac = origin.mac.unwrap_or_default();
                        network.known.remember(state.client, mac, &service, end_ns);
                    }
                }
            }
        }
        self.active.service_pairs.places.clear();
    }
}

pub(super) fn prefetch<V: Entry>(table: &Table<V>, places: &[(Slot, u64)], place: usize) {
    if let Some((slot, _)) = places.get(place + AHEAD) {
        table.prefetch_slot(*slot);
    }
}
