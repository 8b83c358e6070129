//! Measures how long after a packet, or after a second, outputs get what stands out.

use nad_engine::{detector::Event, incident::Change};

use super::{Done, Failure, Interests, Sink};
use crate::{clock::LiveClock, metrics::Latencies};

/// Observes its events, as of when it gets them: for live packets, whose times are those of this machine.
#[derive(Debug)]
pub struct MetricsSink {
    latencies: Latencies,
    clock: LiveClock,
}

impl MetricsSink {
    /// One that adds to `latencies`.
    pub fn new(latencies: Latencies) -> Self {
        Self { latencies, clock: LiveClock::start() }
    }

    fn seconds_since(&self, time_ns: u64) -> f64 {
        self.clock.unix_ns().saturating_sub(time_ns) as f64 / 1e9
    }
}

impl Sink for MetricsSink {
    fn name(&self) -> String {
        "metrics".into()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, alerts: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        // Events have been dated by the system's clock, which may have been set.
        let _ = self.clock.look(0, 0);
        for event in events {
            match event {
                Event::Alert(alert) => self.latencies.alert.observe(self.seconds_since(alert.time_ns)),
                // What is closed was silent for long before, and that is no latency.
                Event::Incident(update) if matches!(update.change, Change::Opened | Change::Changed) => {
                    self.latencies.incident.observe(self.seconds_since(update.incident.end_ns));
                }
                Event::Incident(_) | Event::Second(_) => {}
            }
        }
        Ok(Done::all(events))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nad_common::counters::KernelCounters;
    use nad_engine::{
        features::View,
        incident::{
            IncidentUpdate,
            allow::AllowRules,
            coverage::Coverage,
            example::{of_source, source},
            tracker::Tracker,
        },
        ledger::Tally,
    };

    use super::*;
    use crate::metrics::{Format, Vitals};

    /// An incident that was opened, and closed later on.
    fn updates() -> Vec<IncidentUpdate> {
        let mut updates = Vec::new();
        let mut tracker = Tracker::new(AllowRules::default(), 60_000_000_000);
        tracker.end_tick(
            &[of_source(View::Scan, source(1, 200), 5)],
            Coverage::default(),
            5_000_000_000,
            &|_| Vec::new(),
            &mut updates,
        );
        tracker.finish(&mut updates);
        updates
    }

    #[test]
    fn what_is_opened_is_as_late_as_its_second_is_long_ago_and_what_is_closed_is_not_late() {
        let latencies = Latencies::default();
        let mut sink = MetricsSink::new(latencies.clone());
        let (mut events, ago) = (Vec::new(), 2_000_000_000);
        for mut update in updates() {
            update.incident.end_ns = sink.clock.unix_ns() - ago;
            events.push(Event::Incident(Arc::new(update)));
        }
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(sink.deliver(&events).unwrap(), Done::all(&events));
        // What is yet to come by the clock is not late either.
        let early = sink.clock.unix_ns() + ago;
        assert_eq!(sink.seconds_since(early), 0.0);

        let source = || Ok(KernelCounters::default());
        let page = Vitals::new(Arc::<Tally>::default(), Box::new(source), latencies)
            .page(Format::Prometheus)
            .unwrap();
        for line in [
            "nad_incident_latency_seconds_bucket{le=\"1\"} 0",
            "nad_incident_latency_seconds_bucket{le=\"2.5\"} 1",
            "nad_incident_latency_seconds_count 1",
            "nad_alert_latency_seconds_count 0",
        ] {
            assert!(page.contains(&format!("\n{line}\n")), "{line} is not in\n{page}");
        }
    }
}
