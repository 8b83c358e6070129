//! A live source: attached, drained on its own thread, and given up cleanly.

mod drain;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use nad_common::counters::KernelCounters;
use nad_engine::{
    batch::{BATCH_BYTES, RecordBatch},
    ledger::Tally,
    presentation,
};
use tokio::sync::mpsc::Receiver;

use super::shedding::LoadShedding;
use crate::{
    clock::LiveClock,
    interface::{self, Interface, Selection, Stack},
    queue::{self, Sender, WhenFull},
    sandbox::Sandbox,
    sensor,
    shedding::SamplingMode,
    source::{
        Fill, Source,
        xdp::{
            self, CounterReader, Directions, Keeper, Watched, Watching, XdpError, XdpMode, XdpOptions,
            XdpSource,
        },
    },
};

/// Batches between drain and detector: a quarter of a million records.
const QUEUE_BATCHES: usize = 64;
/// Bytes that they take, with as many used ones that go back, and one that each of the two has in hand.
pub(super) const QUEUE_BYTES: usize = (2 * QUEUE_BATCHES + 2) * BATCH_BYTES;
const KERNEL_LOG_INTERVAL: Duration = Duration::from_millis(250);

/// Which interfaces are watched, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// Interfaces; none stands for the one of the default route.
    pub interfaces: Vec<String>,
    /// How to attach to what is received.
    pub mode: XdpMode,
    /// How the kernel programs are loaded.
    pub options: XdpOptions,
    /// Whether packets may be left out where there are too many.
    pub sampling: SamplingMode,
}

/// Whether there is what is to be watched; nothing is loaded or attached.
pub(super) fn check(config: &LiveConfig) -> Result<()> {
    Planned::new(config).map(drop)
}

/// What is to be watched.
pub(super) struct Planned<'a> {
    config: &'a LiveConfig,
    clock: LiveClock,
    interfaces: Vec<String>,
    selection: Selection,
    /// Those that there is something to watch in.
    directions: Directions,
}

impl<'a> Planned<'a> {
    pub(super) fn new(config: &'a LiveConfig) -> Result<Self> {
        let interfaces = match &config.interfaces[..] {
            [] => vec![interface::default_route()?],
            named => named.to_vec(),
        };
        let selection = Selection::new(&interfaces);
        let stack = Stack::read()?;
        xdp::missing_interface(&selection, &stack).map_err(XdpError::from)?;
        let directions = xdp::needed(&selection, config.options.directions, &stack);
        Ok(Self { config, clock: LiveClock::start(), interfaces, selection, directions })
    }

    /// Loads the kernel programs, which takes longest, and starts the process that will attach them: while this one is
    /// small, and there is no other thread.
    pub(super) fn load(self) -> Result<Loaded<'a>> {
        let Self { config, clock, interfaces, selection, directions } = self;
        // A pattern may find such an interface later.
        let is_raw = |name: &String| Interface::inspect(name).is_ok_and(|interface| !interface.ethernet);
        let raw_ip = interfaces.iter().any(|name| interface::is_pattern(name) || is_raw(name));
        let mut source = XdpSource::load(&XdpOptions { directions, raw_ip, ..config.options })?;
        let watching = Watching { selection, directions: config.options.directions, mode: config.mode };
        let keeper = source
            .start_keeper(watching)
            .context("the process that attaches the kernel programs could not be started")?;
        Ok(Loaded { config, clock, interfaces, source, keeper })
    }
}

/// A loaded source that is not attached yet.
pub(super) struct Loaded<'a> {
    config: &'a LiveConfig,
    clock: LiveClock,
    interfaces: Vec<String>,
    source: XdpSource,
    keeper: Keeper,
}

impl Loaded<'_> {
    /// Attaches to every interface, says how, and enters the sandbox. There must be no other thread.
    pub(super) fn attach(self, sandbox: &Sandbox) -> Result<Live> {
        let Self { config, clock, interfaces, mut source, mut keeper } = self;
        keeper.attach()?;
        let (rings, bytes) = (source.ring_count(), config.options.ring_bytes);
        tracing::info!("{} of {} KiB", presentation::counted(rings as u64, "ring"), bytes >> 10);
        if config.options.kernel_log {
            forward_kernel_log(&mut source)?;
        }
        let in_force = sandbox.enter_beside(keeper.unconfined())?;
        sensor::note_sandbox(in_force.to_string());
        if in_force.missing().is_empty() {
            tracing::info!("{in_force}");
        } else {
            tracing::warn!("{in_force}");
        }
        for path in in_force.unreadable() {
            tracing::warn!(
                "{} can't be read any more inside of the sandbox: what changes in it takes a restart of nad, SIGHUP \
                 leaves the settings as they are",
                path.display()
            );
        }
        Ok(Live { source, keeper, clock, interfaces: interfaces.join(", "), sampling: config.sampling })
    }
}

/// An attached source and the names of its interfaces.
pub(super) struct Live {
    source: XdpSource,
    keeper: Keeper,
    pub(super) clock: LiveClock,
    pub(super) interfaces: String,
    sampling: SamplingMode,
}

impl Live {
    /// The same without leaving packets out.
    pub(super) fn whole(self) -> Self {
        Self { sampling: SamplingMode::Off, ..self }
    }
}

/// The drain's end of the pipeline.
pub(super) struct Drain {
    thread: JoinHandle<Result<(), XdpError>>,
    stop: Arc<AtomicBool>,
    /// The kernel's half of the ledger.
    pub(super) counters: CounterReader,
}

impl Drain {
    /// Starts the thread, and gives what it hands on.
    pub(super) fn start(live: Live, tally: Arc<Tally>) -> Result<(Self, Received)> {
        let (full, batches) = queue::bounded(QUEUE_BATCHES, WhenFull::Wait);
        let (used, empties) = queue::bounded(QUEUE_BATCHES, WhenFull::Drop);
        let stop = Arc::new(AtomicBool::new(false));
        let Live { source, keeper, clock, sampling, .. } = live;
        let counters = source.counter_reader();
        let shedding = LoadShedding::new(sampling, source.ring_count());
        let condition = Arc::clone(&tally);
        let kept = keeper
            .follow(move |interfaces| condition.condition.set_interfaces(interfaces))
            .context("the thread that follows interfaces could not be started")?;
        let thread = {
            let stop = Arc::clone(&stop);
            thread::Builder::new()
                .name("nad-drain".into())
                .spawn(move || {
                    drain::drain(Watched::new(source, kept), clock, shedding, &stop, &tally, &full, empties)
                })
                .context("the drain thread could not be started")?
        };
        let received = Received { batches, used, counters: counters.clone() };
        Ok((Self { thread, stop, counters }, received))
    }

    /// Asks the thread to detach, take what is left in the rings, and end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// What asks it so, for another thread.
    pub(super) fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Waits for its end.
    pub(super) fn join(self) -> Result<CounterReader> {
        self.thread.join().map_err(|_| anyhow::anyhow!("the drain thread failed"))??;
        Ok(self.counters)
    }
}

/// Asks a drain to end.
#[derive(Debug, Clone)]
pub(super) struct Stopper(Arc<AtomicBool>);

impl Stopper {
    /// See [`Drain::stop`].
    pub(super) fn stop(&self) {
        self.0.store(true, Relaxed);
    }
}

/// What a drain hands on, as a source; a batch that was taken goes back for further use.
pub(super) struct Received {
    batches: Receiver<RecordBatch>,
    used: Sender<RecordBatch>,
    counters: CounterReader,
}

impl Source for Received {
    type Error = XdpError;

    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, XdpError> {
        // Where there is no room for it, its memory is given back instead.
        let _ = self.used.send(std::mem::replace(batch, RecordBatch::none()));
        let Some(next) = self.batches.blocking_recv() else { return Ok(Fill::End) };
        *batch = next;
        Ok(Fill::More)
    }

    fn counters(&self) -> Result<KernelCounters, XdpError> {
        self.counters.read()
    }
}

/// Lets the kernel program's diagnostics come out in the log, a few times a second.
fn forward_kernel_log(source: &mut XdpSource) -> Result<()> {
    let mut logger = source.logger()?;
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(KERNEL_LOG_INTERVAL);
        loop {
            interval.tick().await;
            logger.flush();
        }
    });
    Ok(())
}
