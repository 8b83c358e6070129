//! Learning, then detecting.
//!
//! Every record goes through the context, whatever the state; what differs is what becomes of the vectors. At each
//! tick's end the subjects that were active are judged, and deviations go to the tracker. Nothing here depends on how
//! records are cut into batches, so that live and replay agree.

mod background;
mod batch_tally;
mod change;
mod condition;
mod deviation_cap;
mod disorder;
#[cfg(any(test, feature = "examples"))]
pub mod example;
mod findings;
mod heads;
mod judge;
mod judgement_cache;
mod learning;
mod notice;
mod options;
mod packet_path;
mod packets;
mod passing;
mod relearning;
mod second;
mod shards;
mod snapshot;
mod start;
#[cfg(test)]
mod tests;
mod tick;
mod times;
mod worker;

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use nad_common::record::PacketRecord;

pub use change::{Change, PendingChange};
pub use findings::{Event, Findings};
pub use learning::{BaselineLength, LEAST_BASELINE};
pub use notice::Notice;
pub use options::{DetectorOptions, Wanted};
pub use second::{HostVolume, Second};
pub use snapshot::Snapshot;
pub use start::Start;

use crate::{
    batch::RecordBatch,
    context::{Ahead, Context, ContextCounts},
    features::Vectors,
    incident::{allow::AllowRules, tracker::Tracker},
    ledger::{Decisions, Tally},
    model::{Model, forest::ForestError},
    policy::Policy,
    time::Timeline,
};
use batch_tally::BatchTally;
use deviation_cap::DeviationCap;
use disorder::Disorder;
use heads::Heads;
use judgement_cache::JudgementCache;
use learning::Learning;
use notice::Overrun;
use relearning::Relearning;
use second::Ongoing;
use shards::Shards;
use times::Times;
use worker::Worker;

/// Turns batches of records into findings, and accounts for each record.
pub struct Detector {
    state: State,
    context: Context,
    timeline: Timeline,
    /// What was said of times already.
    disorder: Disorder,
    /// When the model's last packet came, in Unix nanoseconds, until it is compared with the first packet here.
    model_ns: Option<u64>,
    tally: Arc<Tally>,
    options: DetectorOptions,
    /// That of a model which is yet to come, where it was changed meanwhile.
    contamination: Option<f64>,
    tracker: Tracker,
    relearning: Relearning,
    /// What this thread does with packets, unless others do.
    worker: Worker,
    shards: Option<Shards>,
    ahead: Ahead,
    second: Ongoing,
    overrun: Overrun,
    /// Of the tables, when they were last all here.
    context_counts: ContextCounts,
    /// States that the tables had lost by the last second's end.
    lost_states: u64,
    scratch: Scratch,
    batch_tally: BatchTally,
    heads: Heads,
    times: Times,
    /// Whether a snapshot is wanted.
    is_to_keep: bool,
    /// Where records are of this machine and of now.
    self_traffic: Option<Box<dyn SelfTraffic>>,
}

/// Tells the records of the sensor's own connections, so that it does not report itself.
pub trait SelfTraffic: Send {
    /// Takes up what was opened and closed since. Called before each batch: the connections that it has packets of are
    /// known by then.
    fn refresh(&mut self);

    /// Whether a record is of one of the connections.
    fn has(&mut self, record: &PacketRecord) -> bool;
}

enum State {
    Learning(Box<Learning>),
    /// Records that come in are neither part of the baseline's sample nor scored; they count as learned.
    Training(JoinHandle<Result<Model, ForestError>>),
    Detecting(Arc<Model>, Policy),
    /// Training failed, and the failure was reported.
    Failed,
}

/// What judging works in.
#[derive(Default)]
struct Scratch {
    vectors: Vectors,
    judgements: JudgementCache,
    deviations: DeviationCap,
    /// Decisions of the tick, by view.
    decisions: Decisions,
}

impl Detector {
    /// Has records of the sensor's own connections neither learnt from nor judged.
    #[must_use]
    pub fn without(mut self, traffic: Box<dyn SelfTraffic>) -> Self {
        self.self_traffic = Some(traffic);
        self
    }

    /// Takes one batch and adds to `findings`. Where several threads share the work, scores and alerts may be those of batches
    /// before it; what is left comes with [`Self::finish`].
    ///
    /// # Errors
    ///
    /// When the baseline can't be trained on. What is left of the batch then counts as discarded, as do later ones.
    pub fn process(&mut self, batch: &RecordBatch, findings: &mut Findings) -> Result<(), ForestError> {
        let mut result = self.take_up_model(findings);
        self.times.note(batch.records());
        self.self_traffic.iter_mut().for_each(|traffic| traffic.refresh());
        let mut ahead = std::mem::take(&mut self.ahead);
        let mut prepared = self.prepare(batch, &mut ahead);
        let mut arrivals = batch.arrivals();
        for arrival in &mut arrivals {
            let prepared = prepared.as_mut().and_then(Iterator::next);
            let now_ns = self.advance(&arrival, findings);
            result = result.and(self.reach(now_ns, findings));
            if self.worker.is_full() {
                self.worker.score();
            }
            self.take(&arrival, prepared.as_ref(), now_ns);
        }
        drop(prepared);
        self.ahead = ahead;
        if matches!(&self.state, State::Learning(learning) if learning.is_complete()) {
            result = result.and(self.end_learning(findings));
        }
        self.hand_on(batch.len(), findings);
        self.end_batch(arrivals, findings);
        if let Some(until_ns) = batch.until_ns() {
            let now_ns = self.timeline.pass(until_ns);
            result = result.and(self.reach(now_ns, findings));
            self.context.pass(now_ns);
        }
        self.disorder.note(batch, &self.tally, &mut findings.notices);
        self.batch_tally.report(&self.tally);
        self.count_context();
        self.publish();
        result
    }

    /// Ends the last tick and closes every incident: no more records will come.
    pub fn finish(&mut self, findings: &mut Findings) {
        let is_to_keep = std::mem::take(&mut self.is_to_keep);
        self.close_tick(findings);
        if is_to_keep {
            self.take_snapshot(true, findings);
        }
        self.count_context();
        let reported = findings.incidents.len();
        self.tracker.finish(&mut findings.incidents);
        self.complete(&mut findings.incidents[reported..]);
        self.publish();
    }

    /// The baseline learnt so far, trained on at once: for a source that ends before its baseline does.
    ///
    /// # Errors
    ///
    /// When it can't be trained on.
    pub fn finish_learning(&mut self, findings: &mut Findings) -> Result<Option<Arc<Model>>, ForestError> {
        if matches!(self.state, State::Learning(_)) {
            self.close_tick(findings);
            self.end_learning(findings)?;
        }
        if let State::Training(_) = self.state {
            self.await_model(findings)?;
        }
        Ok(self.model())
    }

    /// The model in force.
    pub fn model(&self) -> Option<Arc<Model>> {
        match &self.state {
            State::Detecting(model, _) => Some(Arc::clone(model)),
            _ => None,
        }
    }

    /// When it speaks, once it detects.
    pub fn policy(&self) -> Option<&Policy> {
        match &self.state {
            State::Detecting(_, policy) => Some(policy),
            _ => None,
        }
    }

    /// How many packets the baseline has, while it is being learnt, and the time it spans.
    pub fn learning(&self) -> Option<(u64, Duration)> {
        match &self.state {
            State::Learning(learning) => Some((learning.packets(), learning.span())),
            _ => None,
        }
    }

    /// The allow rules, with what each has suppressed.
    pub fn rules(&self) -> &AllowRules {
        self.tracker.rules()
    }

    /// Whether packets say when they came; live ones always do.
    fn has_times(&self) -> bool {
        self.timeline.is_live() || self.times.are_there()
    }

    /// What became of those who wanted an entry in a table.
    pub fn context_counts(&self) -> ContextCounts {
        self.context_counts
    }

    fn end_learning(&mut self, findings: &mut Findings) -> Result<(), ForestError> {
        self.settle(findings);
        let State::Learning(learning) = std::mem::replace(&mut self.state, State::Failed) else {
            return Ok(());
        };
        self.context.end_baseline();
        if self.context.is_one_way() {
            findings.notices.push(Notice::OneWay);
        }
        if self.context.is_of_one_mac() {
            findings.notices.push(Notice::OneMac);
        }
        let known = self.context.known_services();
        let last_ns = self.timeline.unix_ns(learning.last_ns());
        let relearning = &mut self.relearning;
        relearning.begin(learning.baseline());
        let training = background::train(!self.options.in_background, move || learning.train(known, last_ns))
            .map_err(|error| ForestError::Training(error.to_string()))?;
        self.state = State::Training(training);
        if self.options.in_background { Ok(()) } else { self.await_model(findings) }
    }

    /// Puts a model that has been trained in force, without waiting for one that has not.
    fn take_up_model(&mut self, findings: &mut Findings) -> Result<(), ForestError> {
        match &self.state {
            State::Training(handle) if handle.is_finished() => self.await_model(findings),
            _ => Ok(()),
        }
    }

    fn await_model(&mut self, findings: &mut Findings) -> Result<(), ForestError> {
        let State::Training(handle) = std::mem::replace(&mut self.state, State::Failed) else {
            return Ok(());
        };
        let mut model = join(handle)?;
        if let Some(contamination) = self.contamination {
            model.set_contamination(contamination);
        }
        let model = Arc::new(model);
        findings.trained = Some(Arc::clone(&model));
        self.set_model(&model);
        let policy = Policy::new(self.options.budget, model.decisions_per_second());
        self.state = State::Detecting(model, policy);
        Ok(())
    }

    /// At the end of a tick, when nothing waits.
    fn relearn(&mut self, findings: &mut Findings, now_ns: u64) {
        let State::Detecting(model, _) = &self.state else { return };
        let Some(retrained) = self.relearning.advance(model, &self.context, self.moment(now_ns)) else {
            return;
        };
        let State::Detecting(model, policy) = &mut self.state else { return };
        policy.set_rate(retrained.model.decisions_per_second());
        *model = Arc::new(retrained.model);
        let model = Arc::clone(model);
        self.set_model(&model);
        findings.trained = Some(model);
        findings.drift = Some(retrained.drift);
    }
}

fn join(handle: JoinHandle<Result<Model, ForestError>>) -> Result<Model, ForestError> {
    handle.join().unwrap_or_else(|_| Err(ForestError::Training("the training thread failed".into())))
}
