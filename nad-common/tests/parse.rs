//! The parser on frames whose records are known, whole and cut at every length.

#[path = "parse/carried.rs"]
mod carried;
mod frames;
#[path = "parse/heads.rs"]
mod heads;

use frames::{Case, cases};
use nad_common::{
    frame::SliceFrame,
    parse::{self, LinkType, Stamp},
    record::{AddressKind, Addresses, Defect, LONG_RECORD, PacketRecord, Tunnel, flag},
    refusal::Refusal,
};

const DEFECT_BITS: u32 = 0b1_1111 << 24;

#[test]
fn every_frame_gives_the_record_or_the_refusal_that_it_must() {
    let wrong: Vec<String> = cases().iter().filter_map(disagreement).collect();
    assert!(wrong.is_empty(), "{} frames are misread:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn the_table_has_every_defect_tunnel_and_refusal_of_an_ethernet_frame() {
    let cases = cases();
    let records = || cases.iter().filter_map(|case| case.expected.outcome().ok());
    let defects = [
        Defect::IpVersion,
        Defect::IpHeaderLength,
        Defect::IpLength,
        Defect::ExtensionChain,
        Defect::ExtensionTruncated,
        Defect::TransportTruncated,
        Defect::TcpHeaderLength,
        Defect::UdpLength,
        Defect::ArpFormat,
        Defect::TunnelContent,
        Defect::DnsName,
    ];
    for defect in defects {
        assert!(records().any(|record| record.defect() == Some(defect)), "{defect:?}");
    }
    for tunnel in Tunnel::ALL {
        assert!(records().any(|record| record.tunnel() == Some(tunnel)), "{tunnel:?}");
    }
    let elsewhere = [Refusal::NotIp, Refusal::NoLinkHeader, Refusal::Cut, Refusal::LinkType];
    for refusal in Refusal::ALL.into_iter().filter(|refusal| !elsewhere.contains(refusal)) {
        let is_it = |case: &Case| case.expected.outcome() == Err(refusal);
        assert!(cases.iter().any(is_it), "{refusal:?}");
    }
}

#[test]
fn a_shortened_frame_still_tells_what_its_complete_headers_told() {
    for case in cases() {
        let full = parse(&case.frame, case.frame.len());
        for length in 0..case.frame.len() {
            let part = parse(&case.frame[..length], length);
            let at = format!("{} (the first {length} bytes)", case.name);
            let Some(part) = complete(part, &case.frame, length, &at) else { continue };
            assert_eq!((part.length as usize, part.has(flag::CUT)), (length, false), "{at}");
            assert!(usize::from(part.payload_length) < length, "{at}: a payload longer than the frame");
            assert!(usize::from(part.dns_name_length) < length, "{at}: a name longer than the frame");
            let full = full.as_ref().expect("what is long enough in part is long enough");
            agree_on_the_network_header(&part, full, &at);
        }
    }
}

#[test]
fn a_cut_capture_tells_less_but_nothing_else() {
    for case in cases() {
        let Ok(full) = parse(&case.frame, case.frame.len()) else { continue };
        for captured in 0..case.frame.len() {
            let at = format!("{} (cut after {captured} bytes)", case.name);
            let part = parse(&case.frame[..captured], case.frame.len());
            let Some(part) = complete(part, &case.frame, captured, &at) else { continue };
            assert!(part.has(flag::CUT), "{at}");
            assert_eq!(part.length, full.length, "{at}");
            agree_on_the_network_header(&part, &full, &at);
            if part.tunnel() != full.tunnel() {
                assert_eq!(part.defect(), None, "{at}: the cut is taken for a defect");
                continue;
            }
            let new_flags = part.flags & !(flag::CUT | flag::HEADER_CUT) & !full.flags;
            assert_eq!(new_flags, 0, "{at}: flags that the whole frame does not have");
            for (field, cut, whole) in
                facts(&part).into_iter().zip(facts(&full)).map(|(c, w)| (c.0, c.1, w.1))
            {
                assert!(cut == whole || cut == 0, "{at}: {field} is {cut}, of the whole frame {whole}");
            }
            assert!(part.dns_name_length <= full.dns_name_length, "{at}");
            assert!(part.payload_length == 0 || part.payload_length >= full.payload_length, "{at}");
        }
    }
}

#[test]
fn a_capture_that_claims_less_than_it_holds_does_no_harm() {
    for case in cases() {
        for claimed in 0..case.frame.len() {
            let _ = parse(&case.frame, claimed);
        }
    }
}

#[test]
fn a_stamp_is_kept() {
    let frame = &cases()[0].frame;
    let length = frame.len() as u32;
    let stamp = Stamp { time_ns: 1_700_000_000_123_456_789, length, interface: 7, ..Stamp::default() };
    let record = parse_as(frame, LinkType::Ethernet, stamp).unwrap();
    assert_eq!((record.time_ns, record.length, record.interface), (stamp.time_ns, stamp.length, 7));
}

#[test]
fn what_the_record_held_before_does_not_matter() {
    for case in cases() {
        let Ok(expected) = parse(&case.frame, case.frame.len()) else { continue };
        let mut record = PacketRecord::from_wire(&[0xf8; LONG_RECORD]).unwrap();
        let stamp = Stamp { length: case.frame.len() as u32, ..Stamp::default() };
        parse::parse(&SliceFrame(&case.frame), LinkType::Ethernet, stamp, &mut record).unwrap();
        assert_eq!(record, expected, "{}", case.name);
    }
}

#[test]
fn addresses_are_laid_out_by_their_kind() {
    let [v4, v6, link] = [[10, 1, 2, 3], [192, 0, 2, 80], [0; 4]];
    let find = |name: &str| {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        parse(&case.frame, case.frame.len()).unwrap().addresses()
    };
    assert_eq!(find("Every field of a plain IPv4 header is read"), Addresses::V4(v4, v6));
    let Addresses::V6(source, destination) = find("Every field of a plain IPv6 header is read") else {
        panic!("IPv6 has IPv6 addresses");
    };
    assert_eq!(source, [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x0a, 0x11]);
    assert_eq!(destination, [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0x0b, 0x22]);
    let (mine, theirs) = ([0x02, 0x1a, 0x2b, 0x3c, 0x4d, 0x01], [0x06, 0x5e, 0x6f, 0x70, 0x81, 0x02]);
    let expected = Addresses::Link {
        source: mine,
        destination: theirs,
        sender_ip: v4,
        target_ip: [10, 1, 2, 254],
        sender_mac: mine,
        target_mac: theirs,
    };
    assert_eq!(find("An ARP reply names both sides"), expected);
    let nothing = Addresses::Link {
        source: mine,
        destination: theirs,
        sender_ip: link,
        target_ip: link,
        sender_mac: [0; 6],
        target_mac: [0; 6],
    };
    assert_eq!(find("An unknown EtherType keeps the MAC addresses"), nothing);
}

#[test]
fn packets_above_64_kib_that_say_0_end_with_the_frame() {
    let mut ipv4 = vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, 6, 0, 0, 10, 1, 2, 3, 192, 0, 2, 80];
    ipv4.extend([0x0f, 0xa1, 0x0f, 0xa2, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    ipv4.resize(70_000, 0);
    let record = parse_linked(&ipv4, LinkType::RawIp).unwrap();
    assert_eq!((record.defect(), record.payload_length, record.source_port), (None, u16::MAX, 4001));
    // A hop-by-hop header with the jumbo payload option (RFC 2675, 2): 0xc2, 4, and the length.
    let mut ipv6 = vec![0x60, 0, 0, 0, 0, 0, 0, 64];
    ipv6.extend([0xfe; 32]);
    ipv6.extend([6, 0, 0xc2, 4]);
    ipv6.extend((70_000_u32 - 40).to_be_bytes());
    ipv6.extend(&ipv4[20..40]);
    ipv6.resize(70_000, 0);
    let record = parse_linked(&ipv6, LinkType::RawIp).unwrap();
    assert_eq!((record.defect(), record.payload_length, record.source_port), (None, u16::MAX, 4001));
    assert_eq!(record.protocol, 6);
    // Linux leaves the hop-by-hop header out.
    ipv6.drain(40..48);
    ipv6[6] = 6;
    let record = parse_linked(&ipv6, LinkType::RawIp).unwrap();
    assert_eq!((record.defect(), record.payload_length, record.source_port), (None, u16::MAX, 4001));
    // A frame of an ordinary size that says 0 has no payload.
    let record = parse_linked(&ipv6[..1000], LinkType::RawIp).unwrap();
    assert_eq!((record.defect(), record.payload_length), (Some(Defect::TransportTruncated), 0));
}

/// The record where there must be one; of a frame that ends within what stands before the network header, there is the
/// frame's own, which says nothing else.
fn complete(
    part: Result<PacketRecord, Refusal>,
    frame: &[u8],
    length: usize,
    at: &str,
) -> Option<PacketRecord> {
    const CARRIERS: [u16; 9] = [0x8864, 0x8847, 0x8848, 0x88e7, 0x8926, 0x892f, 0x8909, 0x894f, 0x8100];
    let needed = needed(frame);
    let ether_type =
        frame.get(needed - 2..needed).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    if !CARRIERS.contains(&ether_type) {
        assert_eq!(part.is_ok(), length >= needed, "{at}");
        return part.ok();
    }
    let part = part.ok()?;
    assert!(length >= needed, "{at}");
    let is_link = part.address_kind() == AddressKind::Link;
    assert!(!is_link || (part.protocol, part.defect()) == (0, None), "{at}");
    (!is_link).then_some(part)
}

/// Where the first network header ends that a record can't do without, after the formats.
fn needed(frame: &[u8]) -> usize {
    let type_at =
        |at: usize| frame.get(at..at + 2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let mut end = 14;
    for _ in 0..2 {
        if !matches!(type_at(end - 2), 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        end += 4;
    }
    end + match type_at(end - 2) {
        0x0800 => 20,
        0x86dd => 40,
        0x0806 => 28,
        _ => 0,
    }
}

/// Of a tunnel, either the inner packet's or the outer packet's; never anything between.
fn agree_on_the_network_header(part: &PacketRecord, full: &PacketRecord, at: &str) {
    if part.tunnel() == full.tunnel() {
        assert_eq!(part.vlan_outer, full.vlan_outer * u16::from(part.has(flag::VLAN)), "{at}");
        assert_eq!(part.addresses(), full.addresses(), "{at}");
        assert_eq!(part.ether_type, full.ether_type, "{at}");
        assert_eq!(part.ttl, full.ttl, "{at}");
    } else {
        assert_eq!(part.tunnel(), None, "{at}");
        match part.addresses() {
            Addresses::V4(source, destination) => {
                assert_eq!((source, destination), ([10, 1, 2, 3], [192, 0, 2, 80]), "{at}");
            }
            Addresses::V6(source, _) => assert_eq!(source[..4], [0x20, 0x01, 0x0d, 0xb8], "{at}"),
            Addresses::Link { .. } => panic!("{at}: a tunnel is carried by IP"),
        }
    }
}

/// The fields that a cut either leaves as they are or leaves at 0.
fn facts(record: &PacketRecord) -> [(&'static str, u64); 12] {
    [
        ("tcp_sequence", record.tcp_sequence.into()),
        ("tcp_acknowledgement", record.tcp_acknowledgement.into()),
        ("source_port", record.source_port.into()),
        ("destination_port", record.destination_port.into()),
        ("fragment_offset", record.fragment_offset.into()),
        ("vlan_outer", record.vlan_outer.into()),
        ("dns_query_type", record.dns_query_type.into()),
        ("tcp_flags", record.tcp_flags.into()),
        ("message_type", record.message_type.into()),
        ("message_code", record.message_code.into()),
        ("defect", (record.flags & DEFECT_BITS).into()),
        ("tunnel", record.tunnel().map_or(0, |tunnel| tunnel as u64)),
    ]
}

/// What is wrong with the outcome, by field.
fn disagreement(case: &Case) -> Option<String> {
    let outcome = parse(&case.frame, case.frame.len());
    match (case.expected.outcome(), outcome) {
        (Err(reason), Err(refusal)) if reason == refusal => None,
        (Ok(expected), Ok(record)) if *expected == record => None,
        (Ok(expected), Ok(record)) => {
            let (expected, record) = (format!("{expected:#?}"), format!("{record:#?}"));
            let differing: Vec<_> = expected
                .lines()
                .zip(record.lines())
                .filter(|(expected, record)| expected != record)
                .map(|(expected, record)| format!("{} is {}", expected.trim(), record.trim()))
                .collect();
            Some(format!("- {}: {}", case.name, differing.join("; ")))
        }
        (Ok(_), Err(refusal)) => Some(format!("- {}: refused, {refusal:?}", case.name)),
        (Err(reason), outcome) => Some(format!("- {}: not refused as {reason:?} but {outcome:?}", case.name)),
    }
}

fn parse(frame: &[u8], length: usize) -> Result<PacketRecord, Refusal> {
    parse_as(frame, LinkType::Ethernet, Stamp { length: length as u32, ..Stamp::default() })
}

fn parse_linked(frame: &[u8], link_type: LinkType) -> Result<PacketRecord, Refusal> {
    parse_as(frame, link_type, Stamp { length: frame.len() as u32, ..Stamp::default() })
}

fn parse_as(frame: &[u8], link_type: LinkType, stamp: Stamp) -> Result<PacketRecord, Refusal> {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    parse::parse(&SliceFrame(frame), link_type, stamp, &mut record).map(|_| record)
}
