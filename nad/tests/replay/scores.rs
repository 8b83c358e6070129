//! The score file: which packets are in it, and with what.

use crate::{ORDINARY, captures::Capture, folder, mixed, odd, scores};

#[test]
fn every_scored_packet_is_there_once_with_its_place_in_the_capture() {
    let capture = mixed();
    let folder = folder(&capture);
    let ran = folder.nad("replay office.pcap --train-packets 2000 --scores s.csv --format json").exits(0);
    let runt = odd::runt();
    let expected: Vec<usize> =
        (ORDINARY..capture.packets.len()).filter(|place| capture.packets[*place].1 != runt).collect();
    let found = scores(&folder, "s.csv");
    assert_eq!(found.iter().map(|(index, _)| *index).collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
    assert!(found.iter().any(|(_, score)| *score != found[0].1), "not all the same");
    let ledger = ran.summary().ledger;
    assert_eq!((ledger.seen, ledger.unparsed["link_truncated"]), (capture.packets.len(), 8));
    assert_eq!(ledger.unparsed.values().sum::<usize>(), 8, "and nothing else");
    assert_eq!((ledger.learned, ledger.scored), (ORDINARY, expected.len()));
}

#[test]
fn a_baseline_of_packets_leaves_exactly_the_others() {
    let folder = folder(&Capture::ordinary(1, 1000));
    for learned in [2, 3, 500, 999] {
        let replay = format!("replay office.pcap --train-packets {learned} --scores s.csv --format json");
        let ledger = folder.nad(&replay).exits(0).summary().ledger;
        assert_eq!((ledger.learned, ledger.scored), (learned, 1000 - learned));
        let found: Vec<usize> = scores(&folder, "s.csv").into_iter().map(|(index, _)| index).collect();
        assert_eq!(found, (learned..1000).collect::<Vec<_>>());
    }
    folder.nad("replay office.pcap --train-packets 1000 --scores s.csv").exits(0);
    assert_eq!(scores(&folder, "s.csv"), [], "the whole capture was the baseline");
}

#[test]
fn packets_without_a_record_count_for_no_baseline() {
    let mut capture = Capture::default();
    for (_, frame) in Capture::ordinary(1, 600).packets {
        capture.extend([odd::runt(), frame]);
    }
    let folder = folder(&capture);
    let ran = folder.nad("replay office.pcap --train-packets 400 --scores s.csv --format json").exits(0);
    let ledger = ran.summary().ledger;
    let unparsed: usize = ledger.unparsed.values().sum();
    assert_eq!((ledger.seen, unparsed, ledger.learned, ledger.scored), (1200, 600, 400, 200));
    let found: Vec<usize> = scores(&folder, "s.csv").into_iter().map(|(index, _)| index).collect();
    assert_eq!(found, (801..1200).step_by(2).collect::<Vec<_>>());
}

#[test]
fn a_baseline_of_time_ends_before_the_first_packet_that_is_as_old() {
    // A packet every 10 ms: the one at exactly 5 s is the 501st.
    let folder = folder(&Capture::ordinary(1, 1000));
    for (length, learned) in [("5s", 500), ("5001ms", 501), ("4999ms", 500), ("9990ms", 999)] {
        let replay = format!("replay office.pcap --train-for {length} --scores s.csv --format json");
        assert_eq!(folder.nad(&replay).exits(0).summary().ledger.learned, learned, "{length}");
        assert_eq!(scores(&folder, "s.csv")[0].0, learned, "{length}");
    }
    // Too few packets in that time: the baseline goes on until there are enough.
    let ran = folder.nad("replay office.pcap --train-for 1s --format json").exits(0);
    assert_eq!(ran.summary().ledger.learned, 256);
}

#[test]
fn more_packets_than_a_batch_are_scored_as_few_are() {
    let capture = Capture::ordinary(3, 10_000);
    let folder = folder(&capture);
    folder.nad("train office.pcap --train-packets 1000 --out m").exits(0);
    folder.nad("replay office.pcap --model m --scores all.csv").exits(0);
    let all = scores(&folder, "all.csv");
    assert_eq!(all.len(), 10_000);
    // What a packet's score says depends on those before it, and on none after.
    let first = Capture { packets: capture.packets[..4000].to_vec() };
    folder.write("first.pcap", first.pcap());
    folder.nad("replay first.pcap --model m --scores first.csv").exits(0);
    let alone = scores(&folder, "first.csv");
    assert_eq!(alone.len(), 4000);
    for (one, other) in all.iter().zip(alone) {
        assert_eq!(*one, other);
    }
}
