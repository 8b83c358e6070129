//! `nad train`: a baseline, live or from a file, into a model file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use anyhow::{Context, Result};

use super::{
    Outcome, OutputConfig,
    live::{Drain, Live, LiveConfig, Planned, QUEUE_BYTES},
    log_sandbox,
    memory::{self, MemoryNeeds, REPLAY_QUEUE},
    open_capture, read_ahead, report_ledger, report_trained,
    signals::StopSignals,
    tables,
    view::{self, View},
};
use crate::{
    batch::RecordBatch,
    config::LogConfig,
    detector::{BaselineLength, Detector, DetectorOptions, Findings, Start},
    files,
    ledger::{Ledger, Tally},
    model::{Model, Training, store::StoreError},
    output::{
        log, spare_capture,
        terminal::{Screen, TerminalConfig},
    },
    presentation,
    sandbox::{Needs, Sandbox, SecurityConfig},
    source::{Fill, Source, pcap::ReadAhead},
    time::Timeline,
};

/// Settings of `nad train`.
#[derive(Debug)]
pub struct TrainConfig {
    /// The capture.
    pub file: Option<PathBuf>,
    /// Where packets come from without one.
    pub live: Option<LiveConfig>,
    /// How long the baseline is.
    pub baseline: BaselineLength,
    /// How it is trained on.
    pub training: Training,
    /// How large the tables are.
    pub detection: DetectorOptions,
    /// Where the model goes.
    pub out: PathBuf,
    /// The log file.
    pub log: LogConfig,
    /// As whom nad works, and in which sandbox.
    pub security: SecurityConfig,
    /// What the terminal shows.
    pub terminal: TerminalConfig,
}

pub(super) fn train(config: TrainConfig) -> Result<Outcome> {
    let kernel_log = config.live.as_ref().is_some_and(|live| live.options.kernel_log);
    if let Some(file) = &config.file {
        spare_capture("model", &config.out, file)?;
        config.log.path.as_ref().map_or(Ok(()), |log| spare_capture("log file", log, file))?;
    }
    let needs = Needs::new(&OutputConfig::default(), &config.log, &[]).with_file(&config.out);
    let sandbox = match config.live {
        Some(_) => Sandbox::begin(&config.security, needs)?,
        None => Sandbox::of_files(&config.security, needs),
    };
    let screen = Screen::new(&config.terminal);
    log::start(&config.log, kernel_log, &screen)?;
    check_writable(&config.out)?;
    let needs = MemoryNeeds {
        sizes: &config.detection.sizes,
        queue: if config.live.is_some() { QUEUE_BYTES } else { REPLAY_QUEUE },
        ring_bytes: config.live.as_ref().map(|live| live.options.ring_bytes),
        models: memory::models(None, &config.training) / 2,
    };
    needs.check()?;
    let tally = Arc::new(Tally::default());
    let start = |source: String| Start::Learn {
        baseline: config.baseline,
        training: config.training.clone(),
        source,
    };
    let (model, ledger) = match (&config.file, &config.live) {
        (Some(file), _) => {
            let source = open_capture(file)?;
            log_sandbox(&sandbox.enter()?);
            let source = read_ahead(source)?;
            let start = start(file.display().to_string());
            let (tables, options) = (tables(&config.detection.sizes)?, config.detection.clone());
            let detector = Detector::new(start, tables, Timeline::capture(), Arc::clone(&tally), options);
            from_file(file, source, detector, &tally, &screen)?
        }
        (None, Some(live)) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("the runtime could not be started")?;
            runtime.block_on(async {
                let signals = StopSignals::install().context("signals can't be received")?;
                let planned = Planned::new(live)?;
                let loaded = planned.load()?;
                let tables = tables(&config.detection.sizes)?.fetched();
                let live = loaded.attach(&sandbox)?;
                let start = start(live.interfaces.clone());
                let options = config.detection.clone();
                let detector =
                    Detector::new(start, tables, Timeline::live(&live.clock), Arc::clone(&tally), options);
                screen.say("Starting packet capture…")?;
                let view = View::of_baseline(screen.clone(), config.baseline);
                from_interfaces(live, detector, signals, &tally, view).await
            })?
        }
        (None, None) => anyhow::bail!("there is nothing to train on"),
    };
    report_trained(&model, None);
    report_ledger(&ledger)?;
    model.save(&config.out)?;
    screen.say(&format!("Model written to {}.", presentation::path(&config.out)))?;
    Ok(Outcome::Fine)
}

/// Learning may take an hour: that its result can't be written is said before.
fn check_writable(model: &Path) -> Result<(), StoreError> {
    files::try_replace(model).map_err(|source| StoreError::Write { path: model.into(), source })
}

fn from_file(
    file: &Path,
    mut source: ReadAhead,
    mut detector: Detector,
    tally: &Tally,
    screen: &Screen,
) -> Result<(Arc<Model>, Ledger)> {
    screen.show_progress();
    let mut batch = RecordBatch::default();
    let mut findings = Findings::default();
    while findings.trained.is_none() {
        let filled = source.fill(&mut batch);
        tally.drained.fetch_add(batch.len() as u64, Relaxed);
        findings.clear();
        detector.process(&batch, &mut findings)?;
        let progress = source.progress();
        screen.progress(progress.bytes_read, progress.bytes_total.unwrap_or(progress.bytes_read));
        match filled {
            Ok(Fill::End) => break,
            Ok(_) => {}
            Err(error) if findings.trained.is_some() => {
                tracing::warn!("{error}; the baseline was complete before that");
            }
            Err(error) => return Err(error.into()),
        }
    }
    screen.clear();
    if let Some((packets, span)) = detector.learning() {
        tracing::warn!(
            "the capture ended before the baseline was complete: it has {packets} packets in {:.1} s",
            span.as_secs_f64()
        );
    }
    let model = finish(&mut detector, findings).with_context(|| presentation::path(file))?;
    Ok((model, tally.read().with_source(source.counters()?)))
}

async fn from_interfaces(
    live: Live,
    mut detector: Detector,
    mut signals: StopSignals,
    tally: &Arc<Tally>,
    mut view: View,
) -> Result<(Arc<Model>, Ledger)> {
    let (drain, mut batches, used) = Drain::start(live, Arc::clone(tally))?;
    let mut findings = Findings::default();
    let mut look = tokio::time::interval(view::INTERVAL);
    loop {
        tokio::select! {
            _ = look.tick(), if view.is_shown() => {
                let ledger = tally.read().with_source(drain.counters.read()?);
                view.draw(ledger, tally.condition.thinning_level(), Instant::now(), 0);
            }
            () = signals.received() => {
                tracing::warn!("stopped before the baseline was complete");
                drain.stop();
            }
            batch = batches.recv() => match batch {
                None => break,
                Some(batch) if findings.trained.is_some() => {
                    tally.discarded.fetch_add(batch.len() as u64, Relaxed);
                }
                Some(batch) => {
                    detector.process(&batch, &mut findings)?;
                    if findings.trained.is_some() {
                        drain.stop();
                    }
                    let _ = used.send(batch);
                }
            },
        }
    }
    let counters = drain.join()?;
    let model = finish(&mut detector, findings)?;
    Ok((model, tally.read().with_source(counters.read()?)))
}

fn finish(detector: &mut Detector, findings: Findings) -> Result<Arc<Model>> {
    match findings.trained {
        Some(model) => Ok(model),
        None => {
            detector.finish_learning(&mut Findings::default())?.context("there were no packets to learn from")
        }
    }
}
