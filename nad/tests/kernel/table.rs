//! Every frame of the table gives the record that the table says, or is refused for the reason that it says.

use nad::source::xdp::XdpOptions;
use nad_common::{
    record::{Direction, PacketRecord, flag},
    refusal::Refusal,
};

use crate::{
    bench::{Bench, LOOPBACK, SHORTEST},
    frames::{Case, cases},
    netns::Namespace,
    userspace,
};

const NOON: u64 = 43_200_000_000_123;

/// Those that a test run takes.
fn runnable() -> Vec<Case> {
    let (runnable, short): (Vec<_>, Vec<_>) =
        cases().into_iter().partition(|case| case.frame.len() >= SHORTEST);
    for case in short {
        assert_eq!(case.expected.outcome(), Err(Refusal::LinkTruncated), "{}", case.name);
        println!("left out, too short for a test run: {} ({} bytes)", case.name, case.frame.len());
    }
    runnable
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn every_frame_gives_the_record_or_the_refusal_that_it_must() {
    let mut bench = Bench::new();
    bench.source.set_test_clock(NOON).unwrap();
    let cases = runnable();
    let mut ran = 0;
    for (direction, bit) in [(Direction::Ingress, 0), (Direction::Egress, flag::EGRESS)] {
        bench.direction = direction;
        for case in &cases {
            if !bench.takes(&case.frame) {
                continue;
            }
            let expected = case.expected.outcome().map(|record| PacketRecord {
                time_ns: NOON,
                interface: LOOPBACK,
                flags: record.flags | bit,
                ..*record
            });
            let found = bench.run(&case.frame);
            ran += 1;
            assert_eq!(found, expected, "{}, {direction:?}", case.name);
            if let (Ok(found), Ok(expected)) = (found, expected) {
                assert_eq!(*found.wire_bytes(), *expected.wire_bytes(), "{}, {direction:?}", case.name);
            }
        }
    }
    println!("{} frames, {ran} runs", cases.len());
    assert!(ran > cases.len() * 3 / 2, "{ran} runs of {} frames in both directions", cases.len());
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_frame_shorter_than_an_ethernet_header_is_refused_by_the_kernel_itself() {
    let mut bench = Bench::new();
    for direction in Direction::ALL {
        bench.direction = direction;
        bench.try_repeat(&[0; SHORTEST - 1], 1, &[]).expect_err("13 bytes");
        bench.try_repeat(&[0; SHORTEST], 1, &[]).expect("14 bytes");
        assert_eq!(bench.counted().seen, 1, "{direction:?}");
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_outcomes_of_all_frames_add_up() {
    let mut bench = Bench::new();
    let cases = runnable();
    for case in &cases {
        bench.repeat(&case.frame, 1, &[]);
    }
    let counted = bench.counted();
    let refused = |reason| cases.iter().filter(|case| case.expected.outcome() == Err(reason)).count() as u64;
    assert_eq!(counted.unparsed, Refusal::ALL.map(refused));
    assert!(counted.unparsed_total() > 0);
    assert_eq!(counted.seen, cases.len() as u64);
    assert_eq!(counted.ring_full, 0);
    assert_eq!(
        counted.seen,
        counted.recorded + counted.sampled_out + counted.ring_full + counted.unparsed_total()
    );
    assert_eq!(counted.recorded, bench.drain().len() as u64);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_test_clock_stamps_records() {
    let mut bench = Bench::new();
    let frame = &cases()[0].frame;
    for time_ns in [0, 1, NOON, u64::MAX] {
        bench.source.set_test_clock(time_ns).unwrap();
        assert_eq!(bench.run(frame).unwrap().time_ns, time_ns);
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_the_test_clock_records_have_the_kernels_time() {
    let mut bench = Bench::with(XdpOptions::default());
    let frame = &cases()[0].frame;
    // Set, and without effect.
    bench.source.set_test_clock(NOON).unwrap();
    let mut last = monotonic_ns();
    for _ in 0..3 {
        let time_ns = bench.run(frame).unwrap().time_ns;
        assert!((last..=monotonic_ns()).contains(&time_ns), "{time_ns}");
        last = time_ns;
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_record_has_the_index_of_the_interface_that_received_it() {
    let namespace = Namespace::with_veth("ingress");
    namespace.enter(|| {
        let index = nad::interface::Interface::inspect("veth0").unwrap().index;
        assert_ne!(index, LOOPBACK);
        let mut bench = Bench::new();
        let frame = &cases()[0].frame;
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, frame.len() as u32, 0, index, 0, 0].map(u32::to_ne_bytes).concat();
        bench.repeat(frame, 1, &context);
        let records = bench.drain();
        assert_eq!(records, [userspace::parse(frame, Direction::Ingress, 0, index).unwrap()]);
    });
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_record_has_the_index_of_the_interface_that_sends_it() {
    let namespace = Namespace::with_veth("egress");
    namespace.enter(|| {
        let index = nad::interface::Interface::inspect("veth0").unwrap().index;
        assert_ne!(index, LOOPBACK);
        let mut bench = Bench::new();
        bench.direction = Direction::Egress;
        let frame = &cases()[0].frame;
        // `struct __sk_buff`: ten numbers before `ifindex`, and others after it.
        let mut context = [0; 48];
        context[10] = index;
        bench.repeat(frame, 1, &context.map(u32::to_ne_bytes).concat());
        let records = bench.drain();
        assert_eq!(records, [userspace::parse(frame, Direction::Egress, 0, index).unwrap()]);
    });
}

fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable, and the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
