//! The end of a tick: visiting what was active in it.

use super::{
    Context,
    memory::Usual,
    subject::{Subject, Verdict},
    table::Slot,
};

/// Subjects of one kind that are visited at a tick's end; more are counted as passed over.
const MOST_VISITED: usize = 16_384;

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
        for (slot, hash) in self.active_dealings.places.drain(..) {
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
        for (slot, hash) in self.active_sources.places.drain(..) {
            if !self.hosts.holds(slot, hash) {
                continue;
            }
            let mut state = *self.hosts.get(slot);
            state.fade(end_ns);
            self.hosts.get_mut(slot).source_standing = visit(Subject::Source(&state)).standing;
        }
        for (slot, hash) in self.active_targets.places.drain(..) {
            if !self.hosts.holds(slot, hash) {
                continue;
            }
            let mut state = *self.hosts.get(slot);
            state.fade(end_ns);
            self.hosts.get_mut(slot).target_standing = visit(Subject::Target(&state)).standing;
        }
        for (slot, hash) in self.active_links.places.drain(..) {
            if !self.links.holds(slot, hash) {
                continue;
            }
            let mut state = *self.links.get(slot);
            state.fade(end_ns);
            self.links.get_mut(slot).standing = visit(Subject::Link(&state)).standing;
        }
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
