//! The end of a tick: visiting what was active in it.

use super::{
    Context,
    active::Active,
    host::HostState,
    known::Usual,
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
        self.visit_service_pairs(&mut visit, end_ns);
        let as_source = |state: &HostState| visit(Subject::Source(state)).anomaly_level;
        let keep = |state: &mut HostState, anomaly_level| state.source_level = anomaly_level;
        let mut as_source = (as_source, keep);
        visit_hosts(&mut self.hosts, &mut self.active.sources, &mut as_source, end_ns);
        visit_hosts(&mut self.groups, &mut self.active.group_sources, &mut as_source, end_ns);
        let as_target = |state: &HostState| visit(Subject::Target(state)).anomaly_level;
        let keep = |state: &mut HostState, anomaly_level| state.target_level = anomaly_level;
        let mut as_target = (as_target, keep);
        visit_hosts(&mut self.hosts, &mut self.active.targets, &mut as_target, end_ns);
        visit_hosts(&mut self.groups, &mut self.active.group_targets, &mut as_target, end_ns);
        self.active.links.choose();
        for place in 0..self.active.links.places.len() {
            let (slot, hash) = self.active.links.places[place];
            prefetch(&self.links, &self.active.links.places, place);
            if !self.links.holds(slot, hash) {
                continue;
            }
            let mut state = *self.links.get(slot);
            state.fade(end_ns);
            self.links.get_mut(slot).anomaly_level = visit(Subject::Link(&state)).anomaly_level;
        }
        self.active.links.places.clear();
    }

    fn visit_service_pairs(&mut self, visit: &mut impl FnMut(Subject<'_>) -> Verdict, end_ns: u64) {
        self.active.service_pairs.choose();
        for place in 0..self.active.service_pairs.places.len() {
            let (slot, hash) = self.active.service_pairs.places[place];
            prefetch(&self.service_pairs, &self.active.service_pairs.places, place);
            if let Some((_, hash)) = self.active.service_pairs.places.get(place + AHEAD) {
                self.known.prefetch(*hash);
            }
            if !self.service_pairs.holds(slot, hash) {
                continue;
            }
            let mut state = *self.service_pairs.get(slot);
            state.fade(end_ns);
            let service = state.service();
            // A flow may go on for longer than it takes to become known.
            let novelty = self.known.novelty(state.client, &service, end_ns);
            self.service_pairs.get_mut(slot).set_novelty(novelty);
            state.set_novelty(novelty);
            let verdict = visit(Subject::ServicePair(&state, self.known.usual(&service, end_ns)));
            self.service_pairs.get_mut(slot).anomaly_level = verdict.anomaly_level;
            if verdict.is_ordinary {
                let reached =
                    Usual { opened_10: state.opened_10, turns_10: state.turns_10, up_60: state.up_60 };
                self.known.learn_usual(&service, reached, end_ns);
                // What never answers, such as a log server, becomes known by being used for long, by a client that has
                // shown elsewhere that it is there.
                let age_s = end_ns.saturating_sub(state.first_ns) / 1_000_000_000;
                if !state.is_answered() && age_s > u64::from(self.known.epoch_s()) / 2 {
                    let origin = self.origin(state.client);
                    if origin.is_verified {
                        let mac = origin.mac.unwrap_or_default();
                        self.known.remember(state.client, mac, &service, end_ns);
                    }
                }
            }
        }
        self.active.service_pairs.places.clear();
    }
}

/// Visits hosts in one of their roles: what is said of each, and where that is kept.
fn visit_hosts(
    hosts: &mut Table<HostState>,
    active: &mut Active,
    (say, keep): &mut (impl FnMut(&HostState) -> f32, impl Fn(&mut HostState, f32)),
    end_ns: u64,
) {
    active.choose();
    for place in 0..active.places.len() {
        let (slot, hash) = active.places[place];
        prefetch(hosts, &active.places, place);
        if !hosts.holds(slot, hash) {
            continue;
        }
        let mut state = *hosts.get(slot);
        state.fade(end_ns);
        let anomaly_level = say(&state);
        keep(hosts.get_mut(slot), anomaly_level);
    }
    active.places.clear();
}

fn prefetch<V: Entry>(table: &Table<V>, places: &[(Slot, u64)], place: usize) {
    if let Some((slot, _)) = places.get(place + AHEAD) {
        table.prefetch_slot(*slot);
    }
}
