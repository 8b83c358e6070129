//! Records made from few bytes, and ordinary ones to learn from.

use bytemuck::Zeroable;
use nad_common::record::{AddressKind, PacketRecord, flag};

pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;
/// When ordinary traffic begins, in nanoseconds since the Unix epoch.
pub(crate) const START: u64 = 1_700_000_000 * SECOND;

pub(crate) const SYN: u8 = 0x02;
pub(crate) const SYN_ACK: u8 = 0x12;
pub(crate) const RST_ACK: u8 = 0x14;
pub(crate) const PSH_ACK: u8 = 0x18;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
/// Services that are worth guessing.
const PORTS: [u16; 8] = [443, 53, 22, 80, 25, 123, 5353, 3389];

/// An end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) host: u8,
    pub(crate) port: u16,
}

/// A TCP segment between two hosts of 10.0.0.0/24.
pub(crate) fn segment(time_ns: u64, source: End, target: End, tcp_flags: u8, payload: u16) -> PacketRecord {
    let mut record = PacketRecord {
        time_ns,
        flags: AddressKind::V4 as u32,
        ether_type: 0x0800,
        protocol: TCP,
        ttl: 64,
        length: 54 + u32::from(payload),
        payload_length: payload,
        source_port: source.port,
        destination_port: target.port,
        tcp_flags,
        source_mac: [2, 0, 0, 0, 0, source.host],
        tcp_sequence: (time_ns / 1000) as u32,
        tcp_acknowledgement: (time_ns / 1000) as u32,
        ..PacketRecord::zeroed()
    };
    record.address_bytes[..8].copy_from_slice(&[10, 0, 0, source.host, 10, 0, 0, target.host]);
    record
}

/// Clients that talk to a server, one request every 40 ms.
pub(crate) fn ordinary(requests: u64) -> Vec<PacketRecord> {
    let mut records = Vec::new();
    for request in 0..requests {
        let at = START + request * 40 * MILLISECOND;
        let client = End { host: 20 + (request % 7) as u8, port: 40_000 + (request % 5000) as u16 };
        let server = End { host: 1, port: PORTS[(request % 3) as usize] };
        let payload = 100 + (request * 37 % 900) as u16;
        for (step, is_asked, flags, payload) in [
            (0, true, SYN, 0),
            (1, false, SYN_ACK, 0),
            (2, true, PSH_ACK, payload),
            (3, false, PSH_ACK, 1448),
        ] {
            let (source, target) = if is_asked { (client, server) } else { (server, client) };
            records.push(segment(at + step * MILLISECOND, source, target, flags, payload));
        }
    }
    records
}

/// One host that tries many ports of another.
pub(crate) fn scan(from_ns: u64, ports: u16) -> Vec<PacketRecord> {
    (1..=ports)
        .flat_map(|port| {
            let (scanner, victim) = (End { host: 66, port: 50_000 }, End { host: 1, port });
            let at = from_ns + u64::from(port) * 5 * MILLISECOND;
            [segment(at, scanner, victim, SYN, 0), segment(at + MILLISECOND, victim, scanner, RST_ACK, 0)]
        })
        .collect()
}

/// Bytes as a supply of decisions; where none are left, they are 0.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let there = N.min(self.0.len());
        taken[..there].copy_from_slice(&self.0[..there]);
        self.0 = &self.0[there..];
        taken
    }
}

/// What bytes ask for.
pub(crate) enum Step {
    /// A packet.
    Packet(PacketRecord),
    /// The batch ends here.
    Cut,
}

/// Packets at most of one input: bursts are short to write.
const MOST: usize = 1500;

/// Records from bytes: single ones, replies, bursts of them, and time that goes on, jumps, or runs backwards.
pub(crate) fn steps(bytes: &mut Bytes<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut now, mut last) = (START + 600 * SECOND, PacketRecord::zeroed());
    let mut packets = 0;
    while !bytes.is_empty() && packets < MOST {
        let mut made = Vec::new();
        match bytes.u8() {
            0..100 => made.push(short(bytes, now)),
            100..130 => made.push(reply(&last, now)),
            130..160 => burst(bytes, &last, &mut made),
            160..175 => now = now.saturating_add(u64::from(bytes.u16()) * MILLISECOND),
            175..190 => now = now.saturating_add(u64::from(bytes.u8()) * 300 * MILLISECOND),
            190..195 => now = now.saturating_sub(u64::from(bytes.u16()) * MILLISECOND),
            195..200 => now = bytes.u64(),
            200..205 => now = now.saturating_add(u64::from(bytes.u16()) * 3600 * SECOND),
            205..225 => made.push(any(bytes, Some(now))),
            225..235 => made.push(any(bytes, None)),
            235..245 => {
                last.sampled_out_packets = u32::from(bytes.u16()) << (bytes.u8() % 17);
                last.sampled_out_bytes = last.sampled_out_packets.saturating_mul(u32::from(bytes.u8()));
                last.flags |= u32::from(bytes.u8()) << 24;
                made.push(PacketRecord { time_ns: now, ..last });
            }
            _ => steps.push(Step::Cut),
        }
        if let Some(record) = made.last() {
            (last, now) = (*record, record.time_ns);
        }
        packets += made.len();
        steps.extend(made.into_iter().map(Step::Packet));
    }
    steps
}

/// A packet of a few bytes: most are like what hosts of one network send each other.
fn short(bytes: &mut Bytes<'_>, now: u64) -> PacketRecord {
    let [hosts, ports, kind, flags, length] = bytes.take();
    let source = End { host: hosts & 15, port: 40_000 + u16::from(ports >> 3) };
    let target = End { host: hosts >> 4, port: PORTS[usize::from(ports & 7)] };
    let (source, target) = if kind & 1 == 0 { (source, target) } else { (target, source) };
    let mut record = segment(now, source, target, flags, u16::from(length) * 6);
    record.protocol = [TCP, TCP, UDP, ICMP][usize::from(kind >> 1 & 3)];
    if kind & 8 != 0 {
        record.flags = record.flags & !3 | AddressKind::V6 as u32;
        record.ether_type = 0x86dd;
        record.address_bytes[16..24].copy_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, target.host]);
    }
    if kind & 16 != 0 {
        record.flags |= flag::FRAGMENT | flag::MORE_FRAGMENTS;
        record.fragment_offset = u16::from(length);
    }
    if kind & 32 != 0 {
        record.flags |= flag::DNS | if flags & 1 == 0 { 0 } else { flag::DNS_RESPONSE };
        (record.dns_name_length, record.dns_query_type) = (length, 16);
    }
    if kind & 64 != 0 {
        // ARP, of which one address answers for another.
        record.flags &= !3;
        (record.ether_type, record.message_type) = (0x0806, 1 + (flags & 1));
        record.address_bytes[12..20].copy_from_slice(&[10, 0, 0, source.host, 10, 0, 0, target.host]);
    }
    if kind & 128 != 0 {
        record.flags |= flag::EGRESS;
    }
    record
}

/// What the other end says to a packet: its numbers fit.
fn reply(to: &PacketRecord, now: u64) -> PacketRecord {
    let mut record = PacketRecord {
        time_ns: now.saturating_add(MILLISECOND),
        source_port: to.destination_port,
        destination_port: to.source_port,
        tcp_sequence: to.tcp_acknowledgement,
        tcp_acknowledgement: to.tcp_sequence.wrapping_add(u32::from(to.payload_length)).wrapping_add(1),
        tcp_flags: if to.tcp_flags == SYN { SYN_ACK } else { PSH_ACK },
        ..*to
    };
    let half = match to.address_kind() {
        AddressKind::V4 => 4,
        AddressKind::V6 => 16,
        _ => 6,
    };
    record.address_bytes[..half].copy_from_slice(&to.address_bytes[half..2 * half]);
    record.address_bytes[half..2 * half].copy_from_slice(&to.address_bytes[..half]);
    record
}

/// Up to 255 packets like the last, of which one thing changes: the port, the target, or a forged source.
fn burst(bytes: &mut Bytes<'_>, like: &PacketRecord, made: &mut Vec<PacketRecord>) {
    let [count, what, pause] = bytes.take();
    for number in 0..u64::from(count) {
        let mut record = *like;
        record.time_ns = like.time_ns.saturating_add(number * u64::from(pause) * MILLISECOND / 8);
        record.tcp_sequence = like.tcp_sequence.wrapping_add(number as u32 * 7919);
        match what & 3 {
            0 => record.destination_port = like.destination_port.wrapping_add(number as u16),
            1 => record.address_bytes[7] = like.address_bytes[7].wrapping_add(number as u8),
            2 => record.address_bytes[1..4]
                .copy_from_slice(&(number as u32).wrapping_mul(2_654_435_761).to_be_bytes()[..3]),
            _ => record.source_port = like.source_port.wrapping_add(number as u16),
        }
        made.push(record);
        if what & 4 != 0 {
            made.push(reply(&record, record.time_ns));
        }
    }
}

/// A record of any bits, as a program that is not nad's would write it into the ring.
fn any(bytes: &mut Bytes<'_>, now: Option<u64>) -> PacketRecord {
    let mut record = PacketRecord::zeroed();
    bytemuck::bytes_of_mut(&mut record).copy_from_slice(&bytes.take::<{ size_of::<PacketRecord>() }>());
    record.time_ns = now.unwrap_or(record.time_ns);
    record
}
