//! Reading ahead, beyond what [`read_path`] asserts of every capture: many batches, and leaving early.

use super::*;

/// Several times what waits between the two threads.
const MANY: usize = 200_000;

fn large_pcap() -> Vec<u8> {
    let mut capture = Capture::pcap(Order::Little, NANO, 1);
    for number in 0..MANY {
        // One in 100 is too short for a record.
        let frame = if number % 100 == 7 { &[0; 9][..] } else { &frame(number as u16)[..] };
        capture.pcap_packet(number as u32, frame, frame.len() as u32);
    }
    capture.bytes
}

#[test]
fn a_capture_of_many_batches_is_the_same_read_ahead_also_compressed() {
    let bytes = large_pcap();
    for bytes in [gzip(&bytes), zstd(&bytes), bytes] {
        let read = read("many", &bytes).complete();
        assert_eq!((read.counters.seen, read.records.len()), (MANY as u64, MANY - MANY / 100));
    }
}

#[test]
fn what_was_read_ahead_and_not_asked_for_is_not_counted() {
    let path = write("left", &large_pcap());
    let mut ahead = ReadAhead::start(PcapSource::open(&path).unwrap()).unwrap();
    let mut batch = RecordBatch::default();
    for number in 1..=3 {
        assert_eq!(ahead.fill(&mut batch).unwrap(), Fill::More);
        // Time enough to fill the queue.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let counters = ahead.counters().unwrap();
        assert_eq!(counters.recorded, number * batch.len() as u64);
        assert_eq!(counters.seen, batch.indices().last().unwrap() + 1);
        assert!(ahead.progress().bytes_read < fs::metadata(&path).unwrap().len() / 2);
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn after_the_end_there_is_nothing_more() {
    let path = write("end", &small_pcap(Order::Little).bytes);
    let mut ahead = ReadAhead::start(PcapSource::open(&path).unwrap()).unwrap();
    let mut batch = RecordBatch::default();
    while ahead.fill(&mut batch).unwrap() != Fill::End {}
    let counters = ahead.counters().unwrap();
    for _ in 0..3 {
        assert_eq!(ahead.fill(&mut batch).unwrap(), Fill::End);
        assert!(batch.is_empty());
        assert_eq!(ahead.counters().unwrap(), counters);
    }
    fs::remove_file(path).unwrap();
}
