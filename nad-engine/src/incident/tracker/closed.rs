//! Closed incidents of what lasts. They resume where the same cause comes back: a slow scan that pauses is one scan, and a beacon
//! one beacon. What shows within seconds is another attack each time.

use std::collections::VecDeque;

use super::{Open, Shape};
use crate::context::{TICK_NS, host_key::HostKey};

/// An incident resumes within this time of its last alert: as long as the longest horizon.
const RESUMES_NS: u64 = 8 * 3600 * TICK_NS;
/// Incidents that are kept; the oldest is forgotten.
pub(super) const MOST: usize = 256;

/// See the module; in the order in which they were closed.
#[derive(Debug, Default)]
pub(super) struct Closed(VecDeque<Open>);

impl Closed {
    /// Those of an earlier run, in their order.
    pub(super) fn of(closed: impl Iterator<Item = Open>) -> Self {
        Self(closed.take(MOST).collect())
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.0.iter()
    }

    /// Keeps one.
    pub(super) fn add(&mut self, open: Open) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(open);
    }

    /// The last one of the same cause: the same principal with what looks the same.
    pub(super) fn take(&mut self, principal: HostKey, shape: Shape, time_ns: u64) -> Option<Open> {
        self.0.retain(|open| time_ns.saturating_sub(open.incident.end_ns) <= RESUMES_NS);
        let place =
            self.0.iter().rposition(|open| open.principal == principal && open.incident.shape == shape)?;
        self.0.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{
        allow::AllowRules,
        coverage::Coverage,
        example::{SECOND, of_long_source},
        tracker::Tracker,
    };

    #[test]
    fn closed_incidents_are_kept_in_a_bounded_number() {
        let mut closed = Closed::default();
        let mut tracker = Tracker::new(AllowRules::default(), SECOND);
        for number in 0..MOST as u64 + 10 {
            let [high, low] = (number as u16).to_be_bytes();
            let deviation = of_long_source(HostKey::v4([10, 9, high, low]), 10.0, 100);
            tracker.end_tick(
                &[deviation],
                Coverage::default(),
                100 * SECOND,
                &|_| Vec::new(),
                &mut Vec::new(),
            );
            closed.add(tracker.open.pop().expect("it was opened"));
            assert_eq!(closed.0.len(), MOST.min(number as usize + 1));
        }
    }
}
