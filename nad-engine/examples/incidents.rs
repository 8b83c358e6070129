//! `cargo run -p nad-engine --example incidents FILE.pcap`: the first minutes of a capture are learnt, the rest is judged.

use std::{error::Error, sync::Arc, time::Duration};

use bytemuck::Zeroable as _;
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
};
use nad_engine::{
    batch::RecordBatch,
    context::{Sizes, Tables},
    detector::{BaselineLength, Detector, DetectorOptions, Findings, Start},
    incident::Change,
    ledger::Tally,
    model::Training,
    time::Timeline,
};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("name a capture")?;
    incidents(&std::fs::read(file)?)?.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// A line for each incident in a capture of Ethernet frames (the classic format, little-endian, microseconds).
pub(crate) fn incidents(capture: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let baseline = BaselineLength::Time(Duration::from_secs(120));
    let start = Start::Learn { baseline, training: Training::default(), source: "example".into() };
    let (tables, options) = (Tables::new(&Sizes::default())?, DetectorOptions::default());
    let mut detector = Detector::new(start, tables, Timeline::capture(), Arc::new(Tally::default()), options);
    let (mut batch, mut findings) = (RecordBatch::default(), Findings::default());
    let mut rest = &capture[24..];
    for index in 0.. {
        let Some((head, packet)) = rest.split_at_checked(16) else { break };
        let [seconds, micros, captured, length] =
            [0, 4, 8, 12].map(|at| u32::from_le_bytes(std::array::from_fn(|i| head[at + i])));
        let (frame, others) = packet.split_at_checked(captured as usize).ok_or("the capture is cut")?;
        let time_ns = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1000;
        let mut record = PacketRecord::zeroed();
        let stamp = Stamp { time_ns, length, ..Stamp::default() };
        if parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).is_ok() {
            batch.push(index, record);
        }
        rest = others;
        if batch.is_full() || rest.is_empty() {
            detector.process(&batch, &mut findings)?;
            batch.clear();
        }
    }
    detector.finish(&mut findings);
    let opened = findings.incidents.iter().filter(|update| update.change == Change::Opened);
    Ok(opened.map(|update| format!("{}: {}", update.incident.shape.name(), update.incident.reason)).collect())
}
