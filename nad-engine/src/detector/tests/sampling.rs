//! What the kernel leaves out under load, and what the detector makes of the rest.

use nad_common::sampling::{LEVELS, PLACES, Place, Sampling, Table, Whole, admit};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;
use crate::features::shape::Shape;

/// More connections at a time than a CPU's sampling table has places.
const CONNECTIONS: usize = 40_000;
const CLIENTS: u32 = 5_000;
const SERVERS: u32 = 256;
const RATE: u64 = 90_000;
/// Packets of the longest connection, from SYN to FIN.
const LONGEST: u32 = 60;

const SAMPLED_FROM: u64 = 45;
const SAMPLED_FOR: u64 = 12;
const REST: u64 = 5;
const PROBE_EVERY: u64 = 25 * MILLISECOND;

/// The sampling table of one CPU.
struct Places(Vec<Place>);

impl Table for Places {
    fn place(&mut self, index: u32) -> Option<&mut Place> {
        self.0.get_mut(index as usize)
    }
}

/// A TCP connection at some packet of it.
#[derive(Clone, Copy)]
struct Connection {
    client: u32,
    server: u32,
    port: u16,
    packet: u32,
    length: u32,
    /// What each side says next.
    next: [u32; 2],
}

impl Connection {
    fn new(random: &mut SmallRng) -> Self {
        let client = random.random_range(0..CLIENTS);
        Self {
            client: 0x0a00_0000 + client,
            // Each client has the same few servers.
            server: 0xac10_0000 + (client * 7 + random.random_range(0..3)) % SERVERS,
            port: random.random_range(20_000..60_000),
            packet: 0,
            length: random.random_range(12..LONGEST),
            next: random.random(),
        }
    }

    /// Its next packet, until there is none.
    fn advance(&mut self, time_ns: u64) -> Option<PacketRecord> {
        let left = self.length.checked_sub(self.packet)?;
        // Request, the two parts of its answer with an acknowledgement between them.
        let (side, flags, payload) = match (self.packet, left) {
            (0, _) => (0, SYN, 0),
            (1, _) => (1, 0x12, 0),
            (2, _) => (0, 0x10, 0),
            (_, 1) => (0, 0x11, 0),
            (_, 0) => (1, 0x11, 0),
            (number, _) => match number % 4 {
                3 => (0, PSH_ACK, 200),
                1 => (0, 0x10, 0),
                _ => (1, PSH_ACK, 400),
            },
        };
        self.packet += 1;
        let ends = [(self.client, self.port), (self.server, 443)];
        let (from, to) = (ends[side], ends[1 - side]);
        let mut record = PacketRecord {
            time_ns,
            flags: AddressKind::V4 as u32,
            ether_type: 0x0800,
            protocol: 6,
            ttl: 64,
            length: 54 + payload,
            payload_length: payload as u16,
            source_port: from.1,
            destination_port: to.1,
            tcp_flags: flags,
            tcp_sequence: self.next[side],
            tcp_acknowledgement: self.next[1 - side],
            ..PacketRecord::zeroed()
        };
        record.source_mac = [2, 0, 0, 0, 0x77, side as u8];
        record.address_bytes[..4].copy_from_slice(&from.0.to_be_bytes());
        record.address_bytes[4..8].copy_from_slice(&to.0.to_be_bytes());
        let counted = u32::from(flags & 3 != 0);
        self.next[side] = self.next[side].wrapping_add(payload + counted);
        Some(record)
    }
}

/// A probe without a connection, from a client whom everybody knows.
fn probe(number: u64) -> PacketRecord {
    let (client, server) = (0x0a00_0005_u32, 0xac10_0009_u32);
    let mut record = PacketRecord {
        time_ns: START + SAMPLED_FROM * SECOND + number * PROBE_EVERY,
        flags: AddressKind::V4 as u32,
        ether_type: 0x0800,
        protocol: 6,
        ttl: 64,
        length: 54,
        source_port: 61_000,
        destination_port: 1_000 + number as u16,
        tcp_flags: 0x10,
        ..PacketRecord::zeroed()
    };
    record.source_mac = [2, 0, 0, 0, 0x77, 0];
    record.address_bytes[..8].copy_from_slice(&[client.to_be_bytes(), server.to_be_bytes()].concat());
    record
}

/// What the kernel passes on, and the detector behind it.
struct Sensor {
    settings: Sampling,
    places: Places,
    whole: Whole,
    detector: Detector,
    batch: RecordBatch,
    findings: Findings,
    found: Found,
}

#[derive(Default)]
struct Found {
    shapes: Vec<Shape>,
    notices: Vec<Notice>,
    left_out: u64,
}

impl Sensor {
    fn see(&mut self, mut record: PacketRecord) {
        let second = (record.time_ns - START) / SECOND;
        let is_sampled = (SAMPLED_FROM..SAMPLED_FROM + SAMPLED_FOR).contains(&second);
        if is_sampled && !admit(&self.settings, &mut self.places, &mut self.whole, &mut record) {
            self.found.left_out += 1;
            return;
        }
        self.batch.push(0, record);
        if self.batch.is_full() {
            self.judge();
        }
    }

    fn judge(&mut self) {
        self.detector.process(&self.batch, &mut self.findings).unwrap();
        self.batch.clear();
        self.collect();
    }

    fn collect(&mut self) {
        let reported = self.findings.incidents.iter();
        self.found.shapes.extend(reported.map(|update| update.incident.shape));
        self.found.notices.append(&mut self.findings.notices);
        self.findings.clear();
    }
}

/// What is found in ordinary traffic that is sampled for a while, with as many probes in its midst.
fn found(level: u8, probes: u64) -> Found {
    let mut random = SmallRng::seed_from_u64(7);
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| Connection::new(&mut random)).collect();
    let mut sensor = Sensor {
        settings: Sampling::of_level(level, 9, 1),
        places: Places(vec![Place::zeroed(); PLACES as usize]),
        whole: Whole::zeroed(),
        detector: detector(learn(None, 0.01), Arc::default(), DetectorOptions::default()),
        batch: RecordBatch::default(),
        findings: Findings::default(),
        found: Found::default(),
    };
    let mut scan = (0..probes).map(probe).peekable();
    for number in 0..(SAMPLED_FROM + SAMPLED_FOR + REST) * RATE {
        let time_ns = START + number * SECOND / RATE;
        while let Some(probe) = scan.next_if(|probe| probe.time_ns <= time_ns) {
            sensor.see(probe);
        }
        let connection = &mut connections[random.random_range(0..CONNECTIONS)];
        match connection.advance(time_ns) {
            Some(record) => sensor.see(record),
            None => *connection = Connection::new(&mut random),
        }
    }
    sensor.judge();
    sensor.detector.finish(&mut sensor.findings);
    sensor.collect();
    sensor.found
}

#[test]
fn ordinary_traffic_of_which_much_is_left_out_is_ordinary_still() {
    for level in 1..LEVELS as u8 {
        let found = found(level, 0);
        assert!(found.left_out > 100_000, "level {level}: {} left out", found.left_out);
        assert_eq!((found.shapes, found.notices), (vec![], vec![]), "level {level}");
    }
}

#[test]
fn who_is_known_and_probes_while_much_is_left_out_is_found() {
    let found = found(2, 300);
    assert!(found.left_out > 100_000, "{} left out", found.left_out);
    assert!(found.shapes.contains(&Shape::PortScan), "{:?}", found.shapes);
}
