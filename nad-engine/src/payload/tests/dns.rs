use std::net::IpAddr;

use super::*;

/// www.example.org is a.cdn.net, which is b.cdn.net, whose addresses follow and precede; one of another name is among them.
const ALIASES: &[u8] = b"\x124\x81\x80\x00\x01\x00\x05\x00\x00\x00\x00\x03WWW\x07example\x03org\x00\x00\x01\x00\x01\
    \x01b\x03cdn\x03net\x00\x00\x01\x00\x01\x00\x00\x00<\x00\x04\xc0\x00\x02\x07\
    \xc0\x0c\x00\x05\x00\x01\x00\x00\x01,\x00\x0b\x01a\x03cdn\x03net\x00\
    \x01A\x03cdn\x03net\x00\x00\x05\x00\x01\x00\x00\x01,\x00\x0b\x01b\x03cdn\x03net\x00\
    \x01b\x03cdn\x03net\x00\x00\x1c\x00\x01\x00\x00\x00\x1e\x00\x10\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\
    \x04bank\x07example\x00\x00\x01\x00\x01\x00\x00\x00<\x00\x04\xc0\x00\x02B";
const QUERY: &[u8] =
    b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x07example\x03com\x00\x00\x1c\x00\x01\
    \x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
const NO_SUCH_NAME: &[u8] =
    b"\x00\x07\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x04xq7f\x07example\x00\x00\x10\x00\x01";
/// A printer says what it offers and, beside it, what its addresses are.
const MDNS: &[u8] = b"\x00\x00\x84\x00\x00\x00\x00\x02\x00\x00\x00\x01\x04_ipp\x04_tcp\x05local\x00\x00\x0c\x00\x01\x00\x00\x11\x94\x00\x19\
    \x07Printer\x04_ipp\x04_tcp\x05local\x00\x07printer\x05local\x00\x00\x01\x80\x01\x00\x00\x00x\x00\x04\xc0\xa8\x01\x09\
    \x07printer\x05local\x00\x00\x1c\x80\x01\x00\x00\x00x\x00\x10\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09";

fn dns(head: &[u8]) -> Dns {
    match said(HeadKind::Dns, TO, head) {
        Some(Said::Dns(dns)) => dns,
        other => panic!("{other:?}"),
    }
}

fn answer(address: &str, ttl_s: u32) -> Answer {
    Answer { address: address.parse::<IpAddr>().unwrap(), ttl_s }
}

#[test]
fn aliases_lead_to_the_addresses_of_the_asked_name() {
    let dns = dns(ALIASES);
    assert_eq!((&*dns.name, dns.query_type, dns.is_response), ("www.example.org", 1, true));
    assert_eq!((dns.response_code, dns.answers), (0, 5));
    assert_eq!(dns.addresses, [answer("192.0.2.7", 60), answer("2001:db8::7", 30)]);
}

#[test]
fn a_cut_message_keeps_what_is_whole() {
    let start = 12 + 17 + 4;
    assert_eq!(dns(&ALIASES[..start + 60]).addresses, []);
    let before_the_last = dns(&ALIASES[..ALIASES.len() - 1]);
    assert_eq!((before_the_last.addresses.len(), before_the_last.answers), (2, 5));
}

#[test]
fn a_question_and_a_name_that_does_not_exist() {
    let question = dns(QUERY);
    assert_eq!((&*question.name, question.query_type, question.is_response), ("example.com", 28, false));
    let answer = dns(NO_SUCH_NAME);
    assert_eq!((&*answer.name, answer.query_type, answer.response_code), ("xq7f.example", 16, 3));
}

#[test]
fn an_announcement_without_a_question_names_its_addresses() {
    let dns = dns(MDNS);
    assert_eq!((&*dns.name, dns.query_type, dns.answers), ("printer.local", 0, 2));
    assert_eq!(dns.addresses, [answer("192.168.1.9", 120), answer("fe80::9", 120)]);
}

#[test]
fn labels_stay_apart_and_printable() {
    let head = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05a.b\nc\x03oRg\x00\x00\x01\x00\x01";
    assert_eq!(&*dns(head).name, "a?b?c.org");
    let root = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01";
    assert_eq!((&*dns(root).name, dns(root).query_type), ("", 2));
}

#[test]
fn a_question_says_no_addresses() {
    let mut head = ALIASES.to_vec();
    head[2] &= 0x7f;
    assert_eq!(dns(&head).addresses, []);
}

#[test]
fn pointers_in_circles_end() {
    let mut head = b"\x00\x07\x81\x80\x00\x01\xff\xff\xff\xff\xff\xff".to_vec();
    head.extend((0..250).flat_map(|_| [0xc0, 12]));
    assert_eq!(&*dns(&head).name, "");
    // An alias of itself.
    let head = b"\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x01\x00\x02\xc0\x0c";
    assert_eq!((&*dns(head).name, dns(head).addresses.len()), ("a", 0));
    for head in [ALIASES, MDNS, QUERY] {
        harass(HeadKind::Dns, TO, head);
    }
}
