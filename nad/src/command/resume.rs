//! Going on from what an earlier run has learnt.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nad_engine::{
    detector::{Detector, Findings, Snapshot, Start},
    presentation,
};

use super::run::RunConfig;
use crate::{
    state::{Saver, Saves, StateConfig, StateDirectory},
    text,
};

/// A state directory that is this process's, and what is done with it.
pub(super) struct Kept {
    directory: StateDirectory,
    every: Duration,
    starts_anew: Option<&'static str>,
    resumed: Option<Box<Snapshot>>,
}

impl Kept {
    /// Opens it and reads what is there, unless a flag says how to start.
    pub(super) fn open(config: &StateConfig) -> Result<Self> {
        let directory = StateDirectory::open(&config.directory)?;
        let resumed = if config.starts_anew.is_some() { None } else { directory.resume()? };
        Ok(Self { directory, every: config.every, starts_anew: config.starts_anew, resumed })
    }

    /// What the detector starts with, where there is something to go on from; a contamination that was asked for moves its
    /// threshold.
    pub(super) fn begin(mut self, contamination: Option<f64>) -> (Option<Start>, Self) {
        let resumed = self.resumed.take().map(|mut snapshot| {
            contamination.iter().for_each(|contamination| snapshot.set_contamination(*contamination));
            Start::Resume(snapshot)
        });
        (resumed, self)
    }

    /// Begins to save. What is there and not gone on from is set aside: now that nothing else can fail any more.
    pub(super) fn start(self, source: &str) -> Result<(Saver, Saves)> {
        self.starts_anew.map(|flag| self.directory.start_anew(flag)).transpose()?;
        Saver::start(self.directory, self.every, source)
            .context("the thread that saves the state could not be started")
    }
}

/// What the detector starts with: what is gone on from, or what the settings say.
pub(super) fn start(kept: Option<Kept>, config: &RunConfig) -> Result<(Start, Option<Kept>)> {
    let (resumed, kept) = match kept.map(|kept| kept.begin(config.contamination)) {
        Some((resumed, kept)) => (resumed, Some(kept)),
        None => (None, None),
    };
    let start = match resumed {
        Some(resumed) => resumed,
        None => super::start(&config.task, config.training.clone(), config.contamination, "")?,
    };
    Ok((start, kept))
}

/// What is saved of a detector, where that is wanted.
pub(super) struct Saving(pub(super) Option<Saves>);

impl Saving {
    /// Has what was found of a snapshot written, and asks for another one when it is time, or a model was trained.
    pub(super) fn go_on(&mut self, detector: &mut Detector, findings: &mut Findings) {
        let Some(saves) = &mut self.0 else { return };
        findings.snapshot.take().into_iter().for_each(|snapshot| saves.save(snapshot));
        if saves.is_due(Instant::now()) || findings.trained.is_some() {
            detector.keep();
        }
    }

    /// Ends the detector's work, and has the last snapshot written.
    pub(super) fn finish(&mut self, detector: &mut Detector, findings: &mut Findings) {
        if self.0.is_some() {
            detector.keep();
        }
        detector.finish(findings);
        if let Some((saves, snapshot)) = self.0.take().zip(findings.snapshot.take()) {
            saves.save_last(snapshot);
        }
    }
}

/// A state is of the end of its second, which may lie this far ahead.
const AHEAD_NS: u64 = 2_000_000_000;

/// Says what is gone on from.
pub(super) fn report(snapshot: &Snapshot, interfaces: &str, now_ns: u64) {
    let taken_ns = snapshot.taken().unix_ns;
    tracing::info!("{}", resumed(snapshot.watched(), Duration::from_nanos(now_ns.saturating_sub(taken_ns))));
    if taken_ns.saturating_sub(now_ns) > AHEAD_NS {
        tracing::warn!(
            "the system's clock is {} behind the moment at which the state was saved: no time counts as passed since",
            presentation::span(taken_ns - now_ns)
        );
    }
    if !snapshot.source().is_empty() && snapshot.source() != interfaces {
        tracing::warn!(
            "the state was learnt at {}, and {} is watched now: what is usual there may not be so here; `nad state reset` \
             has nad learn anew",
            text::escaped(snapshot.source()),
            text::escaped(interfaces)
        );
    }
}

fn resumed(watched: Duration, ago: Duration) -> String {
    let span = |length: Duration| presentation::span(length.as_nanos().try_into().unwrap_or(u64::MAX));
    format!("resumed: {} of learning, saved {} ago", span(watched), span(ago))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_on_from_is_said_in_two_units_of_time() {
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        assert_eq!(
            resumed(hours(6 * 24 + 3), Duration::from_secs(12 * 60)),
            "resumed: 6 d 3 h of learning, saved 12 min ago"
        );
        assert_eq!(
            resumed(Duration::from_secs(61), Duration::ZERO),
            "resumed: 1 min 1 s of learning, saved 0 s ago"
        );
    }
}
