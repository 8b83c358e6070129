//! `docs/scaling.md`: what was measured of one and two shards on each kind of machine, and what follows for larger ones.

use std::fmt::Write as _;

use super::{
    kept::Kept,
    simulation::{Outcome, PARTITIONS, Plan},
    written::number,
};

/// Bits of a packet on the wire beside its own: preamble, check sequence and gap.
const WIRE_OVERHEAD: f64 = 24.0 * 8.0;
/// Bytes of a mean packet of mixed traffic.
const MEAN_BYTES: f64 = 700.0;
/// Links in Gbit/s, and the receive queues of each.
const LINKS: [(f64, usize); 3] = [(25.0, 16), (40.0, 32), (100.0, 64)];
/// Shards by what the mean needs.
const SPARE: [f64; 3] = [1.25, 2.0, 3.0];
const RING_RECORDS: u64 = 116_000;
const FLOWS: usize = 100_000;
const SKEW: f64 = 0.9;
/// Of a record, where two shards were not measured.
const ASSUMED_ROUTING: f64 = 60e-9;
/// Populations that are measured live, and what they are called.
const POPULATIONS: [(u32, &str); 4] =
    [(1, "1 flow"), (1 << 10, "1 k flows"), (1 << 16, "64 k flows"), (1 << 20, "1 M flows")];

/// Packets a second of a full link.
pub(super) fn packets_per_second(gigabits: f64) -> f64 {
    gigabits * 1e9 / (MEAN_BYTES * 8.0 + WIRE_OVERHEAD)
}

/// Seconds of one core that a packet takes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Costs {
    routing: f64,
    shard: f64,
    /// What they were measured with.
    basis: Basis,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Basis {
    /// Two shards, and this population.
    TwoShards(&'static str),
    /// One thread, which drains and judges: the routing is assumed.
    OneThread(&'static str),
}

impl Costs {
    /// Of the largest population that was measured: of two shards where there are such rows, otherwise of one thread.
    fn of(kept: &Kept) -> Option<Self> {
        let two = |(flows, name): (u32, &'static str)| {
            let ns = |thread: &str| kept.value(&format!("live.{flows}.2.{thread}"));
            let (routing, shard) = (ns("nad-detect")? * 1e-9, ns("nad-shard")? * 1e-9);
            Some(Self { routing, shard, basis: Basis::TwoShards(name) })
        };
        let one = |(flows, name): (u32, &'static str)| {
            let shard = 1.0 / kept.value(&format!("live.{flows}.1"))?;
            Some(Self { routing: ASSUMED_ROUTING, shard, basis: Basis::OneThread(name) })
        };
        let largest = || POPULATIONS.into_iter().rev();
        largest().find_map(two).or_else(|| largest().find_map(one))
    }

    fn shown(self) -> String {
        let Self { routing, shard, basis } = self;
        let how = match basis {
            Basis::TwoShards(flows) => format!("CPU time of the threads, two shards, {flows}"),
            Basis::OneThread(flows) => {
                format!(
                    "the loss-free rate of one thread, {flows}; two shards were not measured, so the routing is assumed"
                )
            }
        };
        format!("{:.0} ns to route a packet and {:.0} ns in its shard ({how})", routing * 1e9, shard * 1e9)
    }
}

/// The page.
pub(super) fn page(all: &[Kept]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for kept in all {
        _ = write!(text, "\n## {}\n\n{}", kept.machine.shown(), measured(kept));
        if let Some(costs) = Costs::of(kept) {
            text += &calculated(kept, costs);
            text += &simulated(costs);
        }
    }
    let share = 1.0 / (1..=FLOWS).map(|flow| (flow as f64).powf(-SKEW)).sum::<f64>();
    let rate = number(share * packets_per_second(100.0));
    text + &RESULTS.replace("SHARE", &format!("{:.1} %", 100.0 * share)).replace("RATE", &rate) + PLAN
}

fn measured(kept: &Kept) -> String {
    let mut text = "| measured | of one core |\n|---|---|\n".to_owned();
    let value = |id: &str| kept.value(id);
    if let (Some(counting), Some(added)) = (value("kernel.counting"), value("kernel.tcp")) {
        _ = writeln!(
            text,
            "| kernel program, a packet: counting alone, and what nad's adds (test runs) | {counting:.0} ns + {added:.0} ns |"
        );
    }
    if let Some(added) = value("kernel.1048576") {
        _ = writeln!(text, "| the same with 1 M flows, added (packets) | {added:.0} ns |");
    }
    if let Some(rate) = value("ring.test-runs") {
        let lost = 100.0 * value("ring.test-runs.lost").unwrap_or(0.0);
        _ = writeln!(
            text,
            "| ring and drain, kernel on one core and drain on another (test runs) | {} records/s, {lost:.1} % lost |",
            number(rate)
        );
    }
    if let Some(rate) = value("scoring.scores") {
        _ = writeln!(text, "| scores, 100 trees | {} samples/s |", number(rate));
    }
    for (flows, name) in POPULATIONS {
        for (shards, noun) in [(1, "shard"), (2, "shards")] {
            let id = format!("live.{flows}.{shards}");
            let Some(row) = kept.row(&id) else { continue };
            let ratio = row.ratios.iter().find(|ratio| ratio.to == "counting");
            let ratio =
                ratio.map(|ratio| format!(", {:.2} of counting", ratio.value.median)).unwrap_or_default();
            let threads: Vec<String> = ["nad-drain", "nad-detect", "nad-shard"]
                .into_iter()
                .filter_map(|thread| Some(format!("{thread} {:.0}", value(&format!("{id}.{thread}"))?)))
                .collect();
            let threads = if threads.is_empty() {
                String::new()
            } else {
                format!("; ns a packet: {}", threads.join(", "))
            };
            _ = writeln!(
                text,
                "| whole way, loss-free, {name}, {shards} {noun} | {} packets/s{ratio}{threads} |",
                number(row.value.median)
            );
        }
    }
    for (shards, noun) in [(1, "shard"), (2, "shards")] {
        if let Some(rate) = value(&format!("replay.{shards}")) {
            _ = writeln!(text, "| replay, {shards} {noun} | {} packets/s |", number(rate));
        }
    }
    text
}

fn calculated(kept: &Kept, costs: Costs) -> String {
    let mut text = format!("\nIt takes {}. So, of a full link:\n\n", costs.shown());
    let most = 1.0 / costs.routing;
    let cores: Vec<String> = LINKS
        .into_iter()
        .map(|(gigabits, _)| {
            format!("{:.1} at {gigabits} Gbit/s", packets_per_second(gigabits) * costs.shard)
        })
        .collect();
    _ = writeln!(
        text,
        "- **Shards.** {}, were they evenly used; there can be {PARTITIONS}.",
        cores.join(", ")
    );
    let full = LINKS.into_iter().rev().find(|(gigabits, _)| packets_per_second(*gigabits) <= most);
    let reach = full.map_or_else(
        || format!("less than {} Gbit/s", LINKS[0].0),
        |(gigabits, _)| format!("{gigabits} Gbit/s"),
    );
    _ = writeln!(
        text,
        "- **Routing.** The detector's one thread routes {} packets/s at most, which is enough for {reach}.",
        number(most)
    );
    if let Some(rate) = kept.value("ring.test-runs") {
        let threads = packets_per_second(100.0) / rate;
        _ = writeln!(
            text,
            "- **Drain.** One thread takes at least {} records/s; 100 Gbit/s are {threads:.1} threads.",
            number(rate)
        );
    }
    if let (Some(counting), Some(added)) = (kept.value("kernel.counting"), kept.value("kernel.tcp")) {
        let share = packets_per_second(100.0) / 64.0 * added * 1e-7;
        _ = writeln!(
            text,
            "- **Kernel.** {:.0} ns a packet, and nothing in it is shared: a ring and counters a CPU. nad's part is {share:.1} % of a \
            core for each of 64 queues at 100 Gbit/s.",
            counting + added
        );
    }
    text
}

fn plan((gigabits, queues): (f64, usize), shards: usize, costs: Costs) -> Plan {
    Plan {
        queues,
        shards,
        ring_records: RING_RECORDS,
        queue_records: 262_144,
        // Eight batches.
        shard_records: 32_768,
        rate: packets_per_second(gigabits),
        burst: 3.0,
        burst_seconds: 0.02,
        flows: FLOWS,
        skew: SKEW,
        flows_per_pair: 4,
        routing: costs.routing,
        service: costs.shard,
    }
}

fn simulated(costs: Costs) -> String {
    let mut text = format!(
        "\nSimulated with these times:\n\n\
         | Gbit/s | packets/s | queues | shards | lost | worst queue | routing works | busiest shard works | median | 99 % within | busiest queue | busiest shard |\n\
         |{}\n",
        "---|".repeat(12)
    );
    for link in LINKS {
        let needed = packets_per_second(link.0) * costs.shard;
        let mut numbers: Vec<usize> =
            SPARE.into_iter().map(|spare| ((needed * spare).ceil() as usize).clamp(1, PARTITIONS)).collect();
        numbers.dedup();
        for shards in numbers {
            let plan = plan(link, shards, costs);
            let Outcome {
                lost,
                worst_queue_lost,
                median_latency,
                p99_latency,
                queue_skew,
                shard_skew,
                utilisation,
                routing_utilisation,
            } = plan.run(1);
            _ = writeln!(
                text,
                "| {} | {:.2} M | {} | {shards} | {:.3} % | {:.3} % | {:.0} % | {:.0} % | {:.1} ms | {:.1} ms | {queue_skew:.2} | {shard_skew:.2} |",
                link.0,
                plan.rate / 1e6,
                plan.queues,
                100.0 * lost,
                100.0 * worst_queue_lost,
                100.0 * routing_utilisation,
                100.0 * utilisation,
                1e3 * median_latency,
                1e3 * p99_latency,
            );
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Beyond one machine's two cores

A plan for 16 to 64 receive queues and 25 to 100 Gbit/s, from measurements of one and two shards. No such machine was at hand: everything
but the tables of what was measured is calculated or simulated.

`cargo xtask bench` measures, and `cargo xtask bench --pages` keeps the results of this kind of machine in `docs/measured` and writes this
page; [performance.md](performance.md) describes the method, and has all that was measured. Only ratios hold on another machine: run it
there, and it gets a part of its own.

A full link of mixed traffic (700 bytes a packet on average) has 4.3 M packets/s at 25 Gbit/s, 6.9 M at 40 and 17.3 M at 100. Small packets
alone would be 37 M at 25 Gbit/s: the sampling levels are for such loads. Rings of 8 MiB a CPU are 512 MiB at 64 queues, and hold 116,000
records each: at 100 Gbit/s 0.43 s of a queue's mean rate.

In the whole way, nad has one core for each shard besides the sender's, as far as there are so many, and the kernel's part has that of the
sender: it may reach no higher rates, so that these are a lower bound of *userspace*. CPU time does not depend on that.

The simulation plays bursts (3 times the mean rate for 20 ms) into rings, and from there packets to the detector's thread, which routes them to
shards, each with a core of its own: 100,000 flows after Zipf with exponent 0.9, four for each pair of addresses. RSS is a hash of
flows. A keyed hash of both addresses chooses one of 16 partitions, and each partition belongs to one shard. A shard whose queue is full stops
the thread that routes, as nad's bounded queues do. The last two columns are rates by the mean of all queues or shards.
";

const RESULTS: &str = "
## Results

- **The largest pair decides, not the mean.** No hash splits it. The first of 100,000 flows has SHARE of all packets, at 100 Gbit/s
  RATE a second. Sampling that flow first costs the least and saves the most.
- **There are 16 partitions.** Shards that are no divisor of 16 have unequal numbers of them: with 12, four have twice as many as the others. More
  than 16 are not possible.
- **One thread routes.** Where it works all the time, more shards gain nothing.
- **One slow shard makes others lose,** because that thread waits for it.
- **Bursts cost latency before they cost packets.** Rings and queues hold hundreds of milliseconds, and a shard that works nearly all the time
  fills them.
";

const PLAN: &str = "
## Plan

1. Up to 10 Gbit/s of mixed traffic: as it is, with sampling levels for loads beyond one detector core.
2. 25 Gbit/s: `--shards`, at least twice as many as the mean needs; one drain.
3. 40 and 100 Gbit/s: a drain for every eight to sixteen queues that routes its own records, a queue from each drain to each shard, and the
   largest flows sampled in the kernel before all others.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::kept::tests::{kept, row};

    #[test]
    fn a_full_link_has_as_many_packets_as_fit() {
        // 724 bytes with all that is on the wire.
        assert!((packets_per_second(25.0) - 4_316_298.0).abs() < 1.0);
    }

    #[test]
    fn two_shards_feed_the_simulation_and_one_thread_only_where_they_were_not_measured() {
        let two = vec![
            row("live.1048576.1", 1e6),
            row("live.1024.2.nad-detect", 50.0),
            row("live.1024.2.nad-shard", 400.0),
            row("live.65536.2.nad-detect", 70.0),
            row("live.65536.2.nad-shard", 500.0),
        ];
        let costs = Costs::of(&kept("A", "nad", two)).unwrap();
        assert!((costs.routing - 70e-9).abs() < 1e-15 && (costs.shard - 500e-9).abs() < 1e-15, "{costs:?}");
        assert_eq!(costs.basis, Basis::TwoShards("64 k flows"));
        let costs = Costs::of(&kept("A", "nad", vec![row("live.1024.1", 2e6)])).unwrap();
        assert_eq!(
            costs,
            Costs { routing: ASSUMED_ROUTING, shard: 0.5e-6, basis: Basis::OneThread("1 k flows") }
        );
        assert!(costs.shown().contains("assumed"));
        assert_eq!(Costs::of(&kept("A", "nad", vec![row("replay.1", 1.0)])), None);
    }

    #[test]
    fn each_kind_of_machine_has_its_part_and_never_more_shards_than_partitions() {
        let slow = vec![row("live.1024.2.nad-detect", 60.0), row("live.1024.2.nad-shard", 900.0)];
        let page = page(&[kept("One", "nad", vec![row("live.1024.1", 2e6)]), kept("Two", "nad", slow)]);
        for heading in ["## One, 2 CPUs", "## Two, 2 CPUs", "## Results", "## Plan"] {
            assert!(page.contains(heading), "{heading}");
        }
        let shards = |line: &str| line.split('|').nth(4)?.trim().parse::<usize>().ok();
        let simulated: Vec<usize> =
            page.lines().filter(|line| line.contains(" M | ")).filter_map(shards).collect();
        assert!(
            simulated.len() >= 12 && simulated.iter().all(|shards| (1..=16).contains(shards)),
            "{simulated:?}"
        );
        assert!(page.contains("| 100 | 17.27 M | 64 | 16 |"), "{page}");
    }
}
