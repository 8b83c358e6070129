//! The way of packets: through the context, and to the model.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{
    Detector, Findings, State,
    judgement_cache::JudgementCache,
    shards::Shards,
    worker::{Mode, Output},
};
use crate::{
    batch::{Arrival, BATCH_RECORDS, RecordBatch},
    context::{Ahead, Context, Prepared},
    model::Model,
    payload::HeadFacts,
};

/// Batches that others may still be at work on when the next one is taken.
const MOST_OUTSTANDING: usize = 4;

impl Detector {
    /// Takes a record into account: here where the context has looked ahead for it, or else, or where there are many, by a
    /// shard's thread.
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, prepared: Option<&Prepared<'_>>, now_ns: u64) {
        let Arrival { index, record, head, .. } = *arrival;
        self.second.count(record);
        if self.self_traffic.as_mut().is_some_and(|traffic| traffic.has(record)) {
            self.batch_tally.self_traffic += 1;
            return;
        }
        let mode = self.mode();
        match &mut self.state {
            State::Learning(learning) => {
                learning.count(self.timeline.watched_ns(), now_ns);
                self.batch_tally.learned += 1;
            }
            State::Training(_) => self.batch_tally.learned += 1,
            State::Detecting(..) => {
                self.relearning.count();
                self.batch_tally.scored += 1;
            }
            State::Failed => self.batch_tally.discarded += 1,
        }
        let facts = head.map_or(HeadFacts::default(), |head| self.heads.read(record, head, now_ns));
        let unix_ns = if mode == Mode::Detecting { self.timeline.unix_ns(now_ns) } else { 0 };
        let are_shared = self.shards.as_mut().is_some_and(Shards::are_worth_it);
        match (prepared.filter(|_| !are_shared), &mut self.shards) {
            (Some(prepared), _) => {
                let seen = self.context.observe(prepared, facts, now_ns);
                self.worker.take((index, record), &seen, (mode, unix_ns));
            }
            (None, Some(shards)) => {
                shards.add(&mut self.context, (index, record), facts, (now_ns, unix_ns));
            }
            (None, None) => unreachable!("without shards the context looks ahead for every record"),
        }
    }

    /// Has the context look ahead, where it may be this thread that takes the batch's packets.
    pub(super) fn prepare<'a>(
        &self,
        batch: &'a RecordBatch,
        ahead: &'a mut Ahead,
    ) -> Option<impl Iterator<Item = Prepared<'a>> + use<'a>> {
        self.are_partitions_here().then(|| self.context.prepare(batch.records(), ahead))
    }

    /// What becomes of packets' vectors just now.
    fn mode(&self) -> Mode {
        match &self.state {
            State::Learning(_) => Mode::Learning,
            State::Detecting(..) => Mode::Detecting,
            State::Training(_) | State::Failed => Mode::Ignoring,
        }
    }

    /// Has the packets of a batch of so many records looked at; what others do of it may be found later.
    pub(super) fn hand_on(&mut self, records: usize, findings: &mut Findings) {
        // A source that gives few packets at a time has few, and somebody waits for what they are. And the alerts of a file
        // come in their order among its incidents.
        let is_awaited =
            records < BATCH_RECORDS / 8 || !self.options.in_background && self.options.wanted.alerts > 0;
        let most = if is_awaited { 0 } else { MOST_OUTSTANDING };
        self.with_shards(findings, |shards, _, found| shards.collect(most, found));
    }

    /// Has all packets looked at that came up to here; the context is then whole.
    pub(super) fn settle(&mut self, findings: &mut Findings) {
        self.with_shards(findings, |shards, context, found| shards.take_back(context, found));
    }

    fn with_shards(
        &mut self,
        findings: &mut Findings,
        work: impl FnOnce(&mut Shards, &mut Context, &mut dyn FnMut(&mut Output)),
    ) {
        let mode = self.mode();
        let Self { worker, shards, context, state, relearning, second, tally, .. } = self;
        let mut found = |output: &mut Output| {
            findings.scores.append(&mut output.scores);
            findings.alerts.append(&mut output.alerts);
            let scored = std::mem::take(&mut output.scored);
            second.add_anomalies(scored.anomalies);
            tally.anomalies.fetch_add(scored.anomalies, Relaxed);
            tally.alerts_dropped.fetch_add(scored.unreported, Relaxed);
            for (_, vector) in output.vectors.drain(..) {
                match state {
                    State::Learning(learning) => learning.add_packet(&vector),
                    _ => relearning.add_packet(&vector),
                }
            }
        };
        // What this thread took came before what others were given.
        worker.score();
        found(worker.output());
        if let Some(shards) = shards {
            shards.hand_out(context, mode);
            work(shards, context, &mut found);
        }
    }

    /// Puts a model in force for the packets that come from now on.
    pub(super) fn set_model(&mut self, model: &Arc<Model>) {
        self.worker.set_model(Arc::clone(model));
        self.shards.iter_mut().for_each(|shards| shards.set_model(model));
        self.scratch.judgements = JudgementCache::begin(model);
    }

    fn are_partitions_here(&self) -> bool {
        self.shards.as_ref().is_none_or(|shards| !shards.are_out())
    }

    /// Takes note of how full the tables are, where all are here.
    pub(super) fn count_context(&mut self) {
        if self.are_partitions_here() {
            self.context_counts = self.context.counts();
            self.tally.set_context(self.context_counts);
        }
    }
}
