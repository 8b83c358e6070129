//! What rings and shards do with bursts at rates that no machine at hand can be sent: a simulation, not a measurement.
//!
//! Packets come in bursts over many flows, which the card spreads over receive queues by their hash (RSS), one queue and
//! ring a CPU. A drain takes what is in its rings each time it looks, and hands it on to the detector's thread, which routes
//! records to shards: the pair of a flow's addresses belongs to one of [`PARTITIONS`] by a keyed hash, and each of these
//! to one shard, as in `nad_engine::context`. Everything takes the times that were measured on one core. Time goes on in steps
//! of [`STEP`] seconds.

mod random;

use random::Random;

/// Partitions of the pairs of addresses, whatever the number of shards.
pub(crate) const PARTITIONS: usize = 16;

/// Seconds of a step: as long as the drain's shortest nap.
const STEP: f64 = 200e-6;
/// Seconds that are simulated.
const SECONDS: f64 = 4.0;

/// What is simulated. Rates are in packets a second, times in seconds, of one core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan {
    /// Receive queues, with a ring each.
    pub(crate) queues: usize,
    /// Detector shards, each on a core of its own, from 1 to [`PARTITIONS`]; they share no CPU with the queues.
    pub(crate) shards: usize,
    /// Records that a ring has room for.
    pub(crate) ring_records: u64,
    /// Records that wait for the detector's thread at most.
    pub(crate) queue_records: u64,
    /// Records that wait for a shard at most.
    pub(crate) shard_records: u64,
    /// The mean rate over all queues.
    pub(crate) rate: f64,
    /// The rate in a burst by the mean rate, at least 1.
    pub(crate) burst: f64,
    /// Mean length of a burst.
    pub(crate) burst_seconds: f64,
    /// Flows, of which the n-th has a share of 1/n of the first one's (Zipf's law, with this exponent for n).
    pub(crate) flows: usize,
    pub(crate) skew: f64,
    /// Flows of a pair of addresses.
    pub(crate) flows_per_pair: usize,
    /// Time of a record in the detector's thread, which routes it, and in its shard.
    pub(crate) routing: f64,
    pub(crate) service: f64,
}

/// What became of the packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Share of all packets.
    pub(crate) lost: f64,
    /// The same of the queue that lost most.
    pub(crate) worst_queue_lost: f64,
    /// Seconds until half, and 99 % of the packets were done.
    pub(crate) median_latency: f64,
    pub(crate) p99_latency: f64,
    /// Rate of the busiest queue and shard by the mean of all.
    pub(crate) queue_skew: f64,
    pub(crate) shard_skew: f64,
    /// Share of the time that the busiest shard works, and the thread that routes.
    pub(crate) utilisation: f64,
    pub(crate) routing_utilisation: f64,
}

/// What waits for a shard.
#[derive(Debug, Clone, Default)]
struct Shard {
    /// With the thread that routes.
    unrouted: f64,
    waiting: f64,
    /// Share of a queue's packets that are this shard's, for each queue.
    shares: Vec<f64>,
}

impl Plan {
    /// Runs it; the same plan and seed give the same outcome.
    pub(crate) fn run(&self, seed: u64) -> Outcome {
        let mut random = Random::new(seed);
        let (queues, mut shards) = self.spread(&mut random);
        let mut rings = vec![0.0_f64; self.queues];
        let mut lost = vec![0.0; self.queues];
        let mut arrived = vec![0.0; self.queues];
        let mut latencies: Vec<(f64, f64)> = Vec::new();
        let (mut is_burst, mut busiest_work, mut routing_work) = (false, vec![0.0; self.shards], 0.0);
        let steps = (SECONDS / STEP) as usize;
        for _ in 0..steps {
            is_burst = self.next_state(is_burst, &mut random);
            let rate = if is_burst { self.rate * self.burst } else { self.quiet_rate() };
            for (queue, share) in queues.iter().enumerate() {
                let come = random.poisson(rate * share * STEP);
                let room = (self.ring_records as f64 - rings[queue]).max(0.0);
                arrived[queue] += come;
                lost[queue] += (come - room).max(0.0);
                rings[queue] += come.min(room);
            }
            self.drain(&mut rings, &mut shards);
            routing_work += self.route(&mut shards) * self.routing;
            // What is left has to be routed first, and that goes no faster than the busiest shard takes its part.
            let left: f64 = shards.iter().map(|shard| shard.unrouted).sum();
            let largest = shards.iter().map(|shard| shard.unrouted).fold(0.0, f64::max);
            let until_routed = (left * self.routing).max(largest * self.service);
            for (shard, work) in shards.iter_mut().zip(&mut busiest_work) {
                let done = shard.waiting.min(STEP / self.service);
                // Who comes now waits for those before: on average half a step for the drain, then its turn.
                latencies.push((STEP / 2.0 + until_routed + shard.waiting * self.service, done));
                shard.waiting -= done;
                *work += done * self.service;
            }
        }
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        let share = |(lost, arrived): (&f64, &f64)| if *arrived > 0.0 { lost / arrived } else { 0.0 };
        latencies.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let shard_share =
            |shard: &Shard| shard.shares.iter().zip(&queues).map(|(own, queue)| own * queue).sum();
        let of_shards: Vec<f64> = shards.iter().map(shard_share).collect();
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        Outcome {
            lost: sum(&lost) / sum(&arrived).max(1.0),
            worst_queue_lost: lost.iter().zip(&arrived).map(share).fold(0.0, f64::max),
            median_latency: weighted(&latencies, 0.5),
            p99_latency: weighted(&latencies, 0.99),
            queue_skew: most(&queues) * self.queues as f64,
            shard_skew: most(&of_shards) * self.shards as f64,
            utilisation: most(&busiest_work) / SECONDS,
            routing_utilisation: routing_work / SECONDS,
        }
    }

    /// The share of each queue in all packets, and what each shard gets of them: flows go to queues by their own hash and,
    /// by that of their addresses, to partitions and so to shards.
    fn spread(&self, random: &mut Random) -> (Vec<f64>, Vec<Shard>) {
        let weights: Vec<f64> = (1..=self.flows).map(|flow| (flow as f64).powf(-self.skew)).collect();
        let total: f64 = weights.iter().sum();
        let mut queues = vec![0.0; self.queues];
        let mut shards = vec![Shard { shares: vec![0.0; self.queues], ..Shard::default() }; self.shards];
        let pairs = self.flows.div_ceil(self.flows_per_pair);
        let key = random.next();
        for (flow, weight) in weights.into_iter().enumerate() {
            // The largest flows are of different pairs.
            let (client, server) = addresses(flow % pairs);
            let (queue, shard) = (random.below(self.queues), partition(key, client, server) % self.shards);
            queues[queue] += weight / total;
            shards[shard].shares[queue] += weight / total;
        }
        for shard in &mut shards {
            for (share, queue) in shard.shares.iter_mut().zip(&queues) {
                *share = if *queue > 0.0 { *share / queue } else { 0.0 };
            }
        }
        (queues, shards)
    }

    /// Between bursts, so that the mean is what it is said to be; bursts take a tenth of the time, or less where they
    /// alone would be more than the mean.
    fn quiet_rate(&self) -> f64 {
        let share = self.burst_share();
        self.rate * (1.0 - share * self.burst) / (1.0 - share)
    }

    fn burst_share(&self) -> f64 {
        0.1_f64.min(0.5 / self.burst)
    }

    fn next_state(&self, is_burst: bool, random: &mut Random) -> bool {
        let share = self.burst_share();
        let quiet_seconds = self.burst_seconds * (1.0 - share) / share;
        let ends = STEP / if is_burst { self.burst_seconds } else { quiet_seconds };
        if random.uniform() < ends { !is_burst } else { is_burst }
    }

    /// Moves what is in the rings to the thread that routes. Where it has no more room, the rest stays in the ring: packets are
    /// lost in one place only.
    fn drain(&self, rings: &mut [f64], shards: &mut [Shard]) {
        let (all, waiting): (f64, f64) =
            (rings.iter().sum(), shards.iter().map(|shard| shard.unrouted).sum());
        if all == 0.0 {
            return;
        }
        // All rings have their turn.
        let share = ((self.queue_records as f64 - waiting).max(0.0) / all).min(1.0);
        for (queue, ring) in rings.iter_mut().enumerate() {
            for shard in shards.iter_mut() {
                shard.unrouted += share * *ring * shard.shares[queue];
            }
            *ring *= 1.0 - share;
        }
    }

    /// Moves what waits for the detector's thread on to the shards, as far as it gets in a step, and gives how many records that are.
    /// Where a shard has no more room, that thread waits, and so does what is for others.
    fn route(&self, shards: &mut [Shard]) -> f64 {
        let unrouted: f64 = shards.iter().map(|shard| shard.unrouted).sum();
        if unrouted == 0.0 {
            return 0.0;
        }
        let mut share = if self.routing > 0.0 { (STEP / self.routing / unrouted).min(1.0) } else { 1.0 };
        for shard in shards.iter().filter(|shard| shard.unrouted > 0.0) {
            let room = (self.shard_records as f64 - shard.waiting).max(0.0);
            share = share.min(room / shard.unrouted);
        }
        for shard in shards.iter_mut() {
            let routed = share * shard.unrouted;
            shard.waiting += routed;
            shard.unrouted -= routed;
        }
        share * unrouted
    }
}

/// Of a pair: clients with four servers each, of which there are 256.
fn addresses(pair: usize) -> (u64, u64) {
    let (client, server) = (pair / 4, pair.wrapping_mul(0x9e37_79b9) % 256);
    (client as u64, 1 << 32 | server as u64)
}

/// The partition of two addresses, the same for both directions: the uppermost bits of the exclusive or of their keyed hashes.
fn partition(key: u64, one: u64, other: u64) -> usize {
    const SHIFT: u32 = u64::BITS - PARTITIONS.ilog2();
    let hash = |address: u64| Random::new(key ^ address.rotate_left(17)).next();
    ((hash(one) ^ hash(other)) >> SHIFT) as usize
}

/// The value below which so large a share of the weight lies, of pairs of value and weight in order.
fn weighted(sorted: &[(f64, f64)], share: f64) -> f64 {
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    for (value, weight) in sorted {
        below += weight;
        if below >= share * total {
            return *value;
        }
    }
    0.0
}

#[cfg(test)]
mod tests;
