//! `nad replay`: the same with a capture file.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use anyhow::{Context, Result};
use nad_engine::{
    batch::RecordBatch,
    detector::{Detector, DetectorOptions, Findings, Wanted},
    incident::allow::AllowRules,
    ledger::{Judged, Tally},
    model::Training,
    time::Timeline,
};

use super::{
    Gate, Outcome, allowed, detected, log_sandbox,
    memory::{self, MemoryNeeds, REPLAY_QUEUE},
    open_capture,
    pump::{End, Ended, Wants, pump},
    read_ahead, report_ledger, report_notice, report_trained,
    signals::StopSignals,
    start, tables, warn_of_expired,
};
use crate::{
    config::{OutputConfig, Task},
    output::{
        Outputs, Stop,
        log::{self, LogConfig},
        scores::ScoreFile,
        spare_capture,
        terminal::Screen,
    },
    sandbox::{Needs, Sandbox, SecurityConfig},
    source::{Source, heads::HeadOptions, pcap::ReadAhead},
    text,
};

/// Settings of `nad replay`.
#[derive(Debug)]
pub struct ReplayConfig {
    /// The capture; `-` for standard input.
    pub file: PathBuf,
    /// What is looked at of payloads.
    pub heads: HeadOptions,
    /// Learn, or detect with a model.
    pub task: Task,
    /// How a baseline is trained on.
    pub training: Training,
    /// The contamination that was asked for, which moves a saved model's threshold.
    pub contamination: Option<f64>,
    /// Where scores are written.
    pub scores: Option<PathBuf>,
    /// How incidents are found.
    pub detection: DetectorOptions,
    /// Where incidents and packets are reported.
    pub outputs: OutputConfig,
    /// The log file.
    pub log: LogConfig,
    /// In which sandbox the capture is read.
    pub security: SecurityConfig,
    /// Whether an anomaly makes the exit code 3.
    pub fail_on_anomaly: bool,
}

pub(super) fn replay(config: &ReplayConfig) -> Result<Outcome> {
    for (name, output) in [("log file", &config.log.path), ("score file", &config.scores)] {
        output.as_ref().map_or(Ok(()), |output| spare_capture(name, output, &config.file))?;
    }
    for written in config.outputs.sinks.iter().filter_map(|sink| sink.written()) {
        spare_capture(written.what, &written.path, &config.file)?;
    }
    let screen = Screen::new(&config.outputs.terminal);
    log::start(&config.log, false, &screen)?;
    let needs = MemoryNeeds {
        sizes: &config.detection.sizes,
        queue: REPLAY_QUEUE,
        ring_bytes: None,
        models: memory::models(Some(&config.task), &config.training),
        keeps_state: false,
    };
    needs.check()?;
    let tally = Arc::new(Tally::default());
    let source = open_capture(&config.file, config.heads)?;
    let start = start(
        &config.task,
        config.training.clone(),
        config.contamination,
        &config.file.display().to_string(),
    )?;
    let wanted = Wanted {
        scores: config.scores.is_some(),
        alerts: if config.outputs.wants_packets() { usize::MAX } else { 0 },
    };
    let options = DetectorOptions { wanted, ..config.detection.clone() };
    let mut sinks = Sinks::open(config, screen.clone())?;
    // Before a packet of the capture is read, which may be anybody's, and before there are threads.
    let needs = Needs::new(&config.outputs, &config.log, &[]);
    let needs = config.scores.as_deref().map_or(needs.clone(), |scores| needs.with_file(scores));
    let in_force = Sandbox::of_files(&config.security, needs).enter()?;
    let mut source = read_ahead(source)?;
    let tables = tables(&config.detection.sizes)?.fetch();
    let detector = Detector::new(start, tables, Timeline::capture(), Arc::clone(&tally), options);
    sinks.outputs.start().context("the threads of outputs could not be started")?;
    tally.set_outputs(sinks.outputs.counts());
    let stop = stop_at_signal(sinks.outputs.stop())?;
    let begun = Instant::now();
    screen.say("Starting packet capture…")?;
    screen.show_progress();

    let mut judge =
        Judge { detector, findings: Findings::default(), sinks: &mut sinks, tally: &tally, has_begun: false };
    let ended = pump(&mut source, &mut judge, &stop).and_then(|ended| Ok((ended, judge.finish()?)));
    let told = sinks.outputs.finish();
    screen.clear();
    let (ended, rules) = ended?;
    told?;
    if let Some(scores) = sinks.scores.take() {
        scores.finish()?;
    }

    let ledger = tally.read().with_source(source.counters()?);
    sinks.outputs.note(&ledger, true);
    screen.say(&format!("Captured {} packets.", ledger.captured()))?;
    screen.sum_up(&detected(&ledger), &ledger, &allowed(&rules))?;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = ledger.source.seen as f64 / seconds;
    tracing::info!("replayed in {seconds:.1} s, {rate:.0} packets/s");
    log_sandbox(&in_force);
    report_ledger(&ledger)?;
    let is_complete = match ended {
        Ended::Failed(error) => return Err(error.into()),
        Ended::Complete => true,
        Ended::Enough | Ended::Stopped => {
            tracing::warn!("stopped before the end of the capture");
            false
        }
    };
    let gate = Gate::of(&config.task, config.fail_on_anomaly);
    match ledger.judgement() {
        // A replay that judged nothing did not do what was asked for.
        Judged::Nothing(missing) if gate == Gate::Open && is_complete => {
            anyhow::bail!("{}: nothing was judged: {missing}", text::path(&config.file))
        }
        _ => Ok(gate.judge(&ledger)),
    }
}

/// Everything that findings go to, and where is shown how far the capture was read.
struct Sinks {
    outputs: Outputs,
    scores: Option<ScoreFile>,
    screen: Screen,
}

impl Sinks {
    fn open(config: &ReplayConfig, screen: Screen) -> Result<Self> {
        let outputs = config.outputs.open(false, &screen)?;
        let scores = config.scores.as_deref().map(ScoreFile::create).transpose()?;
        Ok(Self { outputs, scores, screen })
    }

    fn take(&mut self, findings: &mut Findings) -> Result<()> {
        if let Some(scores) = &mut self.scores {
            scores.write(&findings.scores)?;
        }
        if let Some(model) = &findings.trained {
            report_trained(model, findings.drift);
        }
        findings.notices.drain(..).for_each(report_notice);
        self.outputs.tell(&findings.take_events())?;
        Ok(())
    }
}

/// Judges a capture's packets, and tells what it finds.
struct Judge<'a> {
    detector: Detector,
    findings: Findings,
    sinks: &'a mut Sinks,
    tally: &'a Tally,
    has_begun: bool,
}

impl End<ReadAhead> for Judge<'_> {
    /// The rules, with what each has allowed.
    type Left = AllowRules;

    fn take(&mut self, batch: &RecordBatch, source: &mut ReadAhead) -> Result<Wants> {
        if let Some(first) = batch.records().first().filter(|_| !self.has_begun) {
            self.has_begun = true;
            warn_of_expired(self.detector.rules(), first.time_ns);
        }
        self.findings.clear();
        self.tally.drained.fetch_add(batch.len() as u64, Relaxed);
        let processed = self.detector.process(batch, &mut self.findings);
        self.sinks.take(&mut self.findings)?;
        processed?;
        let progress = source.progress();
        self.sinks.screen.progress(progress.bytes_read, progress.bytes_total.unwrap_or(progress.bytes_read));
        Ok(Wants::More)
    }

    fn finish(mut self) -> Result<AllowRules> {
        self.findings.clear();
        self.detector.finish(&mut self.findings);
        self.sinks.take(&mut self.findings)?;
        Ok(self.detector.rules().clone())
    }
}

/// A flag that Ctrl-C or SIGTERM sets, so that what was found so far is still reported, to outputs that take it.
fn stop_at_signal(waiting: Stop) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    let mut signals = {
        let _entered = runtime.enter();
        StopSignals::install().context("signals can't be received")?
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            signals.received().await;
            flag.store(true, Relaxed);
            waiting.request();
            // The second one ends the process as it would without nad's doing.
            signals.received().await;
            std::process::exit(1);
        });
    });
    Ok(stop)
}
