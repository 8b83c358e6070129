//! What gets lost is counted where it gets lost.

use std::thread;

use crate::{
    lab::{Lab, SENDER, SENSOR, SENSOR_IP, inside, succeed, until},
    nad_process::Nad,
    raw::RawSender,
    traffic::usual,
};

/// IPv4 records, with their headers, that the smallest ring has room for.
const ROOM: u64 = 4095 / 72;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_ring_that_is_too_small_loses_packets_and_says_so() {
    const BURST: u64 = 3000;
    const PINGS: u64 = 40;
    let lab = Lab::alone("losses").with_addresses();
    let sender = RawSender::open(&lab.sender, SENDER);
    for mode in ["native", "generic"] {
        let arguments =
            ["run", "--iface", SENSOR, "--xdp-mode", mode, "--ring-bytes", "4096", "--sampling", "off"];
        let nad = Nad::capturing(&lab, &arguments);
        let before = lab.received(SENSOR);
        // Halted, it drains nothing, so that what is lost does not depend on who is faster.
        nad.halt();
        usual(BURST as usize).iter().for_each(|frame| sender.send(frame));
        until("the burst is over", || lab.received(SENSOR) >= before + BURST);
        nad.resume();
        // Slow enough for the smallest ring.
        let pings = ["-n", "-q", "-c", &PINGS.to_string(), "-i", "0.01", SENSOR_IP];
        succeed(inside(&lab.sender, "ping").args(pings));
        let ended = nad.interrupt();

        let ledger = ended.ledger();
        let rings = thread::available_parallelism().unwrap().get() as u64;
        assert_eq!(ledger.get("seen"), BURST + PINGS, "{mode}: {ledger:?}");
        let recorded = ledger.get("recorded");
        // The first pings may come before the ring is drained.
        assert!((ROOM + PINGS / 2..=ROOM * rings + PINGS).contains(&recorded), "{mode}: {ledger:?}");
        assert_eq!(ledger.get("ring_full"), BURST + PINGS - recorded, "{mode}: {ledger:?}");
        let warning =
            format!("warning: {} packets were lost because a ring was full", BURST + PINGS - recorded);
        assert!(ended.stderr.contains(&warning) && ended.stderr.contains("--ring-bytes"), "{}", ended.stderr);
        assert_eq!(ended.code, Some(0));
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn frames_without_a_record_are_in_the_ledger_with_their_reasons() {
    let lab = Lab::new("refused");
    let sender = RawSender::open(&lab.sender, SENDER);
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--train-packets", "1000"]);
    let whole = &usual(1)[0];
    for _ in 0..3 {
        sender.send(&whole[..30]);
    }
    sender.send(whole);
    let ended = nad.interrupt();
    let ledger = ended.ledger();
    let names = ["seen", "recorded", "unparsed", "ipv4_truncated"];
    assert_eq!(names.map(|name| ledger.get(name)), [4, 1, 3, 3], "{ledger:?}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_the_kernel_program_finds_odd_is_logged_when_asked_for() {
    let lab = Lab::new("kernel-log");
    let sender = RawSender::open(&lab.sender, SENDER);
    for (flags, is_logged) in [(&[][..], false), (&["--kernel-log"][..], true)] {
        let mut nad = Nad::capturing(&lab, &[&["run", "--iface", SENSOR][..], flags].concat());
        sender.send(&usual(1)[0][..30]);
        if is_logged {
            nad.wait_for("unparsed frame: reason 3, 30 bytes");
        }
        let ended = nad.interrupt();
        assert_eq!(ended.ledger().get("unparsed"), 1, "{ended:?}");
        assert_eq!(ended.stderr.contains("unparsed frame"), is_logged, "{ended:?}");
        assert!(!ended.stderr.contains("relocat"), "the loader's own words are of no use: {ended:?}");
    }
}
