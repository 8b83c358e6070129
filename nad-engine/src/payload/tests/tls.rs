use super::*;

const CIPHERS: [u16; 16] = [
    0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];
const NAME: &[u8] = b"\0\x10\0\0\x0dWWW.Example.d";
const PROTOCOLS: &[u8] = b"\0\x0c\x02h2\x08http/1.1";
const VERSIONS: &[u8] = b"\x06\x7a\x7a\x03\x04\x03\x03";
const SIGNATURES: &[u8] = b"\0\x10\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x05\x01\x08\x06\x06\x01";

/// The extensions of the example in JA4's description, in its order, with one that means nothing.
fn extensions() -> Vec<(u16, Vec<u8>)> {
    let filled = |kind: u16| {
        let data: &[u8] = match kind {
            0 => NAME,
            13 => SIGNATURES,
            16 => PROTOCOLS,
            43 => VERSIONS,
            0x33 => &[7; 43],
            _ => b"",
        };
        (kind, data.to_vec())
    };
    [0x1a1a, 0x1b, 0, 0x33, 0x10, 0x4469, 0x17, 0x2d, 0xd, 0x5, 0x23, 0x12, 0x2b, 0xff01, 0xb, 0xa, 0x15]
        .map(filled)
        .to_vec()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = |count: usize, bytes: usize| count.to_be_bytes()[8 - bytes..].to_vec();
    [&[22, 3, 1][..], &length(body.len() + 4, 2), &[kind], &length(body.len(), 3), body].concat()
}

fn hello(ciphers: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(32);
    body.extend([8; 32]);
    body.extend((2 * ciphers.len() as u16).to_be_bytes());
    body.extend(ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()));
    body.extend([1, 0]);
    let mut list = Vec::new();
    for (kind, data) in extensions {
        list.extend(kind.to_be_bytes());
        list.extend((data.len() as u16).to_be_bytes());
        list.extend(data);
    }
    body.extend((list.len() as u16).to_be_bytes());
    body.extend(list);
    message(1, &body)
}

fn client(head: &[u8]) -> ClientHello {
    match said(HeadKind::TlsClientHello, TO, head) {
        Some(Said::ClientHello(hello)) => hello,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_fingerprint_is_that_of_its_description() {
    let head = hello(&CIPHERS, &extensions());
    let hello = client(&head);
    assert_eq!(hello.server_name.as_deref(), Some("www.example.d"));
    assert_eq!(hello.alpn.as_deref(), Some("h2"));
    assert_eq!(ja4(&head).as_deref(), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
}

#[test]
fn a_client_without_extensions_has_a_fingerprint() {
    let head = hello(&[0x2f, 0x35], &[]);
    let none = client(&head);
    assert_eq!((none.server_name, none.alpn), (None, None));
    assert!(ja4(&head).is_some_and(|ja4| ja4.starts_with("t12i020000_") && ja4.ends_with("_000000000000")));
    // One letter counts twice, and bytes that are no letters are in hexadecimal.
    for (protocol, letters) in [(&b"\0\x02\x01h"[..], "hh"), (b"\0\x03\x020\xab", "3b"), (b"\0\0", "00")] {
        let ja4 = ja4(&hello(&[0x2f], &[(16, protocol.to_vec())])).unwrap();
        assert_eq!(&ja4[8..10], letters);
    }
}

#[test]
fn a_cut_hello_has_the_name_that_stands_before_the_cut_and_no_fingerprint() {
    let mut extensions = extensions();
    extensions.push((0x33, vec![1; 1216]));
    let head = hello(&CIPHERS, &extensions);
    let cut = client(&head[..MAX_HEAD.min(head.len())]);
    assert_eq!(cut.server_name.as_deref(), Some("www.example.d"));
    assert_eq!((cut.alpn.as_deref(), ja4(&head)), (Some("h2"), None));
    // With the long extension first, the name is lost.
    extensions.rotate_right(1);
    assert_eq!(
        client(&hello(&CIPHERS, &extensions)[..MAX_HEAD]),
        ClientHello { server_name: None, alpn: None }
    );
}

#[test]
fn a_hello_in_several_records_is_one_that_is_cut() {
    let mut head = hello(&CIPHERS, &extensions());
    let length = 200_u16;
    head[3..5].copy_from_slice(&length.to_be_bytes());
    let hello = client(&head);
    assert_eq!((hello.server_name.as_deref(), ja4(&head)), (Some("www.example.d"), None));
}

#[test]
fn a_server_chooses_version_and_cipher() {
    let body = |extensions: &[u8]| [&[3, 3][..], &[5; 32], &[0], &[0x13, 2, 0], extensions].concat();
    let choice = |body: &[u8]| said(HeadKind::TlsServerHello, (443, 50_000), &message(2, body));
    let is = |version, cipher| Some(Said::ServerHello(ServerHello { version, cipher }));
    assert_eq!(choice(&body(b"\0\x06\0\x2b\0\x02\x03\x04")), is(0x0304, 0x1302));
    assert_eq!(choice(&body(b"")), is(0x0303, 0x1302));
    assert_eq!(choice(&body(b"")[..35]), None);
    harass(HeadKind::TlsServerHello, TO, &message(2, &body(b"\0\x06\0\x2b\0\x02\x03\x04")));
}

#[test]
fn hostile_hellos_are_read_or_not() {
    harass(HeadKind::TlsClientHello, TO, &hello(&CIPHERS, &extensions()));
    assert_eq!(said(HeadKind::TlsClientHello, TO, b"\x16\x03\x01\0\x04\x02\0\0\0"), None);
    // More ciphers and extensions than two digits count.
    let many: Vec<(u16, Vec<u8>)> = (100..205).map(|kind| (kind, Vec::new())).collect();
    let ciphers: Vec<u16> = (0..5).collect();
    let ja4 = ja4(&hello(&ciphers, &many[..60])).unwrap();
    assert!(ja4.starts_with("t12i056000_") && ja4.len() == 36, "{ja4}");
}
