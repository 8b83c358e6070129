//! Threads that share the packets' work: each has a shard of the context and scores what belongs to it.
//!
//! The detector's thread routes: it says of each record when it came and which shard it belongs to, and hands on what comes
//! of a batch together. What comes back is put in the order of the records again, batch by batch. At the end of a second
//! all shards come back to the detector's thread, which adds up what concerns hosts, judges and hands them out again. So
//! nothing depends on which thread was faster.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread::{self, JoinHandle},
};

use nad_common::record::PacketRecord;

use super::{
    options::DetectorOptions,
    worker::{Mode, Output, Worker},
};
use crate::{
    batch::RecordBatch,
    context::{Context, PARTITIONS, Route, Shard, SharedNetwork, owner},
    model::Model,
    payload::HeadFacts,
};

/// Batches that wait for a shard; then the detector's thread waits, and so its source.
const MOST_QUEUED: usize = 8;

/// See the module.
pub(super) struct Shards {
    threads: Vec<Thread>,
    answers: Receiver<Answer>,
    /// Of each partition, the shard that has it.
    owners: [usize; PARTITIONS],
    /// Work of the batch at hand, by shard.
    gathered: Vec<Work>,
    /// What is outstanding, in the order in which it was handed out.
    outstanding: VecDeque<Outstanding>,
    next: u64,
    /// Work that came back and is used again.
    spare: Vec<Work>,
    are_out: bool,
    shared_from: u64,
    /// Records of this second and of the last one.
    records: [u64; 2],
}

struct Thread {
    messages: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// Records of one batch that one shard takes into account.
#[derive(Default)]
struct Work {
    batch: RecordBatch,
    /// Where each leads, and its Unix time in nanoseconds.
    routes: Vec<(Route, u64)>,
}

/// What is known so far of a batch.
struct Outstanding {
    number: u64,
    /// Shards that have not answered.
    missing: usize,
    output: Output,
}

enum Message {
    /// The shard, to be worked on.
    Begin(Shard, SharedNetwork),
    /// A model is in force.
    Model(Arc<Model>),
    /// Records.
    Work(u64, Mode, Work),
    /// Give the shard back.
    Return,
}

#[expect(clippy::large_enum_variant, reason = "nearly all are of the largest variant, one for each batch")]
enum Answer {
    Done(u64, Output, Work),
    Returned(usize, Shard),
    /// The thread has ended, though nobody said so.
    Gone,
}

impl Shards {
    /// Starts so many threads, which are bound to CPUs where any are named.
    ///
    /// # Errors
    ///
    /// When a thread can't be started.
    pub(super) fn start(shards: usize, options: &DetectorOptions, relearns: bool) -> io::Result<Self> {
        let (cpus, wanted) = (&options.cpus, options.wanted);
        let (sender, answers) = mpsc::channel();
        let threads = (0..shards)
            .map(|number| {
                let (messages, received) = mpsc::sync_channel(MOST_QUEUED);
                let answers = Answers { number, sender: sender.clone() };
                let cpu = (!cpus.is_empty()).then(|| cpus[number % cpus.len()]);
                let thread = thread::Builder::new().name(format!("nad-shard-{number}")).spawn(move || {
                    if let Some(cpu) = cpu {
                        super::background::bind(cpu);
                    }
                    run(&received, &answers, Worker::new(wanted, relearns));
                })?;
                Ok(Thread { messages: Some(messages), thread: Some(thread) })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            owners: std::array::from_fn(|partition| owner(partition, shards)),
            gathered: threads.iter().map(|_| Work::default()).collect(),
            threads,
            answers,
            outstanding: VecDeque::new(),
            next: 0,
            spare: Vec::new(),
            are_out: false,
            shared_from: options.shared_from,
            records: [0; 2],
        })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Whether the context's partitions are with the threads.
    pub(super) fn are_out(&self) -> bool {
        self.are_out
    }

    /// Batches that were handed out.
    #[cfg(test)]
    pub(super) fn handed_out(&self) -> u64 {
        self.next
    }

    /// Puts a model in force for what is routed from now on.
    pub(super) fn set_model(&mut self, model: &Arc<Model>) {
        for number in 0..self.threads.len() {
            self.send(number, Message::Model(Arc::clone(model)));
        }
    }

    /// Whether the next record is one of so many that they are shared; what is found does not depend on it.
    #[inline]
    pub(super) fn are_worth_it(&mut self) -> bool {
        let [now, before] = &mut self.records;
        *now += 1;
        self.are_out || *now > self.shared_from || *before > self.shared_from
    }

    /// A second is over.
    pub(super) fn end_second(&mut self) {
        self.records = [0, self.records[0]];
    }

    /// Adds a record to the work of the shards that it belongs to.
    #[inline]
    pub(super) fn add(
        &mut self,
        context: &mut Context,
        (index, record): (u64, &PacketRecord),
        facts: HeadFacts,
        (now_ns, unix_ns): (u64, u64),
    ) {
        let route = context.route(record, facts, now_ns);
        let wanted = match route.partition() {
            Some(partition) => std::slice::from_mut(&mut self.gathered[self.owners[partition]]),
            None => &mut self.gathered[..],
        };
        for work in wanted {
            work.batch.push(index, *record);
            work.routes.push((route, unix_ns));
        }
    }

    /// Hands out what was gathered.
    pub(super) fn hand_out(&mut self, context: &mut Context, mode: Mode) {
        if self.gathered.iter().all(|work| work.routes.is_empty()) {
            return;
        }
        if !mem::replace(&mut self.are_out, true) {
            let (shards, network) = context.split(self.threads.len());
            for (number, shard) in shards.into_iter().enumerate() {
                self.send(number, Message::Begin(shard, network.clone()));
            }
        }
        let number = self.next;
        self.next += 1;
        let mut missing = 0;
        for shard in 0..self.threads.len() {
            if self.gathered[shard].routes.is_empty() {
                continue;
            }
            missing += 1;
            let work = mem::replace(&mut self.gathered[shard], self.spare.pop().unwrap_or_default());
            self.send(shard, Message::Work(number, mode, work));
        }
        self.outstanding.push_back(Outstanding { number, missing, output: Output::default() });
    }

    /// Hands on what is complete, in its order, and waits for no more than `most` batches to be outstanding.
    pub(super) fn collect(&mut self, most: usize, found: &mut dyn FnMut(&mut Output)) {
        loop {
            while self.outstanding.front().is_some_and(|outstanding| outstanding.missing == 0) {
                if let Some(mut outstanding) = self.outstanding.pop_front() {
                    outstanding.output.sort();
                    found(&mut outstanding.output);
                }
            }
            let answer = if self.outstanding.len() > most {
                self.answers.recv().unwrap_or(Answer::Gone)
            } else {
                match self.answers.try_recv() {
                    Ok(answer) => answer,
                    Err(_) => return,
                }
            };
            self.take(answer, &mut Vec::new());
        }
    }

    /// Has everything done that was handed out, and gives the shards back to the context.
    pub(super) fn take_back(&mut self, context: &mut Context, found: &mut dyn FnMut(&mut Output)) {
        self.collect(0, found);
        if !mem::take(&mut self.are_out) {
            return;
        }
        for number in 0..self.threads.len() {
            self.send(number, Message::Return);
        }
        let mut returned = Vec::new();
        while returned.len() < self.threads.len() {
            let answer = self.answers.recv().unwrap_or(Answer::Gone);
            self.take(answer, &mut returned);
        }
        returned.sort_by_key(|(number, _)| *number);
        context.join(returned.into_iter().map(|(_, shard)| shard).collect());
    }

    fn take(&mut self, answer: Answer, returned: &mut Vec<(usize, Shard)>) {
        match answer {
            Answer::Done(number, mut output, mut work) => {
                if let Some(outstanding) = self.outstanding.iter_mut().find(|it| it.number == number) {
                    outstanding.missing -= 1;
                    outstanding.output.append(&mut output);
                }
                work.batch.clear();
                work.routes.clear();
                self.spare.push(work);
            }
            Answer::Returned(number, shard) => returned.push((number, shard)),
            Answer::Gone => panic!("a thread that judges packets has ended"),
        }
    }

    fn send(&self, number: usize, message: Message) {
        let messages = self.threads[number].messages.as_ref();
        let is_sent = messages.is_some_and(|messages| messages.send(message).is_ok());
        assert!(is_sent, "a thread that judges packets has ended");
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.threads.iter_mut().for_each(|thread| thread.messages = None);
        for thread in self.threads.iter_mut().filter_map(|thread| thread.thread.take()) {
            // A panic there was one here, too.
            let _ = thread.join();
        }
    }
}

/// Where a shard's thread answers.
struct Answers {
    number: usize,
    sender: Sender<Answer>,
}

impl Answers {
    fn send(&self, answer: Answer) {
        // Nobody waits any more when the detector is dropped.
        let _ = self.sender.send(answer);
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if thread::panicking() {
            self.send(Answer::Gone);
        }
    }
}

fn run(messages: &Receiver<Message>, answers: &Answers, mut worker: Worker) {
    let mut at_hand: Option<(Shard, SharedNetwork)> = None;
    while let Ok(message) = messages.recv() {
        match message {
            Message::Begin(shard, network) => at_hand = Some((shard, network)),
            Message::Model(model) => worker.set_model(model),
            Message::Work(number, mode, work) => {
                if let Some((shard, network)) = &mut at_hand {
                    worker.follow(shard, network, &work.batch, &work.routes, mode);
                }
                answers.send(Answer::Done(number, mem::take(worker.output()), work));
            }
            Message::Return => {
                if let Some((shard, network)) = at_hand.take() {
                    drop(network);
                    answers.send(Answer::Returned(answers.number, shard));
                }
            }
        }
    }
}
