//! Metrics for Prometheus, and health for whoever restarts what does not live, over HTTP.
//!
//! A thread of its own serves them and reads the ledger when it is asked: nothing is counted twice, and a scrape costs
//! the packets nothing.

mod asked;
mod connection;
mod coverage;
mod exposition;
mod health;
mod process;
mod server;

use std::sync::Arc;

use prometheus_client::metrics::histogram::Histogram;

pub use exposition::Format;
pub use server::{Listener, MetricsConfig, MetricsError, Server};

use coverage::RecentCoverage;
use exposition::Reading;
use nad_engine::ledger::{Ledger, Tally};
use process::Process;

use crate::source::SourceReader;

/// Upper bounds of the histograms, in seconds: from what an idle machine takes to what nobody wants to wait for.
const BUCKETS_S: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How long it took until outputs got an event. Clones share what was observed.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// From a packet to the alert of it, in seconds.
    pub alert: Histogram,
    /// From the end of a second to the incident that it opened or changed, in seconds.
    pub incident: Histogram,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { alert: Histogram::new(BUCKETS_S), incident: Histogram::new(BUCKETS_S) }
    }
}

/// Everything that is served, read when it is asked for.
pub struct Vitals {
    tally: Arc<Tally>,
    source: SourceReader,
    latencies: Latencies,
    coverage: RecentCoverage,
}

impl Vitals {
    /// Those of a sensor.
    pub fn new(tally: Arc<Tally>, source: SourceReader, latencies: Latencies) -> Self {
        Self { tally, source, latencies, coverage: RecentCoverage::default() }
    }

    /// The page that Prometheus reads.
    ///
    /// # Errors
    ///
    /// When the source's counters can't be read.
    pub fn page(&self, format: Format) -> Result<String, String> {
        let ledger = self.ledger()?;
        let reading = Reading {
            coverage: self.coverage.take(&ledger),
            ledger,
            judging: self.tally.condition.judging(),
            sampling_level: self.tally.condition.sampling_level(),
            interfaces: self.tally.condition.interfaces().unwrap_or_default(),
            latencies: self.latencies.clone(),
            process: Process::read(),
        };
        exposition::page(reading, format).map_err(|_| "the metrics could not be written".into())
    }

    /// Whether the threads that packets go through give signs of life, and if not, which one does not.
    pub fn is_alive(&self) -> Result<(), String> {
        let condition = &self.tally.condition;
        health::is_alive(condition.detector.silence(), condition.drain.silence())
    }

    /// Whether anything is judged, and if not, what is done instead.
    pub fn is_ready(&self) -> Result<(), String> {
        self.is_alive()?;
        let condition = &self.tally.condition;
        let interfaces = condition.interfaces();
        health::is_ready(condition.judging().stage, self.tally.read().learned, interfaces.as_deref())
    }

    fn ledger(&self) -> Result<Ledger, String> {
        let tally = self.tally.read();
        Ok(tally.with_source((self.source)()?))
    }
}
