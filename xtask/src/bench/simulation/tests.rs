//! What is known of queues must come out of the simulation.

use super::*;

/// One queue, one shard of a million packets a second, nothing uneven.
fn plain() -> Plan {
    Plan {
        queues: 1,
        shards: 1,
        ring_records: 116_000,
        queue_records: 262_144,
        shard_records: 16_384,
        rate: 500_000.0,
        burst: 1.0,
        burst_seconds: 0.02,
        flows: 1_000,
        skew: 0.0,
        flows_per_pair: 4,
        routing: 0.0,
        service: 1e-6,
    }
}

#[test]
fn half_the_load_loses_nothing_and_takes_hardly_longer_than_the_drains_nap() {
    let outcome = plain().run(1);
    assert_eq!(outcome.lost, 0.0);
    assert!((outcome.utilisation - 0.5).abs() < 0.01, "{outcome:?}");
    assert!(outcome.p99_latency < 2.0 * STEP, "{outcome:?}");
}

#[test]
fn beyond_what_a_shard_can_do_the_rest_is_lost_once_rings_and_queue_are_full() {
    let plan = Plan { rate: 2_000_000.0, ..plain() };
    let outcome = plan.run(1);
    // Of 8 M in 4 s, 4 M are done and 394,528 still wait.
    let expected = 1.0 - (4_000_000.0 + 394_528.0) / 8_000_000.0;
    assert!((outcome.lost - expected).abs() < 0.005, "{outcome:?}, {expected}");
    assert!(outcome.utilisation > 0.99);
    // The queues are full almost from the start, and the ring's content is not in it.
    assert!((outcome.p99_latency / (278_528.0 * 1e-6) - 1.0).abs() < 0.02, "{outcome:?}");
}

#[test]
fn the_thread_that_routes_limits_any_number_of_shards() {
    let plan = Plan { queues: 4, shards: 16, flows: 100_000, rate: 8_000_000.0, routing: 250e-9, ..plain() };
    let outcome = plan.run(3);
    // 4 M a second are routed.
    assert!(outcome.routing_utilisation > 0.99 && outcome.utilisation < 0.6, "{outcome:?}");
    assert!((0.4..0.5).contains(&outcome.lost), "{outcome:?}");
    let fast = Plan { routing: 50e-9, ..plan }.run(3);
    assert!(fast.lost == 0.0 && (fast.routing_utilisation - 0.4).abs() < 0.01, "{fast:?}");
}

#[test]
fn both_directions_of_a_pair_are_in_one_partition_and_another_key_has_others() {
    let of = |key| -> Vec<usize> {
        (0..4_096).map(addresses).map(|(client, server)| partition(key, client, server)).collect()
    };
    let mut counts = [0; PARTITIONS];
    of(1).iter().for_each(|partition| counts[*partition] += 1);
    assert!(counts.iter().all(|count| (150..=370).contains(count)), "{counts:?}");
    assert_ne!(of(1), of(2));
    for (client, server) in (0..4_096).map(addresses) {
        assert_eq!(partition(1, client, server), partition(1, server, client));
    }
}

#[test]
fn sixteen_partitions_bound_what_more_shards_are_good_for() {
    // Twelve shards: four of them have two of the sixteen partitions, so half more than the mean.
    let even = Plan { shards: 12, flows: 400_000, ..plain() }.run(1);
    assert!((even.shard_skew - 1.5).abs() < 0.1, "{even:?}");
    let whole = Plan { shards: 16, flows: 400_000, ..plain() }.run(1);
    assert!(whole.shard_skew < 1.1, "{whole:?}");
}

#[test]
fn bursts_wait_or_are_lost_by_what_there_is_room_for() {
    let bursty = Plan { rate: 600_000.0, burst: 4.0, burst_seconds: 0.02, ..plain() };
    let roomy = bursty.run(2);
    let tight = Plan { ring_records: 1_000, queue_records: 1_000, shard_records: 1_000, ..bursty }.run(2);
    assert_eq!(roomy.lost, 0.0, "{roomy:?}");
    assert!(tight.lost > 0.05, "{tight:?}");
    assert!(roomy.p99_latency > 10.0 * tight.p99_latency, "{roomy:?}, {tight:?}");
}

#[test]
fn the_mean_rate_is_the_one_that_was_asked_for_whatever_the_bursts() {
    for burst in [1.0, 3.0, 10.0] {
        let plan = Plan { rate: 300_000.0, burst, burst_seconds: 0.002, ..plain() };
        let outcome = plan.run(4);
        assert!((outcome.utilisation - 0.3).abs() < 0.03, "{burst}: {outcome:?}");
    }
}

#[test]
fn one_elephant_makes_its_queue_and_shard_the_busiest() {
    let even = Plan { queues: 16, shards: 8, flows: 100_000, ..plain() }.run(1);
    let skewed = Plan { queues: 16, shards: 8, flows: 100_000, skew: 1.2, ..plain() }.run(1);
    assert!(even.queue_skew < 1.1 && even.shard_skew < 1.1, "{even:?}");
    assert!(skewed.queue_skew > 2.0 && skewed.shard_skew > 1.2, "{skewed:?}");
}

#[test]
fn a_plan_and_a_seed_have_one_outcome() {
    let plan = Plan { queues: 4, shards: 2, burst: 3.0, ..plain() };
    assert_eq!(plan.run(9), plan.run(9));
    assert_ne!(plan.run(9).median_latency, plan.run(10).median_latency);
}
