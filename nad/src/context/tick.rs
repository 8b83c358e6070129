//! The end of a tick: visiting what was active in it.

use super::{
    Context,
    memory::Usual,
    subject::{Subject, Verdict},
    table::{Entry, Slot, Table},
};

/// Subjects of one kind that are visited at a tick's end; more are counted as passed over.
const MOST_VISITED: usize = 16_384;

/// Subjects ahead of whose turn the memory is asked for their states.
const AHEAD: usize = 8;

/// The subjects of one kind that were active in this tick.
#[derive(Debug, Default)]
pub(super) struct Active {
    places: Vec<(Slot, u64)>,
    pub(super) passed_over: u64,
}

impl Context {
    /// Visits everything that was active since the last tick closed, as it is at the end of that tick. What the
    /// visit finds is noted with the subject.
    pub fn close_tick(&mut self, mut visit: impl FnMut(Subject<'_>) -> Verdict) {
        let end_ns = self.tick_end_ns();
        for place in 0..self.active_dealings.places.len() {
            let (slot, hash) = self.active_dealings.places[place];
            prefetch(&self.dealings, &self.active_dealings.places, place);
            if let Some((_, hash)) = self.active_dealings.places.get(place + AHEAD) {
                self.memory.prefetch(*hash);
            }
            if !self.dealings.holds(slot, hash) {
                continue;
            }
            let mut state = *self.dealings.get(slot);
            state.fade(end_ns);
            let service = state.service();
            // A flow may go on for longer than it takes to become known.
            let strangeness = self.memory.strangeness(state.client, &service, end_ns);
            self.dealings.get_mut(slot).set_strangeness(strangeness);
            state.set_strangeness(strangeness);
            let verdict = visit(Subject::Dealing(&state, self.memory.usual(&service, end_ns)));
            self.dealings.get_mut(slot).standing = verdict.standing;
            if verdict.is_ordinary {
                let reached =
                    Usual { opened_10: state.opened_10, turns_10: state.turns_10, up_60: state.up_60 };
                self.memory.learn_usual(&service, reached, end_ns);
                // What never answers, such as a log server, becomes known by being used for long.
                let age_s = end_ns.saturating_sub(state.first_ns) / 1_000_000_000;
                if !state.is_answered() && age_s > u64::from(self.memory.epoch_s()) / 2 {
                    self.memory.remember(state.client, &service, end_ns);
                }
            }
        }
        self.active_dealings.places.clear();
        for place in 0..self.active_sources.places.len() {
            let (slot, hash) = self.active_sources.places[place];
            prefetch(&self.hosts, &self.active_sources.places, place);
            if !self.hosts.holds(slot, hash) {
                continue;
            }
            let mut state = *self.hosts.get(slot);
            state.fade(end_ns);
            self.hosts.get_mut(slot).source_standing = visit(Subject::Source(&state)).standing;
        }
        self.active_sources.places.clear();
        for place in 0..self.active_targets.places.len() {
            let (slot, hash) = self.active_targets.places[place];
            prefetch(&self.hosts, &self.active_targets.places, place);
            if !self.hosts.holds(slot, hash) {
                continue;
            }
            let mut state = *self.hosts.get(slot);
            state.fade(end_ns);
            self.hosts.get_mut(slot).target_standing = visit(Subject::Target(&state)).standing;
        }
        self.active_targets.places.clear();
        for place in 0..self.active_links.places.len() {
            let (slot, hash) = self.active_links.places[place];
            prefetch(&self.links, &self.active_links.places, place);
            if !self.links.holds(slot, hash) {
                continue;
            }
            let mut state = *self.links.get(slot);
            state.fade(end_ns);
            self.links.get_mut(slot).standing = visit(Subject::Link(&state)).standing;
        }
        self.active_links.places.clear();
    }
}

fn prefetch<V: Entry>(table: &Table<V>, places: &[(Slot, u64)], place: usize) {
    if let Some((slot, _)) = places.get(place + AHEAD) {
        table.prefetch_slot(*slot);
    }
}

impl Active {
    pub(super) fn add(&mut self, slot: Slot, hash: u64) {
        if self.places.len() < MOST_VISITED {
            self.places.push((slot, hash));
        } else {
            self.passed_over += 1;
        }
    }
}
