//! What rings and shards do with bursts at rates that no machine at hand can be sent: a simulation, not a measurement.
//!
//! Packets come in bursts over many flows, which the card spreads over receive queues by their hash (RSS), one queue and
//! ring a CPU. A drain takes what is in its rings each time it looks, and hands it on to the detector shard of the
//! flow's host. Everything takes the times that were measured on one core. Time goes on in steps of [`STEP`] seconds.

mod random;

use std::fmt::Write as _;

use random::Random;

/// Seconds of a step: as long as the drain's shortest nap.
const STEP: f64 = 200e-6;
/// Seconds that are simulated.
const SECONDS: f64 = 4.0;

/// What is simulated. Rates are in packets a second, times in seconds, of one core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan {
    /// Receive queues, with a ring each.
    pub(crate) queues: usize,
    /// Detector shards, each on a core of its own; they share no CPU with the queues.
    pub(crate) shards: usize,
    /// Records that a ring has room for.
    pub(crate) ring_records: u64,
    /// Records that wait for a shard at most.
    pub(crate) queue_records: u64,
    /// The mean rate over all queues.
    pub(crate) rate: f64,
    /// The rate in a burst by the mean rate, at least 1.
    pub(crate) burst: f64,
    /// Mean length of a burst.
    pub(crate) burst_seconds: f64,
    /// Flows, of which the n-th has a share of 1/n of the first one's (Zipf's law, with this exponent for n).
    pub(crate) flows: usize,
    pub(crate) skew: f64,
    /// Time of a record in drain and detector.
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
    /// Share of the time that the busiest shard works.
    pub(crate) utilisation: f64,
}

/// What waits for a shard.
#[derive(Debug, Clone, Default)]
struct Shard {
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
        let (mut is_burst, mut busiest_work) = (false, vec![0.0; self.shards]);
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
            for (shard, work) in shards.iter_mut().zip(&mut busiest_work) {
                let done = shard.waiting.min(STEP / self.service);
                // Who comes now waits for those before: on average half a step for the drain, then its turn.
                latencies.push((STEP / 2.0 + shard.waiting * self.service, done));
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
        }
    }

    /// The share of each queue in all packets, and what each shard gets of them: flows go to queues and, by their host,
    /// to shards, as hashes have it.
    fn spread(&self, random: &mut Random) -> (Vec<f64>, Vec<Shard>) {
        let weights: Vec<f64> = (1..=self.flows).map(|flow| (flow as f64).powf(-self.skew)).collect();
        let total: f64 = weights.iter().sum();
        let mut queues = vec![0.0; self.queues];
        let mut shards = vec![Shard { waiting: 0.0, shares: vec![0.0; self.queues] }; self.shards];
        for weight in weights {
            let (queue, shard) = (random.below(self.queues), random.below(self.shards));
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

    /// Moves what is in the rings to the shards. Where one has no more room, what is its stays in the ring, and what is
    /// behind it, too: packets are lost in one place only.
    fn drain(&self, rings: &mut [f64], shards: &mut [Shard]) {
        for (queue, ring) in rings.iter_mut().enumerate() {
            let mut taken = *ring;
            for shard in shards.iter().filter(|shard| shard.shares[queue] > 0.0) {
                let room = (self.queue_records as f64 - shard.waiting).max(0.0);
                taken = taken.min(room / shard.shares[queue]);
            }
            for shard in shards.iter_mut() {
                shard.waiting += taken * shard.shares[queue];
            }
            *ring -= taken;
        }
    }
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

/// Bits of a packet on the wire beside its own: preamble, check sequence and gap.
const WIRE_OVERHEAD: f64 = 24.0 * 8.0;
/// Bytes of a mean packet of mixed traffic.
const MEAN_BYTES: f64 = 700.0;

/// Packets a second of a full link.
pub(crate) fn packets_per_second(gigabits: f64) -> f64 {
    gigabits * 1e9 / (MEAN_BYTES * 8.0 + WIRE_OVERHEAD)
}

/// The plans of `docs/scaling.md` for a detector core of so many packets a second, as a table.
pub(crate) fn table(service_rate: f64) -> String {
    let mut text = format!(
        "Simulated with {service_rate:.0} packets/s for a detector core, rings of 116,000 records, bursts at 3 times the mean \
         rate for 20 ms, 100,000 flows after Zipf with exponent 0.9, and packets of {MEAN_BYTES} bytes on average.\n\n\
         | Gbit/s | packets/s | queues | shards | lost | worst queue | busiest shard works | median | 99 % within | busiest queue | busiest shard |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for (gigabits, queues) in [(25.0, 16), (40.0, 32), (100.0, 64)] {
        let rate = packets_per_second(gigabits);
        let needed = rate / service_rate;
        for spare in [1.25, 2.0, 3.0] {
            let shards = (needed * spare).ceil() as usize;
            let plan = Plan {
                queues,
                shards,
                ring_records: 116_000,
                queue_records: 262_144,
                rate,
                burst: 3.0,
                burst_seconds: 0.02,
                flows: 100_000,
                skew: 0.9,
                service: 1.0 / service_rate,
            };
            let Outcome {
                lost,
                worst_queue_lost,
                median_latency,
                p99_latency,
                queue_skew,
                shard_skew,
                utilisation,
            } = plan.run(1);
            _ = writeln!(
                text,
                "| {gigabits} | {:.2} M | {queues} | {shards} | {:.3} % | {:.3} % | {:.0} % | {:.1} ms | {:.1} ms | {queue_skew:.2} | {shard_skew:.2} |",
                rate / 1e6,
                100.0 * lost,
                100.0 * worst_queue_lost,
                100.0 * utilisation,
                1e3 * median_latency,
                1e3 * p99_latency,
            );
        }
    }
    text + "\nThe last two columns are rates by the mean of all queues or shards.\n"
}

#[cfg(test)]
mod tests;
