//! The same packets, live and from a capture file, give the same records, with the same first bytes of payloads.

use std::{fs, path::Path};

use nad::{
    interface::Interface,
    source::{
        Fill, Source,
        pcap::PcapSource,
        xdp::{Directions, Watch, XdpMode, XdpOptions, XdpSource},
    },
};
use nad_common::{
    counters::KernelCounters,
    record::{PacketRecord, flag},
};
use nad_engine::batch::RecordBatch;

use crate::{
    frames::cases,
    lab::{Lab, SENDER, SENSOR, until},
    paged::PagedSender,
    raw::RawSender,
    traffic::{unusual, usual},
};

/// The largest packet that both modes take.
const MTU: usize = 3400;
const ETHERNET_HEADER: usize = 14;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn native_xdp_and_a_capture_file_give_the_same_records() {
    let lab = lab("native");
    live_and_replay_agree(&lab, XdpMode::Native, Directions::Ingress, sender(&lab));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn generic_xdp_and_a_capture_file_give_the_same_records() {
    let lab = lab("generic");
    live_and_replay_agree(&lab, XdpMode::Generic, Directions::Ingress, sender(&lab));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_is_sent_in_one_piece_and_a_capture_file_give_the_same_records() {
    let lab = lab("egress");
    let sender = RawSender::open(&lab.sensor, SENSOR);
    live_and_replay_agree(&lab, XdpMode::Auto, Directions::Egress, |frame| sender.send(frame));
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_is_sent_in_pieces_and_a_capture_file_give_the_same_records() {
    let lab = lab("pieces");
    let sender = PagedSender::open(&lab.sensor, SENSOR);
    live_and_replay_agree(&lab, XdpMode::Auto, Directions::Egress, |frame| sender.send(frame));
}

fn lab(label: &str) -> Lab {
    let lab = Lab::without_addresses(&format!("replay-{label}"));
    for (namespace, interface) in [(&lab.sensor, SENSOR), (&lab.sender, SENDER)] {
        namespace.ip(&["link", "set", "dev", interface, "mtu", &MTU.to_string()]);
    }
    lab
}

/// From the other machine.
fn sender(lab: &Lab) -> impl Fn(&[u8]) + Sync + use<> {
    let sender = RawSender::open(&lab.sender, SENDER);
    move |frame| sender.send(frame)
}

fn live_and_replay_agree(lab: &Lab, mode: XdpMode, directions: Directions, send: impl Fn(&[u8]) + Sync) {
    let (frames, expected) = frames();
    let capture = lab.path("frames.pcap");
    write_capture(&capture, &frames);
    let (replayed, mut expected_counters) = replay(&capture);
    if directions == Directions::Egress {
        expected_counters.egress = frames.len() as u64;
    }

    lab.sensor.enter(|| {
        let index = Interface::inspect(SENSOR).expect("the interface is there").index;
        let options = XdpOptions { directions, ..XdpOptions::default() };
        let mut source = XdpSource::load(&options).expect("the kernel takes the program");
        let plan = Watch::plan(&[SENSOR.to_owned()], directions).expect("the interface is there");
        source.attach(&plan[0], mode).expect("the interface takes the program");
        frames.iter().for_each(|frame| send(frame));
        let counters = |source: &XdpSource| source.counters().expect("the counters can be read");
        until("every frame has arrived", || counters(&source).seen == frames.len() as u64);
        source.detach();
        assert!(!lab.has_program(SENSOR));
        assert_eq!(counters(&source), expected_counters);

        let mut live = drain(&mut source);
        // A CPU's ring keeps the order, but the sender may have moved between CPUs.
        live.sort_by_key(|(record, _)| record.time_ns);
        assert_eq!(live.len(), replayed.len());
        assert!(
            expected.len() > 50 && expected.len() < live.len(),
            "{} records of the table",
            expected.len()
        );
        let mut heads = 0;
        for (number, ((live, head), (replayed, replayed_head))) in live.iter().zip(&replayed).enumerate() {
            assert_eq!(head, replayed_head, "the head of record {number}");
            heads += usize::from(head.is_some());
            assert_eq!(live.interface, index);
            assert_eq!(live.has(flag::EGRESS), directions == Directions::Egress);
            let flags = live.flags & !flag::EGRESS;
            let live = PacketRecord { time_ns: 0, interface: 0, flags, ..*live };
            let replayed = PacketRecord { time_ns: 0, ..*replayed };
            assert_eq!(live, replayed, "record {number}");
            assert_eq!(*live.wire_bytes(), *replayed.wire_bytes(), "record {number}");
            if let Some(expected) = expected.get(number) {
                assert_eq!(live, *expected, "record {number}");
            }
        }
        assert!(heads > 20, "{heads} heads");
    });
    println!("{} frames, {} records", frames.len(), replayed.len());
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

/// A record, and the head that its payload is.
type WithHead = (PacketRecord, Option<Vec<u8>>);

fn replay(capture: &Path) -> (Vec<WithHead>, KernelCounters) {
    let mut source = PcapSource::open(capture).expect("the capture was just written");
    let records = drain(&mut source);
    (records, source.counters().expect("a file's counters can be read"))
}

fn drain<S: Source>(source: &mut S) -> Vec<WithHead> {
    let mut records = Vec::new();
    let mut batch = RecordBatch::default();
    loop {
        batch.clear();
        let fill = source.fill(&mut batch).expect("the source can be read");
        records.extend(batch.arrivals().map(|it| (*it.record, it.head.map(<[u8]>::to_vec))));
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
