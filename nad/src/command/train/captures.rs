//! Training on capture files: on the whole of them, unless less is asked for.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use anyhow::{Context, Result};
use nad_engine::{
    batch::RecordBatch,
    detector::{BaselineLength, Detector, Findings, Start},
    ledger::{Ledger, Tally},
    model::{FEWEST_PACKETS, Model},
    presentation::counted,
    time::Timeline,
};

use super::{TrainConfig, finish};
use crate::{
    command::{
        log_sandbox,
        pump::{End, Ended, Wants, pump},
        report_notice, tables,
    },
    output::{spare_capture, terminal::Screen},
    sandbox::Sandbox,
    source::{
        Source,
        heads::HeadOptions,
        pcap::{CaptureError, PcapSource},
        several::{Capture, Found, Several, Survey, find},
    },
    text,
};

/// The shortest time, in seconds, of captures from which follows what hosts usually do.
const LEAST_SECONDS: f64 = 10.0;

/// Captures that are found, and not read yet.
pub(super) enum Captures {
    /// Files, which can be read twice.
    Files(Found),
    /// What can be read once.
    Stream(Box<PcapSource>, PathBuf),
}

impl Captures {
    /// Opens what is named. What can be read only once stands alone.
    pub(super) fn find(named: &[PathBuf], heads: HeadOptions) -> Result<Self> {
        let is_once = |path: &PathBuf| path.as_os_str() == "-" || is_pipe(path);
        if let Some(path) = named.iter().find(|path| is_once(path)) {
            anyhow::ensure!(
                named.len() == 1,
                "{}: what can be read only once can't be put in order with other captures; save it to a file first",
                text::path(path)
            );
            return Ok(Self::Stream(Box::new(PcapSource::open(path)?.with_heads(heads)), path.clone()));
        }
        Ok(Self::Files(find(named, heads)?))
    }

    /// Refuses to write over any of them.
    pub(super) fn spare(&self, name: &str, output: &Path) -> Result<()> {
        match self {
            Self::Files(Found { captures, .. }) => {
                captures.iter().try_for_each(|capture| spare_capture(name, output, &capture.path))?;
            }
            Self::Stream(_, path) => spare_capture(name, output, path)?,
        }
        Ok(())
    }

    /// What messages and the model call them.
    fn name(&self) -> String {
        match self {
            Self::Stream(_, path) => path.display().to_string(),
            Self::Files(Found { captures, .. }) => match &captures[..] {
                [] => String::new(),
                [one] => one.path.display().to_string(),
                [first, .., last] => {
                    let (first, last) = (first.path.display(), last.path.display());
                    format!("{} captures, {first} to {last}", captures.len())
                }
            },
        }
    }
}

/// Says what was left out of directories.
fn tell_others(others: &[PathBuf]) {
    let Some(first) = others.first() else { return };
    let name = first.file_name().map_or(first.as_path(), Path::new);
    let more = if others.len() > 1 { " and others" } else { "" };
    tracing::warn!(
        "{} left out, which are no captures: {}{more}",
        counted(others.len() as u64, "file"),
        text::path(name)
    );
}

fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_fifo() || kind.is_socket() || kind.is_char_device()
    })
}

/// Learns from captures, in the sandbox.
pub(super) fn learn(
    config: &TrainConfig,
    captures: Captures,
    sandbox: &Sandbox,
    tally: &Arc<Tally>,
    screen: &Screen,
) -> Result<(Arc<Model>, Ledger)> {
    let name = captures.name();
    log_sandbox(&sandbox.enter()?);
    screen.show_progress();
    let learnt = match captures {
        Captures::Stream(source, _) => {
            let baseline = config.baseline.context(
                "what is read only once has no known length: give --train-for or --train-packets, or save it to a file",
            )?;
            Progress::new(screen, 0).learn(config, Several::once(*source), baseline, &name, tally)
        }
        Captures::Files(Found { captures, others }) => {
            tell_others(&others);
            let mut progress = Progress::new(screen, 2 * captures.iter().map(Capture::bytes).sum::<u64>());
            let survey = Several::survey(&captures, |bytes| progress.show(bytes))?;
            progress.before = progress.total / 2;
            let baseline = baseline(config.baseline, &survey, &escaped(&name))?;
            progress.learn(config, Several::open(&captures)?, baseline, &name, tally)
        }
    };
    screen.clear();
    learnt
}

fn escaped(name: &str) -> String {
    text::escaped(name).into_owned()
}

/// What of captures is learnt: all of it, unless less is wanted. Too little does not show what hosts do.
fn baseline(wanted: Option<BaselineLength>, survey: &Survey, name: &str) -> Result<BaselineLength> {
    let Survey { packets, first_half, watched, is_timeless } = *survey;
    anyhow::ensure!(
        packets >= FEWEST_PACKETS as u64,
        "{name}: {packets} packets are too few to learn from; record for longer"
    );
    anyhow::ensure!(
        !is_timeless,
        "{name}: all packets have the same time, so what hosts do can't be learnt; record them with their times"
    );
    let seconds = watched.as_secs_f64();
    let lacks = match wanted {
        None => None,
        Some(BaselineLength::Time(length)) if length > watched => {
            Some(format!("{seconds:.1} s of the {length:?} that --train-for asks for"))
        }
        Some(BaselineLength::Packets(most)) if most > packets => {
            Some(format!("{packets} of the {most} packets that --train-packets asks for"))
        }
        Some(less) => return Ok(less),
    };
    anyhow::ensure!(
        seconds >= LEAST_SECONDS,
        "{name}: {seconds:.1} s are too short to tell what hosts usually do, so no model was made; record for 10 s at \
         least, better for an hour"
    );
    if let Some(lacks) = lacks {
        tracing::warn!("{name}: there are only {lacks}; all of it was learnt");
    }
    Ok(BaselineLength::Whole { packets, first_half, seconds: watched.as_secs() })
}

/// How far reading is.
struct Progress<'a> {
    screen: &'a Screen,
    /// Bytes that were read before, and those of all reading; 0 where that is not known.
    before: u64,
    total: u64,
}

impl<'a> Progress<'a> {
    fn new(screen: &'a Screen, total: u64) -> Self {
        Self { screen, before: 0, total }
    }

    fn show(&self, bytes: u64) {
        let read = self.before + bytes;
        self.screen.progress(read, self.total.max(read));
    }

    fn learn(
        &self,
        config: &TrainConfig,
        mut source: Several<'_>,
        baseline: BaselineLength,
        name: &str,
        tally: &Arc<Tally>,
    ) -> Result<(Arc<Model>, Ledger)> {
        let start = Start::Learn { baseline, training: config.training.clone(), source: name.to_owned() };
        let (tables, options) = (tables(&config.detection.sizes)?.fetch(), config.detection.clone());
        let detector = Detector::new(start, tables, Timeline::capture(), Arc::clone(tally), options);
        let findings = Findings::default();
        let mut learner = Learner { detector, findings, damaged: Vec::new(), tally, progress: self };
        let ended =
            pump(&mut source, &mut learner, &AtomicBool::new(false)).with_context(|| escaped(name))?;
        if let Ended::Failed(error) = ended {
            return Err(error.into());
        }
        let mut learner = learner.finish()?;
        let damaged = std::mem::take(&mut learner.damaged);
        let is_complete = learner.findings.trained.is_some();
        let is_whole = matches!(baseline, BaselineLength::Whole { .. });
        tell_damage(damaged, is_complete, is_whole)?;
        let model =
            finish(&mut learner.detector, learner.findings, &baseline).with_context(|| escaped(name))?;
        Ok((model, tally.read().with_source(source.counters()?)))
    }
}

/// Learns from captures until there is enough.
struct Learner<'a> {
    detector: Detector,
    findings: Findings,
    damaged: Vec<CaptureError>,
    tally: &'a Tally,
    progress: &'a Progress<'a>,
}

impl End<Several<'_>> for Learner<'_> {
    type Left = Self;

    fn take(&mut self, batch: &RecordBatch, source: &mut Several<'_>) -> Result<Wants> {
        self.tally.drained.fetch_add(batch.len() as u64, Relaxed);
        self.findings.clear();
        self.detector.process(batch, &mut self.findings)?;
        self.findings.notices.drain(..).for_each(report_notice);
        self.progress.show(source.bytes_read());
        self.damaged.extend(source.take_damaged());
        Ok(if self.findings.trained.is_some() { Wants::Nothing } else { Wants::More })
    }

    fn finish(self) -> Result<Self> {
        Ok(self)
    }
}

/// Damage ends a capture. What comes before it is all there is, which is an error where more was asked for.
fn tell_damage(damaged: Vec<CaptureError>, is_complete: bool, is_whole: bool) -> Result<()> {
    for error in damaged {
        if is_whole {
            tracing::warn!("{error}");
        } else if is_complete {
            tracing::warn!("{error}; the baseline was complete before that");
        } else {
            return Err(error.into());
        }
    }
    Ok(())
}
