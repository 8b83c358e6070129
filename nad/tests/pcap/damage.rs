//! Captures that are cut, altered, or no captures at all.

use super::*;

#[test]
fn a_file_cut_anywhere_gives_what_is_before_the_cut() {
    for order in [Order::Little, Order::Big] {
        for capture in [small_pcap(order), small_pcapng(order)] {
            for cut in 0..=capture.bytes.len() {
                let read = read("cut", &capture.bytes[..cut]);
                let whole = capture.packets.iter().filter(|end| **end <= cut).count();
                assert_eq!(read.records.len(), whole, "cut at {cut}");
                if capture.borders.contains(&cut) {
                    read.complete();
                    continue;
                }
                match read.error() {
                    CaptureError::Empty { .. } => assert_eq!(cut, 0),
                    CaptureError::NotACapture { .. } => assert!(cut < 4),
                    CaptureError::Damaged { at, packets, damage: Damage::Cut { has, needs, .. }, .. } => {
                        let start =
                            capture.borders.iter().rfind(|border| **border < cut).copied().unwrap_or(0);
                        assert_eq!((at.bytes, *packets), (start as u64, whole as u64));
                        assert_eq!(*has, cut - start);
                        assert!(has < needs);
                    }
                    other => panic!("cut at {cut}: {other}"),
                }
            }
        }
    }
}

#[test]
fn a_compressed_file_cut_anywhere_gives_what_could_be_decompressed() {
    let capture = small_pcap(Order::Little);
    // Stored, not deflated: then the content is in the file byte for byte, after two headers.
    let stored = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(&capture.bytes).unwrap();
        encoder.finish().unwrap()
    };
    let content = stored.len() - 8 - capture.bytes.len();
    for cut in 0..stored.len() {
        let read = read("cut.gz", &stored[..cut]);
        let whole = capture.packets.iter().filter(|end| content + **end <= cut).count();
        assert_eq!(read.records.len(), whole, "cut at {cut}");
        read.error();
    }
    for (compressed, at_last) in [(gzip(&capture.bytes), 3), (zstd(&capture.bytes), 0)] {
        let mut before = 0;
        for cut in 0..compressed.len() {
            let read = read("cut.compressed", &compressed[..cut]);
            assert!(read.records.len() >= before);
            before = read.records.len();
            let message = read.error().to_string();
            assert!(cut < 4 || message.contains("stream is cut off"), "{message}");
            assert!(cut < 4 || message.contains("of the uncompressed file"), "{message}");
        }
        // What lacks is gzip's checksum, but with zstd the one block that holds everything.
        assert_eq!(before, at_last);
    }
}

#[test]
fn a_large_zstd_file_cut_in_half_gives_about_half() {
    let mut capture = Capture::pcap(Order::Little, MICRO, 1);
    let mut state = 1_u32;
    for port in 0..4_000 {
        let mut frame = frame(port);
        frame.extend((0..200).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        capture.pcap_packet(0, &frame, 1_000);
    }
    let compressed = zstd(&capture.bytes);
    let read = read("half", &compressed[..compressed.len() / 2]);
    assert!((1_000..=2_500).contains(&read.records.len()), "{}", read.records.len());
    assert!(matches!(read.error(), CaptureError::Damaged { damage: Damage::StreamCut { .. }, .. }));
}

#[test]
fn a_corrupt_compressed_stream_is_an_error() {
    let capture = small_pcap(Order::Little);
    let mut stored = gzip(&capture.bytes);
    let checksum = stored.len() - 8;
    stored[checksum] ^= 1;
    let read = read("checksum", &stored);
    assert_eq!(read.records.len(), capture.packets.len());
    let message = read.error().to_string();
    assert!(message.contains("the gzip stream can't be decompressed"), "{message}");
}

#[test]
fn any_byte_may_be_wrong_without_a_panic() {
    for order in [Order::Little, Order::Big] {
        for capture in [small_pcap(order), small_pcapng(order)] {
            for at in 0..capture.bytes.len() {
                for wrong in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bytes = capture.bytes.clone();
                    bytes[at] = wrong;
                    read("wrong", &bytes).assert_balanced();
                }
            }
            for compressed in [gzip(&capture.bytes), zstd(&capture.bytes)] {
                for at in 0..compressed.len() {
                    let mut bytes = compressed.clone();
                    bytes[at] ^= 0x55;
                    read("wrong.compressed", &bytes).assert_balanced();
                }
            }
        }
    }
}

#[test]
fn absurd_lengths_are_errors_and_no_allocations() {
    for claimed in [262_145, 4_000_000_000, u32::MAX] {
        let mut capture = small_pcap(Order::Big);
        let at = capture.bytes.len();
        capture.u32s(&[SECONDS, 0, claimed, claimed]);
        let read_pcap = read("absurd", &capture.bytes);
        assert_eq!(read_pcap.ports(), [1, 2, 3]);
        let message = read_pcap.error().to_string();
        let expected = format!(
            "damaged at byte {at}: the packet header says {claimed} bytes, more than the largest packet (262144)"
        );
        assert!(message.contains(&expected), "{message}");
        assert_eq!(message.lines().count(), 1);

        let mut capture = small_pcapng(Order::Big);
        let length = frame(9).len() as u32;
        let mut body: Vec<u8> =
            [0, 0, 0, claimed, length].iter().flat_map(|field| field.to_be_bytes()).collect();
        body.extend(padded(&frame(9)));
        capture.block(6, &body);
        let read_block = read("absurd", &capture.bytes);
        assert_eq!(read_block.ports(), [1, 2, 3]);
        assert!(
            matches!(read_block.damage(), Damage::PacketTooLong { captured } if *captured == u64::from(claimed))
        );

        let mut capture = small_pcapng(Order::Big);
        capture.u32s(&[6, claimed & !3 | 1 << 25, 0]);
        assert!(matches!(read("absurd", &capture.bytes).damage(), Damage::BlockTooLong { .. }));

        let mut capture = small_pcapng(Order::Big);
        capture.block(1, &vec![0; 1 << 20]);
        assert!(matches!(
            read("absurd", &capture.bytes).damage(),
            Damage::BlockTooLong { limit: 0x10_0000, .. }
        ));
    }
    // The largest packet is one.
    let mut capture = Capture::pcap(Order::Little, MICRO, 1);
    let mut frame = frame(3);
    frame.resize(262_144, 0);
    capture.pcap_packet(0, &frame, 262_144);
    assert_eq!(read("largest", &capture.bytes).complete().ports(), [3]);
}

#[test]
fn each_kind_of_broken_block_has_its_own_error() {
    type Break = fn(&mut Capture);
    let cases: [(&str, Break); 9] = [
        ("below 12 or no multiple of 4", |capture| capture.u32s(&[6, 8, 0])),
        ("below 12 or no multiple of 4", |capture| capture.u32s(&[6, 33, 0])),
        ("at its start and", |capture| capture.u32s(&[4, 16, 0, 20])),
        ("the enhanced packet block", |capture| capture.block(6, &[0; 16])),
        ("the simple packet block", |capture| capture.block(3, &[])),
        ("the interface description block", |capture| capture.block(1, &[])),
        ("is of interface 7, but its section describes 1", |capture| capture.enhanced(7, 0, &[], 0)),
        ("byte-order magic is 0x00000000", |capture| capture.block(0x0a0d_0d0a, &[0; 16])),
        ("version 2.0 of pcapng", |capture| {
            capture.block(
                0x0a0d_0d0a,
                &[0x4d, 0x3c, 0x2b, 0x1a, 2, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
            );
        }),
    ];
    for (expected, add) in cases {
        let mut capture = small_pcapng(Order::Little);
        let at = capture.bytes.len();
        add(&mut capture);
        let read = read("broken", &capture.bytes);
        assert_eq!(read.ports(), [1, 2, 3]);
        let message = read.error().to_string();
        assert!(message.contains(expected) && message.contains(&format!("at byte {at}:")), "{message}");
    }
    let mut capture = small_pcapng(Order::Little);
    capture.block(6, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!(*read("room", &capture.bytes).damage(), Damage::PacketPastBlock { captured: 9, room: 4 });
}

#[test]
fn what_is_no_capture_is_told_apart() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let open = |path: &Path| PcapSource::open(path).unwrap_err();
    let missing = open(&folder.join("there-is-no-such-capture"));
    assert!(matches!(missing, CaptureError::Missing { .. }), "{missing}");
    let directory = open(folder);
    assert!(matches!(directory, CaptureError::Directory { .. }), "{directory}");
    let cases: [(&[u8], &str); 7] = [
        (b"", "empty"),
        (&gzip(b""), "empty"),
        (b"No.,Time,Source\n1,0.0,10.0.0.1\n", r#"it starts with "No.,Time,Source\n""#),
        (&[0x7f, b'E', b'L', b'F', 2, 0], "it starts with 7f 45 4c 46 02 00"),
        (b"BZh91AY&SY", "decompress it first with `bzip2 -dk`"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0, 0], "decompress it first with `xz -dk`"),
        // The frame's header asks for a window of 2 GiB.
        (&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0], "decompress it first with `zstd -d --long=31`"),
    ];
    for (bytes, expected) in cases {
        let message = read("no-capture", bytes).error().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("no-capture"), "{message}");
        assert_eq!(message.lines().count(), 1);
    }
}

#[test]
fn after_an_error_there_is_nothing_more() {
    let path = write("after", &small_pcap(Order::Little).bytes[..60]);
    let mut source = PcapSource::open(&path).unwrap();
    let mut batch = RecordBatch::default();
    assert!(source.fill(&mut batch).is_err());
    assert_eq!(source.fill(&mut batch).unwrap(), Fill::End);
    fs::remove_file(path).unwrap();
}
