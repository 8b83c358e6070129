//! Heads: which leave the kernel, how many, and that each comes with its own record.

use nad::source::{
    heads::{HeadLevel, HeadOptions},
    xdp::XdpOptions,
};
use nad_common::{
    head::{HeadKind, MAX_HEAD},
    record::Direction,
    sampling::Sampling,
};

use crate::{
    bench::{Bench, Pinned},
    frames::build::{Ipv4, ethernet, join, tcp, udp},
};

const SECOND_NS: u64 = 1 << 30;

fn bench(level: HeadLevel, bytes: u32, a_second: u32) -> Bench {
    let heads = HeadOptions { level, bytes, a_second };
    Bench::with(XdpOptions { test_clock: true, heads, ..XdpOptions::default() })
}

fn stream(payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &Ipv4::outer().packet(6, &tcp(0x18, &[], payload)))
}

fn dns(payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &Ipv4::outer().packet(17, &udp(33_333, 53, payload)))
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn no_more_leaves_the_kernel_than_the_level_and_the_length_say() {
    let request = join(&[b"GET /", &[b'x'; 700][..]]);
    let query = join(&[&[0x1a, 0x2b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &b"\x03www\0\0\x01\0\x01"[..]]);
    let (query_frame, request_frame) = (dns(&query), stream(&request));
    for (level, bytes, of_query, of_request) in [
        (HeadLevel::Off, 512, None, None),
        (HeadLevel::Names, 512, Some(&query[..]), None),
        (HeadLevel::Full, 512, Some(&query[..]), Some(&request[..MAX_HEAD])),
        (HeadLevel::Full, 13, Some(&query[..13]), Some(&request[..13])),
        (HeadLevel::Full, u32::MAX, Some(&query[..]), Some(&request[..MAX_HEAD])),
    ] {
        let mut bench = bench(level, bytes, 1000);
        for direction in Direction::ALL {
            bench.direction = direction;
            for (frame, kind, head) in
                [(&query_frame, HeadKind::Dns, of_query), (&request_frame, HeadKind::HttpRequest, of_request)]
            {
                let (record, found) = bench.run_with_head(frame).unwrap();
                assert_eq!(record.head_kind(), Some(kind), "the kind is said at each level");
                assert_eq!(found.as_deref(), head, "{level:?}, {bytes} bytes, {direction:?}, {kind:?}");
                assert_eq!(record.head_number, 0, "what was on the way is over");
            }
        }
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_second_has_so_many_heads_and_under_load_an_eighth_of_them() {
    let _pinned = Pinned::anywhere();
    let mut bench = bench(HeadLevel::Full, 512, 80);
    let frame = stream(b"GET / HTTP/1.1\r\n");
    let sent = |bench: &mut Bench, second: u64, times| {
        bench.source.set_test_clock(second * SECOND_NS + 1).unwrap();
        bench.repeat(&frame, times, &[]);
        let counted = bench.counted();
        let heads = bench.drain_with_heads().iter().filter(|(_, head)| head.is_some()).count() as u64;
        assert_eq!(heads, counted.heads, "each that was sent came with its record");
        assert_eq!(counted.heads_lost, 0);
        (counted.heads, counted.heads_left_out)
    };
    assert_eq!(sent(&mut bench, 5, 100), (80, 20));
    assert_eq!(sent(&mut bench, 5, 10), (0, 10), "the same second");
    assert_eq!(sent(&mut bench, 6, 70), (70, 0), "another");
    assert_eq!(sent(&mut bench, 6, 70), (10, 60));
    bench.direction = Direction::Egress;
    assert_eq!(sent(&mut bench, 6, 70), (70, 0), "the other direction has its own");
    bench.direction = Direction::Ingress;
    bench.source.set_sampling(Sampling::of_level(1, 0, 1)).unwrap();
    let (heads, left_out) = sent(&mut bench, 7, 60);
    assert_eq!((heads, heads + left_out <= 60), (10, true));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_head_whose_record_or_room_was_lost_makes_no_other_records_head_its_own() {
    let _pinned = Pinned::anywhere();
    let heads = HeadOptions { a_second: u32::MAX, ..HeadOptions::default() };
    let ring_bytes = 4096;
    let options = XdpOptions { ring_bytes, test_clock: true, heads, ..XdpOptions::default() };
    let mut bench = Bench::with(options);
    let text = |number: u32| format!("GET /{number:08} HTTP/1.1\r\n").into_bytes();
    let payload = |number: u32| stream(&text(number));
    // Many more than either ring has room for, so that records without heads and heads without records come about.
    let mut both = 0;
    for round in 0..3_u32 {
        let numbers = round * 1000..round * 1000 + 700;
        for number in numbers.clone() {
            bench.source.set_test_clock(u64::from(number)).unwrap();
            bench.repeat(&payload(number), 1, &[]);
        }
        let counted = bench.counted();
        assert!(counted.ring_full > 0 && counted.heads_lost > 0, "{counted:?}");
        let drained = bench.drain_with_heads();
        assert_eq!(drained.len() as u64, counted.recorded);
        for ((record, head), number) in drained.into_iter().zip(numbers) {
            assert_eq!(record.head_kind(), Some(HeadKind::HttpRequest));
            if let Some(head) = head {
                assert_eq!(head, text(number), "the head of record {number}");
                both += 1;
            }
        }
    }
    assert!(both > 0, "some came");
}
