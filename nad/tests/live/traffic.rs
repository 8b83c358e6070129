//! Traffic with a known number of packets: what is usual, and what is not.

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::lab::{SENDER_MAC, SENSOR_MAC};

/// The address that nothing usual comes from.
pub(crate) const STRANGER: [u8; 4] = [203, 0, 113, 66];
/// The port that nothing usual goes to.
pub(crate) const STRANGE_PORT: u16 = 31_337;

/// `count` frames as a client of a web and a name server sends them, always the same.
pub(crate) fn usual(count: usize) -> Vec<Vec<u8>> {
    let mut random = SmallRng::seed_from_u64(7);
    (0..count)
        .map(|_| {
            let port = random.random_range(40_000..60_000);
            let server = [10, 77, 0, 1];
            let client = [10, 77, 0, 2];
            match random.random_range(0..10) {
                0..2 => {
                    let query = vec![0x5a; random.random_range(24..60)];
                    ipv4(client, server, 64, 17, &udp(port, 5300, &query))
                }
                2..3 => ipv4(client, server, 64, 1, &[&[8, 0, 0, 0, 0, 1, 0, 1][..], &[0x5a; 56]].concat()),
                _ => {
                    let data =
                        vec![0x5a; [0, 0, random.random_range(80..500), 1448][random.random_range(0..4)]];
                    let flags = if data.is_empty() { 0x10 } else { 0x18 };
                    ipv4(client, server, 64, 6, &tcp(port, 443, flags, 501, &data))
                }
            }
        })
        .collect()
}

/// What lies in the midst of the usual. Of what was learnt from, the rarest packets lie on the threshold, and can
/// be above it when they come again.
pub(crate) fn commonplace() -> Vec<u8> {
    ipv4([10, 77, 0, 2], [10, 77, 0, 1], 64, 6, &tcp(50_000, 443, 0x10, 501, &[]))
}

/// A "Christmas tree" segment from far away to an odd port, about to expire.
pub(crate) fn unusual() -> Vec<u8> {
    ipv4(STRANGER, [10, 77, 0, 1], 3, 6, &tcp(4, STRANGE_PORT, 0x29, 3, &[0x58; 700]))
}

/// A TCP segment with so many bytes of data.
pub(crate) fn segment(
    source: [u8; 4],
    destination: [u8; 4],
    (source_port, destination_port): (u16, u16),
    flags: u8,
    data: usize,
) -> Vec<u8> {
    ipv4(source, destination, 64, 6, &tcp(source_port, destination_port, flags, 501, &vec![0x5a; data]))
}

fn ipv4(source: [u8; 4], destination: [u8; 4], ttl: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len() as u16).to_be_bytes();
    let mut header = [0x45, 0, total[0], total[1], 0, 1, 0x40, 0, ttl, protocol, 0, 0].to_vec();
    header.extend([source, destination].concat());
    let sum: u32 = header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&SENSOR_MAC[..], &SENDER_MAC, &[8, 0], &header, payload].concat()
}

fn udp(source: u16, destination: u16, data: &[u8]) -> Vec<u8> {
    let header = [source, destination, 8 + data.len() as u16, 0];
    [&header.map(u16::to_be_bytes).concat()[..], data].concat()
}

fn tcp(source: u16, destination: u16, flags: u8, window: u16, data: &[u8]) -> Vec<u8> {
    let [low, high] = window.to_be_bytes();
    let ports = [source, destination].map(u16::to_be_bytes).concat();
    let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, low, high, 0, 0, 0, 0];
    [&ports[..], &rest, data].concat()
}
