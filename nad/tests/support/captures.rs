//! Captures for tests: ordinary traffic from a seeded generator, known odd packets, and the files around them.

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// Time of a capture's first packet, in microseconds since the Unix epoch.
pub(crate) const START_US: u64 = 1_700_000_000_000_000;

/// Bytes of a pcap file's header.
pub(crate) const PCAP_HEADER: usize = 24;

const ACK: u8 = 0x10;
const PSH_ACK: u8 = 0x18;
const URG_PSH_FIN: u8 = 0x29;
pub(crate) const TCP: u8 = 6;
pub(crate) const ICMP: u8 = 1;
pub(crate) const UDP: u8 = 17;

pub(crate) const CLIENT: [u8; 4] = [192, 168, 1, 20];
pub(crate) const SERVER: [u8; 4] = [192, 168, 1, 2];
pub(crate) const SCANNER: [u8; 4] = [192, 168, 1, 66];

/// Frames and when they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capture {
    /// Microseconds since the Unix epoch, and the frame.
    pub(crate) packets: Vec<(u64, Vec<u8>)>,
}

impl Capture {
    /// Web, DNS, ssh and pings between a few hosts, a packet every 10 ms; the same for the same seed.
    pub(crate) fn ordinary(seed: u64, packets: usize) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut capture = Self::default();
        for _ in 0..packets {
            capture.push(ordinary_frame(&mut random));
        }
        capture
    }

    /// Adds a frame, 10 ms after the last.
    pub(crate) fn push(&mut self, frame: Vec<u8>) {
        let time_us = self.packets.last().map_or(START_US, |(time_us, _)| time_us + 10_000);
        self.packets.push((time_us, frame));
    }

    /// The same, for several.
    pub(crate) fn extend(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) {
        frames.into_iter().for_each(|frame| self.push(frame));
    }

    /// As a pcap file: little-endian, microseconds, Ethernet.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        u32s(&mut bytes, &[0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 262_144, 1]);
        for (time_us, frame) in &self.packets {
            let (seconds, micros) = (time_us / 1_000_000, time_us % 1_000_000);
            let length = frame.len() as u32;
            u32s(&mut bytes, &[seconds as u32, micros as u32, length, length]);
            bytes.extend(frame);
        }
        bytes
    }
}

/// A TCP segment with the flags of an Xmas scan, to a port that nobody serves.
pub(crate) fn xmas_scan() -> Vec<u8> {
    ipv4(TCP, 64, SCANNER, SERVER, &tcp(54_321, 31_337, URG_PSH_FIN, 1024, 0))
}

fn ordinary_frame(random: &mut SmallRng) -> Vec<u8> {
    let mut client = CLIENT;
    client[3] = random.random_range(20..40);
    let port = random.random_range(32_768..61_000);
    let window = random.random_range(500..65_000);
    let outside = [203, 0, 113, random.random_range(1..30)];
    match random.random_range(0..100) {
        0..5 => ipv4(ICMP, 64, client, SERVER, &echo(56)),
        5..30 => ipv4(TCP, 64, client, outside, &tcp(port, 443, ACK, window, 0)),
        30..40 => {
            let length = random.random_range(80..700);
            ipv4(TCP, 64, client, outside, &tcp(port, 443, PSH_ACK, window, length))
        }
        40..70 => ipv4(TCP, 54, outside, client, &tcp(443, port, ACK, window, 1448)),
        70..80 => ipv4(UDP, 64, client, SERVER, &dns_query(port, random.random_range(3..16))),
        80..90 => {
            let length = random.random_range(36..120);
            ipv4(TCP, 64, client, SERVER, &tcp(port, 22, PSH_ACK, window, length))
        }
        _ => ipv4(TCP, 64, SERVER, client, &tcp(22, port, PSH_ACK, window, random.random_range(36..600))),
    }
}

/// The MAC address of a host, of 192.168.0.0/16 or elsewhere.
pub(crate) fn mac(host: [u8; 4]) -> [u8; 6] {
    [2, 0, 0, 0, u8::from(host[..2] != [192, 168]), host[3]]
}

pub(crate) fn ipv4(protocol: u8, ttl: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = [mac(destination), mac(source)].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((20 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, ttl, protocol, 0, 0]);
    frame.extend(source);
    frame.extend(destination);
    frame.extend(payload);
    frame
}

pub(crate) fn tcp(source: u16, destination: u16, flags: u8, window: u16, payload: usize) -> Vec<u8> {
    let mut segment = ports(source, destination);
    segment.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags]);
    segment.extend(window.to_be_bytes());
    segment.extend([0; 4]);
    segment.resize(20 + payload, 0x61);
    segment
}

/// An echo request with that many bytes.
pub(crate) fn echo(length: usize) -> Vec<u8> {
    let mut message = vec![8, 0, 0, 0, 0, 1, 0, 1];
    message.resize(8 + length, 0x41);
    message
}

pub(crate) fn dns_query(port: u16, label: u8) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label];
    message.extend(vec![b'a'; label.into()]);
    message.extend(b"\x07example\x00\x00\x01\x00\x01");
    let mut datagram = ports(port, 53);
    datagram.extend((8 + message.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(message);
    datagram
}

fn ports(source: u16, destination: u16) -> Vec<u8> {
    [source.to_be_bytes(), destination.to_be_bytes()].concat()
}

pub(crate) fn u32s(bytes: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
}
