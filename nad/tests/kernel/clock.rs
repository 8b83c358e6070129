//! The times that the kernel's own clock gives.

use std::time::Duration;

use nad::{clock::kernel_ns, source::xdp::XdpOptions};
use nad_common::{
    clock::{EXACT_PER_TICK, SHARED_BY},
    record::Direction,
};

use crate::{
    bench::{Bench, Pinned},
    frames::cases,
};

/// The longest tick that kernels have (`CONFIG_HZ=100`), and what a busy machine adds to it.
const TICK_NS: u64 = 10_000_000 + 10_000_000;

fn bench() -> (Bench, Vec<u8>) {
    let case = cases().into_iter().find(|case| case.expected.outcome().is_ok()).expect("the table has one");
    (Bench::with(XdpOptions::default()), case.frame)
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn packets_that_come_seldom_have_exact_times() {
    let _pinned = Pinned::anywhere();
    let (mut bench, frame) = bench();
    for direction in [Direction::Ingress, Direction::Egress] {
        bench.direction = direction;
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(1));
            let before = kernel_ns();
            bench.repeat(&frame, 1, &[]);
            let after = kernel_ns();
            let records = bench.drain();
            let time_ns = records[0].time_ns;
            assert!((before..=after).contains(&time_ns), "{time_ns} is not from {before} to {after}");
        }
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_times_of_a_torrent_never_run_backwards_and_are_shared_by_few() {
    let _pinned = Pinned::anywhere();
    let (mut bench, frame) = bench();
    let before = kernel_ns();
    for direction in [Direction::Ingress, Direction::Egress, Direction::Ingress] {
        bench.direction = direction;
        bench.repeat(&frame, 20_000, &[]);
    }
    let after = kernel_ns();
    let times: Vec<u64> = bench.drain().iter().map(|record| record.time_ns).collect();
    assert_eq!(times.len(), 60_000);
    assert!(times.is_sorted());
    assert!((before..=after).contains(&times[0]));
    let last = times[times.len() - 1];
    assert!((after - TICK_NS..=after).contains(&last), "{last} is not from just before {after}");
    let shared: Vec<usize> = times.chunk_by(|a, b| a == b).map(<[u64]>::len).collect();
    assert!(shared.iter().all(|run| *run <= SHARED_BY as usize), "{:?}", shared.iter().max());
    let exact = shared.iter().take(EXACT_PER_TICK as usize).filter(|run| **run == 1).count();
    assert!(exact > EXACT_PER_TICK as usize / 2, "{exact} of the first packets have times of their own");
}
