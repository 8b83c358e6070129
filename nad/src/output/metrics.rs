//! Measures how long after a packet, or after a second, outputs are told what stands out.

use super::{Done, Event, Failure, Interests, Sink};
use crate::{clock::Clock, incident::Change, metrics::Latencies};

/// Observes what it is told of, as of when it is told: for live packets, whose times are those of this machine.
#[derive(Debug)]
pub struct MetricsSink {
    latencies: Latencies,
    clock: Clock,
}

impl MetricsSink {
    /// One that adds to `latencies`.
    pub fn new(latencies: Latencies) -> Self {
        // Of the kernel's clock, as the packets' times are: a step of the system's clock is no latency.
        Self { latencies, clock: Clock::monotonic() }
    }

    fn seconds_since(&self, time_ns: u64) -> f64 {
        self.clock.now_ns().saturating_sub(time_ns) as f64 / 1e9
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
