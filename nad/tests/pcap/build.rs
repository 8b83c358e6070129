//! Captures made byte by byte.

use std::io::Write;

use super::SECONDS;

pub(crate) const MICRO: u32 = 0xa1b2_c3d4;
pub(crate) const NANO: u32 = 0xa1b2_3c4d;

#[derive(Clone, Copy)]
pub(crate) enum Order {
    Little,
    Big,
}

/// A capture in the making.
pub(crate) struct Capture {
    pub(crate) order: Order,
    pub(crate) bytes: Vec<u8>,
    /// Where each packet ends.
    pub(crate) packets: Vec<usize>,
    /// Where the file could end and be whole.
    pub(crate) borders: Vec<usize>,
}

impl Capture {
    pub(crate) fn pcap(order: Order, magic: u32, link_type: u32) -> Self {
        let mut capture = Self { order, bytes: Vec::new(), packets: Vec::new(), borders: Vec::new() };
        capture.u32s(&[magic]);
        capture.u16s(&[2, 4]);
        capture.u32s(&[0, 0, 262_144, link_type]);
        capture.borders.push(capture.bytes.len());
        capture
    }

    pub(crate) fn pcap_packet(&mut self, fraction: u32, frame: &[u8], original: u32) {
        self.u32s(&[SECONDS, fraction, frame.len() as u32, original]);
        self.bytes.extend(frame);
        self.packets.push(self.bytes.len());
        self.borders.push(self.bytes.len());
    }

    pub(crate) fn pcapng(order: Order) -> Self {
        let mut capture = Self { order, bytes: Vec::new(), packets: Vec::new(), borders: Vec::new() };
        capture.begin_section(order);
        capture
    }

    pub(crate) fn begin_section(&mut self, order: Order) {
        self.order = order;
        let mut body = self.body();
        body.u32s(&[0x1a2b_3c4d]);
        body.u16s(&[1, 0]);
        body.u32s(&[u32::MAX, u32::MAX]);
        self.block(0x0a0d_0d0a, &body.bytes);
    }

    pub(crate) fn interface(&mut self, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) {
        let mut body = self.body();
        body.u16s(&[link_type, 0]);
        body.u32s(&[snap_length]);
        for (code, value) in options {
            body.option(*code, value);
        }
        if !options.is_empty() {
            body.option(0, &[]);
        }
        self.block(1, &body.bytes);
    }

    pub(crate) fn enhanced(&mut self, interface: u32, units: u64, frame: &[u8], original: u32) {
        let mut body = self.body();
        body.u32s(&[interface, (units >> 32) as u32, units as u32, frame.len() as u32, original]);
        body.bytes.extend(padded(frame));
        self.block(6, &body.bytes);
        self.packets.push(self.bytes.len());
    }

    pub(crate) fn obsolete(&mut self, interface: u16, units: u64, frame: &[u8], original: u32) {
        let mut body = self.body();
        body.u16s(&[interface, 3]);
        body.u32s(&[(units >> 32) as u32, units as u32, frame.len() as u32, original]);
        body.bytes.extend(padded(frame));
        self.block(2, &body.bytes);
        self.packets.push(self.bytes.len());
    }

    pub(crate) fn simple(&mut self, frame: &[u8], original: u32) {
        let mut body = self.body();
        body.u32s(&[original]);
        body.bytes.extend(padded(frame));
        self.block(3, &body.bytes);
        self.packets.push(self.bytes.len());
    }

    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) {
        let length = body.len() as u32 + 12;
        self.u32s(&[kind, length]);
        self.bytes.extend(body);
        self.u32s(&[length]);
        self.borders.push(self.bytes.len());
    }

    pub(crate) fn option(&mut self, code: u16, value: &[u8]) {
        self.u16s(&[code, value.len() as u16]);
        self.bytes.extend(padded(value));
    }

    pub(crate) fn body(&self) -> Self {
        Self { order: self.order, bytes: Vec::new(), packets: Vec::new(), borders: Vec::new() }
    }

    pub(crate) fn u32s(&mut self, fields: &[u32]) {
        for field in fields {
            self.bytes.extend(match self.order {
                Order::Little => field.to_le_bytes(),
                Order::Big => field.to_be_bytes(),
            });
        }
    }

    pub(crate) fn u16s(&mut self, fields: &[u16]) {
        for field in fields {
            self.bytes.extend(match self.order {
                Order::Little => field.to_le_bytes(),
                Order::Big => field.to_be_bytes(),
            });
        }
    }
}

pub(crate) fn small_pcap(order: Order) -> Capture {
    let mut capture = Capture::pcap(order, NANO, 1);
    for port in 1..=3 {
        capture.pcap_packet(u32::from(port), &frame(port), 60);
    }
    capture
}

pub(crate) fn small_pcapng(order: Order) -> Capture {
    let mut capture = Capture::pcapng(order);
    capture.interface(1, 0, &[(9, &[9])]);
    capture.enhanced(0, 1, &frame(1), 60);
    capture.obsolete(0, 2, &frame(2), 60);
    capture.block(5, &[0; 12]);
    capture.simple(&frame(3), frame(3).len() as u32);
    capture
}

/// UDP over IPv4 over Ethernet from `port`, with a few bytes of payload so that lengths differ.
pub(crate) fn frame(port: u16) -> Vec<u8> {
    let payload = port % 5;
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    frame.extend([0x45, 0]);
    frame.extend((28 + payload).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend(port.to_be_bytes());
    frame.extend(9_u16.to_be_bytes());
    frame.extend((8 + payload).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(std::iter::repeat_n(0x55, payload.into()));
    frame
}

/// UDP over IPv6 from port 6.
pub(crate) const IPV6: [u8; 48] = [
    0x60, 0, 0, 0, 0, 8, 17, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 6, 0, 9, 0, 8, 0, 0,
];

pub(crate) fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}
