//! The same packets, live and from a capture file, give the same records.

use std::{fs, path::Path};

use nad::{
    batch::RecordBatch,
    interface::Interface,
    source::{
        Fill, Source,
        pcap::PcapSource,
        xdp::{XdpMode, XdpOptions, XdpSource},
    },
};
use nad_common::{counters::KernelCounters, record::PacketRecord};

use crate::{
    frames::cases,
    lab::{Lab, SENDER, SENSOR, until},
    raw::RawSender,
    traffic::{unusual, usual},
};

/// The largest packet that both modes take.
const MTU: usize = 3400;
const ETHERNET_HEADER: usize = 14;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn native_xdp_and_a_capture_file_give_the_same_records() {
    live_and_replay_agree(XdpMode::Native);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn generic_xdp_and_a_capture_file_give_the_same_records() {
    live_and_replay_agree(XdpMode::Generic);
}

fn live_and_replay_agree(mode: XdpMode) {
    let lab = Lab::without_addresses(&format!("replay-{mode}"));
    for (namespace, interface) in [(&lab.sensor, SENSOR), (&lab.sender, SENDER)] {
        namespace.ip(&["link", "set", "dev", interface, "mtu", &MTU.to_string()]);
    }
    let (frames, expected) = frames();
    let sender = RawSender::open(&lab.sender, SENDER);
    let capture = lab.path("frames.pcap");
    write_capture(&capture, &frames);
    let (replayed, replay_counters) = replay(&capture);

    lab.sensor.enter(|| {
        let index = Interface::inspect(SENSOR).expect("the interface is there").index;
        let mut source = XdpSource::load(&XdpOptions::default()).expect("the kernel takes the program");
        source.attach(SENSOR, mode).expect("the interface takes the program");
        frames.iter().for_each(|frame| sender.send(frame));
        let counters = |source: &XdpSource| source.counters().expect("the counters can be read");
        until("every frame has arrived", || counters(&source).seen == frames.len() as u64);
        source.detach();
        assert!(!lab.has_program(SENSOR));
        assert_eq!(counters(&source), replay_counters);

        let mut live = drain(&mut source);
        // A CPU's ring keeps the order, but the sender may have moved between CPUs.
        live.sort_by_key(|record| record.time_ns);
        assert_eq!(live.len(), replayed.len());
        for (number, (live, replayed)) in live.iter().zip(&replayed).enumerate() {
            assert_eq!(live.interface, index);
            let live = PacketRecord { time_ns: 0, interface: 0, ..*live };
            let replayed = PacketRecord { time_ns: 0, ..*replayed };
            assert_eq!(live, replayed, "record {number}");
            assert_eq!(live.wire_bytes(), replayed.wire_bytes(), "record {number}");
            if let Some(expected) = expected.get(number) {
                assert_eq!(live, *expected, "record {number}");
            }
        }
    });
    println!("{mode}: {} frames, {} records", frames.len(), replayed.len());
}

/// The table's frames, VLAN tags inside them as on a wire (a VLAN interface of Linux would carry its tags beside the
/// frame over a veth, where no XDP program sees them), with the records that they must give, then ordinary ones. A packet socket sends no frame
/// without a whole Ethernet header, and none that is longer than the cable takes.
fn frames() -> (Vec<Vec<u8>>, Vec<PacketRecord>) {
    let sendable = ETHERNET_HEADER..=MTU + ETHERNET_HEADER;
    let (mut frames, mut records) = (Vec::new(), Vec::new());
    for case in cases() {
        if sendable.contains(&case.frame.len()) {
            records.extend(case.expected.outcome().ok());
            frames.push(case.frame);
        } else {
            println!("left out, it can't be sent: {} ({} bytes)", case.name, case.frame.len());
        }
    }
    frames.extend(usual(100));
    frames.push(unusual());
    (frames, records)
}

fn replay(capture: &Path) -> (Vec<PacketRecord>, KernelCounters) {
    let mut source = PcapSource::open(capture).expect("the capture was just written");
    let records = drain(&mut source);
    (records, source.counters().expect("a file's counters can be read"))
}

fn drain<S: Source>(source: &mut S) -> Vec<PacketRecord> {
    let mut records = Vec::new();
    let mut batch = RecordBatch::default();
    loop {
        batch.clear();
        let fill = source.fill(&mut batch).expect("the source can be read");
        records.extend_from_slice(batch.records());
        if fill != Fill::More {
            return records;
        }
    }
}

/// The format of libpcap (draft-ietf-opsawg-pcap), with times in microseconds.
fn write_capture(path: &Path, frames: &[Vec<u8>]) {
    const ETHERNET: u32 = 1;
    let mut file = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 262_144, ETHERNET].map(u32::to_le_bytes).concat();
    for (number, frame) in frames.iter().enumerate() {
        let length = frame.len() as u32;
        file.extend([1_700_000_000, number as u32, length, length].map(u32::to_le_bytes).concat());
        file.extend(frame);
    }
    fs::write(path, file).expect("a capture can be written");
}
