//! Odd packets, and odd files around packets.

use std::io::Write;

use crate::captures::{CLIENT, Capture, ICMP, SCANNER, SERVER, UDP, echo, ipv4, u32s};

/// A probe of traceroute's that has one hop left.
pub(crate) fn last_hop() -> Vec<u8> {
    let mut datagram = [40_000_u16, 33_434, 40, 0].map(u16::to_be_bytes).concat();
    datagram.resize(40, 0x40);
    ipv4(UDP, 1, CLIENT, SERVER, &datagram)
}

/// An echo request of 60 kB, as a card that reassembles would hand it on.
pub(crate) fn giant_ping() -> Vec<u8> {
    ipv4(ICMP, 64, SCANNER, SERVER, &echo(60_000))
}

/// Less than an Ethernet header.
pub(crate) fn runt() -> Vec<u8> {
    vec![0x02; 9]
}

impl Capture {
    /// As a pcapng file: one section, one Ethernet interface, enhanced packet blocks in microseconds.
    pub(crate) fn pcapng(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        block(&mut bytes, 0x0a0d_0d0a, &[0x1a2b_3c4d, 1, u32::MAX, u32::MAX], &[]);
        block(&mut bytes, 1, &[1, 262_144], &[]);
        for (time_us, frame) in &self.packets {
            let length = frame.len() as u32;
            block(&mut bytes, 6, &[0, (time_us >> 32) as u32, *time_us as u32, length, length], frame);
        }
        bytes
    }
}

/// `bytes` as gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `bytes` as Zstandard.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn block(bytes: &mut Vec<u8>, kind: u32, head: &[u32], data: &[u8]) {
    let padded = data.len().next_multiple_of(4);
    let length = (12 + 4 * head.len() + padded) as u32;
    u32s(bytes, &[kind, length]);
    u32s(bytes, head);
    bytes.extend(data);
    bytes.resize(bytes.len() + padded - data.len(), 0);
    u32s(bytes, &[length]);
}
