//! What must hold for any frame.

mod frames;

use frames::cases;
use nad_common::{
    frame::SliceFrame,
    parse::{self, LinkType, Stamp},
    record::{AddressKind, Addresses, LONG_RECORD, PacketRecord, flag},
    refusal::Refusal,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

const LINK_TYPES: [LinkType; 4] =
    [LinkType::Ethernet, LinkType::LinuxCooked, LinkType::LinuxCooked2, LinkType::RawIp];

/// From the EtherType to the byte that holds the IP version.
const HEADERS: &[&[u8]] = &[
    &[0x08, 0x00, 0x45],
    &[0x08, 0x00, 0x4f],
    &[0x86, 0xdd, 0x60],
    &[0x08, 0x06],
    &[0x81, 0x00, 0, 1, 0x86, 0xdd, 0x60],
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_sound_record_or_a_refusal(
        bytes in vec(any::<u8>(), 0..300),
        link in 0..LINK_TYPES.len(),
        length in 0_u32..100_000,
    ) {
        for length in [bytes.len() as u32, length, 0, u32::MAX] {
            is_sound(&bytes, length, parse(&bytes, LINK_TYPES[link], length))?;
        }
    }

    /// Noise hardly ever gets past the EtherType: here it is behind a header that leads somewhere.
    #[test]
    fn any_bytes_behind_a_good_header_give_a_record(
        header in select(HEADERS),
        bytes in vec(any::<u8>(), 64..400),
        protocol in select(&[0_u8, 4, 6, 17, 41, 43, 44, 47, 51, 60, 132][..]),
        port in prop_oneof![Just(53_u16), Just(4789), Just(6081), any::<u16>()],
    ) {
        let mut frame = vec![2; 12];
        frame.extend(header);
        frame.extend(&bytes);
        let ip = 12 + header.len() - 1;
        match header.last() {
            Some(0x45) => {
                frame[ip + 6..ip + 8].fill(0);
                frame[ip + 9] = protocol;
                frame[ip + 22..ip + 24].copy_from_slice(&port.to_be_bytes());
            }
            Some(0x60) => frame[ip + 6] = protocol,
            _ => {}
        }
        let record = parse(&frame, LinkType::Ethernet, frame.len() as u32);
        prop_assert!(record.is_ok());
        is_sound(&frame, frame.len() as u32, record)?;
    }

    #[test]
    fn a_damaged_frame_gives_a_sound_record_or_a_refusal(
        which in any::<Index>(),
        damage in vec((0..3_u8, any::<Index>(), any::<u8>()), 1..6),
    ) {
        let cases = cases();
        let mut frame = which.get(&cases).frame.clone();
        for (kind, at, byte) in damage {
            match kind {
                0 if !frame.is_empty() => { let at = at.index(frame.len()); frame[at] ^= byte; }
                1 if !frame.is_empty() => { frame.remove(at.index(frame.len())); }
                _ => frame.insert(at.index(frame.len() + 1), byte),
            }
        }
        is_sound(&frame, frame.len() as u32, parse(&frame, LinkType::Ethernet, frame.len() as u32))?;
    }

    /// Two fillings of the same length behind the packet make no difference, and against no filling only the
    /// length does, where the packet's own lengths fit into the frame.
    #[test]
    fn bytes_behind_the_packet_do_not_matter(
        which in any::<Index>(),
        filling in vec(any::<u8>(), 1..200),
    ) {
        let cases: Vec<_> = cases().into_iter().filter(|case| {
            let record = case.expected.outcome().ok();
            record.is_some_and(|r| r.defect().is_none() && r.address_kind() != AddressKind::Link)
        }).collect();
        let case = which.get(&cases);
        let bare = parse(&case.frame, LinkType::Ethernet, case.frame.len() as u32).expect("a good frame");
        let frame = [&case.frame[..], &filling].concat();
        let filled = parse(&frame, LinkType::Ethernet, frame.len() as u32).expect("a good frame");
        prop_assert_eq!(PacketRecord { length: bare.length, ..filled }, bare, "{}", case.name);
    }

    #[test]
    fn tcp_over_ipv4_comes_back(
        source: [u8; 4], destination: [u8; 4], tos: u8, ttl: u8, id: u16, dont_fragment: bool,
        segment in segment(),
    ) {
        let tcp = segment.bytes();
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, tos];
        frame.extend((20 + tcp.len() as u16).to_be_bytes());
        frame.extend(id.to_be_bytes());
        frame.extend([if dont_fragment { 0x40 } else { 0 }, 0, ttl, 6, 0xab, 0xcd]);
        frame.extend([source, destination].concat());
        frame.extend(&tcp);
        let record = parse(&frame, LinkType::Ethernet, frame.len() as u32).expect("a good frame");
        prop_assert_eq!(record.addresses(), Addresses::V4(source, destination));
        prop_assert_eq!((record.ttl, record.source_mac), (ttl, [2, 0, 0, 0, 0, 2]));
        prop_assert_eq!(record.has(flag::DONT_FRAGMENT), dont_fragment);
        prop_assert_eq!((record.ether_type, record.protocol), (0x0800, 6));
        segment.check(&record)?;
    }

    #[test]
    fn tcp_over_ipv6_comes_back(
        source: [u8; 16], destination: [u8; 16], class: u8, flow in 0_u32..1 << 20, ttl: u8,
        segment in segment(),
    ) {
        let tcp = segment.bytes();
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        frame.extend((6 << 28 | u32::from(class) << 20 | flow).to_be_bytes());
        frame.extend((tcp.len() as u16).to_be_bytes());
        frame.extend([6, ttl]);
        frame.extend([source, destination].concat());
        frame.extend(&tcp);
        let record = parse(&frame, LinkType::Ethernet, frame.len() as u32).expect("a good frame");
        prop_assert_eq!(record.addresses(), Addresses::V6(source, destination));
        prop_assert_eq!((record.ttl, record.source_mac), (ttl, [2, 0, 0, 0, 0, 2]));
        prop_assert_eq!((record.ether_type, record.protocol), (0x86dd, 6));
        segment.check(&record)?;
    }

    #[test]
    fn udp_comes_back(
        v6: bool, address in any::<[u8; 16]>(), ttl: u8, source: u16,
        destination in any::<u16>().prop_filter("a tunnel", |port| {
            !matches!(port, 2152 | 4789 | 6081 | 6635 | 8472 | 37008)
        }),
        payload in vec(any::<u8>(), 0..100),
    ) {
        let length = 8 + payload.len() as u16;
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        if v6 {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([17, ttl]);
            frame.extend([address, address].concat());
        } else {
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend((20 + length).to_be_bytes());
            frame.extend([0, 0, 0, 0, ttl, 17, 0, 0]);
            frame.extend(&address[..8]);
        }
        frame.extend([source, destination, length, 0].map(u16::to_be_bytes).concat());
        frame.extend(&payload);
        let record = parse(&frame, LinkType::Ethernet, frame.len() as u32).expect("a good frame");
        prop_assert_eq!((record.protocol, record.ttl), (17, ttl));
        prop_assert_eq!((record.source_port, record.destination_port), (source, destination));
        prop_assert_eq!(usize::from(record.payload_length), payload.len());
        prop_assert_eq!(record.address_kind(), if v6 { AddressKind::V6 } else { AddressKind::V4 });
    }
}

#[derive(Debug, Clone)]
struct Segment {
    ports: [u16; 2],
    numbers: [u32; 2],
    flags: u8,
    window: u16,
    option_words: u8,
    payload: Vec<u8>,
}

prop_compose! {
    fn segment()(
        ports: [u16; 2], numbers: [u32; 2], flags: u8, window: u16, option_words in 0..=10_u8,
        payload in vec(any::<u8>(), 0..100),
    ) -> Segment {
        Segment { ports, numbers, flags, window, option_words, payload }
    }
}

impl Segment {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.ports.map(u16::to_be_bytes).concat();
        bytes.extend(self.numbers.map(u32::to_be_bytes).concat());
        bytes.extend([(5 + self.option_words) << 4, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0x12, 0x34, 0, 0]);
        bytes.resize(bytes.len() + usize::from(self.option_words) * 4, 1);
        bytes.extend(&self.payload);
        bytes
    }

    fn check(&self, record: &PacketRecord) -> Result<(), TestCaseError> {
        prop_assert_eq!([record.source_port, record.destination_port], self.ports);
        prop_assert_eq!([record.tcp_sequence, record.tcp_acknowledgement], self.numbers);
        prop_assert_eq!(record.tcp_flags, self.flags);
        prop_assert_eq!(usize::from(record.payload_length), self.payload.len());
        prop_assert_eq!((record.defect(), record.tunnel()), (None, None));
        Ok(())
    }
}

/// What no frame may break.
fn is_sound(bytes: &[u8], length: u32, outcome: Result<PacketRecord, Refusal>) -> Result<(), TestCaseError> {
    let Ok(record) = outcome else { return Ok(()) };
    prop_assert_eq!(record.length, length.max(bytes.len() as u32));
    prop_assert_eq!(record.has(flag::CUT), bytes.len() < length as usize);
    prop_assert!(u32::from(record.payload_length) <= record.length);
    prop_assert!(record.head == 0 || record.head_kind().is_some());
    prop_assert_eq!(record.head_number, 0);
    prop_assert!(record.fragment_offset < 1 << 13);
    let fragment = record.fragment_offset != 0 || record.has(flag::MORE_FRAGMENTS);
    prop_assert_eq!(record.has(flag::FRAGMENT), fragment);
    prop_assert!(!record.has(flag::VLAN_STACKED) || record.has(flag::VLAN));
    prop_assert!(!record.has(flag::LINK_BROADCAST) || record.has(flag::LINK_MULTICAST));
    prop_assert!(!record.has(flag::DNS_RESPONSE) || record.has(flag::DNS));
    prop_assert!(record.has(flag::DNS) || record.dns_name_length == 0);
    prop_assert!(record.fragment_offset == 0 || record.source_port | record.destination_port == 0);
    if record.address_kind() == AddressKind::Link {
        prop_assert_eq!((record.protocol, record.ttl, record.source_port), (0, 0, 0));
        prop_assert!(record.tunnel().is_none() || record.address_bytes[..12] != [0; 12]);
    }
    prop_assert_eq!(PacketRecord::from_wire(&record.wire_bytes()), Some(record));
    Ok(())
}

fn parse(frame: &[u8], link_type: LinkType, length: u32) -> Result<PacketRecord, Refusal> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    let stamp = Stamp { length, ..Stamp::default() };
    parse::parse(&SliceFrame(frame), link_type, stamp, &mut record).map(|_| record)
}
