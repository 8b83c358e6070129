//! The end of a second: what the partitions know of hosts is added up, and each is told the sum.

mod candidates;

use std::{io, ops::Range};

use super::{
    Sizes, Subject,
    active::AHEAD,
    host::HostState,
    host_key::HostKey,
    kinds::{End, SubjectKind},
    network::{HostSummary, Network},
    partition::{ActiveHosts, Partition},
    settle,
    subject::Verdict,
    table::{Entry, Hashed, Slot, Table, prefetch_all},
    threads::Threads,
};
use candidates::{Candidate, Candidates};

/// Hosts that one thread adds up at a time.
const TOGETHER: usize = 1024;

/// Of hosts, or of groups of them: those that were active in a second, each as the sum of its states.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// In the order in which they were chosen. Those without hosts are used again in a later second.
    chunks: Vec<Chunk>,
    candidates: Candidates,
    /// Hosts that were active and not visited, of all ticks.
    pub(super) passed_over: u64,
}

/// Some of the hosts.
#[derive(Debug, Default)]
struct Chunk {
    /// Those of this second, and after them what is left of earlier ones.
    sums: Vec<Sum>,
    /// How many are of this second.
    count: usize,
    /// States of hosts in partitions: those of one host after those of another.
    parts: Vec<Part>,
}

/// A host's state in one partition.
#[derive(Debug)]
struct Part {
    partition: usize,
    slot: Slot,
    /// About when the host was last seen there.
    seen_ns: u64,
}

/// A host over all partitions.
#[derive(Debug)]
struct Sum {
    hash: u64,
    state: HostState,
    /// Which of the parts are its own.
    parts: Range<usize>,
}

/// Which states are added up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Those of hosts.
    Hosts,
    /// Those of MAC addresses and networks, for packets whose host has no state of its own.
    Groups,
}

impl Kind {
    fn table(self, partition: &Partition) -> &Table<HostState> {
        match self {
            Self::Hosts => &partition.hosts,
            Self::Groups => &partition.groups,
        }
    }

    fn table_mut(self, partition: &mut Partition) -> &mut Table<HostState> {
        match self {
            Self::Hosts => &mut partition.hosts,
            Self::Groups => &mut partition.groups,
        }
    }

    fn active(self, partition: &mut Partition) -> &mut ActiveHosts {
        match self {
            Self::Hosts => &mut partition.active.hosts,
            Self::Groups => &mut partition.active.groups,
        }
    }
}

impl Merged {
    /// Adds up the states of all that were active; of those that are busy first, where there are too many. Nothing in the
    /// partitions is changed but that another tick begins.
    fn collect(
        &mut self,
        kind: Kind,
        partitions: &mut [Partition],
        network: &Network,
        now: (u64, u32),
        threads: Threads,
    ) {
        self.passed_over += self.candidates.choose(kind, partitions);
        let chosen = self.candidates.chosen().chunks(TOGETHER);
        self.chunks.iter_mut().for_each(Chunk::clear);
        if self.chunks.len() < chosen.len() {
            self.chunks.resize_with(chosen.len(), Chunk::default);
        }
        let partitions = &*partitions;
        let threads = if chosen.len() > 1 { threads } else { Threads::ONE };
        threads.each(self.chunks.iter_mut().zip(chosen), |(chunk, chosen)| {
            chunk.collect(kind, chosen, partitions, network, now);
        });
    }

    /// Visits the hosts that were active in one of their roles.
    fn visit(&mut self, is_active: impl Fn(&HostState) -> bool, visit: impl FnMut(&mut HostState)) {
        let sums = self.chunks.iter_mut().flat_map(|chunk| &mut chunk.sums[..chunk.count]);
        let states = sums.map(|sum| &mut sum.state);
        states.filter(|state| is_active(state)).for_each(visit);
    }

    /// Takes into the summaries what was heard of the hosts.
    fn hear(&self, kind: Kind, partitions: &[Partition], network: &mut Network, end_ns: u64) {
        self.chunks.iter().for_each(|chunk| chunk.hear(kind, partitions, network, end_ns));
    }

    /// Tells the partitions what is known of the hosts from now on.
    fn share(&self, kind: Kind, partitions: &mut [Partition], network: &mut Network, end_ns: u64) {
        self.chunks.iter().for_each(|chunk| chunk.share(kind, partitions, network, end_ns));
    }
}

impl Chunk {
    fn clear(&mut self) {
        self.count = 0;
        self.parts.clear();
    }

    /// Adds up the states of hosts.
    fn collect(
        &mut self,
        kind: Kind,
        chosen: &[Candidate],
        partitions: &[Partition],
        network: &Network,
        now: (u64, u32),
    ) {
        for (number, candidate) in chosen.iter().enumerate() {
            ask_ahead(&chosen[number..], kind, partitions, network, now.0);
            let Some(host) = candidate.host(kind, partitions) else { continue };
            // It may have others, in which it was not active just now.
            let summary = network.summary(&host);
            let known = summary.map_or(0, |summary| summary.partitions);
            let levels = summary.map(|summary| (summary.source_level, summary.target_level));
            let sum = self.add(&host, kind, partitions, candidate.partitions | known, now);
            if let (Some(levels), Some(Sum { state, .. })) = (levels, sum) {
                // Where it is not judged in one of its roles.
                (state.source_level, state.target_level) = levels;
            }
        }
    }

    /// Adds up the states of a host in those partitions whose bit is set; nothing where it has none.
    fn add(
        &mut self,
        host: &Hashed<HostKey>,
        kind: Kind,
        partitions: &[Partition],
        places: u16,
        (end_ns, tick): (u64, u32),
    ) -> Option<&mut Sum> {
        let first = self.parts.len();
        if self.sums.len() == self.count {
            self.sums.push(Sum { hash: 0, state: HostState::begin(host.key), parts: 0..0 });
        }
        // States are large: the memory of one is used again and again.
        let sum = &mut self.sums[self.count];
        for index in bits(places) {
            let table = kind.table(&partitions[index]);
            let Some(slot) = table.find(host) else { continue };
            let part = table.get(slot);
            if self.parts.len() == first {
                sum.state.begin_sum(part, end_ns);
            } else {
                sum.state.add(part, end_ns, tick);
            }
            self.parts.push(Part { partition: index, slot, seen_ns: part.last_ns });
        }
        if self.parts.len() == first {
            return None;
        }
        self.count += 1;
        sum.hash = host.hash;
        sum.parts = first..self.parts.len();
        // Sketches are of the windows up to now, whether or not the counts had to fade.
        sum.state.last_ns = end_ns;
        Some(sum)
    }

    /// The hosts of this second.
    fn hosts(&self) -> &[Sum] {
        &self.sums[..self.count]
    }

    fn hear(&self, kind: Kind, partitions: &[Partition], network: &mut Network, end_ns: u64) {
        for (number, Sum { hash, state, parts }) in self.hosts().iter().enumerate() {
            self.ask_ahead(number, kind, partitions, network);
            let host = Hashed { hash: *hash, key: state.key };
            let Some(slot) = network.enter(&host, state.macs.first().unwrap_or_default(), end_ns) else {
                continue;
            };
            let summary = network.hosts.get_mut(slot);
            let mut newest_ns = 0;
            for Part { partition, slot, seen_ns } in &self.parts[parts.clone()] {
                let macs = &kind.table(&partitions[*partition]).get(*slot).macs;
                summary.macs.hear(macs, *seen_ns >= newest_ns);
                newest_ns = newest_ns.max(*seen_ns);
            }
        }
    }

    fn share(&self, kind: Kind, partitions: &mut [Partition], network: &mut Network, end_ns: u64) {
        for (number, Sum { hash, state, parts }) in self.hosts().iter().enumerate() {
            self.ask_ahead(number, kind, partitions, network);
            let host = Hashed { hash: *hash, key: state.key };
            let mac = state.macs.first().unwrap_or_default();
            let parts = &self.parts[parts.clone()];
            let slot = network.enter(&host, mac, end_ns);
            let mut unknown = HostSummary::begin(state.key);
            unknown.macs = state.macs;
            let summary = slot.map_or(&mut unknown, |slot| network.hosts.get_mut(slot));
            summary.take(state);
            summary.partitions = parts.iter().fold(0, |bits, part| bits | 1 << part.partition);
            for Part { partition, slot, .. } in parts {
                let table = kind.table_mut(&mut partitions[*partition]);
                let part = table.get_mut(*slot);
                part.fade(end_ns);
                part.share(state, summary);
                table.confirm(*slot);
            }
            slot.into_iter().for_each(|slot| network.hosts.confirm(slot));
        }
    }

    /// Asks the memory for what is told to and heard of a host some places further.
    fn ask_ahead(&self, number: usize, kind: Kind, partitions: &[Partition], network: &Network) {
        if let Some(Sum { hash, .. }) = self.hosts().get(number + 2 * AHEAD) {
            network.hosts.prefetch(*hash);
        }
        if let Some(Sum { hash, parts, .. }) = self.hosts().get(number + AHEAD) {
            network.hosts.prefetch_value(*hash, size_of::<HostSummary>());
            for Part { partition, slot, .. } in &self.parts[parts.clone()] {
                kind.table(&partitions[*partition]).prefetch_confirmed(*slot, HostState::HOT_BYTES);
            }
        }
    }
}

/// The places of bits that are set, from the lowest on.
fn bits(mut bits: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}

/// Asks the memory for the states of hosts some places after the first: for what says in which partitions a host has any, then
/// for their buckets, for the states, and at last for what few of them have.
fn ask_ahead(hosts: &[Candidate], kind: Kind, partitions: &[Partition], network: &Network, end_ns: u64) {
    if let Some(Candidate { hash, .. }) = hosts.get(4 * AHEAD) {
        network.hosts.prefetch(*hash);
    }
    if let Some(Candidate { hash, .. }) = hosts.get(3 * AHEAD) {
        network.hosts.prefetch_value(*hash, size_of::<HostSummary>());
    }
    let tables = |candidate: &Candidate| {
        let summary = network.hosts.likely(candidate.hash);
        let known = summary.map_or(0, |summary| summary.partitions);
        bits(candidate.partitions | known).map(|index| kind.table(&partitions[index]))
    };
    if let Some(candidate) = hosts.get(2 * AHEAD) {
        tables(candidate).for_each(|table| table.prefetch(candidate.hash));
    }
    if let Some(candidate) = hosts.get(AHEAD) {
        tables(candidate).for_each(|table| {
            table.prefetch_value(candidate.hash, HostState::WARM_BYTES);
        });
    }
    if let Some(candidate) = hosts.get(AHEAD / 2) {
        let states = tables(candidate).filter_map(|table| table.likely(candidate.hash));
        states.for_each(|host| prefetch_all(host.live_sketches(end_ns)));
    }
}

/// All hosts, and groups of them: a state in each partition, which the end of a second adds up.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    hosts: Merged,
    groups: Merged,
}

impl SubjectKind for Hosts {
    // Every packet needs them, so a partition has them by name.
    type Part = ();

    fn new(_: &Sizes) -> io::Result<Self> {
        Ok(Self::default())
    }

    fn passed_over(&self) -> u64 {
        self.hosts.passed_over + self.groups.passed_over
    }

    /// In both of their roles; then tells the partitions what is known of them.
    fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict) {
        let End { partitions, network, ns: end_ns, tick, threads } = end;
        let (end_ns, tick) = (*end_ns, *tick as u32);
        let mut kinds = [(Kind::Hosts, &mut self.hosts), (Kind::Groups, &mut self.groups)];
        for (kind, merged) in &mut kinds {
            merged.collect(*kind, partitions, network, (end_ns, tick), *threads);
        }
        for (_, merged) in &mut kinds {
            merged.visit(
                |host| host.begun.packets_in(tick) > 0,
                |host| host.source_level = visit(Subject::Source(host)).anomaly_level,
            );
        }
        for (_, merged) in &mut kinds {
            merged.visit(
                |host| host.asked.packets_in(tick) > 0,
                |host| host.target_level = visit(Subject::Target(host)).anomaly_level,
            );
        }
        for (kind, merged) in &kinds {
            merged.hear(*kind, partitions, network, end_ns);
        }
        settle::macs(partitions, network);
        for (kind, merged) in &kinds {
            merged.share(*kind, partitions, network, end_ns);
        }
    }
}
