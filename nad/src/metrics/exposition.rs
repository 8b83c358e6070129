//! The page: every counter of the ledger, and what the sensor is like.
//!
//! Names follow Prometheus' conventions (<https://prometheus.io/docs/practices/naming/>): base units, `_total` for
//! what only grows. A counter has its name where it is declared (`nad_engine::ledger`).

mod page;

use std::{collections::BTreeMap, fmt};

use nad_common::{counters::KernelCounters, opaque::Opaque, refusal::Refusal};
use nad_engine::{
    condition::{Judging, Stage},
    context::{ContextCounts, TABLES, table::TableCounts},
    features::View,
    ledger::{Basis, Decisions, Ledger, OutputCounts},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, prometheus_text, text},
    registry::Registry,
};

use super::{Latencies, process::Process};
use page::Page;

/// How the page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// OpenMetrics for who says that it takes it, in the values of the `Accept` headers (RFC 9110, 12.5.1).
    pub fn accepted<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let takes = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let is_it =
                parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
            let is_refused = |part: &str| {
                part.strip_prefix("q=")
                    .is_some_and(|weight| weight.parse().is_ok_and(|weight: f32| weight == 0.0))
            };
            is_it && !parts.any(is_refused)
        };
        if values.flat_map(|value| value.split(',')).any(takes) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Everything that is on the page, as of one moment.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) ledger: Ledger,
    pub(super) judging: Judging,
    pub(super) sampling_level: u8,
    /// The interfaces, each with whether packets can come there.
    pub(super) interfaces: Vec<(String, bool)>,
    /// See [`super::coverage`].
    pub(super) coverage: f64,
    pub(super) latencies: Latencies,
    pub(super) process: Process,
}

/// Writes the page.
pub(super) fn page(reading: Reading, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(reading));
    let mut page = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut page, &registry)?,
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        page.info("nad_build", "Which nad this is", &[("version", env!("CARGO_PKG_VERSION"))])?;
        self.ledger(&mut page)?;
        self.condition(&mut page)?;
        page.histogram(
            "nad_alert_latency_seconds",
            "Time from a packet to the alert of it; only where alerts of packets are reported (--packets, --alerts)",
            &self.latencies.alert,
        )?;
        page.histogram(
            "nad_incident_latency_seconds",
            "Time from the end of a second to the incident that it opened or changed",
            &self.latencies.incident,
        )?;
        process(&self.process, &mut page)
    }
}

impl Reading {
    fn ledger(&self, page: &mut Page<'_>) -> fmt::Result {
        let ledger = &self.ledger;
        kernel(&ledger.source, page)?;
        judged(&ledger.decisions, &ledger.basis, page)?;
        for (counter, count) in ledger.counters() {
            match counter.metric {
                Some(name) if counter.is_level => page.gauge(name, counter.meaning, count)?,
                Some(name) => page.counter(name, counter.meaning, count)?,
                None => {}
            }
        }
        let astray = astray(ledger);
        page.gauge("nad_ledger_unaccounted_packets", "Packets by which the ledger does not balance", astray)?;
        tables(&ledger.context, page)?;
        outputs(&ledger.outputs, page)
    }

    fn condition(&self, page: &mut Page<'_>) -> fmt::Result {
        let Judging { stage, open_incidents, threshold_probability, model_ns } = self.judging;
        let stages = Stage::ALL.map(|each| (each.name(), u64::from(each == stage)));
        page.gauges("nad_stage", "What is done with records: 1 for one of the stages", "stage", stages)?;
        page.gauge("nad_open_incidents", "Incidents that are open", open_incidents)?;
        page.gauge("nad_sampling_level", "Sampling level under load, from 0, every packet, to 3", {
            u64::from(self.sampling_level)
        })?;
        if !self.interfaces.is_empty() {
            let help = "Whether an interface is watched and up (1), or gone, down or refused (0)";
            let interfaces = self.interfaces.iter().map(|(name, is_up)| (name.as_str(), u64::from(*is_up)));
            page.gauges("nad_interface_up", help, "interface", interfaces)?;
        }
        page.gauge(
            "nad_coverage_ratio",
            "The part of the packets of the last 10 s that was recorded",
            self.coverage,
        )?;
        // Without a model there is neither: a 0 would be a very old one.
        if model_ns > 0 {
            let seconds = model_ns as f64 / 1e9;
            let help = "Unix time of the last packet that the model in force was trained on";
            page.gauge("nad_model_trained_timestamp_seconds", help, seconds)?;
            let help = "The probability below which what a subject does is reported";
            page.gauge("nad_threshold_probability", help, threshold_probability)?;
        }
        Ok(())
    }
}

/// What was judged, by view, and whether hosts are.
fn judged(decisions: &Decisions, basis: &Basis, page: &mut Page<'_>) -> fmt::Result {
    let views = View::ALL.map(View::name).into_iter().zip(*decisions);
    page.counters(
        "nad_decisions",
        "Packets, and subjects of a second, that a view has judged",
        "view",
        views,
    )?;
    page.gauge(
        "nad_judges_hosts",
        "1 where a model is in force whose baseline is long enough to judge hosts",
        u64::from(basis.judges_hosts),
    )
}

/// What the kernel's half counts by reason.
fn kernel(source: &KernelCounters, page: &mut Page<'_>) -> fmt::Result {
    let unparsed = Refusal::ALL.into_iter().map(Refusal::name).zip(source.unparsed);
    page.counters("nad_packets_unparsed", "Packets without an addressable host", "reason", unparsed)?;
    let opaque = Opaque::ALL.into_iter().map(Opaque::name).zip(source.opaque);
    let help = "Packets that may carry those of other hosts, which were not looked into";
    page.counters("nad_packets_opaque", help, "kind", opaque)
}

/// The sum of all differences of the ledger that can't be: what is on its way is none. Packets that pass
/// while the counters are read may be among them for a moment.
fn astray(ledger: &Ledger) -> u64 {
    let source = &ledger.source;
    let accounted = source.recorded + source.sampled_out + source.ring_full + source.unparsed_total();
    source.seen.abs_diff(accounted)
        + ledger.attributed.saturating_sub(source.sampled_out)
        + (ledger.drained + ledger.unreadable).saturating_sub(source.recorded)
        + ledger.judged().saturating_sub(ledger.drained)
}

fn tables(context: &ContextCounts, page: &mut Page<'_>) -> fmt::Result {
    let of = |count: fn(TableCounts) -> u64| {
        TABLES.iter().map(move |table| (table.name, count((table.counts)(context))))
    };
    let entered = of(|TableCounts { entered, evicted: _, displaced: _, refused: _ }| entered);
    page.counters("nad_table_entries_made", "Entries made in a context table", "table", entered)?;
    let help = "Entries that left a full context table before they were idle for long";
    page.counters("nad_table_evictions", help, "table", of(|counts| counts.evicted))?;
    let help = "Entries that left a full context table although they were used in the last ten seconds";
    page.counters("nad_table_displacements", help, "table", of(|counts| counts.displaced))?;
    let help = "Newcomers for whom no entry of a full context table would leave";
    page.counters("nad_table_refusals", help, "table", of(|counts| counts.refused))
}

fn outputs(outputs: &[OutputCounts], page: &mut Page<'_>) -> fmt::Result {
    // A series is there once, also where two outputs have one name.
    let mut sums: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for OutputCounts { name, delivered, dropped, failed } in outputs {
        let sum = sums.entry(name).or_default();
        for (sum, count) in sum.iter_mut().zip([delivered, dropped, failed]) {
            *sum += count;
        }
    }
    for (place, (name, help)) in [
        ("nad_output_events_delivered", "Events that an output has delivered"),
        ("nad_output_events_dropped", "Events for which an output's queue had no room"),
        ("nad_output_events_failed", "Events that an output could not deliver"),
    ]
    .into_iter()
    .enumerate()
    {
        page.counters(name, help, "output", sums.iter().map(|(name, counts)| (*name, counts[place])))?;
    }
    Ok(())
}

fn process(process: &Process, page: &mut Page<'_>) -> fmt::Result {
    let Process { cpu_seconds, resident_bytes, start_seconds, open_files } = *process;
    if let Some(seconds) = cpu_seconds {
        page.counter("process_cpu_seconds", "Time that the process ran, in user and kernel mode", seconds)?;
    }
    if let Some(bytes) = resident_bytes {
        page.gauge("process_resident_memory_bytes", "Resident memory of the process", bytes)?;
    }
    if let Some(seconds) = start_seconds {
        page.gauge("process_start_time_seconds", "Unix time at which the process was started", seconds)?;
    }
    if let Some(files) = open_files {
        page.gauge("process_open_fds", "Open files of the process", files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
