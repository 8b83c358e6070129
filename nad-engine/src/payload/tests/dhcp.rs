use std::net::Ipv4Addr;

use super::*;

fn message(operation: u8, has: [u8; 4], given: [u8; 4], options: &[u8]) -> Vec<u8> {
    let start = [operation, 1, 6, 0, 0x39, 3, 0xf3, 0x26, 0, 0, 0, 0];
    let client = [2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    [&start[..], &has, &given, &[0; 8], &client, &[0; 192], &[99, 130, 83, 99], options].concat()
}

fn dhcp(head: &[u8]) -> Dhcp {
    match said(HeadKind::Dhcp, (68, 67), head) {
        Some(Said::Dhcp(dhcp)) => dhcp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_names_client_and_address() {
    let options = b"\x35\x01\x03\x00\x32\x04\xc0\xa8\x01\x09\x0c\x08Laptop-7\xff\x0c\x01x";
    let head = message(1, [0; 4], [0; 4], options);
    let request = dhcp(&head);
    assert_eq!(request.message, Some(DhcpMessage::Request));
    assert_eq!(request.client, Some([2, 0, 0, 0, 0, 9]));
    assert_eq!(request.host_name.as_deref(), Some("laptop-7"));
    assert_eq!(request.address, Some(Ipv4Addr::new(192, 168, 1, 9)));
    harass(HeadKind::Dhcp, (68, 67), &head);
}

#[test]
fn the_address_that_is_given_counts_before_the_one_that_is_asked_for() {
    let ack = dhcp(&message(2, [0; 4], [10, 0, 0, 5], b"\x35\x01\x05\x32\x04\xc0\xa8\x01\x09\xff"));
    assert_eq!((ack.message, ack.address), (Some(DhcpMessage::Ack), Some(Ipv4Addr::new(10, 0, 0, 5))));
    let renewal = dhcp(&message(1, [10, 0, 0, 5], [0; 4], b"\x35\x01\x03"));
    assert_eq!(renewal.address, Some(Ipv4Addr::new(10, 0, 0, 5)));
}

#[test]
fn what_is_no_dhcp_says_little_or_nothing() {
    let mut bootp = message(1, [0; 4], [0; 4], b"\x35\x01\x03");
    bootp[236] = 0;
    let bootp = dhcp(&bootp);
    assert_eq!((bootp.message, bootp.address), (None, None));
    assert_eq!(said(HeadKind::Dhcp, (68, 67), &[3; 300]), None);
    let mut infiniband = message(1, [0; 4], [0; 4], b"\x35\x01\x09\x0c\x00");
    infiniband[1] = 32;
    let infiniband = dhcp(&infiniband);
    assert_eq!((infiniband.client, infiniband.message, infiniband.host_name), (None, None, None));
}
