//! A snapshot for tests.

use std::sync::Arc;

use bytemuck::Zeroable as _;
use nad_common::record::{AddressKind, PacketRecord};

use super::{Detector, DetectorOptions, Findings, Snapshot, Start};
use crate::{
    batch::RecordBatch,
    context::{Sizes, Tables},
    model::example,
    time::Timeline,
};

/// A small one: of some connections, and of attempts at ports that are closed.
pub fn snapshot() -> Snapshot {
    const SECOND: u64 = 1_000_000_000;
    const FIRST: u64 = 1_700_000_000 * SECOND;
    let options = DetectorOptions { sizes: Sizes::all(256), ..DetectorOptions::default() };
    let tables = Tables::new(&options.sizes).expect("there is memory for small tables");
    let start = Start::Detect(Box::new(example::model(None)));
    let mut detector = Detector::new(start, tables, Timeline::capture(), Arc::default(), options);
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    for number in 0..60_u16 {
        for is_answer in [false, true] {
            let mut record = PacketRecord {
                time_ns: FIRST + u64::from(number) * SECOND + u64::from(is_answer) * SECOND / 8,
                flags: AddressKind::V4 as u32,
                ether_type: 0x0800,
                protocol: 6,
                ttl: 64,
                length: 60,
                source_mac: [2, 0, 0, 0, 0, 1 + u8::from(is_answer)],
                source_port: 40_000 + number,
                destination_port: 1 + number,
                tcp_flags: if is_answer { 0x14 } else { 0x02 },
                ..PacketRecord::zeroed()
            };
            let (client, server) = ([10, 0, 0, 7], [10, 0, 0, 1 + number as u8 % 3]);
            let mut ends = [client, server];
            if is_answer {
                ends.reverse();
                std::mem::swap(&mut record.source_port, &mut record.destination_port);
            }
            record.address_bytes[..8].copy_from_slice(&ends.concat());
            batch.push(2 * u64::from(number) + u64::from(is_answer), record);
        }
    }
    detector.process(&batch, &mut findings).expect("there is a model");
    detector.keep();
    detector.finish(&mut findings);
    *findings.snapshot.expect("there is a model")
}
