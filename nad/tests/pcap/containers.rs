//! Every kind of capture, whole.

use super::*;

#[test]
fn pcap_in_both_byte_orders_and_both_resolutions() {
    for order in [Order::Little, Order::Big] {
        for (magic, fraction, fraction_ns) in
            [(MICRO, 123_456, 123_456_000), (NANO, 123_456_789, 123_456_789)]
        {
            let mut capture = Capture::pcap(order, magic, 1);
            capture.pcap_packet(fraction, &frame(7), 1_500);
            let read = read("order", &capture.bytes).complete();
            assert_eq!(read.indices, [0]);
            let record = read.records[0];
            assert_eq!(record.time_ns, SECONDS_NS + fraction_ns);
            assert_eq!((record.length, record.interface), (1_500, 0));
            assert_eq!(record.source_port, 7);
            assert!(record.has(flag::CUT));
        }
    }
}

#[test]
fn the_modified_pcap_of_old_linux_has_longer_packet_headers() {
    let mut capture = Capture::pcap(Order::Little, 0xa1b2_cd34, 1);
    for port in 1..=2 {
        let frame = frame(port);
        let length = frame.len() as u32;
        capture.u32s(&[SECONDS, 5, length, length, 0, 0]);
        capture.bytes.extend(frame);
    }
    let read = read("modified", &capture.bytes).complete();
    assert_eq!(read.ports(), [1, 2]);
    assert_eq!(read.records[1].time_ns, SECONDS_NS + 5_000);
}

#[test]
fn pcapng_in_both_byte_orders_with_every_kind_of_resolution() {
    let third = (1_u64 << 32) / 3;
    let cases: [(&[u8], u64, u64); 9] = [
        (&[], 1_700_000_000_123_456, SECONDS_NS + 123_456_000),
        (&[6], 1_700_000_000_123_456, SECONDS_NS + 123_456_000),
        (&[9], SECONDS_NS + 123_456_789, SECONDS_NS + 123_456_789),
        (&[3], 1_700_000_000_123, SECONDS_NS + 123_000_000),
        (&[0], 1_700_000_000, SECONDS_NS),
        (&[10], 17_000_000_009, 1_700_000_000),
        (&[127], u64::MAX, 0),
        (&[0x80 | 32], u64::from(SECONDS) << 32 | third, SECONDS_NS + 333_333_333),
        (&[0x80 | 127], u64::MAX, 0),
    ];
    for order in [Order::Little, Order::Big] {
        for (resolution, units, expected) in cases {
            let mut capture = Capture::pcapng(order);
            capture.interface(1, 0, &[(9, resolution)][..usize::from(!resolution.is_empty())]);
            capture.enhanced(0, units, &frame(9), 60);
            let read = read("resolution", &capture.bytes).complete();
            assert_eq!(read.records[0].time_ns, expected, "{resolution:?}");
            assert_eq!(read.records[0].length, 60);
        }
    }
}

#[test]
fn the_offset_of_an_interface_is_added_and_time_stays_in_range() {
    for order in [Order::Little, Order::Big] {
        for (offset, units, expected) in [
            (1_600_000_000_i64, 100_000_000_000_001, SECONDS_NS + 1_000),
            (-5, 10_000_000, 5_000_000_000),
            (-5, 1, 0),
            (i64::MAX, u64::MAX, u64::MAX),
            (i64::MIN, 0, 0),
        ] {
            let bytes = match order {
                Order::Little => offset.to_le_bytes(),
                Order::Big => offset.to_be_bytes(),
            };
            let mut capture = Capture::pcapng(order);
            capture.interface(1, 0, &[(14, &bytes)]);
            capture.enhanced(0, units, &frame(9), 60);
            assert_eq!(read("offset", &capture.bytes).complete().records[0].time_ns, expected);
        }
    }
}

#[test]
fn every_interface_and_section_of_pcapng_has_its_own_terms() {
    let mut capture = Capture::pcapng(Order::Little);
    capture.interface(1, 0, &[]);
    capture.interface(101, 0, &[(9, &[9])]);
    capture.enhanced(1, 5, &frame(1)[14..], 100);
    capture.enhanced(0, 5, &frame(2), 100);
    capture.begin_section(Order::Big);
    capture.interface(101, 0, &[(9, &[0])]);
    capture.enhanced(0, 5, &frame(3)[14..], 100);
    let read = read("sections", &capture.bytes).complete();
    assert_eq!(read.ports(), [1, 2, 3]);
    assert_eq!(
        read.records.iter().map(|record| record.time_ns).collect::<Vec<_>>(),
        [5, 5_000, 5_000_000_000]
    );
}

#[test]
fn simple_and_obsolete_packet_blocks_are_packets() {
    for order in [Order::Little, Order::Big] {
        let mut capture = Capture::pcapng(order);
        capture.interface(1, 43, &[]);
        capture.interface(1, 0, &[(9, &[9])]);
        capture.simple(&frame(1), 900);
        capture.obsolete(1, 77, &frame(2), 60);
        capture.simple(&frame(3)[..42], 42);
        let read = read("simple", &capture.bytes).complete();
        assert_eq!(read.ports(), [1, 2, 3]);
        assert_eq!(read.records.iter().map(|record| record.length).collect::<Vec<_>>(), [900, 60, 42]);
        // Without a time of its own, a packet has the time of the one before.
        assert_eq!(read.records.iter().map(|record| record.time_ns).collect::<Vec<_>>(), [0, 77, 77]);
        assert!(read.records[0].has(flag::CUT) && !read.records[2].has(flag::CUT));
    }
}

#[test]
fn blocks_and_options_without_meaning_here_are_passed_over() {
    let mut capture = Capture::pcapng(Order::Little);
    capture.interface(1, 0, &[(2, b"eth0"), (9, &[9]), (1, b"a comment")]);
    capture.block(4, &[0; 4]);
    capture.block(0xbad, &vec![7; 3 << 20]);
    capture.enhanced(0, 1, &frame(1), 60);
    capture.block(5, &[0; 12]);
    capture.block(0x8000_0123, &[]);
    let length = frame(2).len() as u32;
    let mut body =
        Capture { order: Order::Little, bytes: Vec::new(), packets: Vec::new(), borders: Vec::new() };
    body.u32s(&[0, 0, 2, length, length]);
    body.bytes.extend(padded(&frame(2)));
    body.option(1, b"comment on a packet");
    body.option(0, b"");
    capture.block(6, &body.bytes);
    assert_eq!(read("passed-over", &capture.bytes).complete().ports(), [1, 2]);
}

#[test]
fn every_supported_link_type_is_read() {
    let ethernet = frame(5);
    let ip = &ethernet[14..];
    let mut cooked = vec![0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00];
    cooked.extend(ip);
    let mut cooked2 = vec![0x08, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    cooked2.extend(ip);
    let frames: [(u32, &[u8]); 8] = [
        (1, &ethernet),
        (12, ip),
        (14, ip),
        (101, ip),
        (113, &cooked),
        (228, ip),
        (229, &IPV6),
        (276, &cooked2),
    ];
    for (number, frame) in frames {
        let mut pcap = Capture::pcap(Order::Big, MICRO, number);
        pcap.pcap_packet(0, frame, frame.len() as u32);
        let mut pcapng = Capture::pcapng(Order::Big);
        pcapng.interface(number as u16, 0, &[]);
        pcapng.enhanced(0, u64::from(SECONDS) * 1_000_000, frame, frame.len() as u32);
        let records = [&pcap, &pcapng].map(|capture| read("link", &capture.bytes).complete().records[0]);
        assert_eq!(records[0], records[1]);
        let (kind, port) = if number == 229 { (AddressKind::V6, 6) } else { (AddressKind::V4, 5) };
        assert_eq!((records[0].address_kind(), records[0].source_port), (kind, port), "{number}");
    }
    // The upper bits say how long the frame check sequence is.
    let mut capture = Capture::pcap(Order::Little, MICRO, 0x5400_0001);
    capture.pcap_packet(0, &ethernet, 60);
    assert_eq!(read("link", &capture.bytes).complete().ports(), [5]);
}

#[test]
fn another_link_type_is_refused_by_its_number() {
    let capture = Capture::pcap(Order::Little, MICRO, 105);
    let read_pcap = read("wifi", &capture.bytes);
    let error = read_pcap.error();
    assert!(matches!(error, CaptureError::LinkType { number: 105, .. }));
    let message = error.to_string();
    assert!(message.contains("link type 105 at byte 20") && message.contains("Ethernet (1)"), "{message}");
}

#[test]
fn packets_of_another_link_type_are_counted_and_those_beside_them_read() {
    let mut capture = Capture::pcapng(Order::Little);
    capture.interface(1, 0, &[]);
    capture.interface(105, 0, &[]);
    capture.enhanced(0, 0, &frame(1), 60);
    capture.enhanced(1, 0, &frame(2), 60);
    capture.enhanced(0, 0, &frame(3), 60);
    let found = read("wifi", &capture.bytes);
    assert_eq!(found.ports(), [1, 3]);
    let counters = &found.counters;
    assert_eq!((counters.seen, counters.unparsed[Refusal::LinkType as usize]), (3, 1));

    let mut capture = Capture::pcapng(Order::Little);
    capture.interface(105, 0, &[]);
    capture.enhanced(0, 0, &frame(2), 60);
    let nothing = read("wifi alone", &capture.bytes);
    assert!(
        matches!(nothing.error(), CaptureError::OtherLinkType { number: 105, packets: 1, .. }),
        "a capture of nothing that can be read is no quiet one"
    );
}

#[test]
fn the_length_is_the_wire_s_and_never_below_the_captured_one() {
    let mut capture = Capture::pcap(Order::Little, MICRO, 1);
    let captured = frame(1).len() as u32;
    for original in [9_000, captured, captured - 1, 0] {
        capture.pcap_packet(0, &frame(1), original);
    }
    let read = read("length", &capture.bytes).complete();
    let lengths: Vec<_> = read.records.iter().map(|record| (record.length, record.has(flag::CUT))).collect();
    assert_eq!(lengths, [(9_000, true), (captured, false), (captured, false), (captured, false)]);
}

#[test]
fn the_index_counts_refused_packets_too() {
    let mut capture = Capture::pcap(Order::Little, MICRO, 1);
    for port in 0..10 {
        match port % 3 {
            0 => capture.pcap_packet(0, &frame(port), 60),
            1 => capture.pcap_packet(0, &[], 0),
            _ => capture.pcap_packet(0, &frame(port)[..20], 60),
        }
    }
    let read = read("index", &capture.bytes).complete();
    assert_eq!(read.indices, [0, 3, 6, 9]);
    assert_eq!(read.ports(), [0, 3, 6, 9]);
    let mut expected = KernelCounters { seen: 10, recorded: 4, ..KernelCounters::default() };
    expected.unparsed[Refusal::LinkTruncated as usize] = 3;
    expected.unparsed[Refusal::Cut as usize] = 3;
    assert_eq!(read.counters, expected);
}

#[test]
fn more_than_a_batch_and_more_than_a_window_are_read_in_order() {
    let mut capture = Capture::pcap(Order::Little, NANO, 1);
    for port in 0..20_000_u16 {
        let mut frame = frame(port);
        frame.resize(200 + usize::from(port % 97), 0);
        capture.pcap_packet(0, &frame, 1_000);
    }
    for (name, bytes) in
        [("plain", capture.bytes.clone()), ("gz", gzip(&capture.bytes)), ("zst", zstd(&capture.bytes))]
    {
        let read = read(name, &bytes).complete();
        assert!(read.ports().into_iter().eq(0..20_000));
        assert!(read.indices.iter().copied().eq(0..20_000));
    }
    // Nothing but refused packets still comes to an end.
    let mut capture = Capture::pcap(Order::Little, NANO, 1);
    for _ in 0..50_000 {
        capture.pcap_packet(0, &[], 0);
    }
    assert_eq!(read("refused", &capture.bytes).complete().counters.seen, 50_000);
}

#[test]
fn compression_is_told_by_content_and_members_may_follow_each_other() {
    let capture = small_pcapng(Order::Little);
    let (first, second) = capture.bytes.split_at(capture.bytes.len() / 2);
    let joined = |compress: fn(&[u8]) -> Vec<u8>| [compress(first), compress(second)].concat();
    let mut skippable = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    skippable.extend(zstd(&capture.bytes));
    for bytes in [
        gzip(&capture.bytes),
        zstd(&capture.bytes),
        joined(gzip),
        joined(zstd),
        skippable,
        capture.bytes.clone(),
    ] {
        assert_eq!(read("misleading.name.gz", &bytes).complete().ports(), [1, 2, 3]);
    }
}

#[test]
fn progress_counts_the_bytes_as_they_are_stored() {
    let capture = small_pcap(Order::Little);
    for bytes in [capture.bytes.clone(), gzip(&capture.bytes), zstd(&capture.bytes)] {
        let path = write("progress", &bytes);
        let mut source = PcapSource::open(&path).unwrap();
        assert_eq!(source.progress().bytes_total, Some(bytes.len() as u64));
        while source.fill(&mut RecordBatch::default()).unwrap() != Fill::End {}
        assert_eq!(source.progress().bytes_read, bytes.len() as u64);
        fs::remove_file(path).unwrap();
    }
}
