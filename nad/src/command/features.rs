//! `nad features`: what the forests see of a capture, as a table.

use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use anyhow::Result;
use nad_engine::{
    batch::RecordBatch,
    context::{Ahead, Context, Sizes, Verdict, hash::HashKey},
    detector::LEAST_BASELINE,
    features::View,
    payload::HeadFacts,
    time::Timeline,
};

use super::{
    Outcome, log_sandbox,
    memory::{MemoryNeeds, REPLAY_QUEUE},
    open_capture,
    pump::{End, Ended, Wants, pump},
    read_ahead, tables,
};
use crate::{
    config::OutputConfig,
    output::{
        OutputError,
        features::FeatureFile,
        log::{self, LogConfig},
        spare_capture,
        terminal::{Screen, TerminalConfig},
    },
    sandbox::{Needs, Sandbox, SecurityConfig},
    source::{Source, heads::HeadOptions, pcap::ReadAhead},
    text,
};

/// Settings of `nad features`.
#[derive(Debug)]
pub enum FeaturesConfig {
    /// Name the features of every view.
    List,
    /// Write those of one.
    Write(Box<WriteConfig>),
}

/// What is written, and where.
#[derive(Debug)]
pub struct WriteConfig {
    /// The capture; `-` for standard input.
    pub file: PathBuf,
    /// What is looked at of payloads.
    pub heads: HeadOptions,
    /// The table.
    pub out: PathBuf,
    /// The view.
    pub view: View,
    /// The baseline: what is seen in it is known after it.
    pub train_for: Duration,
    /// How large the context's tables are.
    pub sizes: Sizes,
    /// The log file.
    pub log: LogConfig,
    /// In which sandbox the capture is read.
    pub security: SecurityConfig,
}

pub(super) fn features(config: &FeaturesConfig) -> Result<Outcome> {
    match config {
        FeaturesConfig::List => Screen::new(&TerminalConfig::default()).say(&list())?,
        FeaturesConfig::Write(config) => write(config)?,
    }
    Ok(Outcome::Fine)
}

/// A JSON object with the names of each view's features, in the order of both.
fn list() -> String {
    let views = View::ALL.map(|view| {
        let names: Vec<&str> = view.features().map(|feature| feature.name).collect();
        format!("{}:{}", serde_json::json!(view.name()), serde_json::json!(names))
    });
    format!("{{{}}}", views.join(","))
}

fn write(config: &WriteConfig) -> Result<()> {
    spare_capture("feature file", &config.out, &config.file)?;
    if let Some(path) = &config.log.path {
        spare_capture("log file", path, &config.file)?;
    }
    let screen = Screen::new(&TerminalConfig::default());
    log::start(&config.log, false, &screen)?;
    MemoryNeeds {
        sizes: &config.sizes,
        queue: REPLAY_QUEUE,
        ring_bytes: None,
        models: 0,
        keeps_state: false,
    }
    .check()?;
    let source = open_capture(&config.file, config.heads)?;
    let table = FeatureFile::create(&config.out, &columns(config.view))?;
    let needs = Needs::new(&OutputConfig::default(), &config.log, &[]).with_file(&config.out);
    log_sandbox(&Sandbox::of_files(&config.security, needs).enter()?);
    let mut source = read_ahead(source)?;
    let mut reader = Reader::new(config, table)?;
    let ended = pump(&mut source, &mut reader, &AtomicBool::new(false))?;
    let rows = reader.finish()?;
    let counters = source.counters()?;
    screen.say(&format!("Captured {} packets.", counters.seen))?;
    screen.say(&format!(
        "{rows} rows of the view {} written to {}.",
        config.view.name(),
        text::path(&config.out)
    ))?;
    if counters.unparsed_total() > 0 {
        tracing::warn!("{} packets could not be parsed and are in no row", counters.unparsed_total());
    }
    match ended {
        Ended::Failed(error) => Err(error.into()),
        Ended::Complete | Ended::Enough | Ended::Stopped => Ok(()),
    }
}

fn columns(view: View) -> Vec<&'static str> {
    view.features().map(|feature| feature.name).collect()
}

/// Takes records into account as a detector does that is learning, and writes the rows of one view.
struct Reader {
    view: View,
    context: Context,
    timeline: Timeline,
    ahead: Ahead,
    baseline: BaselineClock,
    table: FeatureFile,
    rows: u64,
    vector: Vec<f32>,
}

impl Reader {
    fn new(config: &WriteConfig, table: FeatureFile) -> Result<Self> {
        Ok(Self {
            view: config.view,
            context: Context::new(tables(&config.sizes)?, HashKey::from_seed(0), config.train_for.as_secs()),
            timeline: Timeline::capture(),
            ahead: Ahead::default(),
            baseline: BaselineClock { length: config.train_for, packets: 0, is_over: false },
            table,
            rows: 0,
            vector: Vec::with_capacity(config.view.features().count()),
        })
    }

    fn read(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        let mut arrivals = batch.arrivals();
        let mut ahead = std::mem::take(&mut self.ahead);
        let prepared = self.context.prepare(batch.records(), &mut ahead);
        for (arrival, prepared) in arrivals.by_ref().zip(prepared) {
            let now_ns = self.timeline.advance(&arrival, |_| {});
            if self.context.is_tick_over(now_ns) {
                self.close_tick()?;
            }
            if self.baseline.ends_before(self.timeline.watched_ns()) {
                self.context.end_baseline();
            }
            let facts = HeadFacts::read(arrival.record, arrival.head);
            let seen = self.context.observe(&prepared, facts, now_ns);
            if self.view == View::Packet {
                let vector = View::read_packet(arrival.record, &seen);
                let time_ns = self.timeline.unix_ns(now_ns);
                self.table.write(arrival.index, time_ns, &vector)?;
                self.rows += 1;
            }
        }
        self.ahead = ahead;
        self.timeline.end_batch(arrivals, |_| {});
        Ok(())
    }

    /// Writes the subjects of the second that is over.
    fn close_tick(&mut self) -> Result<(), OutputError> {
        let end_ns = self.timeline.unix_ns(self.context.tick_end_ns());
        let Self { view, context, table, rows, vector, .. } = self;
        let mut written = Ok(());
        context.close_tick(|subject| {
            if written.is_ok() && view.read(&subject, vector) {
                written = table.write(*rows, end_ns, vector);
                *rows += 1;
            }
            Verdict { anomaly_level: 0.0, is_ordinary: true }
        });
        written
    }
}

impl End<ReadAhead> for Reader {
    /// How many rows there are.
    type Left = u64;

    fn take(&mut self, batch: &RecordBatch, _source: &mut ReadAhead) -> Result<Wants> {
        self.read(batch)?;
        Ok(Wants::More)
    }

    fn finish(mut self) -> Result<u64> {
        self.close_tick()?;
        self.table.finish()?;
        Ok(self.rows)
    }
}

/// When the baseline is over, as for a detector that learns for a time.
struct BaselineClock {
    length: Duration,
    packets: u64,
    is_over: bool,
}

impl BaselineClock {
    /// Counts a packet after so much watched time; whether it is the first one after the baseline.
    fn ends_before(&mut self, watched_ns: u64) -> bool {
        let age = Duration::from_nanos(watched_ns);
        let ends = !self.is_over && self.packets >= LEAST_BASELINE && age >= self.length;
        self.is_over |= ends;
        self.packets += 1;
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_a_json_object_with_every_view() {
        let list: serde_json::Value = serde_json::from_str(&list()).unwrap();
        let list = list.as_object().unwrap();
        assert_eq!(list.len(), View::ALL.len());
        for view in View::ALL {
            let names: Vec<&str> = view.features().map(|feature| feature.name).collect();
            assert_eq!(list[view.name()], serde_json::json!(names));
        }
    }

    #[test]
    fn a_baseline_ends_once_when_it_is_long_enough_and_has_enough_packets() {
        let mut clock = BaselineClock { length: Duration::from_secs(1), packets: 0, is_over: false };
        assert!(!clock.ends_before(0));
        for _ in 1..LEAST_BASELINE {
            assert!(!clock.ends_before(2_000_000_000), "too few packets");
        }
        assert!(!clock.ends_before(999_999_999), "too early");
        assert!(clock.ends_before(1_000_000_000));
        assert!(!clock.ends_before(3_000_000_000), "it was over before");
    }
}
