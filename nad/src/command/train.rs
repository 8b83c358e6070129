//! `nad train`: a baseline, live or from capture files, into a model file.

mod captures;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use anyhow::{Context, Result};
use nad_engine::{
    batch::RecordBatch,
    detector::{BaselineLength, Detector, DetectorOptions, Findings, Start},
    ledger::{Ledger, Tally},
    model::{Model, Training},
    presentation,
};

use super::{
    Outcome,
    live::{Drain, Live, LiveConfig, Planned, QUEUE_BYTES, Received, Stopper},
    memory::{self, MemoryNeeds, REPLAY_QUEUE},
    pump::{End, LivePump, Wants},
    report_ledger, report_notice, report_trained,
    signals::StopSignals,
    tables,
    view::{self, View},
};
use crate::{
    config::{DEFAULT_TRAIN_FOR, OutputConfig},
    files,
    model_file::{self, ModelFileError},
    output::{
        log::{self, LogConfig},
        terminal::{Screen, TerminalConfig},
    },
    sandbox::{Needs, Sandbox, SecurityConfig},
    self_traffic,
    source::heads::HeadOptions,
    text,
};
use captures::Captures;

/// Settings of `nad train`.
#[derive(Debug)]
pub struct TrainConfig {
    /// The captures, and directories of captures.
    pub files: Vec<PathBuf>,
    /// What is looked at of payloads.
    pub heads: HeadOptions,
    /// Where packets come from without any.
    pub live: Option<LiveConfig>,
    /// How long the baseline is; without it, as long as the captures, or 60 s of live packets.
    pub baseline: Option<BaselineLength>,
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
    let needs = Needs::new(&OutputConfig::default(), &config.log, &[]).with_file(&config.out);
    let sandbox = match config.live {
        Some(_) => Sandbox::begin(&config.security, needs)?,
        None => Sandbox::of_files(&config.security, needs),
    };
    let screen = Screen::new(&config.terminal);
    let spared = |found: Captures| {
        found.spare("model", &config.out)?;
        config.log.path.as_ref().map_or(Ok(()), |log| found.spare("log file", log))?;
        Ok::<_, anyhow::Error>(found)
    };
    let found = if config.live.is_none() {
        Some(spared(Captures::find(&config.files, config.heads)?)?)
    } else {
        None
    };
    log::start(&config.log, kernel_log, &screen)?;
    check_writable(&config.out)?;
    let needs = MemoryNeeds {
        sizes: &config.detection.sizes,
        queue: if config.live.is_some() { QUEUE_BYTES } else { REPLAY_QUEUE },
        ring_bytes: config.live.as_ref().map(|live| live.options.ring_bytes),
        models: memory::models(None, &config.training) / 2,
        keeps_state: false,
    };
    needs.check()?;
    let tally = Arc::new(Tally::default());
    let (model, ledger) = match (found, &config.live) {
        (Some(found), _) => captures::learn(&config, found, &sandbox, &tally, &screen)?,
        (None, Some(live)) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("the runtime could not be started")?;
            runtime.block_on(async {
                let signals = StopSignals::install().context("signals can't be received")?;
                let planned = Planned::new(live)?;
                let loaded = planned.load()?;
                let tables = tables(&config.detection.sizes)?;
                let live = loaded.attach(&sandbox)?;
                let baseline = config.baseline.unwrap_or(BaselineLength::Time(DEFAULT_TRAIN_FOR));
                let (training, source) = (config.training.clone(), live.interfaces.clone());
                let start = Start::Learn { baseline, training, source };
                let options = config.detection.clone();
                let detector =
                    Detector::new(start, tables.fetch(), live.clock.timeline(), Arc::clone(&tally), options)
                        .without(self_traffic::ours());
                screen.say("Starting packet capture…")?;
                let view = View::of_baseline(screen.clone(), baseline);
                from_interfaces(live, (detector, baseline), signals, &tally, view).await
            })?
        }
        (None, None) => anyhow::bail!("there is nothing to train on"),
    };
    report_trained(&model, None);
    report_ledger(&ledger)?;
    model_file::save(&model, &config.out)?;
    screen.say(&format!("Model written to {}.", text::path(&config.out)))?;
    Ok(Outcome::Fine)
}

/// Learning may take an hour: that its result can't be written is said before.
fn check_writable(model: &Path) -> Result<(), ModelFileError> {
    files::try_replace(model).map_err(|source| ModelFileError::Write { path: model.into(), source })
}

async fn from_interfaces(
    live: Live,
    (detector, baseline): (Detector, BaselineLength),
    mut signals: StopSignals,
    tally: &Arc<Tally>,
    mut view: View,
) -> Result<(Arc<Model>, Ledger)> {
    let (drain, received) = Drain::start(live, Arc::clone(tally))?;
    let findings = Findings::default();
    let learner =
        Learner { detector, findings, baseline, tally: Arc::clone(tally), is_enough: drain.stopper() };
    let mut learning = LivePump::start(received, learner)?;
    let mut look = tokio::time::interval(view::INTERVAL);
    loop {
        tokio::select! {
            _ = look.tick(), if view.is_shown() => {
                let ledger = tally.read().with_source(drain.counters.read()?);
                view.draw(ledger, tally.condition.sampling_level(), Instant::now(), 0);
            }
            () = signals.received() => {
                tracing::warn!("stopped before the baseline was complete");
                drain.stop();
            }
            () = learning.ended() => break,
        }
    }
    let model = learning.join();
    let counters = drain.join()?;
    Ok((model?, tally.read().with_source(counters.read()?)))
}

/// Learns from what is received until there is enough.
struct Learner {
    detector: Detector,
    findings: Findings,
    baseline: BaselineLength,
    tally: Arc<Tally>,
    is_enough: Stopper,
}

impl End<Received> for Learner {
    type Left = Arc<Model>;

    fn take(&mut self, batch: &RecordBatch, _source: &mut Received) -> Result<Wants> {
        if self.findings.trained.is_some() {
            self.tally.discarded.fetch_add(batch.len() as u64, Relaxed);
            return Ok(Wants::More);
        }
        self.detector.process(batch, &mut self.findings)?;
        self.findings.seconds.clear();
        self.findings.notices.drain(..).for_each(report_notice);
        if self.findings.trained.is_some() {
            self.is_enough.stop();
        }
        Ok(Wants::More)
    }

    fn finish(mut self) -> Result<Arc<Model>> {
        finish(&mut self.detector, self.findings, &self.baseline)
    }
}

/// The model of what was learnt. Of a baseline that ended early and is too short for hosts, there is none.
fn finish(detector: &mut Detector, findings: Findings, baseline: &BaselineLength) -> Result<Arc<Model>> {
    if let Some(model) = findings.trained {
        return Ok(model);
    }
    let (packets, span) = detector.learning().unwrap_or_default();
    let model = detector.finish_learning(&mut Findings::default())?;
    let model = model.context("there were no packets to learn from")?;
    let had =
        format!("{} in {:.1} s of {baseline}", presentation::counted(packets, "packet"), span.as_secs_f64());
    anyhow::ensure!(
        model.judges_subjects(),
        "the baseline ended too early to tell what hosts do, so no model was written: it has {had}; learn for longer, or \
         give a shorter --train-for"
    );
    tracing::warn!("the baseline ended before it was complete: it has {had}");
    Ok(model)
}
