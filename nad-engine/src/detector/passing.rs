//! Time passes: by records, and without them.

use super::{Detector, Findings, Notice, State};
use crate::{
    batch::{Arrival, Arrivals, Shift},
    context::Place,
    incident::IncidentUpdate,
    model::forest::ForestError,
    time::Now,
};

impl Detector {
    /// The sensor time at a record. What it says of clocks is noted.
    pub(super) fn advance(&mut self, arrival: &Arrival<'_>, findings: &mut Findings) -> u64 {
        let disorder = &mut self.disorder;
        let notice = |shift: &Shift| disorder.shift(shift, &self.tally, &mut findings.notices);
        let now_ns = self.timeline.advance(arrival, notice);
        if let Some(model_ns) = self.model_ns.take() {
            findings.notices.extend(Notice::distance(model_ns, self.timeline.unix_ns(now_ns)));
        }
        now_ns
    }

    /// Takes note of what a batch says of clocks after its last record.
    pub(super) fn end_batch(&mut self, arrivals: Arrivals<'_>, findings: &mut Findings) {
        let disorder = &mut self.disorder;
        let notice = |shift: &Shift| disorder.shift(shift, &self.tally, &mut findings.notices);
        self.timeline.end_batch(arrivals, notice);
    }

    /// Ends what is over at a moment of sensor time, before a packet of then is judged.
    pub(super) fn reach(&mut self, now_ns: u64, findings: &mut Findings) -> Result<(), ForestError> {
        if self.context.is_tick_over(now_ns) {
            self.close_tick(findings);
        }
        let watched_ns = self.timeline.watched_ns();
        let State::Learning(learning) = &mut self.state else { return Ok(()) };
        if learning.is_over(watched_ns) {
            learning.extend(now_ns);
            return self.end_learning(findings);
        }
        findings.notices.extend(learning.is_waiting(watched_ns));
        Ok(())
    }

    /// Completes incidents that leave the detector: their times become Unix time, their hosts get names, and they
    /// themselves a place.
    pub(super) fn complete(&self, updates: &mut [IncidentUpdate]) {
        let now_ns = self.timeline.now_ns();
        for IncidentUpdate { incident, .. } in updates {
            self.heads.name(incident, now_ns);
            let mut hosts = incident.sources.items.iter().chain(&incident.targets.items);
            let place = hosts
                .find_map(|host| Some(self.context.place(*host)).filter(|place| *place != Place::default()));
            incident.place = place.unwrap_or_default();
            let seen = incident.evidence.iter_mut().map(|seen| &mut seen.time_ns);
            seen.for_each(|moment_ns| *moment_ns = self.timeline.unix_ns(*moment_ns));
            for moment_ns in [&mut incident.detected_ns, &mut incident.start_ns, &mut incident.end_ns] {
                *moment_ns = self.timeline.unix_ns(*moment_ns);
            }
        }
    }

    /// A moment of sensor time on both clocks.
    pub(super) fn moment(&self, sensor_ns: u64) -> Now {
        Now { sensor_ns, unix_ns: self.timeline.unix_ns(sensor_ns) }
    }
}
