//! Captures whose times are not what they should be: a scan in them is one incident with its true time, what the clock
//! did is said, and nothing else is found.

use serde_json::Value;

use crate::{
    captures::{Capture, START_US},
    folder,
    network::Network,
    sensor::{Folder, Ran},
};

const SECOND_US: u64 = 1_000_000;
const DAY_US: u64 = 86_400 * SECOND_US;
const STRANGER: [u8; 4] = [192, 168, 1, 66];
const ATTACK: u64 = 150;
const LENGTH: u64 = 180;
const REPLAY: &str = "replay office.pcap --train-for 120s --incidents i.jsonl --format json";

/// The life of the network, with a scan after 150 s.
fn scanned() -> Capture {
    let mut network = Network::benign(LENGTH);
    network.scan(ATTACK, STRANGER, 1, 600, 5_000);
    network.capture()
}

fn quiet() -> Capture {
    Network::benign(LENGTH).capture()
}

/// The place of the first packet that comes after so many seconds.
fn place_after(capture: &Capture, seconds: u64) -> usize {
    let after = |(time_us, _): &(u64, Vec<u8>)| *time_us >= START_US + seconds * SECOND_US;
    capture.packets.iter().position(after).unwrap()
}

fn replay(capture: &Capture) -> (Ran, Vec<Value>) {
    let folder = folder(capture);
    let ran = folder.nad(REPLAY).exits(0);
    let incidents = incidents(&folder);
    (ran, incidents)
}

fn incidents(folder: &Folder) -> Vec<Value> {
    folder.read("i.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many strays, steps and gaps the summary counts.
fn counts(ran: &Ran) -> [u64; 3] {
    let summary = ran.stdout.lines().find_map(|line| {
        let value: Value = serde_json::from_str(line).ok()?;
        value.get("summary").cloned()
    });
    let ledger = &summary.expect("there is a summary")["ledger"];
    ["time_strays", "time_steps", "time_gaps"].map(|name| ledger[name].as_u64().unwrap())
}

/// The scan alone, at so many seconds of Unix time.
fn is_the_scan(incidents: &[Value], at_us: u64) {
    let [scan] = incidents else { panic!("one incident: {incidents:#?}") };
    assert_eq!(scan["shape"], "port scan", "{scan:#}");
    let (begun, detected) = (at_us as f64 / 1e6, scan["detected_at"].as_f64().unwrap());
    assert!((begun..begun + 5.0).contains(&detected), "{begun}: {scan:#}");
}

#[test]
fn one_packet_far_ahead_or_behind_moves_no_clock_and_is_said() {
    for place_s in [0, 1, 60, 130, 149] {
        for time_us in
            [0, START_US + 200 * SECOND_US, START_US + 3700 * SECOND_US, u64::from(u32::MAX) * SECOND_US]
        {
            let mut capture = scanned();
            let place = place_after(&capture, place_s);
            capture.packets[place].0 = time_us;
            let (ran, incidents) = replay(&capture);
            is_the_scan(&incidents, START_US + ATTACK * SECOND_US);
            assert_eq!(counts(&ran), [1, 0, 0], "{}", ran.stderr);
            let said = format!("packet {} has a time ", place + 1);
            assert_eq!(ran.stderr.matches(&said).count(), 1, "{said}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_clock_that_is_set_while_learning_or_after_takes_nothing_from_the_baseline() {
    for (at_s, by_us) in [(40, -3600), (40, 7200), (130, -3600), (130, -30), (130, 86_400)] {
        let by_us = by_us * SECOND_US as i64;
        for is_scanned in [false, true] {
            let mut capture = if is_scanned { scanned() } else { quiet() };
            let place = place_after(&capture, at_s);
            for (time_us, _) in &mut capture.packets[place..] {
                *time_us = time_us.saturating_add_signed(by_us);
            }
            let (ran, incidents) = replay(&capture);
            if is_scanned {
                is_the_scan(&incidents, (START_US + ATTACK * SECOND_US).saturating_add_signed(by_us));
            } else {
                assert!(incidents.is_empty(), "{at_s}, {by_us}: {incidents:#?}");
            }
            assert_eq!(counts(&ran), [0, 1, 0], "{at_s}, {by_us}: {}", ran.stderr);
            let said = format!(" before packet {}", place + 1);
            assert!(
                ran.stderr.contains("the clock that stamps packets was set ") && ran.stderr.contains(&said)
            );
        }
    }
}

#[test]
fn files_joined_in_the_wrong_order_are_no_incident() {
    let mut capture = quiet();
    let place = place_after(&capture, 150);
    let later = capture.packets.split_off(place);
    capture.packets = [later, capture.packets].concat();
    let (ran, incidents) = replay(&capture);
    assert!(incidents.is_empty(), "{incidents:#?}");
    assert_eq!(counts(&ran)[1], 1, "{}", ran.stderr);
}

#[test]
fn a_gap_counts_as_a_minute_of_the_baseline_and_no_more() {
    let mut capture = scanned();
    let place = place_after(&capture, 20);
    capture.packets[place..].iter_mut().for_each(|(time_us, _)| *time_us += 1800 * SECOND_US);
    let (ran, incidents) = replay(&capture);
    is_the_scan(&incidents, START_US + (1800 + ATTACK) * SECOND_US);
    assert_eq!(counts(&ran), [0, 0, 1], "{}", ran.stderr);
    assert!(ran.stderr.contains("no packet for 30 min"), "{}", ran.stderr);
}

#[test]
fn a_clock_of_32_bits_that_wraps_gives_no_date_of_1970() {
    let mut capture = scanned();
    let by_us = (u64::from(u32::MAX) + 1) * SECOND_US - START_US - 130 * SECOND_US;
    capture.packets.iter_mut().for_each(|(time_us, _)| *time_us += by_us);
    // The file has 32 bits for the seconds.
    let (ran, incidents) = replay(&capture);
    is_the_scan(&incidents, START_US + by_us + ATTACK * SECOND_US);
    assert_eq!(counts(&ran), [0, 1, 0], "{}", ran.stderr);
    assert!(ran.stderr.contains("32 bits begins anew"), "{}", ran.stderr);
}

#[test]
fn what_a_model_knows_does_not_age_between_two_runs_and_is_not_known_for_being_of_yesterday() {
    let folder = folder(&quiet());
    folder.nad("train office.pcap --train-for 120s --out m").exits(0);
    for (days, is_scanned) in [(15, false), (15, true), (-1, false), (-1, true), (400, false)] {
        let mut capture = if is_scanned { scanned() } else { quiet() };
        capture.packets.iter_mut().for_each(|(time_us, _)| {
            *time_us = time_us.saturating_add_signed(days * DAY_US as i64);
        });
        folder.write("later.pcap", capture.pcap());
        let ran = folder.nad("replay later.pcap --model m --incidents i.jsonl").exits(0);
        if is_scanned {
            let at_us = START_US.saturating_add_signed(days * DAY_US as i64) + ATTACK * SECOND_US;
            is_the_scan(&incidents(&folder), at_us);
        } else {
            assert!(incidents(&folder).is_empty(), "{days}: {:#?}", incidents(&folder));
        }
        let said = if days < 0 {
            "these packets are older than the model"
        } else {
            " older than the first one here"
        };
        assert!(ran.stderr.contains(said), "{days}: {}", ran.stderr);
    }
}
