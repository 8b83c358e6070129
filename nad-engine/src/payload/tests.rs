use std::hint::black_box;

use bytemuck::Zeroable as _;
use nad_common::head::{HeadKind, MAX_HEAD};

use super::*;

mod dhcp;
mod dns;
mod http;
mod refusals;
mod tls;

/// The ports of a packet from a client to a server, and back.
const TO: (u16, u16) = (50_000, 443);

fn record((source_port, destination_port): (u16, u16)) -> PacketRecord {
    PacketRecord { source_port, destination_port, ..PacketRecord::zeroed() }
}

fn said(kind: HeadKind, ports: (u16, u16), head: &[u8]) -> Option<Said> {
    read(kind, &record(ports), head)
}

/// Reads a head cut at each of its bytes, and with each of its bytes changed.
fn harass(kind: HeadKind, ports: (u16, u16), head: &[u8]) {
    for end in 0..head.len() {
        black_box(said(kind, ports, &head[..end]));
    }
    let mut changed = head.to_vec();
    for place in 0..head.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xc0, 0xff] {
            changed[place] = byte;
            black_box(said(kind, ports, &changed));
        }
        changed[place] = head[place];
    }
}

#[test]
fn every_kind_takes_every_byte() {
    for kind in HeadKind::ALL {
        for ports in [TO, (21, 50_000), (25, 50_000), (110, 50_000), (143, 50_000)] {
            for byte in 0..=u8::MAX {
                for length in [0, 1, 3, 12, 13, 64, MAX_HEAD, 2 * MAX_HEAD] {
                    black_box(said(kind, ports, &vec![byte; length]));
                }
            }
        }
    }
}

#[test]
fn what_is_past_the_longest_head_is_not_read() {
    let mut request = b"GET /".to_vec();
    request.resize(2 * MAX_HEAD, b'$');
    let Some(Said::HttpRequest(request)) = said(HeadKind::HttpRequest, TO, &request) else { panic!() };
    assert_eq!((usize::from(request.target_length), usize::from(request.odd)), (MAX_HEAD - 4, MAX_HEAD - 5));
}

#[test]
fn a_registered_domain_is_one_label_below_a_public_suffix() {
    for (name, domain) in [
        ("www.example.org", "example.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.org", "example.org"),
        ("someone.github.io", "someone.github.io"),
        ("printer.local", "printer.local"),
        ("com", "com"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("xn--bcher-kva.example.de", "example.de"),
        ("", ""),
        ("..", ".."),
    ] {
        assert_eq!(registered_domain(name), domain, "{name}");
    }
}

#[test]
fn texts_are_bounded_and_printable() {
    assert_eq!(&*text(b"a b\x1b[31m\xc3\xa9", 6), "a b?[3");
    assert_eq!(host_name(b"WWW.Ex ample\n.").as_deref(), Some("www.ex?ample?"));
    assert_eq!((host_name(b"a.."), host_name(b"..")), (Some("a".into()), None));
    assert_eq!(host_name(&[b'a'; 300]).map(|name| name.len()), Some(MOST_OF_NAME));
}

#[test]
fn ssh_sides_are_told_apart_by_their_ports() {
    let banner = b"SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5\r\n\0\0\x05\x14";
    for (ports, is_client) in [
        ((50_000, 22), true),
        ((22, 50_000), false),
        ((22, 21), false),
        ((50_000, 2222), true),
        ((2222, 50_000), false),
    ] {
        let software = "OpenSSH_9.6p1 Ubuntu-3ubuntu13.5".into();
        assert_eq!(said(HeadKind::Ssh, ports, banner), Some(Said::Ssh(Ssh { software, is_client })));
    }
    assert_eq!(said(HeadKind::Ssh, TO, b"SSH-oddity\r\n"), None);
    harass(HeadKind::Ssh, TO, banner);
}
