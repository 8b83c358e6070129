//! What payloads begin with: refused logins are judged, and hosts have names.

use serde_json::Value;

use crate::{captures::Capture, folder, network::Network};

const ATTACKER: [u8; 4] = [192, 168, 1, 66];
const STORE: [u8; 4] = [192, 168, 1, 4];
const CLIENT: [u8; 4] = [192, 168, 1, 22];
const OUTSIDE: [u8; 4] = [203, 0, 113, 9];
const SECOND: u64 = 1_000_000;

/// The incidents as they ended, and what was printed.
fn replay(capture: &Capture, more: &str) -> (Vec<Value>, String) {
    let folder = folder(capture);
    let command = format!("replay office.pcap --train-for 150s --incidents i.jsonl --log none {more}");
    let printed = folder.nad(&command).exits(0).stdout;
    let lines = folder.read("i.jsonl");
    let closed = |line: &Value| line["state"] == "closed";
    (lines.lines().map(|line| serde_json::from_str(line).unwrap()).filter(closed).collect(), printed)
}

/// A password each four seconds, far below what a busy office does.
fn guesses(answer: &[u8]) -> Capture {
    let mut network = Network::benign(400);
    for number in 0..40 {
        let ends = [(ATTACKER, 40_000 + number), (STORE, 21)];
        let lines: [(bool, &[u8]); 5] = [
            (false, b"220 files\r\n"),
            (true, b"USER admin\r\n"),
            (false, b"331 password\r\n"),
            (true, b"PASS guess\r\n"),
            (false, answer),
        ];
        network.converse((200 + 4 * u64::from(number)) * SECOND, ends, &lines);
    }
    network.capture()
}

#[test]
fn logins_that_are_refused_are_a_brute_force_and_the_reason_says_so() {
    let (incidents, _) = replay(&guesses(b"530 Login incorrect.\r\n"), "");
    let found: Vec<_> = incidents.iter().filter(|it| it["shape"] == "brute force").collect();
    let [incident] = found[..] else { panic!("{incidents:?}") };
    assert_eq!(
        (&incident["sources"][0], &incident["targets"][0]),
        (&"192.168.1.66".into(), &"192.168.1.4".into())
    );
    let reason = incident["reason"].as_str().unwrap();
    assert!(reason.contains("refused"), "{reason}");
    let welcome = replay(&guesses(b"230 Welcome.\r\n"), "").0;
    assert!(welcome.iter().all(|it| !it["reason"].as_str().unwrap().contains("refused")), "{welcome:?}");
}

/// Somebody looks up a name, and uploads much to its address, which nobody did before.
fn upload() -> Capture {
    let mut network = Network::benign(400);
    network.resolve(250 * SECOND, CLIENT, "files.example.net", OUTSIDE);
    let part = [b'x'; 1400];
    let lines: Vec<(bool, &[u8])> = (0..6000).map(|_| (true, &part[..])).collect();
    network.converse(251 * SECOND, [(CLIENT, 45_000), (OUTSIDE, 8443)], &lines);
    network.capture()
}

#[test]
fn an_address_has_the_name_that_it_was_asked_for_wherever_people_read_it() {
    let capture = upload();
    let (incidents, printed) = replay(&capture, "");
    let [incident] = &incidents[..] else { panic!("{incidents:?}") };
    assert_eq!(incident["names"], serde_json::json!({"203.0.113.9": "files.example.net"}));
    assert!(
        incident["reason"].as_str().unwrap().ends_with("; 203.0.113.9 is files.example.net"),
        "{incident}"
    );
    assert!(printed.contains("203.0.113.9 is files.example.net"), "{printed}");
    let names = replay(&capture, "--payload names").0;
    assert_eq!(names[0]["names"], incident["names"]);
    let off = replay(&capture, "--payload off").0;
    assert_eq!(off[0]["names"], Value::Null);
    assert_eq!(
        (&off[0]["shape"], &off[0]["id"]),
        (&incident["shape"], &incident["id"]),
        "found all the same"
    );
}

#[test]
fn any_number_of_shards_hears_the_same() {
    for capture in [guesses(b"530 Login incorrect.\r\n"), upload()] {
        let one = replay(&capture, "--shards 1").0;
        for shards in [2, 3] {
            assert_eq!(replay(&capture, &format!("--shards {shards}")).0, one, "{shards} shards");
        }
    }
}
