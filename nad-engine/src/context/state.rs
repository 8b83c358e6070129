//! What is kept of the context beyond a run: what is known, what is counted over hours, and who is on the segment. What fades in
//! seconds and minutes (flows, service pairs, hosts) is not.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Context, Tables, horizon::HorizonsState, known::KnownServices, known::KnownState, links::LinksState,
    segment::SegmentsState, vantage::Trust, vantage::Vantage,
};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContextState {
    known: KnownState,
    trust: Trust,
    /// For how long was watched, in nanoseconds.
    watched_ns: u64,
    horizons: HorizonsState,
    links: LinksState,
    segments: SegmentsState,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSizes {
    /// Entries of the known services.
    pub known: usize,
    /// Sources over hours.
    pub sources: usize,
    /// Login services over an hour.
    pub logins: usize,
}

impl Context {
    /// What is kept, at the end of a tick; nothing before the first packet, when no time is known.
    pub fn state(&self) -> Option<ContextState> {
        self.has_begun.then(|| self.state_now())
    }

    fn state_now(&self) -> ContextState {
        let (network, kinds, now_ns) = (&self.network.0, &self.kinds, self.tick_end_ns());
        ContextState {
            known: network.known.state(now_ns),
            trust: network.vantage.trust(),
            watched_ns: network.watched_ns(now_ns),
            horizons: kinds.horizons.state(now_ns),
            links: kinds.links.state(now_ns),
            segments: kinds.segments.state(),
        }
    }

    /// One that goes on from there at a moment of sensor time. What was not watched in between counts as silence.
    pub fn resume(tables: Tables, state: &ContextState, now_ns: u64) -> Self {
        let hash_key = state.known.hash_key;
        let vantage = Vantage::known(state.trust);
        let known = |table| KnownServices::resume(table, &state.known);
        let mut context = Self::with_known(tables, hash_key, vantage, known);
        context.network.get_mut().watched_before_ns = state.watched_ns;
        context.kinds.horizons.resume(&state.horizons, now_ns);
        context.kinds.links.resume(&state.links, now_ns);
        context.kinds.segments.resume(&state.segments, now_ns);
        context
    }
}

impl ContextState {
    /// For how long the network was watched.
    pub fn watched(&self) -> Duration {
        Duration::from_nanos(self.watched_ns)
    }

    /// How many of each there are.
    pub fn sizes(&self) -> ContextSizes {
        let [sources, logins] = self.horizons.lens();
        ContextSizes { known: self.known.len(), sources, logins }
    }

    /// Why it can't be gone on with at a moment of sensor time.
    pub(crate) fn check(&self, now_ns: u64) -> Result<(), String> {
        // A century: what is longer would make every number of seconds the highest that there is.
        const MOST_WATCHED: Duration = Duration::from_secs(100 * 365 * 86_400);
        if self.watched() > MOST_WATCHED || u64::from(self.known.watched_s()) > MOST_WATCHED.as_secs() {
            return Err(format!("it says that {} s were watched", self.watched().as_secs()));
        }
        self.known.check().map_err(|reason| format!("of its known services, {reason}"))?;
        self.horizons.check(now_ns)?;
        self.links.check(now_ns)?;
        self.segments.check(now_ns)
    }
}
