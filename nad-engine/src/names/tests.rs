use bytemuck::Zeroable as _;
use nad_common::record::AddressKind;

use super::*;
use crate::payload::Answer;

const RESOLVER: [u8; 4] = [10, 0, 0, 1];
const CLIENT: [u8; 4] = [10, 0, 0, 7];

fn names() -> Names {
    Names::new(HashKey::from_seed(1)).unwrap()
}

fn packet(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> PacketRecord {
    let mut record = PacketRecord {
        flags: AddressKind::V4 as u32,
        source_port: from.1,
        destination_port: to.1,
        source_mac: [2, 0, from.0[0], from.0[1], from.0[2], from.0[3]],
        ..PacketRecord::zeroed()
    };
    record.address_bytes[..4].copy_from_slice(&from.0);
    record.address_bytes[4..8].copy_from_slice(&to.0);
    record
}

fn answer() -> PacketRecord {
    packet((RESOLVER, 53), (CLIENT, 50_000))
}

fn dns(name: &str, addresses: &[&str], ttl_s: u32) -> Said {
    let answer = |address: &&str| Answer { address: address.parse().unwrap(), ttl_s };
    Said::Dns(Dns {
        is_response: true,
        name: name.into(),
        query_type: 1,
        response_code: 0,
        addresses: addresses.iter().map(answer).collect(),
        answers: addresses.len() as u16,
    })
}

fn hello(name: &str) -> Said {
    Said::ClientHello(ClientHello { server_name: Some(name.into()), alpn: None })
}

fn key(address: &str) -> HostKey {
    HostKey::ip(address.parse().unwrap())
}

fn called(names: &Names, address: &str, now_ns: u64) -> Option<(String, Origin)> {
    names.name(key(address), now_ns).map(|name| (name.text.to_owned(), name.from))
}

fn is(name: &str, from: Origin) -> Option<(String, Origin)> {
    Some((name.to_owned(), from))
}

#[test]
fn an_answer_names_its_addresses_for_their_time_to_live_within_bounds() {
    for (ttl_s, until_ns) in [(0, HOUR_NS), (7200, 2 * HOUR_NS), (u32::MAX, WEEK_NS)] {
        let mut names = names();
        names.learn(&dns("www.example.org", &["192.0.2.7", "2001:db8::7"], ttl_s), &answer(), 5);
        for address in ["192.0.2.7", "2001:db8::7"] {
            assert_eq!(called(&names, address, 4 + until_ns), is("www.example.org", Origin::Dns));
            assert!(names.was_asked_for(key(address), 4 + until_ns));
            assert_eq!(called(&names, address, 5 + until_ns), None);
            assert!(!names.was_asked_for(key(address), 5 + until_ns));
        }
        assert!(!names.was_asked_for(key("192.0.2.8"), 5));
    }
}

#[test]
fn only_answers_from_the_side_of_the_server_count() {
    let mut names = names();
    let mut question = dns("www.example.org", &["192.0.2.7"], 60);
    names.learn(&question, &packet((CLIENT, 50_000), (RESOLVER, 53)), 0);
    if let Said::Dns(dns) = &mut question {
        dns.is_response = false;
    }
    names.learn(&question, &answer(), 0);
    for nobody in ["0.0.0.0", "127.0.0.1", "224.0.0.251", "::", "ff02::1"] {
        names.learn(&dns("blocked.example", &[nobody], 60), &answer(), 0);
        assert!(!names.was_asked_for(key(nobody), 1), "{nobody}");
    }
    assert_eq!(called(&names, "192.0.2.7", 1), None);
}

#[test]
fn the_latest_of_one_kind_and_the_best_kind_of_the_last_hour() {
    let mut names = names();
    let to_server = packet((CLIENT, 50_000), ([192, 0, 2, 7], 443));
    let at = |names: &Names, now_ns| called(names, "192.0.2.7", now_ns);
    names.learn(&dns("one.example", &["192.0.2.7"], 60), &answer(), 0);
    names.learn(&dns("two.example", &["192.0.2.7"], 60), &answer(), 1);
    assert_eq!(at(&names, 2), is("two.example", Origin::Dns));
    names.learn(&hello("three.example"), &to_server, 2);
    names.learn(&dns("four.example", &["192.0.2.7"], 60), &answer(), HOUR_NS);
    assert_eq!(at(&names, HOUR_NS), is("three.example", Origin::Tls));
    // It was still asked for.
    assert!(names.was_asked_for(key("192.0.2.7"), 2 * HOUR_NS - 1));
    names.learn(&dns("five.example", &["192.0.2.7"], 60), &answer(), HOUR_NS + 2);
    assert_eq!(at(&names, HOUR_NS + 2), is("five.example", Origin::Dns));
}

#[test]
fn the_same_name_by_another_way_keeps_its_kind_and_lives_on() {
    let mut names = names();
    let to_server = packet((CLIENT, 50_000), ([192, 0, 2, 7], 443));
    names.learn(&hello("www.example.org"), &to_server, 0);
    names.learn(&dns("www.example.org", &["192.0.2.7"], 3 * 86_400), &answer(), 1);
    assert_eq!(called(&names, "192.0.2.7", 3 * DAY_NS), is("www.example.org", Origin::Tls));
    assert_eq!(called(&names, "192.0.2.7", 3 * DAY_NS + 1), None);
}

#[test]
fn a_server_name_is_of_the_server_and_no_address() {
    let mut names = names();
    names.learn(&hello("www.example.org"), &packet((CLIENT, 50_000), ([192, 0, 2, 7], 443)), 0);
    names.learn(&hello("192.0.2.8"), &packet((CLIENT, 50_000), ([192, 0, 2, 8], 443)), 0);
    assert_eq!(called(&names, "192.0.2.7", DAY_NS - 1), is("www.example.org", Origin::Tls));
    // A client's word is no answer.
    assert!(!names.was_asked_for(key("192.0.2.7"), 1));
    assert_eq!((called(&names, "192.0.2.8", 1), called(&names, "10.0.0.7", 1)), (None, None));
}

#[test]
fn a_host_names_itself() {
    let mut names = names();
    let announcement = packet((CLIENT, 5353), ([224, 0, 0, 251], 5353));
    names.learn(&dns("laptop.local", &["10.0.0.7", "fe80::7", "10.0.0.1"], 120), &announcement, 0);
    assert_eq!(called(&names, "10.0.0.7", 1), is("laptop.local", Origin::Mdns));
    assert_eq!(called(&names, "fe80::7", 1), is("laptop.local", Origin::Mdns));
    assert_eq!(called(&names, "10.0.0.1", 1), None, "it does not speak for others of its version");

    let request = |message, address: [u8; 4], name: &str| {
        Said::Dhcp(Dhcp {
            message: Some(message),
            client: Some([2, 0, 0, 0, 0, 9]),
            host_name: Some(name.into()),
            address: Some(address.into()),
        })
    };
    let broadcast = packet(([0; 4], 68), ([255; 4], 67));
    names.learn(&request(DhcpMessage::Request, [10, 0, 0, 9], "camera"), &broadcast, 0);
    names.learn(&request(DhcpMessage::Discover, [10, 0, 0, 10], "wish"), &broadcast, 0);
    assert_eq!(called(&names, "10.0.0.9", 1), is("camera", Origin::Dhcp));
    assert_eq!(called(&names, "10.0.0.10", 1), None);
    let mac = names.name(HostKey::mac([2, 0, 0, 0, 0, 9]), 1).unwrap();
    assert_eq!((mac.text, mac.from.name()), ("wish", "DHCP"));
}

#[test]
fn of_a_long_name_the_last_labels_stay() {
    let label = "a".repeat(40);
    let mut names = names();
    let name = format!("{label}.{label}.{label}.example.org");
    names.learn(&dns(&name, &["192.0.2.7"], 60), &answer(), 0);
    assert_eq!(called(&names, "192.0.2.7", 1).unwrap().0, format!("{label}.example.org"));
    assert_eq!(last_labels(&format!("{label}.{}", "b".repeat(MOST_OF_NAME))), "b".repeat(MOST_OF_NAME));
    let exact = format!("x.{}.{}", "b".repeat(39), "c".repeat(40));
    assert_eq!(last_labels(&exact), &exact[2..]);
}

/// Answers of a sender, each with a new address in 198.18.0.0/15.
fn flood(names: &mut Names, sender: impl Fn(u32) -> PacketRecord, count: u32) {
    for number in 0..count {
        let address = std::net::Ipv4Addr::from(0xc612_0000 + number).to_string();
        names.learn(&dns("flood.example", &[&address], 60), &sender(number), HOUR_NS + u64::from(number));
    }
}

/// How many of the names that a resolver said survive.
fn survivors(sender: impl Fn(u32) -> PacketRecord) -> usize {
    const KNOWN: u32 = 8192;
    let mut names = names();
    let known = |number: u32| std::net::Ipv4Addr::from(0x0b00_0000 + number).to_string();
    for number in 0..KNOWN {
        let lookup = dns("www.example.org", &[&known(number)], 86_400);
        names.learn(&lookup, &answer(), u64::from(number));
    }
    flood(&mut names, sender, 4 * CAPACITY as u32);
    (0..KNOWN).filter(|number| called(&names, &known(*number), 2 * HOUR_NS).is_some()).count()
}

#[test]
fn a_flood_of_answers_does_not_make_the_others_leave() {
    // One resolver in eight of the places: what a bucket's half or quarter leaves holds nearly all of it.
    let from_one = survivors(|_| packet(([203, 0, 113, 5], 53), (CLIENT, 50_000)));
    assert!(from_one > 8000, "{from_one} of 8192");
    let forged = |number: u32| PacketRecord {
        source_mac: [2; 6],
        ..packet(([20, number as u8, (number >> 8) as u8, 5], 53), (CLIENT, 50_000))
    };
    let from_many = survivors(forged);
    assert!(from_many > 6000, "{from_many} of 8192");
}

#[test]
fn there_are_no_more_than_there_is_room_for_and_the_same_records_give_the_same_names() {
    let run = || {
        let mut names = names();
        let sender = |number: u32| packet(([20, number as u8, 0, 5], 53), (CLIENT, 50_000));
        flood(&mut names, sender, 2 * CAPACITY as u32);
        let kept: Vec<(u64, String)> =
            names.table.iter().map(|(hash, named)| (hash, named.host.to_string())).collect();
        (kept, names.bytes())
    };
    let (kept, bytes) = run();
    assert!(kept.len() <= CAPACITY && kept.len() > CAPACITY / 2, "{}", kept.len());
    assert!(bytes <= 10 << 20, "{bytes}");
    assert_eq!(run(), (kept, bytes));
}
