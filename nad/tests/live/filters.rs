//! The program for what is sent beside other programs, and by clsact as on kernels without TCX.

use std::process::Command;

use nad::{
    interface::Interface,
    source::{
        Source as _,
        xdp::{Directions, EgressHook, Watch, XdpMode, XdpOptions, XdpSource},
    },
};
use nad_common::record::{Direction, PacketRecord, flag};
use nad_engine::batch::RecordBatch;

use crate::{
    lab::{Lab, SENSOR, has, succeed, until},
    other,
    raw::RawSender,
    skip::skipped,
    traffic::{commonplace, usual},
    userspace,
};

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_another_program_drops_is_seen_and_stays_dropped() {
    let lab = Lab::new("dropped");
    let sender = RawSender::open(&lab.sensor, SENSOR);
    lab.sensor.enter(|| {
        let _dropping = other::attach(index(), &other::DROP);
        let mut source = watching(false);
        for frame in usual(10) {
            sender.try_send(&frame).expect_err("it is dropped");
        }
        assert_eq!(source.counters().expect("they can be read").egress, 10);
        assert_eq!(records(&mut source).len(), 10);
    });
    assert_eq!(lab.arrived(), 0);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_vlan_tag_that_the_card_puts_in_is_in_the_record() {
    const TAG: u16 = 0x6123;
    let lab = Lab::without_addresses("tag");
    let sender = RawSender::open(&lab.sensor, SENSOR);
    for clsact in [false, true] {
        if clsact && !can_clsact(&lab) {
            continue;
        }
        lab.sensor.enter(|| {
            let mut source = watching(clsact);
            let _tagging = other::attach(index(), &other::tag(TAG));
            let frame = commonplace();
            // As it is on the wire, also where there is one tag already.
            let tagged = |frame: &[u8], tci: u16| {
                [&frame[..12], &[0x81, 0x00], &tci.to_be_bytes(), &frame[12..]].concat()
            };
            for frame in [&frame, &tagged(&frame, 7)] {
                sender.send(frame);
                let [record] = records(&mut source)[..] else { panic!("one packet, one record") };
                let expected =
                    userspace::parse(&tagged(frame, TAG), Direction::Egress, record.time_ns, index());
                assert_eq!(Ok(record), expected);
                assert_eq!((record.vlan_outer, record.has(flag::VLAN)), (TAG, true));
            }
        });
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_filter_sees_what_is_sent_and_is_removed() {
    let lab = Lab::new("clsact");
    if !can_clsact(&lab) {
        return;
    }
    let sender = RawSender::open(&lab.sensor, SENSOR);
    lab.sensor.enter(|| {
        let mut source = watching(true);
        assert_eq!(filters(&lab), 1);
        usual(10).iter().for_each(|frame| sender.send(frame));
        assert_eq!(records(&mut source).len(), 10);
        assert!(source.detaches_by_netlink());
        source.detach();
        assert_eq!(filters(&lab), 0);
        usual(10).iter().for_each(|frame| sender.send(frame));
        assert_eq!(source.counters().expect("they can be read").seen, 10);
    });
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_filter_that_was_left_behind_is_replaced() {
    let lab = Lab::new("left-behind");
    if !can_clsact(&lab) {
        return;
    }
    let sender = RawSender::open(&lab.sensor, SENSOR);
    lab.sensor.enter(|| {
        // What is left of a process that is killed: the kernel keeps the filter, and nobody removes it.
        std::mem::forget(watching(true));
        assert_eq!(filters(&lab), 1);
        let mut source = watching(true);
        assert_eq!(filters(&lab), 1);
        usual(10).iter().for_each(|frame| sender.send(frame));
        assert_eq!(records(&mut source).len(), 10);
        drop(source);
        assert_eq!(filters(&lab), 0);
    });
    until("the packets have arrived", || lab.arrived() == 10);
}

/// A source that watches what the sensor's interface sends.
fn watching(clsact: bool) -> XdpSource {
    let directions = Directions::Egress;
    let options = XdpOptions { directions, clsact, ..XdpOptions::default() };
    let mut source = XdpSource::load(&options).expect("the kernel takes the program");
    let plan = Watch::plan(&[SENSOR.to_owned()], directions).expect("the interface is there");
    let attachment = source.attach(&plan[0], XdpMode::Auto).expect("the interface takes the program");
    let hook = if clsact { EgressHook::Clsact } else { EgressHook::Tcx };
    assert_eq!((attachment.ingress, attachment.egress), (None, Ok(hook)));
    source
}

fn index() -> u32 {
    Interface::inspect(SENSOR).expect("the interface is there").index
}

fn records(source: &mut XdpSource) -> Vec<PacketRecord> {
    let mut batch = RecordBatch::default();
    source.fill(&mut batch).expect("the rings can be read");
    batch.records().to_vec()
}

/// Filters of nad's on the sensor's interface.
pub(crate) fn filters(lab: &Lab) -> usize {
    let show = ["-n", &lab.sensor.name, "filter", "show", "dev", SENSOR, "egress"];
    let shown = succeed(Command::new("tc").args(show));
    String::from_utf8_lossy(&shown.stdout).lines().filter(|line| line.contains("nad_egress")).count()
}

fn can_clsact(lab: &Lab) -> bool {
    if !has("tc") {
        skipped("watching egress by clsact: tc (iproute2) is not installed");
        return false;
    }
    let add = ["-n", &lab.sensor.name, "qdisc", "add", "dev", SENSOR, "clsact"];
    let added = Command::new("tc").args(add).output().is_ok_and(|output| output.status.success());
    if !added {
        skipped("watching egress by clsact: this kernel has no clsact");
    }
    added
}
