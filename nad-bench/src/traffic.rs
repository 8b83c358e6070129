//! Frames that are made up, the same every time.

/// Flags of a TCP segment.
pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const PUSH: u8 = 0x08;
pub(crate) const FIN: u8 = 0x01;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// The last bytes of the MAC addresses of clients and of servers. None is the receiver's own, so that it has no use for what
/// comes.
pub(crate) const LAST_OF_MACS: [u8; 2] = [2, 9];

/// Where frames of clients go to and come from.
const MACS: [u8; 12] = [0x02, 0, 0, 0, 0x77, LAST_OF_MACS[1], 0x02, 0, 0, 0, 0x77, LAST_OF_MACS[0]];

/// An end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) address: [u8; 4],
    pub(crate) port: u16,
}

/// A TCP segment between two ends.
pub(crate) fn tcp(from: End, to: End, flags: u8, sequence: u32, payload: usize) -> Vec<u8> {
    let segment = tcp_segment(from.port, to.port, flags, sequence, payload);
    ethernet(0x0800, &ipv4(from.address, to.address, TCP, 64, &segment))
}

/// The same over IPv6, between addresses made from those of IPv4.
pub(crate) fn tcp_over_ipv6(from: End, to: End, flags: u8, sequence: u32, payload: usize) -> Vec<u8> {
    let segment = tcp_segment(from.port, to.port, flags, sequence, payload);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((segment.len() as u16).to_be_bytes());
    packet.extend([TCP, 64]);
    for end in [from, to] {
        packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend(end.address);
    }
    packet.extend(segment);
    ethernet(0x86dd, &packet)
}

/// The same behind a VLAN tag.
pub(crate) fn tcp_in_vlan(from: End, to: End, payload: usize) -> Vec<u8> {
    let mut frame = tcp(from, to, ACK | PUSH, 1, payload);
    frame.splice(12..12, [0x81, 0x00, 0x00, 0x2a]);
    frame
}

/// A question for an address, or its answer.
pub(crate) fn dns(from: End, to: End, number: u16, is_answer: bool) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.extend(if is_answer {
        [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
    } else {
        [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    });
    message.extend(b"\x03www\x07example\x03com\x00\x00\x01\x00\x01");
    if is_answer {
        message.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    }
    udp(from, to, &message)
}

/// A UDP datagram.
pub(crate) fn udp(from: End, to: End, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let mut datagram = [from.port, to.port, length, 0].map(u16::to_be_bytes).concat();
    datagram.extend(payload);
    ethernet(0x0800, &ipv4(from.address, to.address, UDP, 64, &datagram))
}

/// An echo request (8) or reply (0).
pub(crate) fn ping(from: [u8; 4], to: [u8; 4], kind: u8, sequence: u16) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 1];
    message.extend(sequence.to_be_bytes());
    message.extend([0x5a; 56]);
    ethernet(0x0800, &ipv4(from, to, ICMP, 64, &message))
}

/// A connection with the service of the first flow of a population, from its handshake on, without end: each side speaks in turn,
/// and sends from its own MAC address.
pub(crate) fn connection() -> impl Iterator<Item = Vec<u8>> {
    let (first, server) = flow(0);
    let client = End { port: first.port - 1, ..first };
    (1_u32..).map(move |number| {
        let is_clients = number % 2 == 1;
        let (flags, payload) = match number {
            1 => (SYN, 0),
            2 => (SYN | ACK, 0),
            3 => (ACK, 0),
            _ => (ACK | PUSH, 400),
        };
        let (from, to) = if is_clients { (client, server) } else { (server, client) };
        let frame = tcp(from, to, flags, number.wrapping_mul(1_000), payload);
        if is_clients { frame } else { of_server(frame) }
    })
}

/// The same frame from the servers' MAC address: nad takes no connection for real that has one MAC address for both sides.
pub(crate) fn of_server(mut frame: Vec<u8>) -> Vec<u8> {
    let (receiver, sender) = frame[..12].split_at_mut(6);
    receiver.swap_with_slice(sender);
    frame
}

/// A segment with flags that nobody sends together, about to expire, as no baseline has it.
pub(crate) fn odd(from: End, to: End) -> Vec<u8> {
    let segment = tcp_segment(from.port, to.port, FIN | PUSH | 0x20, 3, 700);
    ethernet(0x0800, &ipv4(from.address, to.address, TCP, 3, &segment))
}

fn ethernet(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    [&MACS[..], &ether_type.to_be_bytes(), packet].concat()
}

fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len() as u16).to_be_bytes();
    // The checksum is left out: nad does not look at it.
    let header = [0x45, 0, total[0], total[1], 0, 1, 0x40, 0, ttl, protocol, 0, 0];
    [&header[..], &source, &destination, payload].concat()
}

fn tcp_segment(source: u16, destination: u16, flags: u8, sequence: u32, payload: usize) -> Vec<u8> {
    let mut segment = [source, destination].map(u16::to_be_bytes).concat();
    segment.extend(sequence.to_be_bytes());
    // What the other side said next, where each packet's number is a thousand above the one before it.
    segment.extend(sequence.wrapping_sub(999).to_be_bytes());
    segment.extend([0x50, flags, 0x01, 0xf5, 0, 0, 0, 0]);
    segment.resize(segment.len() + payload, 0x5a);
    segment
}

/// Flows in a row that are of the same client, server and port.
pub(crate) const FLOWS_PER_PAIR: u32 = 4;

/// The ends of a flow of a population: four flows with one service on average, four services for each client.
pub(crate) fn flow(number: u32) -> (End, End) {
    const PAIRS_PER_CLIENT: u32 = 4;
    const SERVERS: u32 = 256;
    let pair = number / FLOWS_PER_PAIR;
    let client = 0x0a00_0000 + pair / PAIRS_PER_CLIENT;
    let server = 0xac10_0000 + pair.wrapping_mul(0x9e37_79b9) % SERVERS;
    (
        End { address: client.to_be_bytes(), port: 20_000 + (number % 16 * 1009) as u16 },
        End { address: server.to_be_bytes(), port: 443 + (pair % PAIRS_PER_CLIENT) as u16 },
    )
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use nad_common::{
        frame::SliceFrame,
        parse::{LinkType, Stamp, parse},
        record::PacketRecord,
    };
    use nad_engine::context::table::Entry as _;

    use super::*;
    use crate::scoring::vectors;

    fn read(frame: &[u8]) -> PacketRecord {
        let mut record = PacketRecord::zeroed();
        let stamp = Stamp { length: frame.len() as u32, ..Stamp::default() };
        parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).unwrap();
        record
    }

    #[test]
    fn frames_are_what_they_are_called() {
        let (client, server) = flow(0);
        let frames = [
            (tcp(client, server, SYN, 7, 0), 6, 443, 0),
            (tcp_over_ipv6(client, server, ACK, 7, 100), 6, 443, 100),
            (tcp_in_vlan(client, server, 100), 6, 443, 100),
            (dns(client, End { port: 53, ..server }, 1, false), 17, 53, 33),
            (ping(client.address, server.address, 8, 1), 1, 0, 56),
            (odd(client, server), 6, 443, 700),
        ];
        for (frame, protocol, port, payload) in frames {
            let record = read(&frame);
            let read = (record.protocol, record.destination_port, record.payload_length, record.defect());
            assert_eq!(read, (protocol, port, payload, None), "{frame:02x?}");
        }
    }

    #[test]
    fn a_connection_becomes_real_and_its_sides_send_from_their_own_mac_addresses() {
        let mut records: Vec<PacketRecord> = connection().take(40).map(|frame| read(&frame)).collect();
        for (number, record) in (0..).zip(&mut records) {
            record.time_ns = 1_000_000_000_000 + number * 10_000_000;
            assert_eq!(record.source_mac[5], LAST_OF_MACS[usize::from(number % 2 == 1)]);
        }
        let mut context = vectors::context().unwrap();
        let mut is_real = Vec::new();
        vectors::each_seen(&mut context, &records, |_, seen| {
            assert!(!seen.step.repeat);
            is_real.push(seen.flow.is_real());
        });
        assert_eq!(is_real.iter().position(|is_real| *is_real), Some(2), "{is_real:?}");
        assert!(is_real[2..].iter().all(|is_real| *is_real));
    }

    #[test]
    fn a_question_is_read_as_one() {
        let (client, server) = flow(0);
        let record = read(&dns(client, End { port: 53, ..server }, 1, false));
        assert_eq!((record.dns_query_type, record.dns_name_length), (1, 16));
    }

    #[test]
    fn no_two_flows_of_a_population_are_the_same() {
        let flows: std::collections::HashSet<_> = (0..100_000)
            .map(|number| {
                let (client, server) = flow(number);
                (client.address, client.port, server.address, server.port)
            })
            .collect();
        assert_eq!(flows.len(), 100_000);
    }
}
