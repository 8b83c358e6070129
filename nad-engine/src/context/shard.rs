//! The partitions that one thread has, and a packet's way into them.

use std::sync::Arc;

use nad_common::record::PacketRecord;

use crate::payload::HeadFacts;

use super::{
    ahead::Prepared,
    host_key::HostKey,
    network::Network,
    partition::{Moment, PARTITIONS, Partition, of_pair},
    questions::{self, Questions},
    subject::Seen,
    table::Hashed,
};

/// See the module.
#[derive(Debug)]
pub struct Shard {
    /// Those of which it is the [`owner`].
    pub(super) partitions: Vec<Partition>,
    /// Of each partition of the context, its place here where it is here.
    pub(super) locals: [u8; PARTITIONS],
    is_here: [bool; PARTITIONS],
}

/// What all shards may read between the ends of two seconds.
#[derive(Debug, Clone)]
pub struct SharedNetwork(pub(super) Arc<Network>);

impl SharedNetwork {
    /// To be changed, once no shard reads it any more.
    pub(super) fn get_mut(&mut self) -> &mut Network {
        Arc::get_mut(&mut self.0).unwrap_or_else(|| unreachable!("shards give it back with their partitions"))
    }
}

/// Where a packet is taken into account, and how.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    partition: u8,
    /// What the packet's head says.
    facts: HeadFacts,
    moment: Moment,
    task: Task,
}

/// What a shard does with a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Task {
    /// Takes it into account, where it belongs to one of its pairs.
    Observe,
    /// As well; and it asks many, so that every shard notes the question.
    Question,
    /// Was taken into account: it has no IP, and inherits this anomaly level.
    Link(f32),
}

/// Which of so many shards has a partition.
pub fn owner(partition: usize, shards: usize) -> usize {
    partition % shards
}

impl Shard {
    /// All partitions.
    pub(super) fn whole(partitions: Vec<Partition>) -> Self {
        Self { partitions, ..Self::part(0, 1) }
    }

    /// Shares the partitions among so many.
    pub(super) fn split(&mut self, shards: usize) -> Vec<Self> {
        let mut parts: Vec<Self> = (0..shards).map(|number| Self::part(number, shards)).collect();
        for (number, partition) in self.partitions.drain(..).enumerate() {
            parts[owner(number, shards)].partitions.push(partition);
        }
        parts
    }

    /// One of so many, without its partitions.
    fn part(number: usize, shards: usize) -> Self {
        Self {
            partitions: Vec::new(),
            is_here: std::array::from_fn(|partition| owner(partition, shards) == number),
            locals: std::array::from_fn(|partition| {
                if owner(partition, shards) == number { (partition / shards) as u8 } else { 0 }
            }),
        }
    }

    /// Takes the partitions back from shards, in the order in which they were shared.
    pub(super) fn join(&mut self, parts: Vec<Self>) {
        let mut parts: Vec<_> = parts.into_iter().map(|part| part.partitions.into_iter()).collect();
        let next = |part: &mut std::vec::IntoIter<Partition>| part.next();
        loop {
            let before = self.partitions.len();
            self.partitions.extend(parts.iter_mut().filter_map(next));
            if self.partitions.len() == before {
                return;
            }
        }
    }

    /// Takes a record into account; nothing where it only asks, and belongs to a pair of another shard.
    #[inline]
    pub fn observe(
        &mut self,
        network: &SharedNetwork,
        prepared: &Prepared<'_>,
        route: &Route,
    ) -> Option<Seen<'_>> {
        let network = &*network.0;
        self.look_further(network, prepared);
        let (record, keys) = (prepared.record(), prepared.keys);
        match route.task {
            Task::Observe => {}
            Task::Question => {
                // Whoever answers belongs to another pair.
                for partition in &mut self.partitions {
                    partition.questions.note(record, keys.source.key, &network.hash_key, route.moment.ns);
                }
            }
            Task::Link(inherited_level) => return Some(Seen::of_link(inherited_level)),
        }
        if !self.is_here[usize::from(route.partition)] {
            return None;
        }
        Some(self.partitions[keys.local].observe(network, record, keys, route.facts, route.moment))
    }
}

impl Route {
    /// Of a packet without IP, by the anomaly level of its sender.
    pub(super) fn of_link(moment: Moment, inherited_level: f32) -> Self {
        Self { partition: 0, facts: HeadFacts::default(), moment, task: Task::Link(inherited_level) }
    }

    /// Of a packet between two hosts.
    #[inline]
    pub(super) fn of_pair(
        network: &Network,
        (record, facts): (&PacketRecord, HeadFacts),
        source: &Hashed<HostKey>,
        destination: &Hashed<HostKey>,
        moment: Moment,
        asked: &mut Questions,
    ) -> Self {
        let is_question = questions::asks_many(record, destination.key)
            && !network.is_foreign(source, record.source_mac)
            && asked.is_news(record, source.key, &network.hash_key, moment.ns);
        let task = if is_question { Task::Question } else { Task::Observe };
        Self { partition: of_pair(source.hash, destination.hash) as u8, facts, moment, task }
    }

    /// The partition whose shard takes it into account; none where every shard has something to do with it.
    #[inline]
    pub fn partition(&self) -> Option<usize> {
        (self.task != Task::Question).then_some(self.partition.into())
    }
}
