//! Time passes: by records, and without them.

use super::{Detector, Findings, Notice, State};
use crate::{
    batch::{RecordBatch, Shift},
    incident::IncidentUpdate,
    model::forest::ForestError,
    time::Now,
};

impl Detector {
    /// The sensor time at a place of a batch. What it says of clocks is noted.
    pub(super) fn advance(&mut self, batch: &RecordBatch, place: usize, findings: &mut Findings) -> u64 {
        let disorder = &mut self.disorder;
        let mut notice = |shift: &Shift| disorder.shift(shift, &self.tally, &mut findings.notices);
        let now_ns = self.timeline.advance(batch, place, &mut notice);
        if place < batch.len()
            && let Some(model_ns) = self.model_ns.take()
        {
            findings.notices.extend(Notice::distance(model_ns, self.timeline.unix_ns(now_ns)));
        }
        now_ns
    }

    /// Ends what is over at a moment of sensor time, before a packet of then is judged.
    pub(super) fn reach(
        &mut self,
        batch: &RecordBatch,
        now_ns: u64,
        findings: &mut Findings,
    ) -> Result<(), ForestError> {
        if self.context.is_tick_over(now_ns) {
            self.close_tick(batch, findings);
        }
        let watched_ns = self.timeline.watched_ns();
        let State::Learning(learning) = &mut self.state else { return Ok(()) };
        if learning.is_over(watched_ns) {
            learning.extend(now_ns);
            return self.end_learning(batch, findings);
        }
        findings.notices.extend(learning.is_waiting(watched_ns));
        Ok(())
    }

    /// Turns the sensor time of incidents that leave the detector into Unix time.
    pub(super) fn date(&self, updates: &mut [IncidentUpdate]) {
        for IncidentUpdate { incident, .. } in updates {
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
