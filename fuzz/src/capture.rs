//! Capture files: pcap and pcapng, plain or compressed.

use std::io::Write as _;

use nad::source::{Fill, Source as _, pcap::PcapSource};
use nad_engine::batch::RecordBatch;

use crate::{frames, scratch};

pub(crate) fn run(input: &[u8]) {
    scratch::with_file("capture", input, |path| {
        let Ok(mut source) = PcapSource::open(path) else { return };
        let mut batch = RecordBatch::default();
        let mut recorded = 0;
        loop {
            batch.clear();
            let fill = source.fill(&mut batch);
            recorded += batch.len() as u64;
            let counters = source.counters().unwrap_or_else(|error| panic!("counters of a capture: {error}"));
            assert_eq!(counters.recorded, recorded, "each record is delivered once");
            assert_eq!(counters.seen, counters.recorded + counters.unparsed_total(), "{counters:?}");
            assert!(batch.indices().is_sorted_by(|one, other| one < other), "{:?}", batch.indices());
            assert!(batch.indices().last().is_none_or(|last| *last < counters.seen));
            let progress = source.progress();
            assert!(progress.bytes_total.is_none_or(|total| progress.bytes_read <= total), "{progress:?}");
            match fill {
                Ok(Fill::End) => break,
                Ok(_) => {}
                Err(error) => {
                    assert!(!error.to_string().contains('\n'), "{error}");
                    break;
                }
            }
        }
    });
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (name, magic, is_big) in [
        ("micro", 0xa1b2_c3d4, false),
        ("nano", 0xa1b2_3c4d, false),
        ("micro-big", 0xa1b2_c3d4, true),
        ("nano-big", 0xa1b2_3c4d, true),
    ] {
        let file = pcap(magic, is_big);
        seeds.push((format!("{name}.gz"), gzip(&file)));
        seeds
            .push((format!("{name}.zst"), zstd::encode_all(&file[..], 1).expect("memory can be compressed")));
        seeds.push((name.to_owned(), file));
    }
    for is_big in [false, true] {
        seeds.push((format!("ng-{is_big}"), pcapng(is_big)));
    }
    seeds
}

/// Numbers in the byte order of a file.
struct Numbers {
    bytes: Vec<u8>,
    is_big: bool,
}

impl Numbers {
    fn u32(&mut self, value: u32) {
        self.bytes.extend(if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend(if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// A block of pcapng, padded, with its length on both sides.
    fn block(&mut self, kind: u32, body: &Self) {
        let padded = body.bytes.len().next_multiple_of(4);
        let length = padded as u32 + 12;
        self.u32(kind);
        self.u32(length);
        self.bytes.extend(&body.bytes);
        self.bytes.resize(self.bytes.len() + padded - body.bytes.len(), 0);
        self.u32(length);
    }
}

fn few_frames() -> impl Iterator<Item = Vec<u8>> {
    frames::cases().into_iter().step_by(9).map(|case| case.frame).filter(|frame| frame.len() < 200).take(8)
}

fn pcap(magic: u32, is_big: bool) -> Vec<u8> {
    let mut file = Numbers { bytes: Vec::new(), is_big };
    file.u32(magic);
    file.u16(2);
    file.u16(4);
    [0, 0, 65_535, 1].into_iter().for_each(|value| file.u32(value));
    for (number, frame) in few_frames().enumerate() {
        let length = frame.len() as u32;
        [1_700_000_000, number as u32, length, length].into_iter().for_each(|value| file.u32(value));
        file.bytes.extend(frame);
    }
    file.bytes
}

/// A section with an interface of nanoseconds and one of microseconds, and a packet block of each kind.
fn pcapng(is_big: bool) -> Vec<u8> {
    let numbers = || Numbers { bytes: Vec::new(), is_big };
    let mut file = numbers();
    let mut section = numbers();
    section.u32(0x1a2b_3c4d);
    section.u16(1);
    section.u16(0);
    section.bytes.extend([0xff; 8]);
    file.block(0x0a0d_0d0a, &section);
    for resolution in [9, 6] {
        let mut interface = numbers();
        interface.u16(1);
        interface.u16(0);
        interface.u32(0);
        interface.u16(9);
        interface.u16(1);
        interface.bytes.extend([resolution, 0, 0, 0]);
        interface.u32(0);
        file.block(1, &interface);
    }
    for (number, frame) in few_frames().enumerate() {
        let length = frame.len() as u32;
        let mut packet = numbers();
        let kind = match number % 3 {
            0 => {
                [1, 0x0006_0000, number as u32, length, length]
                    .into_iter()
                    .for_each(|value| packet.u32(value));
                6
            }
            1 => {
                packet.u32(length);
                3
            }
            _ => {
                packet.u16(0);
                packet.u16(0);
                [0x17_0000, number as u32, length, length].into_iter().for_each(|value| packet.u32(value));
                2
            }
        };
        packet.bytes.extend(frame);
        file.block(kind, &packet);
    }
    file.bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory can be compressed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_capture_with_records() {
        for (name, seed) in seeds() {
            scratch::with_file("capture", &seed, |path| {
                let mut source = PcapSource::open(path).unwrap_or_else(|error| panic!("{name}: {error}"));
                let mut batch = RecordBatch::default();
                let mut records = 0;
                loop {
                    let fill = source.fill(&mut batch).unwrap_or_else(|error| panic!("{name}: {error}"));
                    records += batch.len();
                    batch.clear();
                    if fill == Fill::End {
                        break;
                    }
                }
                assert!(records > 3, "{name}: {records} records");
            });
        }
    }
}
