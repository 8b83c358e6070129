//! How a detector begins.

use std::sync::Arc;

use super::{
    BaselineLength, Detector, DetectorOptions, Scratch, Snapshot, State, batch_tally::BatchTally,
    disorder::Disorder, heads::Heads, judgement_cache::JudgementCache, learning::Learning, notice::Overrun,
    relearning::Relearning, second::Ongoing, shards::Shards, times::Times, worker::Worker,
};
use crate::{
    context::{Ahead, Context, ContextCounts, PARTITIONS, Tables, hash::HashKey},
    incident::tracker::Tracker,
    ledger::Tally,
    model::{Model, Training},
    policy::Policy,
    time::Timeline,
};

/// What the detector starts with.
#[derive(Debug)]
pub enum Start {
    /// A baseline to learn; the source's name goes into the model.
    Learn {
        /// How long it is.
        baseline: BaselineLength,
        /// How the model is trained on it.
        training: Training,
        /// The capture file or the interfaces.
        source: String,
    },
    /// A model.
    Detect(Box<Model>),
    /// What an earlier run has learnt and found.
    Resume(Box<Snapshot>),
}

impl Detector {
    /// A detector that learns or detects from the first record on.
    pub fn new(
        start: Start,
        tables: Tables,
        mut timeline: Timeline,
        tally: Arc<Tally>,
        options: DetectorOptions,
    ) -> Self {
        let mut scratch = Scratch::default();
        let silence_ns = options.silence.as_nanos() as u64;
        let mut resumed = None;
        let (mut kept_names, mut model_ns) = (None, None);
        let (state, context, seed) = match start {
            Start::Learn { baseline, training, source } => {
                let seed = training.seed();
                let hash_key = if timeline.is_live() { HashKey::draw() } else { HashKey::from_seed(seed) };
                let context = Context::new(tables, hash_key, baseline.seconds());
                (State::Learning(Box::new(Learning::new(baseline, training, source))), context, seed)
            }
            Start::Resume(snapshot) => {
                let Snapshot { clock, model, mut policy, tracker: incidents, context, names, .. } = *snapshot;
                tally.condition.set_watched_before(context.watched());
                timeline = timeline.go_on(&clock);
                policy.set_budget(options.budget);
                policy.set_rate(model.decisions_per_second());
                let tracker = Tracker::go_on(&incidents, options.rules.clone(), silence_ns);
                kept_names = names;
                let mut context = Context::resume(tables, &context, timeline.now_ns());
                context.set_suspects(tracker.suspects());
                resumed = Some(tracker.with_hash_key(context.hash_key()));
                let seed = model.training().seed();
                (State::Detecting(model, policy), context, seed)
            }
            Start::Detect(model) => {
                let model = Arc::new(*model);
                model_ns = Some(model.window().last_ns);
                let known = model.known_services();
                let hash_key = known.hash_key();
                let hash_key = if timeline.is_live() { hash_key.or_drawn() } else { hash_key };
                let context = Context::restore(tables, hash_key, known);
                let policy = Policy::new(options.budget, model.decisions_per_second());
                let seed = model.training().seed();
                (State::Detecting(model, policy), context, seed)
            }
        };
        let relearning = Relearning::new(options.relearn_every, options.in_background, seed);
        let mut worker = Worker::new(options.wanted, relearning.is_wanted());
        let mut shards = start_shards(&options, relearning.is_wanted());
        let context = context.with_threads(shards.as_ref().map_or(1, Shards::count));
        let mut heads = Heads::new(context.hash_key());
        let tracker = resumed.unwrap_or_else(|| options.tracker(context.hash_key()));
        kept_names.iter().for_each(|names| heads.resume(names, timeline.now_ns()));
        if let State::Detecting(model, _) = &state {
            worker.set_model(Arc::clone(model));
            shards.iter_mut().for_each(|shards| shards.set_model(model));
            scratch.judgements = JudgementCache::begin(model);
        }
        let detector = Self {
            state,
            heads,
            context,
            disorder: Disorder::default(),
            model_ns,
            tally,
            contamination: None,
            tracker,
            relearning,
            worker,
            shards,
            ahead: Ahead::default(),
            context_counts: ContextCounts::default(),
            second: Ongoing::default(),
            overrun: Overrun::default(),
            lost_states: 0,
            scratch,
            batch_tally: BatchTally::default(),
            times: Times::default(),
            is_to_keep: false,
            self_traffic: None,
            timeline,
            options,
        };
        detector.publish();
        detector
    }
}

/// Threads for the packets' work, where there are to be any.
fn start_shards(options: &DetectorOptions, relearns: bool) -> Option<Shards> {
    if options.shards < 2 {
        return None;
    }
    let shards = options.shards.min(PARTITIONS);
    let started = Shards::start(shards, options, relearns);
    // What is found is the same.
    let one = |error| tracing::warn!("no {shards} threads can be started: one judges all packets: {error}");
    started.map_err(one).ok()
}
