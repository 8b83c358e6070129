//! Measures how long after a packet, or after a second, outputs get what stands out.

mod settings;

use std::{any::Any, sync::Arc};

use nad_engine::{detector::Event, incident::Change, ledger::Tally};

use super::{Done, Failure, Interests, Service, Sink, SinkConfig, reopen::Earlier};
use crate::{
    clock::LiveClock,
    metrics::{Latencies, Listener, MetricsConfig},
    sandbox::Needs,
    source::SourceReader,
};
pub use settings::MetricsSection;

/// Below it, listening takes a capability.
const FIRST_FREE_PORT: u16 = 1024;

/// What is measured, and where it is served.
#[derive(Debug, Clone)]
pub struct MetricsOutput {
    /// Where.
    pub config: MetricsConfig,
    /// What the sink measures and the server shows.
    pub latencies: Latencies,
}

impl SinkConfig for MetricsOutput {
    fn kind(&self) -> &'static str {
        "metrics"
    }

    /// It goes on whatever the settings, which are the server's.
    fn identity(&self) -> String {
        String::new()
    }

    fn need(&self, needs: &mut Needs) {
        needs.accepts = true;
        needs.serves_low_port |= (1..FIRST_FREE_PORT).contains(&self.config.listen.port());
    }

    fn fixed(&self) -> Option<(&'static str, String)> {
        Some(("where metrics are served ([metrics])", format!("{:?}", self.config)))
    }

    fn open(&self, _: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(MetricsSink::new(self.latencies.clone())))
    }

    fn listen(&self, is_count: bool) -> anyhow::Result<Option<Box<dyn Service>>> {
        if is_count {
            tracing::warn!("metrics are not served with --count, which ends by itself");
            return Ok(None);
        }
        Ok(Some(Box::new(Listener::bind(self.config.clone(), self.latencies.clone())?)))
    }
}

impl Service for Listener {
    fn serve(self: Box<Self>, tally: Arc<Tally>, source: SourceReader) -> anyhow::Result<Box<dyn Any>> {
        Ok(Box::new(Listener::serve(*self, tally, source)?))
    }
}

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
        let _ = self.clock.look(0);
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
