//! `nad run`: watch interfaces until Ctrl-C.

mod judge;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nad_engine::{
    context::Tables,
    detector::{Detector, DetectorOptions, Event, Findings, Notice, PendingChange, Start, Wanted},
    incident::allow::AllowRules,
    ledger::{Ledger, Tally},
    model::{Model, Training},
    presentation,
};

use super::{
    Gate, Outcome, Reread, allowed, count, detected, found, is_broken_pipe,
    live::{Drain, Live, LiveConfig, Planned, QUEUE_BYTES},
    memory::{self, MemoryNeeds},
    pump::LivePump,
    reload::Reloader,
    report_ledger, report_notice, report_trained,
    resume::{self, Kept, Saving},
    signals::{ReloadSignal, StopSignals},
    tables,
    view::{self, View},
    warn_of_expired,
};
use crate::{
    clock,
    config::{OutputConfig, Task},
    output::{
        OutputError, Outputs, Service,
        log::{self, LogConfig},
        terminal::{SAID, Screen},
    },
    queue::{self, WhenFull},
    sandbox::{Needs, Sandbox, SecurityConfig},
    self_traffic,
    service_manager::ServiceManager,
    state::{Saver, StateConfig},
};
use judge::Judge;

/// Messages between detector and outputs, each with at most a batch's alerts.
const QUEUE_MESSAGES: usize = 256;
/// Packets reported with their reasons, of every 512.
const MOST_ALERTS: usize = 64;
/// How often the ledger is printed, where it has changed.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);
/// How often is checked whether an output has ended without an event.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Settings of `nad run`.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Where packets come from.
    pub live: LiveConfig,
    /// What is done with them.
    pub task: Task,
    /// How a baseline is trained on.
    pub training: Training,
    /// The contamination that was asked for, which moves a saved model's threshold.
    pub contamination: Option<f64>,
    /// How incidents are found.
    pub detection: DetectorOptions,
    /// Where incidents and packets are reported.
    pub outputs: OutputConfig,
    /// The log file.
    pub log: LogConfig,
    /// As whom nad works, and in which sandbox.
    pub security: SecurityConfig,
    /// Where what was learnt is kept, where it is.
    pub state: Option<StateConfig>,
    /// The files that settings are in.
    pub sources: Vec<PathBuf>,
    /// The sensor's name.
    pub sensor: String,
    /// Whether an anomaly makes the exit code 3.
    pub fail_on_anomaly: bool,
}

/// What the detector tells the outputs.
enum Message {
    Happened(Vec<Event>),
    Trained(Arc<Model>, Option<f64>),
    Noticed(Notice),
}

impl RunConfig {
    /// What these settings need of the system.
    pub(super) fn needs(&self) -> Needs {
        Needs::new(&self.outputs, &self.log, &self.sources).with_state(self.state.as_ref())
    }
}

pub(super) fn run(config: RunConfig, reread: Reread) -> Result<Outcome> {
    let sandbox = Sandbox::begin(&config.security, config.needs())?;
    let goes_on = config.outputs.goes_on_without_stdout();
    let screen = Screen::new(&config.outputs.terminal).of_sensor(goes_on);
    log::start(&config.log, config.live.options.kernel_log, &screen)?;
    let manager = ServiceManager::of_environment().unwrap_or_else(|error| {
        tracing::warn!("{error}");
        ServiceManager::default()
    });
    let needs = MemoryNeeds {
        sizes: &config.detection.sizes,
        queue: QUEUE_BYTES,
        ring_bytes: Some(config.live.options.ring_bytes),
        models: memory::models(Some(&config.task), &config.training),
        keeps_state: config.state.is_some(),
    };
    needs.check()?;
    let kept = config.state.as_ref().map(Kept::open).transpose()?;
    let is_count = matches!(config.task, Task::Count { .. });
    let mut outputs = config.outputs.open(is_count, &screen)?;
    let services = config.outputs.listen(is_count)?;
    // One thread: the packets have their own, and everything else is seldom.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    let gate = Gate::of(&config.task, config.fail_on_anomaly);
    let ended = runtime.block_on(async move {
        let signals = StopSignals::install().context("signals can't be received")?;
        let reload = ReloadSignal::install().context("signals can't be received")?;
        let (start, kept) = resume::start(kept, &config)?;
        let planned = Planned::new(&config.live)?;
        let loaded = planned.load()?;
        let tables = tables(&config.detection.sizes)?;
        let live = loaded.attach(&sandbox)?;
        outputs.start().context("the threads of outputs could not be started")?;
        screen.say("Starting packet capture…")?;
        match config.task {
            Task::Count { packets, .. } => {
                let options = config.detection.clone();
                count::count(live, packets, start, options, outputs, &screen, (signals, manager)).await
            }
            _ => {
                let alerts = if config.outputs.wants_packets() { MOST_ALERTS } else { 0 };
                let wanted = Wanted { scores: false, alerts };
                let options = DetectorOptions { in_background: true, wanted, ..config.detection.clone() };
                let reloader = Reloader::new(config, PendingChange::default(), reread);
                let control = (signals, reload, reloader, manager);
                watch(live, (start, tables, kept), options, outputs, services, &screen, control).await
            }
        }
    });
    match ended {
        Ok(ledger) => Ok(gate.judge(&ledger)),
        Err(error) if is_broken_pipe(&error) => {
            tracing::warn!(
                "nobody reads standard output any more, so nad ends; --on-closed-stdout continue has it go on"
            );
            Ok(Outcome::StandardOutputClosed)
        }
        Err(error) => Err(error),
    }
}

async fn watch(
    live: Live,
    (start, tables, kept): (Start, Tables, Option<Kept>),
    options: DetectorOptions,
    mut outputs: Outputs,
    services: Vec<Box<dyn Service>>,
    screen: &Screen,
    (mut signals, mut reload, mut reloader, manager): (StopSignals, ReloadSignal, Reloader, ServiceManager),
) -> Result<Ledger> {
    let tally = Arc::new(Tally::default());
    let (saver, saves) = kept.map(|kept| kept.start(&live.interfaces)).transpose()?.unzip();
    let counts =
        |outputs: &Outputs| outputs.counts().into_iter().chain(saver.as_ref().map(Saver::counts)).collect();
    tally.set_outputs(counts(&outputs));
    let start = match start {
        Start::Learn { baseline, training, .. } => {
            tracing::info!("learning a baseline ({baseline}); anomalies are reported after that");
            manager.status(&format!("learning a baseline ({baseline}) of {}", live.interfaces));
            Start::Learn { baseline, training, source: live.interfaces.clone() }
        }
        Start::Resume(snapshot) => {
            resume::report(&snapshot, &live.interfaces, clock::unix_now_ns());
            manager.status(&format!("watching {}", live.interfaces));
            Start::Resume(snapshot)
        }
        detect => {
            manager.status(&format!("watching {}", live.interfaces));
            detect
        }
    };
    let clock = live.clock;
    // A clone shares the counts, which the detector's thread adds to.
    let mut rules = options.rules.clone();
    warn_of_expired(&rules, clock::unix_now_ns());
    let mut view = View::new(screen.clone(), options.budget, &start);
    let detector = Detector::new(start, tables.fetch(), clock.timeline(), Arc::clone(&tally), options)
        .without(self_traffic::ours());
    let (drain, received) = Drain::start(live, Arc::clone(&tally))?;
    let serve = |service: Box<dyn Service>| {
        let counters = drain.counters.clone();
        let source = move || counters.read().map_err(|error| error.to_string());
        service.serve(Arc::clone(&tally), Box::new(source))
    };
    let _served = services.into_iter().map(serve).collect::<Result<Vec<_>>>()?;
    let (to_outputs, mut messages) = queue::bounded(QUEUE_MESSAGES, WhenFull::Drop);
    let judge = Judge {
        detector,
        findings: Findings::default(),
        outputs: to_outputs,
        tally: Arc::clone(&tally),
        changes: reloader.pending(),
        saving: Saving(saves),
    };
    let detecting = LivePump::start(received, judge)?;
    let threads = Arc::clone(&tally);
    manager.keep_alive(move |limit| {
        let condition = &threads.condition;
        condition.detector.silence() < limit && condition.drain.silence() < limit
    });
    manager.ready();
    let stop = || {
        manager.stopping();
        drain.stop();
    };

    let mut status = tokio::time::interval(STATUS_INTERVAL);
    status.tick().await;
    let mut look = tokio::time::interval(view::INTERVAL);
    let mut check = tokio::time::interval(CHECK_INTERVAL);
    let mut reported = Ledger::default();
    let mut failure = None;
    let mut is_stopping = false;
    loop {
        tokio::select! {
            () = signals.received() => {
                if is_stopping {
                    anyhow::bail!("stopped at the second signal: what was still in the rings is not accounted for");
                }
                is_stopping = true;
                stop();
            }
            message = messages.recv() => match message {
                None => break,
                Some(message) if failure.is_none() => {
                    failure = tell(&mut outputs, &mut view, message).err();
                    if failure.is_some() {
                        is_stopping = true;
                        stop();
                    }
                }
                Some(_) => {}
            },
            () = reload.received() => {
                manager.reloading();
                if let Some((new, budget)) = reloader.reload(&mut outputs, screen) {
                    rules = new;
                    view.set_budget(budget);
                    warn_of_expired(&rules, clock::unix_now_ns());
                    tally.set_outputs(counts(&outputs));
                }
                manager.ready();
            }
            _ = status.tick() => {
                let ledger = tally.read().with_source(drain.counters.read()?);
                if ledger != reported {
                    manager.status(&status_line(&ledger, &reported));
                    log_status(&ledger, &reported, &rules, view.is_shown());
                    outputs.note(&ledger, false);
                    reported = ledger;
                }
            }
            _ = check.tick(), if failure.is_none() => {
                failure = outputs.check().err();
                if failure.is_some() {
                    is_stopping = true;
                    stop();
                }
            }
            _ = look.tick(), if view.is_shown() => {
                let ledger = tally.read().with_source(drain.counters.read()?);
                view.draw(ledger, tally.condition.sampling_level(), Instant::now(), clock::unix_now_ns());
            }
        }
    }
    let judged = detecting.join();
    let counters = drain.join()?;
    if let Err(error) = outputs.finish() {
        failure.get_or_insert(error);
    }
    saver.into_iter().for_each(Saver::join);
    drop(view);
    let ledger = tally.read().with_source(counters.read()?);
    outputs.note(&ledger, true);
    if failure.is_none() {
        failure = sum_up(screen, &ledger, &rules).err();
    }
    let balanced = report_ledger(&ledger);
    judged?;
    balanced?;
    failure.map_or(Ok(ledger), |error| Err(error.into()))
}

/// Says at the end what was captured and found.
fn sum_up(screen: &Screen, ledger: &Ledger, rules: &AllowRules) -> Result<(), OutputError> {
    screen.say(&format!("Captured {} packets.", ledger.captured()))?;
    screen.sum_up(&detected(ledger), ledger, &allowed(rules))
}

/// How much of what came since an earlier ledger was recorded; nothing where it was all.
fn coverage(ledger: &Ledger, earlier: &Ledger) -> String {
    match ledger.coverage_since(earlier) {
        Some(part) if part < 1.0 => format!("coverage {:.1} %; ", (part * 1000.0).floor() / 10.0),
        _ => String::new(),
    }
}

/// How things are, in a line.
fn status_line(ledger: &Ledger, reported: &Ledger) -> String {
    format!("{}; {}{ledger}", found(ledger, ", "), coverage(ledger, reported))
}

/// Logs how things are; on the terminal only where nothing shows the same.
fn log_status(ledger: &Ledger, reported: &Ledger, rules: &AllowRules, is_shown: bool) {
    let mut lines = vec![status_line(ledger, reported)];
    if ledger.suppressed != reported.suppressed {
        let line = |(count, comment)| format!("allowed {}: {comment}", presentation::counted(count, "alert"));
        lines.extend(allowed(rules).into_iter().map(line));
    }
    for line in lines {
        if is_shown {
            tracing::info!(target: SAID, "{line}");
        } else {
            tracing::info!("{line}");
        }
    }
}

fn tell(outputs: &mut Outputs, view: &mut View, message: Message) -> Result<(), OutputError> {
    match message {
        Message::Happened(events) => {
            view.note(&events);
            outputs.tell(&events)
        }
        Message::Trained(model, drift) => {
            view.trained(&model);
            report_trained(&model, drift);
            Ok(())
        }
        Message::Noticed(notice) => {
            report_notice(notice);
            Ok(())
        }
    }
}
